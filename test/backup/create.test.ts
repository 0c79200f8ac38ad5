import { afterEach, expect, jest, setDefaultTimeout, spyOn, test } from "bun:test";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { listBackups } from "../../lib/backup/list.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup } from "../../lib/backup/verify.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { failureOf, HOLDER, utf8 } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { contentsOf, entriesOf, MEMORY_JSON, writeFiles } from "./backup-samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("backup");
let folders = 0;
afterEach(() => {
  jest.restoreAllMocks();
});

const NOW = new Date("2021-04-01T06:00:00.123Z");

const TRUTH = {
  "forget_0a1b2c3d.json": "{}",
  "outcome_1.json": '{"n":1}',
  "outcome_2.json": '{"n":2}',
  "runs/ab/2021Q1.decisions.ndjson": "{}\n{}\n",
  "runs/ab/2021Q1.json": '{"chunk":1}',
  "runs/ab/manifest.json": "{}",
  "runs/ab/summary.json": "{}",
  "snapshot_20210401_000000.json": "{}",
};

/** A memory folder, and a place for backups that is not there yet. */
function fixture(): { memoryDir: string; backupDir: string } {
  const root = join(base, String((folders += 1)));
  const memoryDir = join(root, "memory");
  writeFiles(memoryDir, {
    ...TRUTH,
    "vectors.f32": "caches",
    "vectors.meta.json.gz": "are",
    "provider_performance.json": "not",
    "regime_performance.json": "backed",
    ...MEMORY_JSON,
    "quarantine/outcome_0.json": "damaged",
    "off/outcome_9.json": "another memory",
    ".lock": "",
    ".lock.json": "{}",
    ".tmp-1": "half",
    "runs/ab/.tmp-2": "half",
    "notes.txt": "the user's",
  });
  return { memoryDir, backupDir: join(root, "backups", "deep") };
}

function flip(path: string): void {
  const bytes = fs.readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  // A new file, so that what is linked elsewhere stays.
  fs.rmSync(path);
  fs.writeFileSync(path, bytes);
}

test("a backup is a plain folder of outcomes, marks, snapshots and runs with a manifest, and without caches", async () => {
  const { memoryDir, backupDir } = fixture();
  const info = await createBackup({ memoryDir, backupDir, label: "before the update", now: NOW });
  expect(info).toEqual({
    id: "20210401T060000Z",
    sequence: 1,
    label: "before the update",
    created: "2021-04-01T06:00:00.123Z",
    files: 8,
    bytes: 39,
    new_bytes: 39,
    outcomes: 2,
    path: join(backupDir, "20210401T060000Z"),
    skipped: [],
  });
  const { "MANIFEST.json": manifest = "", ...files } = contentsOf(info.path);
  expect(files).toEqual(TRUTH);
  const { manifest_sha256: hash, ...rest } = JSON.parse(manifest);
  expect(rest).toEqual({
    format: "carryover-backup",
    version: 2,
    sequence: 1,
    created: "2021-04-01T06:00:00.123Z",
    label: "before the update",
    new_bytes: 39,
    files: Object.entries(TRUTH).map(([name, text]) => ({
      name,
      size: text.length,
      sha256: createHash("sha256").update(text).digest("hex"),
    })),
  });
  const head = manifest.slice(0, manifest.indexOf('"manifest_sha256"'));
  expect(hash).toBe(createHash("sha256").update(head).digest("hex"));
  expect(entriesOf(backupDir)).toEqual(["20210401T060000Z"]);
  expect(await verifyBackup(backupDir, info.id)).toEqual([]);
  const { skipped: _, ...listed } = info;
  expect(await listBackups(backupDir)).toEqual([listed]);
});

