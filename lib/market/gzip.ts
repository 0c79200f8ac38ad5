import { badData } from "./bad-data.ts";

/** Eight million bars: more than a machine has room for as objects. */
const MAX_BYTES = 512 * 1024 * 1024;

/**
 * Unpacks gzip with the web-standard DecompressionStream, which checks length and CRC.
 *
 * @param bytes The whole file.
 * @param options `file` is its name in messages; `maxBytes` is where unpacking stops. @default 512 MiB
 * @throws {CarryoverError} `BAD_DATA` if it is no gzip, damaged, or larger than `maxBytes` when unpacked.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  options: { file: string; maxBytes?: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, maxBytes = MAX_BYTES } = options;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const reader = unpacked.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw badData({ file }, { found: "damaged or incomplete gzip", expected: "a gzip file", cause });
    });
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw badData({ file }, { found: `more than ${maxBytes} bytes when unpacked`, expected: "at most so many" });
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
