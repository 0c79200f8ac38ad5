import type { FailureDetails } from "../errors.ts";

/**
 * Unpacks gzip with the web-standard DecompressionStream, which checks length and CRC. It stops at a size, as the size in a
 * gzip trailer cannot be trusted.
 *
 * @param options `maxBytes`: the largest unpacked size; `refuse`: makes the error for a damaged or larger file.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  options: { maxBytes: number; refuse: (details: FailureDetails) => Error },
): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, refuse } = options;
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
