/**
 * Unpacks gzip with the web-standard DecompressionStream, which checks length and CRC, and stops at a size: what a trailer
 * says of itself is not believed.
 *
 * @param options `maxBytes`: the most that is unpacked; `refuse`: the error for a file that is damaged or larger.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  options: { maxBytes: number; refuse: (found: string, expected: string, cause?: unknown) => Error },
): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, refuse } = options;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw refuse("damaged or incomplete gzip", "a gzip file", cause);
    });
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw refuse(`more than ${maxBytes} bytes when unpacked`, "at most so many");
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
