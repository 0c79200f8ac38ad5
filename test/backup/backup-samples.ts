import { expect } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { failureOf } from "../storage/storage-contract.ts";

export const BACKUP_ID = "20210401T060000Z";
export const BACKUP_FILES = { "outcome_1.json": '{"n":1}', "runs/ab/2021Q1.json": "{}", "runs/ab/empty.ndjson": "" };

/** What shows that a folder is a memory, whatever else is in it. No backup has it. */
export const MEMORY_JSON = { "memory.json": '{ "format": "carryover-memory" }' };

/** Writes files into a folder, and the folders that they need. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(join(folder, name, ".."), { recursive: true });
    fs.writeFileSync(join(folder, name), text);
  }
}

/** What is in a folder of backups, hidden or not, but its lock. */
export function entriesOf(backupDir: string): string[] {
  return fs
    .readdirSync(backupDir)
    .filter((name) => name !== ".lock")
    .toSorted();
}

/** The text of every file in a folder and below, by name. */
export function contentsOf(folder: string): Record<string, string> {
  const names = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.lstatSync(join(folder, name)).isFile());
  return Object.fromEntries(names.toSorted().map((name) => [name, fs.readFileSync(join(folder, name), "utf8")]));
}

/** Makes a backup of `BACKUP_FILES` in a new folder of `base`. `to` is a path that does not exist. */
export async function sampleBackup(base: string): Promise<{ backupDir: string; path: string; to: string }> {
  const root = fs.mkdtempSync(join(base, "backup-"));
  const memoryDir = join(root, "memory");
  writeFiles(memoryDir, { ...BACKUP_FILES, ...MEMORY_JSON });
  const backupDir = join(root, "backups");
  await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") });
  return { backupDir, path: join(backupDir, BACKUP_ID), to: join(root, "restored", "memory") };
}

/** Expects that a restore refuses a damaged backup and writes nothing; returns its message. */
export async function expectRestoreRefused(backupDir: string, to: string): Promise<string> {
  for (const dryRun of [true, false]) {
    const failure = await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to, dryRun }));
    expect(failure.code).toBe("CORRUPT");
    expect(fs.existsSync(to)).toBeFalse();
  }
  expect(fs.existsSync(join(to, "..")) ? fs.readdirSync(join(to, "..")) : []).toEqual([]);
  return (await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to }))).message;
}
