import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup } from "../../lib/backup/verify.node.ts";
import { createBackup, type CreatedBackup } from "../../lib/backup/create.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, runFresh, runOn } from "../backtest/world-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";

// Files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("backup-run");
const memoryDir = join(base, "memory");
const backupDir = join(base, "backups");

let whole: Record<string, string>;
let older: CreatedBackup;
let backup: CreatedBackup;

/** A run that was stopped in its second of four chunks, backed up then and, once more, a little later. */
beforeAll(async () => {
  const { storage } = await runFresh(resumeJob());
  whole = await filesOf(storage);
  for (const [tick, make] of [
    [300, (made: CreatedBackup) => (older = made)],
    [130, (made: CreatedBackup) => (backup = made)],
  ] as const) {
    const stop = new AbortController();
    let ticks = 0;
    const onProgress = (): void => {
      ticks += 1;
      if (ticks === tick) stop.abort(new Error("stopped"));
    };
    await expect(runOn(diskStorage(memoryDir), resumeJob({ onProgress, signal: stop.signal }))).rejects.toThrow(
      "stopped",
    );
    make(await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") }));
  }
});

async function runIn(folder: string): Promise<Record<string, string>> {
  await runOn(diskStorage(folder), resumeJob());
  const { "MANIFEST.json": _manifest, ...files } = await filesOf(diskStorage(folder));
  return files;
}

test("a restored backup has no damage, and the run goes on in it to the bytes of a run that was never stopped", async () => {
  const to = join(base, "restored");
  await restoreBackup({ backupDir, id: backup.id, to });
  const { findings, outcomes, chunks } = await checkOnce(diskStorage(to));
  expect(findings.filter(({ damaged }) => damaged)).toEqual([]);
  expect([outcomes > 15, chunks]).toEqual([true, 1]);
  expect(await runIn(to)).toEqual(whole);
});

test("a run goes on in a backup used as the memory folder, and the previous backup, which shares files with it, stays good", async () => {
  expect(backup.new_bytes).toBeLessThan(backup.bytes / 2);
  expect(await runIn(backup.path)).toEqual(whole);
  expect(await verifyBackup(backupDir, older.id)).toEqual([]);
});

test("a run goes on in the folder that was backed up as if nothing had happened", async () => {
  expect(await runIn(memoryDir)).toEqual(whole);
});