test("reports each file that is copied, of as many as there are at least", async () => {
  const { memoryDir, backupDir } = fixture();
  const answersDir = join(memoryDir, "../answers");
  writeFiles(answersDir, { "aa.json": "an answer" });
  const steps: string[] = [];
  const onSteps = (what: string, done: number, of: number): void => {
    if (what === "Copied") steps.push(`${done} of ${of}`);
  };
  await createBackup({ memoryDir, backupDir, answersDir, now: NOW, onSteps });
  // 16 names in the folder, with those that are left out, 6 in its runs, and the answer.
  expect(steps).toEqual(Array.from({ length: 9 }, (_, i) => `${i + 1} of 23`));

  const small = join(memoryDir, "../small");
  writeFiles(small, { ...MEMORY_JSON, "outcome_1.json": "{}" });
  steps.length = 0;
  await createBackup({ memoryDir: small, backupDir, now: NOW, onSteps });
  expect(steps).toEqual(["1 of 2"]);

  // A run that writes meanwhile: a summary in one folder of "runs", and four outcomes when it has been copied.
  const growing = join(memoryDir, "../growing");
  writeFiles(growing, { ...MEMORY_JSON, "runs/r/summary.json": "{}" });
  steps.length = 0;
  const outcomes = Object.fromEntries([1, 2, 3, 4].map((n) => [`outcome_${n}.json`, "{}"]));
  const grow: typeof onSteps = (...step) => {
    onSteps(...step);
    writeFiles(growing, outcomes);
  };
  await createBackup({ memoryDir: growing, backupDir, now: NOW, onSteps: grow });
  expect(steps).toEqual(["1 of 4", "2 of 4", "3 of 4", "4 of 4", "5 of 5"]);
});

test("a signal stops it between two files", async () => {
  const { memoryDir, backupDir } = fixture();
  const controller = new AbortController();
  const steps: number[] = [];
  const onSteps = (_what: string, done: number): void => {
    steps.push(done);
    // The first of the four files that are not a run's.
    if (done === 5) controller.abort(new DOMException("stopped", "AbortError"));
  };
  const { signal } = controller;
  await expect(createBackup({ memoryDir, backupDir, now: NOW, signal, onSteps })).rejects.toThrow("stopped");
  expect(steps).toEqual([1, 2, 3, 4, 5]);
  expect(entriesOf(backupDir)).toEqual([]);
});

test("refuses a folder that is no memory, and a label that is too long or has a meaning", async () => {
  const { memoryDir, backupDir } = fixture();
  const other = join(memoryDir, "../other");
  writeFiles(other, { "notes.txt": "the user's" });
  expect((await failureOf(createBackup({ memoryDir: other, backupDir, now: NOW }))).code).toBe("BAD_USAGE");
  const long = await failureOf(createBackup({ memoryDir, backupDir, now: NOW, label: "x".repeat(201) }));
  expect(long.code).toBe("BAD_USAGE");
  expect(fs.existsSync(backupDir)).toBeFalse();
  const newest = await failureOf(createBackup({ memoryDir, backupDir, now: NOW, label: "latest" }));
  expect(newest.message).toContain('found "latest", expected at most 200 characters');
  const label = "x".repeat(200);
  expect(await createBackup({ memoryDir, backupDir, now: NOW, label })).toMatchObject({ label });
});

test("refuses backups inside the memory folder, which would be lost with it", async () => {
  const { memoryDir } = fixture();
  const link = `${memoryDir}-link`;
  fs.symlinkSync(memoryDir, link);
  for (const backupDir of [memoryDir, join(memoryDir, "backups"), join(memoryDir, "..b"), join(link, "new/backups")]) {
    const { code, message } = await failureOf(createBackup({ memoryDir, backupDir, now: NOW }));
    expect([code, message]).toEqual([
      "BAD_USAGE",
      `Cannot back up "${memoryDir}": found the folder of backups "${backupDir}" inside it, expected one outside, which is not lost with it`,
    ]);
  }
  expect(await createBackup({ memoryDir, backupDir: `${memoryDir}-backups`, now: NOW })).toMatchObject({ sequence: 1 });
});

test("a backup has what was kept of another system", async () => {
  const { memoryDir, backupDir } = fixture();
  writeFiles(memoryDir, { "foreign_provider_performance.json": "{}" });
  const { path } = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(fs.existsSync(join(path, "foreign_provider_performance.json"))).toBeTrue();
});

