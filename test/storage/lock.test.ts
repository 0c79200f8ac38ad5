import { Database } from "bun:sqlite";
import { afterEach, describe, expect, jest, setDefaultTimeout, spyOn, test } from "bun:test";
import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { lockHolder, takeLock, withLock } from "../../lib/storage/lock.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { overrideCalls } from "./override-calls.ts";
import { failureOf, HOLDER, utf8 } from "./storage-contract.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("lock");
afterEach(() => {
  jest.restoreAllMocks();
});

function freshFolder(): string {
  return fs.mkdtempSync(join(base, "memory-"));
}

const MODULE = join(import.meta.dir, "../../lib/storage/disk.node.ts");

interface Child {
  readonly pid: number;
  /** The next line it prints. */
  line(): Promise<string>;
  say(text: string): void;
  kill(): Promise<void>;
}

/** A process that tries to lock `folder`, prints "locked" or the error, and releases when it is spoken to. */
function spawnLocker(folder: string, options: { before?: string } = {}): Child {
  const code = `
    import { diskStorage } from ${JSON.stringify(MODULE)};
    ${options.before ?? ""}
    const holder = { pid: process.pid, command: "child", host: ${JSON.stringify(hostname())}, since: "2021-01-01T00:00:00.000Z" };
    let lock;
    try {
      lock = await diskStorage(${JSON.stringify(folder)}).lock(holder);
      console.log("locked");
    } catch (error) {
      console.log(error.code + " " + error.message);
    }
    for await (const _ of console) { await lock?.release(); console.log("released"); }
  `;
  const child = Bun.spawn([process.execPath, "-e", code], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    pid: child.pid,
    async line() {
      while (!text.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
      }
      const end = text.indexOf("\n");
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return line;
    },
    say(said) {
      child.stdin.write(`${said}\n`);
      child.stdin.flush();
    },
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

test("a second process is refused at once, with the holder and what to do", async () => {
  const folder = freshFolder();
  const first = spawnLocker(folder);
  expect(await first.line()).toBe("locked");
  const failure = await failureOf(takeLock(folder, HOLDER));
  expect(failure.code).toBe("LOCKED");
  expect(failure.message).toBe(
    `Cannot write to "${folder}": found it locked by process ${first.pid} ("child" on "${hostname()}" since ` +
      `"2021-01-01T00:00:00.000Z"), expected one writer at a time: wait for it, or use a folder of your own with ` +
      `--memory-dir`,
  );
  first.say("release");
  expect(await first.line()).toBe("released");
  await (await takeLock(folder, HOLDER)).release();
  await first.kill();
});

test("kill -9 of the holder frees the lock, whatever .lock.json still says", async () => {
  const folder = freshFolder();
  const first = spawnLocker(folder);
  expect(await first.line()).toBe("locked");
  await first.kill();
  // As if the dead holder's number had been given to a process that lives: this one.
  fs.writeFileSync(join(folder, ".lock.json"), JSON.stringify({ ...HOLDER, pid: process.pid }));
  const lock = await takeLock(folder, HOLDER);
  expect(JSON.parse(fs.readFileSync(join(folder, ".lock.json"), "utf8"))).toEqual(HOLDER);
  await lock.release();
  expect(fs.readdirSync(folder)).toEqual([".lock"]);
});

test.each([
  ["an uncaught signal", "process.kill(process.pid, 'SIGTERM')"],
  ["SIGABRT, as in a crash of the engine", "process.abort()"],
  ["an exit without a release", "process.exit(0)"],
  ["an uncaught error", "throw new Error('bug')"],
])("a death by %s frees the lock", async (_death, die) => {
  const folder = freshFolder();
  const code = `
    import { diskStorage } from ${JSON.stringify(MODULE)};
    await diskStorage(${JSON.stringify(folder)}).lock(${JSON.stringify(HOLDER)});
    console.log("locked");
    ${die};
    await new Promise(() => setInterval(() => {}, 1000));
  `;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "ignore" });
  expect(await new Response(child.stdout).text()).toBe("locked\n");
  await child.exited;
  expect(fs.existsSync(join(folder, ".lock.json"))).toBe(true);
  await (await takeLock(folder, HOLDER)).release();
});

test("readers of a locked folder do not wait and change nothing", async () => {
  const folder = freshFolder();
  await diskStorage(folder).replace("a", utf8("A"));
  const first = spawnLocker(folder);
  expect(await first.line()).toBe("locked");
  const before = fs.readdirSync(folder);
  const storage = diskStorage(folder);
  expect((await storage.list()).files).toEqual([{ name: "a", size: 1 }]);
  expect(await storage.read("a", { maxBytes: 9 })).toEqual(utf8("A"));
  expect(fs.readdirSync(folder)).toEqual(before);
  await first.kill();
});

