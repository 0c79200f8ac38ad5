import { gunzip } from "../files/gunzip.ts";
import { badData } from "./bad-data.ts";

/** Eight million bars: more than a machine has room for as objects. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Unpacks a file of bars.
 *
 * @param bytes The whole file.
 * @param options `file` is its name in messages; `maxBytes` is where unpacking stops. @default 512 MiB
 * @throws {CarryoverError} `BAD_DATA` if it is no gzip, damaged, or larger than `maxBytes` when unpacked.
 */
export function gunzipBars(
  bytes: Uint8Array<ArrayBuffer>,
  options: { file: string; maxBytes?: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, maxBytes = MAX_BYTES } = options;
  return gunzip(bytes, { maxBytes, refuse: (found, expected, cause) => badData({ file }, { found, expected, cause }) });
}