test("recorded answers go into answers/", async () => {
  const { memoryDir, backupDir } = fixture();
  const answersDir = join(memoryDir, "../answers");
  writeFiles(answersDir, { "aa.json": "an answer", ".tmp-3": "half", "sub/b.json": "not one" });
  const info = await createBackup({ memoryDir, backupDir, answersDir, now: NOW });
  expect(contentsOf(info.path)).toMatchObject({ ...TRUTH, "answers/aa.json": "an answer" });
  expect(info.files).toBe(9);
});

test("an unchanged file is a hard link into the previous backup, never into the memory; a changed one is a copy", async () => {
  const { memoryDir, backupDir } = fixture();
  const first = await createBackup({ memoryDir, backupDir, now: NOW });
  const changed = join(memoryDir, "runs/ab/summary.json");
  const { atime, mtime } = fs.statSync(changed);
  fs.writeFileSync(changed, "[]");
  fs.utimesSync(changed, atime, mtime);
  writeFiles(memoryDir, { "outcome_3.json": '{"n":3}' });
  const second = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(second.id).toBe("20210401T060000Z-2");
  expect(second.new_bytes).toBe(2 + 7);
  expect(await verifyBackup(backupDir, second.id)).toEqual([]);
  const inode = (path: string): number => fs.statSync(path).ino;
  for (const name of Object.keys(TRUTH)) {
    expect(inode(join(first.path, name))).not.toBe(inode(join(memoryDir, name)));
    const isLinked = inode(join(first.path, name)) === inode(join(second.path, name));
    expect(isLinked).toBe(name !== "runs/ab/summary.json");
  }
  expect(fs.readFileSync(join(second.path, "runs/ab/summary.json"), "utf8")).toBe("[]");
  expect(fs.readFileSync(join(first.path, "runs/ab/summary.json"), "utf8")).toBe("{}");
  fs.rmSync(first.path, { recursive: true });
  expect(await verifyBackup(backupDir, second.id)).toEqual([]);
});

test("links neither to a damaged file of the previous backup nor into a backup with a damaged manifest", async () => {
  const { memoryDir, backupDir } = fixture();
  const first = await createBackup({ memoryDir, backupDir, now: NOW });
  flip(join(first.path, "outcome_1.json"));
  fs.rmSync(join(first.path, "outcome_2.json"));
  const second = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(await verifyBackup(backupDir, second.id)).toEqual([]);
  expect(second.new_bytes).toBe(14);
  flip(join(second.path, "MANIFEST.json"));
  const third = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(await verifyBackup(backupDir, third.id)).toEqual([]);
  expect((await listBackups(backupDir)).map((info) => [info.id, info.files, info.problem !== undefined])).toEqual([
    ["20210401T060000Z", 8, false],
    ["20210401T060000Z-2", 0, true],
    ["20210401T060000Z-3", 8, false],
  ]);
});

test("copies files where the file system has no hard links", async () => {
  const { memoryDir, backupDir } = fixture();
  await createBackup({ memoryDir, backupDir, now: NOW });
  spyOn(fs, "linkSync").mockImplementation(() => {
    throw Object.assign(new Error("EPERM: injected"), { code: "EPERM" });
  });
  const second = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(second.new_bytes).toBe(39);
  expect(await verifyBackup(backupDir, second.id)).toEqual([]);
});

test("a backup whose files cannot be synced fails and leaves nothing behind", async () => {
  const { memoryDir, backupDir } = fixture();
  spyOn(fs, "fsync").mockImplementationOnce(((_fd: number, done: fs.NoParamCallback) =>
    done(Object.assign(new Error("EIO: injected"), { code: "EIO" }))) as typeof fs.fsync);
  const failure = await failureOf(createBackup({ memoryDir, backupDir, now: NOW }));
  expect(failure.message).toMatch(
    /^Cannot write a backup to ".*": found EIO: injected, expected a disk without errors/,
  );
  expect(entriesOf(backupDir)).toEqual([]);
});

