import { afterEach, expect, jest, setDefaultTimeout, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { failureOf, textOf, utf8 } from "./storage-contract.ts";

// A machine may be busy, and its disk.
setDefaultTimeout(60_000);

const base = temporaryFolder("group-commit");
let folders = 0;

afterEach(() => {
  jest.restoreAllMocks();
});

/** A storage whose folder is there, so that only files are written to it. */
async function warmStorage(): Promise<{ storage: Storage; path: string }> {
  const path = join(base, String((folders += 1)));
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  return { storage, path };
}

/** A sync that another thread would be busy with. */
interface HeldSync {
  /** Base name; `tmp` for a temporary file, `/` for a folder. */
  readonly of: string;
  /** Reports success, or a failure. */
  end(code?: string): void;
}

/** Holds every sync beside this thread until it is ended, and notes what is done in between. */
function holdSyncs(): { held: HeldSync[]; steps: string[] } {
  const held: HeldSync[] = [];
  const steps: string[] = [];
  const names = new Map<number, string>();
  const nameOf = (path: unknown): string => /[^/]*$/.exec(String(path))![0].replace(/^\.tmp-.*/, "tmp");
  const { openSync, linkSync, renameSync } = fs;
  spyOn(fs, "openSync").mockImplementation((...args) => {
    const fd = openSync(...args);
    names.set(fd, fs.fstatSync(fd).isDirectory() ? "/" : nameOf(args[0]));
    return fd;
  });
  spyOn(fs, "fsync").mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    const of = names.get(fd)!;
    steps.push(`sync ${of}`);
    const end = (code?: string): void => {
      done(code === undefined ? null : Object.assign(new Error(`${code}: injected`), { code }));
    };
    held.push({ of, end });
  }) as typeof fs.fsync);
  spyOn(fs, "linkSync").mockImplementation((from, to) => {
    steps.push(`name ${nameOf(to)}`);
    linkSync(from, to);
  });
  spyOn(fs, "renameSync").mockImplementation((from, to) => {
    steps.push(`name ${nameOf(to)}`);
    renameSync(from, to);
  });
  return { held, steps };
}

/** Lets everything run that waits for no sync. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Ends all syncs that are held, in an order of its own. */
async function endAll(held: HeldSync[]): Promise<void> {
  for (const sync of held.splice(0).reverse()) sync.end();
  await settled();
}

const visible = (path: string): string[] => fs.readdirSync(path).filter((name) => !name.startsWith("."));

test("files that are written side by side are synced side by side, then named in the order of the calls, then their folder is synced once", async () => {
  const { storage, path } = await warmStorage();
  const { held, steps } = holdSyncs();
  const done: string[] = [];
  const calls = [
    storage.createOnce("c", utf8("C")).then(() => done.push("c")),
    storage.replace("a", utf8("A")).then(() => done.push("a")),
    storage.createOnce("b", utf8("B")).then(() => done.push("b")),
  ];
  await settled();
  expect(held.map(({ of }) => of)).toEqual(["tmp", "tmp", "tmp"]);
  held.pop()!.end();
  held.pop()!.end();
  await settled();
  expect(visible(path)).toEqual(["warm"]);
  await endAll(held);
  expect(steps.slice(3)).toEqual(["name c", "name a", "name b", "sync /"]);
  expect(done).toEqual([]);
  await endAll(held);
  expect(done).toEqual(["c", "a", "b"]);
  await Promise.all(calls);
  for (const name of ["a", "b", "c"]) expect(await textOf(storage, name)).toBe(name.toUpperCase());
});

test("what comes in while a group is synced is written at once, and is the next group", async () => {
  const { storage, path } = await warmStorage();
  const { held, steps } = holdSyncs();
  const first = storage.createOnce("first", utf8("1"));
  await settled();
  const later = [storage.createOnce("second", utf8("2")), storage.replace("third", utf8("3"))];
  await settled();
  expect(steps).toEqual(["sync tmp"]);
  expect(fs.readdirSync(path).filter((name) => name.startsWith(".tmp-"))).toHaveLength(3);
  await endAll(held);
  await endAll(held);
  await first;
  expect(steps).toEqual(["sync tmp", "name first", "sync /", "sync tmp", "sync tmp"]);
  await endAll(held);
  await endAll(held);
  await Promise.all(later);
  expect(steps.slice(5)).toEqual(["name second", "name third", "sync /"]);
});

test("a group in several folders syncs each of them once", async () => {
  const { storage } = await warmStorage();
  await storage.replace("runs/x/warm", utf8("up"));
  const { held, steps } = holdSyncs();
  const calls = ["a", "runs/x/a", "b", "runs/x/b"].map((name) => storage.replace(name, utf8(name)));
  await settled();
  await endAll(held);
  expect(steps.slice(4)).toEqual(["name a", "name a", "name b", "name b", "sync /", "sync /"]);
  await endAll(held);
  await Promise.all(calls);
});

test("of several files with one name, the first that is created stays, and the last that replaces it stays", async () => {
  const { storage } = await warmStorage();
  const texts = ["1", "2", "3"];
  const won = await Promise.all(texts.map((text) => storage.createOnce("once", utf8(text))));
  expect(won).toEqual([true, false, false]);
  await Promise.all(texts.map((text) => storage.replace("replaced", utf8(text))));
  expect(await textOf(storage, "once")).toBe("1");
  expect(await textOf(storage, "replaced")).toBe("3");
});

