import { fail } from "../errors.ts";
import type { S3Options } from "./s3-bucket.ts";

/**
 * Reads the standard environment variables of AWS: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` or
 * `AWS_DEFAULT_REGION`, and `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. An empty variable counts as unset.
 *
 * @throws {CarryoverError} `NOT_FOUND`, with all that are needed and not set.
 */
export function s3OptionsFromEnvironment(bucket: string): S3Options {
  const valueOf = (...names: string[]): string | undefined => names.map((name) => process.env[name]).find(Boolean);
  const accessKeyId = valueOf("AWS_ACCESS_KEY_ID");
  const secretAccessKey = valueOf("AWS_SECRET_ACCESS_KEY");
  const region = valueOf("AWS_REGION", "AWS_DEFAULT_REGION");
  if (accessKeyId === undefined || secretAccessKey === undefined || region === undefined) {
    const needed = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
    throw fail("NOT_FOUND", `Cannot use the bucket "${bucket}"`, {
      found: `no ${missing.join(", no ")} in the environment`,
      expected: missing.length === 1 ? "it set" : "them set",
    });
  }
  const sessionToken = valueOf("AWS_SESSION_TOKEN");
  const endpoint = valueOf("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  return {
    bucket,
    accessKeyId,
    secretAccessKey,
    region,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(endpoint !== undefined && { endpoint }),
  };
}
