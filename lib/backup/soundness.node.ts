import { join } from "node:path";
import { checkMemory, type CheckOptions } from "../maintenance/check.ts";
import { diskStorage } from "../storage/disk.node.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import type { VerifiedBackup } from "./verify.node.ts";
import { DiskPlace } from "./disk-place.node.ts";

/**
 * What is damaged in a memory folder, or in a backup that is a folder, of the files that backups hold. Caches do not count:
 * no backup has them. A manifest cannot show this damage: it has the hash of what was copied, damaged or not.
 */
export async function unsoundFiles(folder: string, options: CheckOptions): Promise<readonly DamagedFile[]> {
  const { findings } = await checkMemory(diskStorage(folder), options);
  return findings.filter(({ damaged, remedy }) => damaged && remedy !== "start" && remedy !== "rebuild");
}

/** Adds what was damaged already when it was copied to backups on disk that are as they were made. */
export async function withSoundness(
  backupDir: string,
  verified: readonly VerifiedBackup[],
  options: CheckOptions,
): Promise<readonly VerifiedBackup[]> {
  const place = new DiskPlace(backupDir);
  const checked: VerifiedBackup[] = [];
  for (const backup of verified) {
    if (backup.problems.length > 0 || backup.pruned === true) {
      checked.push(backup);
      continue;
    }
    const unsound = await unsoundFiles(join(place.label, backup.id), options);
    const problems = unsound.map(({ name, problem }) => {
      return { file: name, kind: "unsound" as const, message: `Damaged when it was copied: ${problem}` };
    });
    checked.push((await place.has(backup.id)) ? { ...backup, problems } : { ...backup, pruned: true });
  }
  return checked;
}
