/** Whether backups can be listed, and on disk made. */
import fs from "node:fs";
import { CarryoverError } from "../errors.ts";
import { failureOf, type HealthCheck, ok } from "../maintenance/health.ts";
import { permissionCure } from "../maintenance/memory-health.node.ts";
import { attempt, existingFolder } from "../storage/fs.node.ts";
import { openPlace } from "./open-place.node.ts";
import { isS3Address } from "./place.ts";

const NAME = "backups";

/** @param backupDir A folder, absolute, or an address such as `s3://bucket/prefix`. */
export async function checkBackups(backupDir: string): Promise<HealthCheck> {
  const isBucket = isS3Address(backupDir);
  let count: number | undefined;
  try {
    const place = openPlace(backupDir);
    count = (await place.backups()).length;
    const folder = existingFolder(backupDir);
    if (!isBucket) attempt("write a backup to", folder, () => fs.accessSync(folder, fs.constants.W_OK));
    return isBucket ? ok(NAME, `${count} in ${place.label}`) : ok(NAME, `${count}`, backupDir);
  } catch (error) {
    const given = isBucket ? undefined : permissionCure(backupDir, error);
    // The mount point of a disk that is missing must not become this user's.
    const cure = count === 0 && given !== undefined ? `mount its disk; if it has none: ${given}` : given;
    const check = failureOf(NAME, error, cure);
    // A store that does not answer now may answer when the run has ended.
    return isBucket && error instanceof CarryoverError && error.code === "IO" ? { ...check, state: "note" } : check;
  }
}
