import { fail } from "../errors.ts";
import { s3Bucket } from "../storage/s3-bucket.ts";
import { s3OptionsFromEnvironment } from "../storage/s3-environment.node.ts";
import { bucketBackups } from "./bucket-place.node.ts";
import { DiskPlace } from "./disk-place.node.ts";
import { type BackupPlace, isS3Address } from "./place.ts";

/** A folder, an address such as `s3://bucket/prefix`, or what `bucketBackups()` returns. */
export type BackupDir = string | BackupPlace;

const S3_ADDRESS = /^s3:\/\/([^/]+)(?:\/(.*))?$/;

/** A part of a backup on its way takes as long as this allows. */
const S3_TIMEOUT_MS = 60_000;

/** @throws {CarryoverError} `BAD_USAGE` for an address without a bucket, and without credentials in the environment. */
export function openPlace(backupDir: BackupDir): BackupPlace {
  if (typeof backupDir !== "string") return backupDir;
  if (!isS3Address(backupDir)) return new DiskPlace(backupDir);
  const [, bucket, folder = ""] = S3_ADDRESS.exec(backupDir) ?? [];
  if (bucket === undefined) {
    const expected = "an address such as s3://bucket/prefix";
    throw fail("BAD_USAGE", "Cannot find the backups", { found: JSON.stringify(backupDir), expected });
  }
  const name = folder.replace(/\/+$/, "");
  return bucketBackups(s3Bucket({ ...s3OptionsFromEnvironment(bucket), timeoutMs: S3_TIMEOUT_MS }), {
    label: name === "" ? `s3://${bucket}` : `s3://${bucket}/${name}`,
    prefix: name === "" ? "" : `${name}/`,
  });
}
