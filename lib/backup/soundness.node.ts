import { checkMemory, type CheckOptions } from "../maintenance/check.ts";
import type { Finding } from "../maintenance/finding.ts";
import { diskStorage } from "../storage/disk.node.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import { DiskPlace } from "./disk-place.node.ts";
import type { BackupProblem } from "./place.ts";
import type { VerifiedBackup } from "./verify.node.ts";

/**
 * What is damaged in a memory folder, or in a backup that is a folder, of the files that backups hold. Caches do not count:
 * no backup has them. A manifest cannot show this damage: it has the hash of what was copied, damaged or not.
 */
export async function unsoundFiles(folder: string, options: CheckOptions): Promise<readonly DamagedFile[]> {
  const { findings } = await checkMemory(diskStorage(folder), options);
  return findings.filter(isLoss);
}

/** Whether what is damaged is no cache. */
export function isLoss({ damaged, remedy }: Finding): boolean {
  return damaged && remedy !== "start" && remedy !== "rebuild";
}

/** What was damaged already when it was copied to a backup that is a folder. */
export async function unsoundProblems(path: string, options: CheckOptions): Promise<readonly BackupProblem[]> {
  return (await unsoundFiles(path, options)).map(({ name, problem }) => {
    return { file: name, kind: "unsound", message: `Damaged when it was copied: ${problem}` };
  });
}

/** Adds what was damaged already when it was copied, to backups on disk that are as they were made. */
export async function withSoundness(
  backupDir: string,
  verified: readonly VerifiedBackup[],
  options: CheckOptions,
): Promise<readonly VerifiedBackup[]> {
  const place = new DiskPlace(backupDir);
  const checked: VerifiedBackup[] = [];
  for (const backup of verified) {
    if (backup.problems.length > 0 || backup.pruned === true || backup.unreadable === true) {
      checked.push(backup);
      continue;
    }
    const problems = await unsoundProblems(place.pathOf(backup.id), options);
    checked.push((await place.has(backup.id)) ? { ...backup, problems } : { ...backup, pruned: true });
  }
  return checked;
}
