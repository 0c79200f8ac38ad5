import { afterEach, expect, jest, setDefaultTimeout, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { temporaryName } from "../../lib/storage/fs.node.ts";
import { ensureFile } from "../../lib/storage/storage.ts";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { describeStorage, failureOf, HOLDER, textOf, utf8 } from "./storage-contract.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("disk");
let folders = 0;

/** A path of its own that is not there yet. */
function freshPath(): string {
  return join(base, String((folders += 1)));
}

afterEach(() => {
  jest.restoreAllMocks();
});

describeStorage("diskStorage()", () => diskStorage(freshPath()));

/** What a system call throws. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

function failOnce(call: "fdatasyncSync" | "renameSync" | "writeSync" | "unlinkSync" | "rmSync", code: string): void {
  spyOn(fs, call).mockImplementationOnce(() => {
    throw systemError(code);
  });
}

/** Lets the next sync of a new file, or of a folder with new names, fail. */
function failSyncOnce(code: string): void {
  spyOn(fs, "fsync").mockImplementationOnce(((_fd: number, done: fs.NoParamCallback) =>
    done(systemError(code))) as typeof fs.fsync);
}

test("reading makes no folder; the first write makes it and the folders above it", async () => {
  const path = join(freshPath(), "deep", "er");
  const storage = diskStorage(path);
  await storage.list();
  await storage.read("a", { maxBytes: 1 });
  await storage.remove("a");
  expect(fs.existsSync(join(path, "../.."))).toBeFalse();
  await storage.createOnce("runs/x/a", utf8("A"));
  expect(fs.readFileSync(join(path, "runs/x/a"), "utf8")).toBe("A");
});

test("files are private to their owner, and no temporary file is left", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.createOnce("a", utf8("A"));
  await storage.replace("b", utf8("B"));
  await storage.appendAt("c", 0, utf8("C"));
  expect(fs.readdirSync(path).toSorted()).toEqual(["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) expect(fs.statSync(join(path, name)).mode & 0o777).toBe(0o600);
});

/** Notes what is synced, renamed and linked in a folder, temporary files as `.tmp`. */
function watchDurableSteps(folder: string): string[] {
  const steps: string[] = [];
  const { openSync, renameSync, linkSync, fsync, fsyncSync } = fs;
  const names = new Map<number, string>();
  const nameOf = (path: unknown): string =>
    String(path)
      .replace(folder, "")
      .replace(/tmp-.*/, "tmp");
  spyOn(fs, "openSync").mockImplementation((...args) => {
    const fd = openSync(...args);
    names.set(fd, nameOf(args[0]));
    return fd;
  });
  spyOn(fs, "fsyncSync").mockImplementation((fd) => {
    steps.push(`fsync ${names.get(fd) ?? ""}`);
    fsyncSync(fd);
  });
  spyOn(fs, "fsync").mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    steps.push(`fsync ${names.get(fd) ?? ""}`);
    fsync(fd, done);
  }) as typeof fs.fsync);
  spyOn(fs, "renameSync").mockImplementation((from, to) => {
    steps.push(`rename to ${nameOf(to)}`);
    renameSync(from, to);
  });
  spyOn(fs, "linkSync").mockImplementation((from, to) => {
    steps.push(`link to ${nameOf(to)}`);
    linkSync(from, to);
  });
  return steps;
}

test("replace() writes a temporary file, syncs it, renames it and syncs the folder", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  const steps = watchDurableSteps(path);
  await storage.replace("a", utf8("A"));
  expect(steps).toEqual(["fsync /.tmp", "rename to /a", "fsync "]);
  steps.length = 0;
  await storage.replace("runs/x/a", utf8("A"));
  expect(steps).toEqual(["fsync ", "fsync /runs", "fsync /runs/x/.tmp", "rename to /runs/x/a", "fsync /runs/x"]);
});

