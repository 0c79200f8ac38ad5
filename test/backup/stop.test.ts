import { beforeAll, expect, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { pruneBackups } from "../../lib/backup/prune.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup, verifyBackups } from "../../lib/backup/verify.node.ts";
import { takeLock } from "../../lib/storage/lock.node.ts";
import { HOLDER } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { MEMORY_JSON, writeFiles } from "./backup-samples.ts";

const base = temporaryFolder("stop");
/** Work on them lets events in a dozen times. */
const FILES = 500;

interface Folders {
  readonly memoryDir: string;
  readonly backupDir: string;
  readonly to: string;
}

/** A memory of 500 files, and two backups of it. */
async function largeBackups(): Promise<Folders> {
  const root = join(base, crypto.randomUUID());
  const memoryDir = join(root, "memory");
  const backupDir = join(root, "backups");
  const files = Array.from({ length: FILES }, (_, i) => [`outcome_${i}.json`, `{"n":${i}}`] as const);
  writeFiles(memoryDir, { ...Object.fromEntries(files), ...MEMORY_JSON });
  for (const day of ["2021-04-01", "2021-04-02"]) await createBackup({ memoryDir, backupDir, now: new Date(day) });
  return { memoryDir, backupDir, to: join(root, "restored") };
}

const STOPPED = new DOMException("stopped", "AbortError");

/** A signal that is aborted at the next moment in which work lets events in. */
function soon(): AbortSignal {
  const controller = new AbortController();
  setImmediate(() => controller.abort(STOPPED));
  return controller.signal;
}

const COMMANDS: Readonly<Record<string, (folders: Folders, signal: AbortSignal) => Promise<unknown>>> = {
  create: (folders, signal) => createBackup({ ...folders, now: new Date(), signal }),
  "verify one": ({ backupDir }, signal) => verifyBackup(backupDir, "latest", { signal }),
  "verify all": ({ backupDir }, signal) => verifyBackups(backupDir, { signal }),
  restore: (folders, signal) => restoreBackup({ ...folders, id: "latest", signal }),
  "restore --dry-run": (folders, signal) => restoreBackup({ ...folders, id: "latest", dryRun: true, signal }),
  "prune, which verifies first": ({ backupDir }, signal) => pruneBackups({ backupDir, keepLast: 1, signal }),
};

/** For what changes nothing. */
let folders: Folders;
beforeAll(async () => {
  folders = await largeBackups();
});

test.each(Object.entries(COMMANDS))(
  "%s stops in the middle of its files, and leaves nothing behind",
  async (_, run) => {
    const before = fs.readdirSync(folders.backupDir);
    expect(await run(folders, soon()).catch((error: unknown) => error)).toBe(STOPPED);
    expect(fs.readdirSync(folders.backupDir)).toEqual(before);
    expect(fs.readdirSync(join(folders.backupDir, "..")).toSorted()).toEqual(["backups", "memory"]);
  },
);

test("the reason of a time-out comes back as it is", async () => {
  const { backupDir } = folders;
  const late = new DOMException("too late", "TimeoutError");
  const signal = AbortSignal.abort(late);
  expect(await verifyBackup(backupDir, "latest", { signal }).catch((error: unknown) => error)).toBe(late);
});

test("a prune that is stopped while it removes files goes on with the next command", async () => {
  const { backupDir } = await largeBackups();
  const controller = new AbortController();
  const left = (): string[] => fs.readdirSync(backupDir).filter((name) => name.startsWith(".tmp-pruned-"));
  const watch = setInterval(() => left().length > 0 && controller.abort(STOPPED));
  const pruned = pruneBackups({ backupDir, keepLast: 1, signal: controller.signal }).catch((error: unknown) => error);
  expect(await pruned).toBe(STOPPED);
  clearInterval(watch);
  expect(left()).toHaveLength(1);
  expect(fs.readdirSync(join(backupDir, left()[0]!)).length).toBeLessThan(FILES + 1);
  await pruneBackups({ backupDir, keepLast: 1 });
  expect(fs.readdirSync(backupDir).filter((name) => !name.startsWith(".lock"))).toEqual(["20210402T000000Z"]);
});

test("what a killed restore left is removed whatever the clock says, and what a living one holds is not", async () => {
  const { backupDir, to } = folders;
  const above = join(to, "..");
  const [dead, empty, living] = ["dead", "empty", "living"].map(() =>
    join(above, `.tmp-restore-${crypto.randomUUID()}`),
  );
  for (const each of [dead!, empty!, living!]) fs.mkdirSync(each);
  writeFiles(dead!, { "whole/outcome_1.json": "half", ".lock": "" });
  // By its time it is old enough for anything.
  fs.utimesSync(living!, 0, 0);
  const lock = await takeLock(living!, HOLDER);
  await restoreBackup({ backupDir, id: "latest", to });
  await lock.release();
  expect([dead!, empty!, living!].map((path) => fs.existsSync(path))).toEqual([false, false, true]);
  expect(fs.readdirSync(to).some((name) => name.startsWith(".lock"))).toBeFalse();
});