test("a second lock in the same process fails, whatever the path, and does not free the first", async () => {
  const folder = freshFolder();
  const link = `${folder}-link`;
  fs.symlinkSync(folder, link);
  const lock = await takeLock(folder, HOLDER);
  for (const path of [folder, `${folder}/.`, link])
    expect((await failureOf(takeLock(path, HOLDER))).code).toBe("LOCKED");
  await diskStorage(folder).replace("a", utf8("A"));
  await diskStorage(folder).list();
  const other = spawnLocker(folder);
  expect(await other.line()).toStartWith("LOCKED ");
  await other.kill();
  await lock.release();
});

test("a garbage collection does not free a lock without references", async () => {
  const folder = freshFolder();
  await (async () => {
    await takeLock(folder, HOLDER);
  })();
  for (let round = 0; round < 3; round++) {
    Bun.gc(true);
    await Bun.sleep(1);
  }
  const other = spawnLocker(folder);
  expect(await other.line()).toStartWith("LOCKED ");
  await other.kill();
});

test("exactly one of several processes that start together gets the lock", async () => {
  const folder = freshFolder();
  const at = Date.now() + 250;
  const children = Array.from({ length: 4 }, () => spawnLocker(folder, { before: `while (Date.now() < ${at});` }));
  const lines = await Promise.all(children.map((child) => child.line()));
  expect(lines.filter((line) => line === "locked")).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith("LOCKED "))).toHaveLength(3);
  await Promise.all(children.map((child) => child.kill()));
});

test("the message escapes control characters in the holder's name and copes with half a .lock.json", async () => {
  const folder = freshFolder();
  const first = spawnLocker(folder);
  expect(await first.line()).toBe("locked");
  for (const [written, shown] of [
    [JSON.stringify({ ...HOLDER, command: "\u001b[2J" }), `process 4711 ("\\u001b[2J" on`],
    ['{"pid":', "locked by another process, expected"],
    ["", "locked by another process, expected"],
    ["null", "locked by another process, expected"],
  ] as const) {
    fs.writeFileSync(join(folder, ".lock.json"), written);
    expect((await failureOf(takeLock(folder, HOLDER))).message).toContain(shown);
  }
  await first.kill();
});

test("a link planted as the lock file is not followed", async () => {
  const folder = freshFolder();
  const outside = join(base, "outside");
  fs.symlinkSync(outside, join(folder, ".lock"));
  expect((await failureOf(takeLock(folder, HOLDER))).code).toBe("IO");
  fs.rmSync(join(folder, ".lock"));
  fs.writeFileSync(outside, "victim");
  fs.symlinkSync(outside, join(folder, ".lock.json"));
  await (await takeLock(folder, HOLDER)).release();
  expect(fs.readFileSync(outside, "utf8")).toBe("victim");
});

const isRoot = process.getuid?.() === 0;
const canDropRights = !isRoot || Bun.which("setpriv") !== null;

test.skipIf(!canDropRights)(
  "reports the system's own reason if SQLite cannot create the lock file (needs setpriv)",
  async () => {
    const folder = freshFolder();
    fs.chmodSync(folder, 0o500);
    const code = `
    import { takeLock } from "${join(import.meta.dir, "../../lib/storage/lock.node.ts")}";
    try { await takeLock(${JSON.stringify(folder)}, {}); } catch (error) { console.log(error.code, error.message); }
  `;
    const prefix = isRoot ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
    const child = Bun.spawn([...prefix, process.execPath, "-e", code], { stdout: "pipe" });
    expect(await new Response(child.stdout).text()).toMatch(
      /^IO Cannot lock ".*\.lock": found EACCES.* expected permission/,
    );
    expect(fs.readdirSync(folder)).toEqual([]);
  },
);

test("a folder without read permission is reported with advice", async () => {
  const folder = freshFolder();
  spyOn(fs, "lstatSync").mockImplementationOnce(() => {
    throw Object.assign(new Error("EACCES: injected"), { code: "EACCES" });
  });
  const failure = await failureOf(takeLock(folder, HOLDER));
  expect(failure.code).toBe("IO");
  expect(failure.message).toMatch(/^Cannot lock ".*\.lock": found EACCES: injected, expected permission/);
});