test("createOnce() writes a temporary file, syncs it, links it to its name and syncs the folder", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  const steps = watchDurableSteps(path);
  expect(await storage.createOnce("a", utf8("A"))).toBeTrue();
  expect(steps).toEqual(["fsync /.tmp", "link to /a", "fsync "]);
  steps.length = 0;
  await storage.createOnce("runs/x/a", utf8("A"));
  expect(steps).toEqual(["fsync ", "fsync /runs", "fsync /runs/x/.tmp", "link to /runs/x/a", "fsync /runs/x"]);
  expect(fs.readdirSync(path).filter((name) => name.startsWith("."))).toEqual([]);
});

test("createOnce() writes a file again if another process swept its temporary file away, and gives up where that has no end", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  const link = fs.linkSync;
  let swept = 0;
  const sweepFirst = (times: number): void => {
    swept = 0;
    spyOn(fs, "linkSync").mockImplementation((from, to) => {
      if (++swept <= times) fs.rmSync(from);
      link(from, to);
    });
  };
  sweepFirst(2);
  expect(await storage.createOnce("a", utf8("A"))).toBeTrue();
  expect([swept, await textOf(storage, "a")]).toEqual([3, "A"]);
  sweepFirst(Infinity);
  expect((await failureOf(storage.createOnce("b", utf8("B")))).code).toBe("IO");
  expect((await storage.list()).files.map(({ name }) => name)).toEqual(["a", "warm"]);
});

test("createOnce() syncs an existing file too, because its creator may have died before doing so", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.createOnce("a", utf8("A"));
  const steps = watchDurableSteps(path);
  expect(await storage.createOnce("a", utf8("A"))).toBeFalse();
  expect(steps).toEqual(["fsync /a", "fsync "]);
});

test("four processes that create the same hundred files at once agree on who was first, and no file is mixed", async () => {
  const folder = freshPath();
  const program = `
    import { diskStorage } from ${JSON.stringify(join(PROJECT_DIR, "lib/storage/disk.node.ts"))};
    const storage = diskStorage(process.argv.at(-2));
    const mine = process.argv.at(-1);
    for await (const _ of Bun.stdin.stream()) break;
    const names = Array.from({ length: 100 }, (_, i) => "f" + i);
    const won = await Promise.all(names.map((name) => storage.createOnce(name, new TextEncoder().encode(mine.repeat(5000)))));
    console.log(JSON.stringify(names.filter((_, i) => won[i])));
  `;
  const children = ["a", "b", "c", "d"].map((mine) =>
    Bun.spawn([process.execPath, "--eval", program, folder, mine], { stdin: "pipe", stdout: "pipe" }),
  );
  await Bun.sleep(300);
  for (const child of children) {
    child.stdin.write("go\n");
    await child.stdin.end();
  }
  const won = await Promise.all(
    children.map(async (child) => JSON.parse(await new Response(child.stdout).text()) as string[]),
  );
  expect(won.flat().toSorted()).toEqual(Array.from({ length: 100 }, (_, i) => `f${i}`).toSorted());
  won.forEach((names, i) => {
    for (const name of names) expect(fs.readFileSync(join(folder, name), "utf8")).toBe("abcd".charAt(i).repeat(5000));
  });
  expect(fs.readdirSync(folder)).toHaveLength(100);
});

test("after a failed sync of a created file, it is missing, no temporary file is left, and all writing ends", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  failSyncOnce("EIO");
  expect((await failureOf(storage.createOnce("a", utf8("A")))).code).toBe("IO");
  expect(fs.readdirSync(path)).toEqual(["warm"]);
  expect((await failureOf(storage.createOnce("b", utf8("B")))).code).toBe("READ_ONLY");
  expect((await failureOf(storage.replace("b", utf8("B")))).code).toBe("READ_ONLY");
});

test("a file system without hard links still creates a file once", async () => {
  const storage = diskStorage(freshPath());
  spyOn(fs, "linkSync").mockImplementation(() => {
    throw systemError("EPERM");
  });
  expect(await storage.createOnce("a", utf8("first"))).toBeTrue();
  expect(await storage.createOnce("a", utf8("other"))).toBeFalse();
  expect(await textOf(storage, "a")).toBe("first");
});

