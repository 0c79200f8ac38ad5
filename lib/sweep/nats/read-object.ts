/** Reads objects of a NATS server, which may be damaged or larger than they should be. */
import type { ObjectStore } from "@nats-io/obj";
import { corruptFile, messageOf } from "../../errors.ts";

/**
 * The bytes of an object; `undefined` if there is none.
 *
 * @throws {CarryoverError} `CORRUPT` if it is damaged, or larger than `maxBytes`: no more is kept of it.
 */
export async function readObject(
  store: Pick<ObjectStore, "get">,
  name: string,
  { maxBytes }: { maxBytes: number },
): Promise<Uint8Array | undefined> {
  const found = await store.get(name);
  if (found === null) return undefined;
  // Reading the data says the same.
  found.error.catch(() => {});
  const parts: BlobPart[] = [];
  let size = 0;
  try {
    for await (const part of found.data) {
      size += part.length;
      if (size > maxBytes) throw corruptFile(name, { found: "a larger object", expected: `at most ${maxBytes} bytes` });
      parts.push(part as Uint8Array<ArrayBuffer>);
    }
  } catch (cause) {
    if (!/digests do not match/.test(messageOf(cause))) throw cause;
    throw corruptFile(name, { found: "an object that is damaged on the server", expected: "its SHA-256", cause });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