test("refuses a lock file that is read-only, because SQLite would share its lock", async () => {
  const folder = freshFolder();
  fs.chmodSync(base, 0o755);
  fs.chmodSync(folder, 0o777);
  fs.writeFileSync(join(folder, ".lock"), "");
  fs.chmodSync(join(folder, ".lock"), 0o444);
  // Root may write to anything.
  const before = process.getuid?.() === 0 ? "process.setuid(65534);" : "";
  const reader = spawnLocker(folder, { before });
  expect(await reader.line()).toStartWith(`IO Cannot lock "${join(folder, ".lock")}": found EACCES: permission denied`);
  await reader.kill();
});

test("a disk error at the release is ignored, and the lock is free", async () => {
  const folder = freshFolder();
  const lock = await takeLock(folder, HOLDER);
  spyOn(fs, "rmSync").mockImplementationOnce(() => {
    throw new Error("EFAULT: injected");
  });
  await lock.release();
  expect(fs.rmSync).toHaveBeenCalledTimes(1);
  expect(fs.readdirSync(folder).toSorted()).toEqual([".lock", ".lock.json"]);
  await (await takeLock(folder, HOLDER)).release();
  expect(fs.readdirSync(folder)).toEqual([".lock"]);
});

test("refuses a lock file that is no database, naming it", async () => {
  const folder = freshFolder();
  fs.writeFileSync(join(folder, ".lock"), "not a database, though longer than the header of one ".repeat(20));
  const failure = await failureOf(takeLock(folder, HOLDER));
  expect(failure.code).toBe("IO");
  expect(failure.message).toContain(`Cannot lock "${join(folder, ".lock")}": found file is not a database`);
  expect(failure.message).toEndWith(
    "expected a lock file of this program, or none: remove it if no other process writes here",
  );
  expect(fs.readdirSync(folder)).toEqual([".lock"]);
  const open = process.platform === "linux" ? fs.readdirSync("/proc/self/fd") : [];
  const paths = open.map((fd) => attempt(() => fs.readlinkSync(`/proc/self/fd/${fd}`)));
  expect(paths).not.toContain(join(folder, ".lock"));
});

describe.each(["writeFileSync", "renameSync"] as const)("a disk that fails at %s of .lock.json", (call) => {
  test("fails the lock, leaves no file of it, and leaves the folder free", async () => {
    const folder = freshFolder();
    spyOn(fs, call).mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
    });
    const failure = await failureOf(takeLock(folder, HOLDER));
    expect([failure.code, failure.message]).toEqual(["IO", expect.stringContaining("found ENOSPC: injected")]);
    expect(fs.readdirSync(folder)).toEqual([".lock"]);
    await (await takeLock(folder, HOLDER)).release();
  });
});

test("a lock that is released a moment later is taken, because two that start at once may block each other", async () => {
  const folder = freshFolder();
  const other = new Database(join(folder, ".lock"));
  other.run("BEGIN EXCLUSIVE");
  setTimeout(() => other.close(), 1);
  await (await takeLock(folder, HOLDER)).release();
});

describe("a lock whose files somebody removes", () => {
  /** Takes the lock, removes files, and returns the error of the next change. */
  async function failureAfter(remove: (folder: string) => void): Promise<{ code: string; message: string }> {
    const folder = freshFolder();
    const lock = await takeLock(folder, HOLDER);
    lock.assertHeld();
    remove(folder);
    try {
      return await failureOf(Promise.try(() => lock.assertHeld()));
    } finally {
      await lock.release();
    }
  }

  const LOST = { code: "LOCKED", message: expect.stringContaining("found that its lock was removed or taken over") };
  const REMOVED = { code: "IO", message: expect.stringContaining("found that the folder was removed or emptied") };

  test.each([".lock", ".lock.json"])("is lost with %s, which is looked for a while", async (name) => {
    const startedMs = performance.now();
    expect(await failureAfter((folder) => fs.rmSync(join(folder, name)))).toEqual(LOST);
    expect(performance.now() - startedMs).toBeGreaterThan(150);
  });

  test("is lost with a .lock.json of another process, which stays", async () => {
    let info = "";
    const waits = spyOn(Atomics, "wait");
    const failure = await failureAfter((folder) => {
      info = join(folder, ".lock.json");
      fs.writeFileSync(`${info}-2`, "theirs");
      fs.renameSync(`${info}-2`, info);
    });
    expect(failure).toEqual(LOST);
    expect(waits).not.toHaveBeenCalled();
    expect(fs.readFileSync(info, "utf8")).toBe("theirs");
  });

  test("goes with its folder, also where that is removed at the moment", async () => {
    expect(await failureAfter((folder) => fs.rmSync(folder, { recursive: true }))).toEqual(REMOVED);
    const waits = spyOn(Atomics, "wait");
    const failure = await failureAfter((folder) => {
      fs.rmSync(join(folder, ".lock.json"));
      const { lstatSync } = fs;
      let looks = 0;
      spyOn(fs, "lstatSync").mockImplementation(((...args: Parameters<typeof lstatSync>) => {
        // The removal reaches the second file when it has been looked for some times.
        if ((looks += 1) === 8) fs.rmSync(join(folder, ".lock"));
        return lstatSync(...args);
      }) as typeof lstatSync);
    });
    expect(failure).toEqual(REMOVED);
    // Of the 20 times that it waits for a removal.
    expect(waits.mock.calls.length).toBeLessThan(10);
  });
});