test("at most 64 files are in flight, the others wait, and every one gets its own bytes", async () => {
  const { storage, path } = await warmStorage();
  const { held } = holdSyncs();
  const names = Array.from({ length: 150 }, (_, i) => `f${String(i).padStart(3, "0")}`);
  const calls = names.map((name) => storage.createOnce(name, utf8(name)));
  const groups: number[] = [];
  while (held.length > 0 || groups.length === 0) {
    await settled();
    if (held.length > 0 && held[0]?.of === "tmp") groups.push(held.length);
    expect(fs.readdirSync(path).filter((name) => name.startsWith(".tmp-")).length).toBeLessThanOrEqual(64);
    await endAll(held);
  }
  expect(groups).toEqual([64, 64, 22]);
  expect(await Promise.all(calls)).toEqual(names.map(() => true));
  for (const name of names) expect(await textOf(storage, name)).toBe(name);
});

test("a file that cannot be written or named fails alone", async () => {
  const { storage, path } = await warmStorage();
  fs.mkdirSync(join(path, "folder"));
  const { writeSync } = fs;
  spyOn(fs, "writeSync").mockImplementation(((fd: number, bytes: Uint8Array, ...rest: [number, number, number]) => {
    if (bytes.length === 3) throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
    return writeSync(fd, bytes, ...rest);
  }) as typeof fs.writeSync);
  const calls = [
    storage.createOnce("a", utf8("A")),
    failureOf(storage.createOnce("full", utf8("333"))),
    failureOf(storage.replace("folder", utf8("F"))),
    storage.replace("z", utf8("Z")),
  ] as const;
  const [, full, folder] = await Promise.all(calls);
  expect(full).toEqual({
    code: "IO",
    message: expect.stringContaining(`create "${join(path, "full")}": found ENOSPC`),
  });
  expect(folder).toEqual({ code: "IO", message: expect.stringContaining(`write "${join(path, "folder")}": found `) });
  expect(fs.readdirSync(path).toSorted()).toEqual(["a", "folder", "warm", "z"]);
});

test("after a failed sync of one file no other gets a name: every call under way fails with its error, later ones are READ_ONLY", async () => {
  const { storage, path } = await warmStorage();
  const { held } = holdSyncs();
  const underWay = ["a", "b", "c"].map((name) => failureOf(storage.createOnce(name, utf8(name))));
  await settled();
  underWay.push(failureOf(storage.createOnce("next", utf8("N"))));
  await settled();
  held.splice(1, 1)[0]!.end("EIO");
  await endAll(held);
  for (const { code, message } of await Promise.all(underWay)) {
    expect(code).toBe("IO");
    expect(message).toStartWith(`Cannot create "${join(path, "b")}": found EIO: injected`);
  }
  const later = await failureOf(storage.createOnce("later", utf8("L")));
  expect(later.code).toBe("READ_ONLY");
  expect(later.message).toContain(`a sync of "${join(path, "b")}" failed`);
  expect(held).toEqual([]);
  expect(fs.readdirSync(path)).toEqual(["warm"]);
});

test("after a failed sync of the folder nothing in it is acknowledged: neither what waited for it nor what comes later", async () => {
  const { storage, path } = await warmStorage();
  const { held } = holdSyncs();
  const first = [failureOf(storage.createOnce("a", utf8("A"))), failureOf(storage.replace("b", utf8("B")))];
  await settled();
  await endAll(held);
  const second = failureOf(storage.createOnce("c", utf8("C")));
  await settled();
  expect(held.map(({ of }) => of)).toEqual(["/"]);
  held.splice(0)[0]!.end("EIO");
  for (const { code, message } of await Promise.all([...first, second])) {
    expect(code).toBe("IO");
    expect(message).toStartWith(`Cannot sync "${path}": found EIO: injected`);
  }
  const later = await failureOf(storage.createOnce("d", utf8("D")));
  expect(later.code).toBe("READ_ONLY");
  expect(later.message).toContain(`a sync of "${path}" failed`);
  expect(held).toEqual([]);
});

test.skipIf(!fs.existsSync("/proc/self/fd"))("no file handle stays open, whether writes succeed or fail", async () => {
  const { storage, path } = await warmStorage();
  fs.mkdirSync(join(path, "folder"));
  const handles = (): number => fs.readdirSync("/proc/self/fd").length;
  const before = handles();
  const names = Array.from({ length: 9 }, (_, i) => `f${i}`);
  await Promise.all(names.map((name) => storage.createOnce(name, utf8(name))));
  await Promise.all(names.map((name) => storage.createOnce(name, utf8(name))));
  await failureOf(storage.replace("folder", utf8("F")));
  spyOn(fs, "fsync").mockImplementation(((_fd: number, done: fs.NoParamCallback) =>
    done(new Error("EIO"))) as typeof fs.fsync);
  await Promise.all(names.map((name) => failureOf(storage.replace(name, utf8("other")))));
  expect(handles()).toBe(before);
});