test("a link planted under the name of a created file is not followed", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("warm", utf8("up"));
  fs.writeFileSync(`${path}-outside`, "outside");
  fs.symlinkSync(`${path}-outside`, join(path, "a"));
  expect(await storage.createOnce("a", utf8("A"))).toBeFalse();
  expect(fs.readFileSync(`${path}-outside`, "utf8")).toBe("outside");
});

test("short writes are continued until all is written", async () => {
  const storage = diskStorage(freshPath());
  const { writeSync } = fs;
  const spy = spyOn(fs, "writeSync");
  spy.mockImplementation(((fd: number, bytes: Uint8Array, from: number, _length: number, position: number) =>
    writeSync(fd, bytes, from, 1, position)) as typeof fs.writeSync);
  await storage.createOnce("a", utf8("0123456789"));
  await storage.appendAt("v", 0, utf8("abc"));
  await storage.appendAt("v", 3, utf8("def"));
  expect(await textOf(storage, "a")).toBe("0123456789");
  expect(await textOf(storage, "v")).toBe("abcdef");
});

test("a failed fsync acknowledges nothing, is not retried, and ends all writing; reading goes on", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.createOnce("old", utf8("old"));
  failSyncOnce("EIO");
  const failure = await failureOf(storage.replace("old", utf8("new")));
  expect(failure.code).toBe("IO");
  expect(failure.message).toBe(
    `Cannot write "${join(path, "old")}": found EIO: injected, expected a disk without errors: check it before ` +
      `anything else is written to it`,
  );
  expect(fs.fsync).toHaveBeenCalledTimes(1);
  expect(fs.readdirSync(path)).toEqual(["old"]);
  const later = [
    storage.createOnce("b", utf8("b")),
    storage.createOnce("old", utf8("old")),
    storage.replace("b", utf8("b")),
    storage.appendAt("b", 0, utf8("b")),
    storage.move("old", "b"),
    storage.remove("old"),
    storage.lock(HOLDER),
  ];
  for (const call of later) {
    const refused = await failureOf(call);
    expect(refused.code).toBe("READ_ONLY");
    expect(refused.message).toContain(`found that a sync of "${join(path, "old")}" failed`);
  }
  expect(await textOf(storage, "old")).toBe("old");
});

test("a failed sync of the folder or of appended data ends all writing too", async () => {
  const folderPath = freshPath();
  const folder = diskStorage(folderPath);
  await folder.replace("warm", utf8("up"));
  spyOn(fs, "fsync").mockImplementationOnce(((_fd: number, done: fs.NoParamCallback) => done(null)) as typeof fs.fsync);
  failSyncOnce("EIO");
  expect((await failureOf(folder.replace("a", utf8("A")))).code).toBe("IO");
  expect((await failureOf(folder.createOnce("a", utf8("A")))).message).toContain(`a sync of "${folderPath}" failed`);

  const appended = diskStorage(freshPath());
  failOnce("fdatasyncSync", "EIO");
  expect((await failureOf(appended.appendAt("v", 0, utf8("abc")))).code).toBe("IO");
  expect((await failureOf(appended.appendAt("v", 0, utf8("abc")))).code).toBe("READ_ONLY");
});

test("a failed write or rename keeps the old file, removes the temporary one, gives advice, and can be retried", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("a", utf8("old"));
  const cases = [
    [
      "writeSync",
      "ENOSPC",
      /ENOSPC: injected, expected free space and inodes on the disk \(df -h, df -i\): free some and run again$/,
    ],
    ["writeSync", "EDQUOT", /room in the disk quota/],
    ["renameSync", "EACCES", /expected permission: check owner and mode/],
    ["renameSync", "EROFS", /expected a file system that can be written/],
    ["renameSync", "EXOTIC", /EXOTIC: injected, expected the operating system to allow it$/],
  ] as const;
  for (const [call, code, message] of cases) {
    failOnce(call, code);
    const failure = await failureOf(storage.replace("a", utf8("new")));
    expect(failure.code).toBe("IO");
    expect(failure.message).toStartWith(`Cannot write "${join(path, "a")}": found `);
    expect(failure.message).toMatch(message);
    expect(fs.readdirSync(path)).toEqual(["a"]);
    expect(await textOf(storage, "a")).toBe("old");
  }
  failOnce("unlinkSync", "EPERM");
  expect((await failureOf(storage.remove("a"))).code).toBe("IO");
  await storage.replace("a", utf8("new"));
  expect(await textOf(storage, "a")).toBe("new");
});