describe("withLock()", () => {
  /** A storage that notes what is done with its lock, and looks at the lock for a moment. */
  function noted(options: { isHeld?: boolean } = {}): { storage: ReturnType<typeof inMemoryStorage>; done: string[] } {
    const done: string[] = [];
    const { isHeld = true } = options;
    const lock = async (holder: unknown): ReturnType<ReturnType<typeof inMemoryStorage>["lock"]> => {
      expect(holder).toMatchObject({ pid: process.pid, host: hostname() });
      await Bun.sleep(1);
      done.push("locked");
      return {
        assertHeld() {
          done.push("checked");
          if (!isHeld) throw new Error("lost");
        },
        async release() {
          await Bun.sleep(1);
          done.push("released");
        },
      };
    };
    return { storage: overrideCalls(inMemoryStorage(), { lock }), done };
  }

  test("works under the lock, and looks whether it was held to the end", async () => {
    const { storage, done } = noted();
    const work = async (): Promise<number> => {
      await Bun.sleep(1);
      done.push("worked");
      return 7;
    };
    expect(await withLock(storage, work)).toBe(7);
    expect(done).toEqual(["locked", "worked", "checked", "released"]);
  });

  test("fails where the lock was lost, and releases it after an error of the work", async () => {
    const lost = noted({ isHeld: false });
    await expect(withLock(lost.storage, async () => 7)).rejects.toThrow("lost");
    expect(lost.done).toEqual(["locked", "checked", "released"]);
    const { storage, done } = noted();
    await expect(withLock(storage, () => Promise.reject(new Error("bug")))).rejects.toThrow("bug");
    expect(done).toEqual(["locked", "released"]);
  });

  test("names this process", () => {
    const before = Date.now();
    const { pid, command, host, since } = lockHolder();
    expect({ pid, host }).toEqual({ pid: process.pid, host: hostname() });
    expect(command).not.toStartWith("/");
    expect(Date.parse(since)).toBeGreaterThanOrEqual(before);
  });
});

test.skipIf(!runs("node", "process.versions.node.split('.')[0] >= 24"))("node holds and respects the same lock", () =>
  lockWith(["node"]),
);

test.skipIf(!runs("deno", "Deno.version.deno.split('.')[0] >= 2"))("deno holds and respects the same lock", () =>
  lockWith(["deno", "run", "-A", "--no-check"]),
);

/** The result of a call; `undefined` if it fails. */
function attempt(call: () => string): string | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** Whether an engine is here and new enough to run TypeScript and SQLite. */
function runs(engine: string, condition: string): boolean {
  if (Bun.which(engine) === null) return false;
  const args = engine === "deno" ? ["eval", "-p", condition] : ["-p", condition];
  return (
    Bun.spawnSync([engine, ...args])
      .stdout.toString()
      .trim() === "true"
  );
}

async function lockWith(engine: readonly string[]): Promise<void> {
  const folder = freshFolder();
  const run = (): string => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...engine, join(import.meta.dir, "lock-child.ts"), folder]);
    return (exitCode === 0 ? stdout : stderr).toString();
  };
  const lock = await takeLock(folder, HOLDER);
  expect(run()).toBe("LOCKED LOCKED 1\n");
  await lock.release();
  expect(run()).toBe("locked LOCKED 1\n");
}

test("a holder is named without the password of a server", () => {
  const before = [...process.argv];
  process.argv.push("--nats", "nats://me:s3cret@one:4222,nats://me:s3c@ret@two:4222", "--out", "a@b");
  try {
    expect(lockHolder().command).toEndWith(" --nats nats://one:4222,nats://two:4222 --out a@b");
  } finally {
    process.argv.splice(0, process.argv.length, ...before);
  }
});
