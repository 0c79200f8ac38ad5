import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkOnce } from "../../lib/maintenance/check.node.ts";
import { restoreBackup, verifyBackup } from "../../lib/backup/restore.node.ts";
import { createBackup, type CreatedBackup } from "../../lib/backup/create.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, runFresh, runOn } from "../backtest/world-samples.ts";

// Files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-backup-run-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
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

test("a restored backup has nothing that is damaged, and the run goes on in it to the bytes of a run never stopped", async () => {
  const to = join(base, "restored");
  await restoreBackup({ backupDir, id: backup.id, to });
  const { findings, outcomes, chunks } = await checkOnce(diskStorage(to));
  expect(findings.filter(({ damaged }) => damaged)).toEqual([]);
  expect([outcomes > 15, chunks]).toEqual([true, 1]);
  expect(await runIn(to)).toEqual(whole);
});

test("so does a backup that is used as the memory folder, and the backup before it, which it has files in common with, stays whole", async () => {
  expect(backup.newBytes).toBeLessThan(backup.bytes / 2);
  expect(await runIn(backup.path)).toEqual(whole);
  expect(await verifyBackup(backupDir, older.id)).toEqual([]);
});

test("and the folder that was backed up goes on as if nothing had been", async () => {
  expect(await runIn(memoryDir)).toEqual(whole);
});