test("a write with no file handles left fails cleanly, and nothing is lost", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("a", utf8("old"));
  const code = `
    import fs from "node:fs";
    import { diskStorage } from "${join(import.meta.dir, "../../lib/storage/disk.node.ts")}";
    const storage = diskStorage(${JSON.stringify(path)});
    await storage.list();
    try { for (;;) fs.openSync("/dev/null", "r"); } catch {}
    try { await storage.replace("a", new Uint8Array(9)); } catch (error) { console.log(error.code, error.message); }
  `;
  const child = Bun.spawn(["sh", "-c", `ulimit -n 64; exec "$0" -e "$1"`, process.execPath, code], { stdout: "pipe" });
  expect(await new Response(child.stdout).text()).toMatch(/^IO Cannot write .* found EMFILE.* \(ulimit -n\)/);
  expect(fs.readdirSync(path)).toEqual(["a"]);
  expect(await textOf(storage, "a")).toBe("old");
});

test("a link planted as a file is never followed: reading refuses it, writing replaces the link itself", async () => {
  const path = freshPath();
  const outside = join(freshPath(), "victim");
  const storage = diskStorage(path);
  await storage.replace("a", utf8("A"));
  fs.mkdirSync(join(outside, ".."));
  fs.writeFileSync(outside, "victim");
  fs.symlinkSync(outside, join(path, "link"));
  fs.symlinkSync(join(outside, "../nothing"), join(path, "dangling"));

  expect((await storage.list()).files.map((file) => file.name)).toEqual(["a", "dangling", "link"]);
  const read = await failureOf(storage.read("link", { maxBytes: 9 }));
  expect(read.code).toBe("CORRUPT");
  expect(read.message).toBe(`Cannot use "${join(path, "link")}": found a symbolic link, expected a regular file`);
  expect(await storage.createOnce("link", utf8("victim"))).toBeFalse();
  expect(await storage.createOnce("dangling", utf8("x"))).toBeFalse();
  expect((await failureOf(ensureFile(storage, "link", utf8("victim")))).code).toBe("CORRUPT");
  expect((await failureOf(ensureFile(storage, "dangling", utf8("x")))).code).toBe("CORRUPT");
  expect((await failureOf(storage.appendAt("link", 0, utf8("x")))).code).toBe("IO");
  expect((await failureOf(storage.appendAt("dangling", 0, utf8("x")))).code).toBe("IO");
  await storage.move("dangling", "quarantine/dangling");
  expect(fs.readlinkSync(join(path, "quarantine/dangling"))).toBe(join(outside, "../nothing"));
  await storage.replace("link", utf8("ours"));
  expect(await textOf(storage, "link")).toBe("ours");
  expect(fs.readFileSync(outside, "utf8")).toBe("victim");
  expect(fs.readdirSync(join(outside, ".."))).toEqual(["victim"]);
});

test("a link planted as a subfolder is never followed by any call", async () => {
  const path = freshPath();
  const outside = freshPath();
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, "a"), "victim");
  const storage = diskStorage(path);
  await storage.replace("mine", utf8("mine"));
  fs.symlinkSync(outside, join(path, "runs"));
  const calls = [
    storage.list("runs"),
    storage.read("runs/a", { maxBytes: 9 }),
    storage.createOnce("runs/b", utf8("x")),
    storage.replace("runs/a", utf8("x")),
    storage.appendAt("runs/a", 0, utf8("x")),
    storage.move("runs/a", "b"),
    storage.move("mine", "runs/b"),
    storage.remove("runs/a"),
    storage.createOnce("runs/deep/b", utf8("x")),
  ];
  for (const call of calls) {
    const failure = await failureOf(call);
    expect(failure.code).toBe("CORRUPT");
    expect(failure.message).toContain(`"${join(path, "runs")}": found a symbolic link, expected a folder of its own`);
  }
  expect(fs.readdirSync(outside)).toEqual(["a"]);
  expect(fs.readFileSync(join(outside, "a"), "utf8")).toBe("victim");
});

