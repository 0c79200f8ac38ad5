import fs from "node:fs";
import { join } from "node:path";
import { undefinedIfCorrupt } from "../errors.ts";
import { checkOnce } from "../maintenance/check.ts";
import type { Finding } from "../maintenance/finding.ts";
import { readOutcome } from "../memory/load.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { overlay } from "../storage/overlay.ts";
import type { Storage } from "../storage/storage.ts";
import { DiskPlace } from "./disk-place.node.ts";
import { backupIds } from "./list.node.ts";
import { isS3Address } from "./place.ts";
import { isLoss } from "./soundness.node.ts";

export interface Copies {
  /** The folder of a backup. */
  readonly backup: string;
  /** Files in it, named as in the memory folder. */
  readonly names: readonly string[];
}

/**
 * Finds sound copies of the files that are damaged in a memory folder, or that a run in it misses. A copy is sound if the check
 * of memory finds nothing wrong any more with it in its place.
 *
 * @param options `findings`: of the check of that folder; `signal` stops the search.
 * @returns Files of the newest backup that has any of them; `undefined` if none has, or if the backups are in a bucket.
 */
export async function findCopies(
  memoryDir: string,
  options: { backupDir: string; findings: readonly Finding[]; signal?: AbortSignal | undefined },
): Promise<Copies | undefined> {
  const { backupDir, findings, signal } = options;
  if (isS3Address(backupDir)) return undefined;
  const place = new DiskPlace(backupDir);
  const memory = diskStorage(memoryDir);
  // The record of a chunk whose outcomes are missing is as it should be.
  const damaged = findings
    .filter(({ name, remedy }) => remedy !== "run" || fileAt(memoryDir, name) === undefined)
    .map(({ name }) => name);
  const tried = new Set<string>();
  for (const id of (await backupIds(place)).toReversed()) {
    const backup = place.pathOf(id);
    const replacements = damaged.filter((name) => mayReplace(memoryDir, backup, name));
    const names = [...replacements, ...(await missingOutcomes(memory, { backup, findings }))];
    const files = names.map((name) => `${name} ${fileAt(backup, name)?.ino}`).join("\n");
    if (names.length === 0 || tried.has(files)) continue;
    tried.add(files);
    const sound = await soundAmong(names, { memoryDir, backup, findings, signal });
    if (sound.length > 0) return { backup, names: sound };
  }
  return undefined;
}

/** The outcomes in a backup that memory has not, of runs that miss some. */
async function missingOutcomes(
  memory: Storage,
  { backup, findings }: { backup: string; findings: readonly Finding[] },
): Promise<readonly string[]> {
  const runs = new Set(findings.flatMap(({ remedy, run }) => (remedy === "run" && run !== undefined ? [run.id] : [])));
  if (runs.size === 0) return [];
  const present = new Set((await memory.list()).files.map(({ name }) => name));
  const storage = diskStorage(backup);
  const missing: string[] = [];
  for (const { name } of (await storage.list()).files) {
    const id = present.has(name) ? undefined : idOfOutcomeFile(name);
    if (id === undefined) continue;
    const outcome = await undefinedIfCorrupt(() => readOutcome(storage, id));
    if (outcome !== undefined && runs.has(outcome.trade.runId)) missing.push(name);
  }
  return missing;
}

/** Those of some files of a backup that mend memory; with the record of a chunk perhaps the chunk's other files, too. */
async function soundAmong(
  wanted: readonly string[],
  options: { memoryDir: string; backup: string; findings: readonly Finding[]; signal: AbortSignal | undefined },
): Promise<readonly string[]> {
  const { memoryDir, backup, signal } = options;
  const memory = diskStorage(memoryDir);
  const before = options.findings.map(({ name }) => name);
  for (let names = wanted; ;) {
    const checked = await checkOnce(overlay(memory, { from: diskStorage(backup), names: new Set(names) }), { signal });
    const left = checked.findings.filter(isLoss).map(({ name }) => name);
    const fresh = left.filter((name) => !before.includes(name) && !names.includes(name));
    if (fresh.length === 0) return names.filter((name) => !left.includes(name));
    if (!fresh.every((name) => mayReplace(memoryDir, backup, name))) return [];
    names = [...names, ...fresh];
  }
}

/** Whether a backup has a file that is no shorter: one of a session that went on would be an earlier state of it. */
function mayReplace(memoryDir: string, backup: string, name: string): boolean {
  const copy = fileAt(backup, name);
  return copy !== undefined && copy.size >= (fileAt(memoryDir, name)?.size ?? 0);
}

function fileAt(folder: string, name: string): fs.Stats | undefined {
  return fs.lstatSync(join(folder, name), { throwIfNoEntry: false });
}
