import type { FailureDetails } from "../errors.ts";

/** Deflate packs no more than this many bytes into one (zlib's "Technical details"). */
export const MAX_RATIO = 1032;

/** Unpacks one member. It throws if there are more than `maxBytes`. */
type Unpack = (bytes: Uint8Array<ArrayBuffer>, maxBytes: number) => Uint8Array<ArrayBuffer>;

let native: Unpack | undefined;

/** Makes `gunzip()` use the engine's own function from now on. */
export function setGunzip(unpack: Unpack): void {
  native = unpack;
}

const DAMAGED: FailureDetails = { found: "damaged or incomplete gzip", expected: "a gzip file" };

function tooLarge(maxBytes: number): FailureDetails {
  return { found: `more than ${maxBytes} bytes when unpacked`, expected: "a smaller file" };
}

function isTooLarge(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE";
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
  if (isOneMember && native !== undefined) {
    try {
      return native(bytes, maxBytes);
    } catch (cause) {
      throw refuse(isTooLarge(cause) ? tooLarge(maxBytes) : { ...DAMAGED, cause });
    }
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw refuse({ ...DAMAGED, cause });
    });
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw refuse(tooLarge(maxBytes));
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