test("a link planted under a temporary name is not written through", async () => {
  const path = freshPath();
  const outside = freshPath();
  const storage = diskStorage(path);
  await storage.replace("a", utf8("old"));
  const uuid = "00000000-0000-4000-8000-000000000000";
  fs.symlinkSync(outside, join(path, `.tmp-${uuid}`));
  spyOn(crypto, "randomUUID").mockReturnValue(uuid);
  expect((await failureOf(storage.replace("a", utf8("new")))).code).toBe("IO");
  expect(fs.existsSync(outside)).toBeFalse();
  expect(await textOf(storage, "a")).toBe("old");
});

test("the folder itself may be a link", async () => {
  const real = freshPath();
  const link = freshPath();
  fs.mkdirSync(real);
  fs.symlinkSync(real, link);
  await diskStorage(link).createOnce("a", utf8("A"));
  expect(fs.readdirSync(real)).toEqual(["a"]);
});

test("reading a planted pipe does not hang", async () => {
  const path = freshPath();
  fs.mkdirSync(path);
  const made = Bun.spawnSync(["mkfifo", join(path, "pipe")]);
  expect(made.exitCode).toBe(0);
  expect((await failureOf(diskStorage(path).read("pipe", { maxBytes: 9 }))).code).toBe("CORRUPT");
});

test("a listing leaves out temporary files, the lock, and a file that vanishes meanwhile", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.replace("a", utf8("A"));
  await storage.replace("b", utf8("B"));
  const lock = await storage.lock(HOLDER);
  for (const name of [".tmp-x", ".lock-journal"]) fs.writeFileSync(join(path, name), "");
  const { lstatSync } = fs;
  spyOn(fs, "lstatSync").mockImplementation(((target: string, options: fs.StatSyncOptions) => {
    if (target.endsWith("/b")) fs.rmSync(target, { force: true });
    return lstatSync(target, options);
  }) as typeof fs.lstatSync);
  expect(await storage.list()).toEqual({ files: [{ name: "a", size: 1 }], folders: [] });
  await lock.release();
});

test("a file in place of the folder is refused when it is opened, and reported if it comes later", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  fs.writeFileSync(path, "");
  expect((await failureOf(storage.list())).message).toContain("expected a folder in place of a file");
  expect((await failureOf(storage.replace("a", utf8("")))).message).toContain("expected a folder in place of a file");
  expect(() => diskStorage(path)).toThrow(`Cannot use "${path}" as a folder: found a file, expected a folder`);
  expect(() => diskStorage(join(path, "below"))).toThrow(`Cannot open "${join(path, "below")}": found ENOTDIR`);
});

test("a name of 300 characters fails and writes nothing", async () => {
  const storage = diskStorage(freshPath());
  expect((await failureOf(storage.replace("x".repeat(300), utf8("")))).message).toContain("ENAMETOOLONG");
  expect(await storage.list()).toEqual({ files: [], folders: [] });
});

test("lock() removes temporary files of a dead writer, in the folder and its runs, and nothing of anybody else", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  const temp = (): string => `.tmp-${crypto.randomUUID()}`;
  const dead = [temp(), `runs/${temp()}`, `runs/x/${temp()}`];
  const others = [`off/${temp()}`, `answers/${temp()}`, `runs/x/deep/${temp()}`, ".tmp-rsync", `${temp()}/draft`];
  const more = [`.tmp-backup-${crypto.randomUUID()}`, `runs/x/${temp()}.bak`, "runs/x/manifest.json"];
  for (const name of [...dead, ...others, ...more]) {
    fs.mkdirSync(join(path, name, ".."), { recursive: true });
    fs.writeFileSync(join(path, name), "half");
  }
  const lock = await storage.lock(HOLDER);
  for (const name of dead) expect(fs.existsSync(join(path, name))).toBeFalse();
  for (const name of [...others, ...more]) expect(fs.readFileSync(join(path, name), "utf8")).toBe("half");
  await lock.release();
});