test("a backup that fails leaves nothing behind, and one removes what a killed one left, but nothing of another name", async () => {
  const { memoryDir, backupDir } = fixture();
  for (const call of ["fsyncSync", "writeSync", "renameSync"] as const) {
    const real = fs[call] as (...args: unknown[]) => unknown;
    spyOn(fs, call).mockImplementation((...args: unknown[]) => {
      // The lock's own file is renamed before.
      if (call === "renameSync" && !String(args[0]).includes(".tmp-backup-")) return real(...args) as never;
      jest.restoreAllMocks();
      throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
    });
    const failure = await failureOf(createBackup({ memoryDir, backupDir, now: NOW }));
    expect(failure.code).toBe("IO");
    expect(failure.message).toMatch(/^Cannot write a backup to ".*": found ENOSPC: injected, expected free space/);
    expect(fs.existsSync(backupDir) ? entriesOf(backupDir) : []).toEqual([]);
  }
  const mine = ".tmp-rsync.ab12cd";
  const killed = ["backup", "pruned"].map((kind) => `.tmp-${kind}-${crypto.randomUUID()}`);
  writeFiles(
    backupDir,
    Object.fromEntries([mine, ".tmp-backup-of-monday", ...killed].map((name) => [`${name}/a`, ""])),
  );
  await createBackup({ memoryDir, backupDir, now: NOW });
  expect(entriesOf(backupDir)).toEqual([".tmp-backup-of-monday", mine, "20210401T060000Z"]);
});

test("leaves out and reports links and impossible names; a missing memory folder is NOT_FOUND", async () => {
  const { memoryDir, backupDir } = fixture();
  fs.symlinkSync("/etc/passwd", join(memoryDir, "outcome_link.json"));
  fs.symlinkSync("/etc", join(memoryDir, "runs/etc"));
  writeFiles(memoryDir, { "outcome_a\\b.json": "{}" });
  const info = await createBackup({ memoryDir, backupDir, now: NOW });
  expect(info.skipped).toStrictEqual(["outcome_a\\b.json", "outcome_link.json", "runs/etc"]);
  expect(info.files).toBe(8);
  const failure = await failureOf(createBackup({ memoryDir: join(memoryDir, "nowhere"), backupDir, now: NOW }));
  expect(failure.code).toBe("NOT_FOUND");
  fs.symlinkSync("loop", join(backupDir, "../loop"));
  const loop = await failureOf(createBackup({ memoryDir: join(backupDir, "../loop"), backupDir, now: NOW }));
  expect(loop.message).toMatch(/^Cannot back up ".*loop": found ELOOP/);
  expect((await failureOf(createBackup({ memoryDir, backupDir, label: "\u001b[2J", now: NOW }))).code).toBe(
    "BAD_USAGE",
  );
});

test("listBackups() is empty for a missing folder, sorts -10 after -2, and ignores other folders", async () => {
  const { memoryDir, backupDir } = fixture();
  expect(await listBackups(backupDir)).toEqual([]);
  const { path } = await createBackup({ memoryDir, backupDir, now: NOW });
  for (const id of ["20210401T060000Z-10", "20210401T060000Z-2", "20200401T060000Z", "notes", ".tmp-backup-1"]) {
    fs.cpSync(path, join(backupDir, id), { recursive: true });
  }
  expect((await listBackups(backupDir)).map((info) => info.id)).toEqual([
    "20200401T060000Z",
    "20210401T060000Z",
    "20210401T060000Z-2",
    "20210401T060000Z-10",
  ]);
});

