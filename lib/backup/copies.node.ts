import { undefinedIfCorrupt } from "../errors.ts";
import type { Finding } from "../maintenance/finding.ts";
import { readOutcome } from "../memory/load.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { DiskPlace } from "./disk-place.node.ts";
import { backupIds } from "./list.node.ts";
import { isS3Address } from "./place.ts";

/**
 * Finds sound copies of the outcomes that are damaged in a memory folder, or that a run in it misses.
 *
 * @param findings Of the check of that folder.
 * @returns Paths in the newest backup that has any of them; none if the backups are in a bucket.
 */
export async function findCopies(
  memoryDir: string,
  { backupDir, findings }: { backupDir: string; findings: readonly Finding[] },
): Promise<readonly string[]> {
  if (isS3Address(backupDir)) return [];
  const place = new DiskPlace(backupDir);
  const damaged = new Set(findings.map(({ name }) => name));
  const runs = new Set(findings.flatMap(({ remedy, run }) => (remedy === "run" && run !== undefined ? [run.id] : [])));
  const present = new Set((await diskStorage(memoryDir).list()).files.map(({ name }) => name));
  for (const id of (await backupIds(place)).toReversed()) {
    const folder = place.pathOf(id);
    const backup = diskStorage(folder);
    const copies: string[] = [];
    for (const { name } of (await backup.list()).files) {
      const decisionId = idOfOutcomeFile(name);
      if (decisionId === undefined || (present.has(name) && !damaged.has(name))) continue;
      const copy = await undefinedIfCorrupt(() => readOutcome(backup, decisionId));
      if (copy !== undefined && (damaged.has(name) || runs.has(copy.trade.runId))) copies.push(`${folder}/${name}`);
    }
    if (copies.length > 0) return copies;
  }
  return [];
}