test("a second writer that is refused clears nothing of the first's", async () => {
  const path = freshPath();
  const lock = await diskStorage(path).lock(HOLDER);
  const temporary = join(path, temporaryName());
  fs.writeFileSync(temporary, "half");
  expect((await failureOf(diskStorage(path).lock(HOLDER))).code).toBe("LOCKED");
  expect(fs.readFileSync(temporary, "utf8")).toBe("half");
  await lock.release();
});

test("a file gets no name once the lock is lost, though its write began before", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  const lock = await storage.lock(HOLDER);
  const writing = storage.createOnce("a", utf8("A"));
  fs.rmSync(join(path, ".lock"));
  expect((await failureOf(writing)).code).toBe("LOCKED");
  expect(fs.readdirSync(path)).not.toContain("a");
  await lock.release();
});

test("a writer that cannot clear what a dead one left gives its lock back", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  await storage.createOnce("a", utf8("A"));
  fs.writeFileSync(join(path, temporaryName()), "half");
  failOnce("rmSync", "EIO");
  expect((await failureOf(storage.lock(HOLDER))).code).toBe("IO");
  const lock = await storage.lock(HOLDER);
  await lock.release();
});

test.skipIf(process.platform !== "linux")("no operation leaves a file open, also one that fails", async () => {
  const path = freshPath();
  const storage = diskStorage(path);
  const all = async (): Promise<void> => {
    await storage.replace("a", utf8("A"));
    await storage.createOnce("b", utf8("B"));
    await storage.createOnce("b", utf8("B"));
    await storage.appendAt("a", 1, utf8("A"));
    await storage.read("a", { maxBytes: 9 });
    await storage.list();
    await storage.move("a", "c/a");
    await storage.remove("c/a");
    await failureOf(storage.read("c", { maxBytes: 9 }));
    failOnce("writeSync", "ENOSPC");
    await failureOf(storage.createOnce("d", utf8("D")));
    await expect(storage.appendAt("b", 5, utf8("B"))).rejects.toThrow(RangeError);
    const lock = await storage.lock(HOLDER);
    await failureOf(storage.lock(HOLDER));
    await lock.release();
  };
  const open = (): number => fs.readdirSync("/proc/self/fd").length;
  await all();
  const before = open();
  for (let i = 0; i < 20; i++) await all();
  // The runtime opens a few of its own.
  expect(open()).toBeLessThan(before + 10);
});

test.skipIf(process.platform !== "linux")(
  "a change syncs the folders whose entries it changes, in an order that loses no name",
  async () => {
    const path = freshPath();
    const storage = diskStorage(path);
    await storage.replace("from/a", utf8("A"));
    await storage.replace("to/b", utf8("B"));
    const synced: string[] = [];
    for (const call of ["fsyncSync", "fdatasyncSync"] as const) {
      const original = fs[call];
      spyOn(fs, call).mockImplementation((fd) => {
        synced.push(fs.readlinkSync(`/proc/self/fd/${fd}`).slice(path.length));
        original(fd);
      });
    }
    const syncsOf = async (change: () => Promise<unknown>): Promise<readonly string[]> => {
      synced.length = 0;
      await change();
      return [...synced];
    };
    expect(await syncsOf(() => storage.move("from/a", "to/a"))).toEqual(["/to", "/from"]);
    expect(await syncsOf(() => storage.move("to/a", "to/c"))).toEqual(["/to"]);
    expect(await syncsOf(() => storage.remove("to/c"))).toEqual(["/to"]);
    expect(await syncsOf(() => storage.appendAt("from/new", 0, utf8("A")))).toEqual(["/from/new", "/from"]);
    expect(await syncsOf(() => storage.appendAt("from/new", 1, utf8("A")))).toEqual(["/from/new"]);
  },
);