test("backups made beside a writing process verify and restore, with every outcome that a copied chunk refers to", async () => {
  const { backupDir } = fixture();
  const memoryDir = join(backupDir, "../../written");
  const code = `
    import { diskStorage } from ${JSON.stringify(join(import.meta.dir, "../../lib/storage/disk.node.ts"))};
    const storage = diskStorage(${JSON.stringify(memoryDir)});
    const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));
    await storage.lock(${JSON.stringify(HOLDER)});
    await storage.replace("memory.json", new TextEncoder().encode(${JSON.stringify(MEMORY_JSON["memory.json"])}));
    console.log("writing");
    for (let n = 0; ; n++) {
      const ids = [0, 1, 2].map((i) => n + "-" + i);
      for (const id of ids) await storage.createOnce("outcome_" + id + ".json", bytes({ id }));
      await storage.replace("runs/r/" + n + ".decisions.ndjson", bytes({ n }));
      await storage.replace("runs/r/" + n + ".json", bytes({ ids }));
      await storage.replace("runs/r/summary.json", bytes({ last: n }));
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (n >= 5) await storage.remove("outcome_" + (n - 5) + "-0.json");
    }
  `;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" });
  try {
    await child.stdout.getReader().read();
    for (let round = 0; round < 6; round += 1) {
      await Bun.sleep(2);
      const info = await createBackup({ memoryDir, backupDir, now: NOW });
      expect(await verifyBackup(backupDir, info.id)).toEqual([]);
      const to = join(backupDir, "../restored", String(round));
      await restoreBackup({ backupDir, id: info.id, to });
      const files = contentsOf(to);
      for (const [name, text] of Object.entries(files)) {
        const chunk = /^runs\/r\/(\d+)\.json$/.exec(name)?.[1];
        if (chunk !== undefined) {
          expect(files).toHaveProperty([`runs/r/${chunk}.decisions.ndjson`]);
          for (const id of JSON.parse(text).ids.slice(1)) expect(files).toHaveProperty([`outcome_${id}.json`]);
        }
        if (name === "runs/r/summary.json") expect(files).toHaveProperty([`runs/r/${JSON.parse(text).last}.json`]);
      }
    }
  } finally {
    // It writes without end.
    child.kill("SIGKILL");
    await child.exited;
  }
});

test("a backup is complete even if a whole chunk is committed between every two looks at the folder", async () => {
  const { backupDir } = fixture();
  const memoryDir = join(backupDir, "../../committed");
  let chunks = 0;
  const commit = (): void => {
    chunks += 1;
    writeFiles(memoryDir, { [`outcome_${chunks}.json`]: "{}" });
    writeFiles(memoryDir, { [`runs/r/${chunks}.decisions.ndjson`]: "{}\n" });
    writeFiles(memoryDir, { [`runs/r/${chunks}.json`]: "{}" });
    writeFiles(memoryDir, { "runs/r/summary.json": `{"last":${chunks}}` });
  };
  commit();
  writeFiles(memoryDir, MEMORY_JSON);
  const { openSync, readdirSync } = fs;
  let isCommitting = false;
  const before = (path: unknown): void => {
    if (isCommitting || !String(path).startsWith(memoryDir)) return;
    isCommitting = true;
    commit();
    isCommitting = false;
  };
  spyOn(fs, "readdirSync").mockImplementation(((...args: Parameters<typeof readdirSync>) => {
    before(args[0]);
    return readdirSync(...args);
  }) as typeof readdirSync);
  spyOn(fs, "openSync").mockImplementation((...args) => {
    before(args[0]);
    return openSync(...args);
  });
  const info = await createBackup({ memoryDir, backupDir, now: NOW });
  jest.restoreAllMocks();
  const files = contentsOf(info.path);
  const copied = Object.keys(files).flatMap((name) => /^runs\/r\/(\d+)\.json$/.exec(name)?.[1] ?? []);
  const { last } = JSON.parse(files["runs/r/summary.json"] ?? "") as { last: number };
  expect(copied.length).toBeGreaterThanOrEqual(last);
  expect(chunks).toBeGreaterThan(2 * copied.length);
  expect(copied).toContain(String(last));
  for (const chunk of copied) {
    expect(files).toHaveProperty([`runs/r/${chunk}.decisions.ndjson`]);
    expect(files).toHaveProperty([`outcome_${chunk}.json`]);
  }
});

test("a backup is itself a memory folder", async () => {
  const { memoryDir, backupDir } = fixture();
  const { path } = await createBackup({ memoryDir, backupDir, now: NOW });
  const storage = diskStorage(path);
  const { files, folders: inside } = await storage.list();
  expect(files.map((file) => file.name)).toContain("outcome_1.json");
  expect(inside).toEqual(["runs"]);
  const lock = await storage.lock(HOLDER);
  await storage.createOnce("outcome_1.json", utf8('{"n":1}'));
  await lock.release();
  expect(await verifyBackup(backupDir, "20210401T060000Z")).toEqual([]);
});
