import { fail } from "../errors.ts";
import type { S3Options } from "./s3-bucket.ts";

/**
 * Reads the standard environment variables of AWS: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` or
 * `AWS_DEFAULT_REGION`, and `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. An empty variable counts as unset.
 *
 * @throws {CarryoverError} `BAD_USAGE` if one that is needed is not set.
 */
export function s3OptionsFromEnvironment(bucket: string): S3Options {
  const valueOf = (...names: string[]): string | undefined => names.map((name) => process.env[name]).find(Boolean);
  const needed = (...names: string[]): string => {
    const value = valueOf(...names);
    if (value !== undefined) return value;
    throw fail("BAD_USAGE", `Cannot use the bucket "${bucket}"`, {
      found: `no ${names.join(" and no ")} in the environment`,
      expected: "it set",
    });
  };
  const sessionToken = valueOf("AWS_SESSION_TOKEN");
  const endpoint = valueOf("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  return {
    bucket,
    accessKeyId: needed("AWS_ACCESS_KEY_ID"),
    secretAccessKey: needed("AWS_SECRET_ACCESS_KEY"),
    region: needed("AWS_REGION", "AWS_DEFAULT_REGION"),
    ...(sessionToken !== undefined && { sessionToken }),
    ...(endpoint !== undefined && { endpoint }),
  };
}
