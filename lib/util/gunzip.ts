import type { FailureDetails } from "../errors.ts";

/** Deflate packs no more than this many bytes into one (zlib's "Technical details"). */
const MAX_RATIO = 1032;

let native: ((bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) | undefined;

/** Makes `gunzip()` use the engine's own function from now on: for one member of no more than `maxBytes`. */
export function setGunzip(unpack: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>): void {
  native = unpack;
}

/**
 * Unpacks gzip with the web-standard DecompressionStream, which checks length and CRC. It stops at a size, as the size in a
 * gzip trailer cannot be trusted.
 *
 * @param options `maxBytes`: the largest unpacked size; `isOneMember`: the bytes are known to be a single member with nothing after
 * it, which Bun's own function would not notice; `refuse`: makes the error for a damaged or larger file.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  options: { maxBytes: number; isOneMember?: boolean; refuse: (details: FailureDetails) => Error },
): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, isOneMember = false, refuse } = options;
  if (isOneMember && native !== undefined && bytes.length * MAX_RATIO <= maxBytes) {
    try {
      return native(bytes);
    } catch (cause) {
      throw refuse({ found: "damaged or incomplete gzip", expected: "a gzip file", cause });
    }
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw refuse({ found: "damaged or incomplete gzip", expected: "a gzip file", cause });
    });
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw refuse({ found: `more than ${maxBytes} bytes when unpacked`, expected: "a smaller file" });
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
