import { bun, type BunFunctions } from "./bun.node.ts";
import { setCrc32 } from "./crc32.ts";
import { setCollectGarbage } from "./garbage.ts";
import { MAX_RATIO, setGunzip } from "./gunzip.ts";
import { setSha256 } from "./sha256.ts";

/** Makes `crc32()`, `sha256OfText()`, `gunzip()` and `collectGarbage()` use the engine's own functions. */
export function useNativeFunctions(): void {
  if (bun === undefined) useNodeFunctions();
  else useBunFunctions(bun);
}

function useNodeFunctions(): void {
  const { crc32, gunzipSync } = process.getBuiltinModule("node:zlib");
  const { createHash } = process.getBuiltinModule("node:crypto");
  setCrc32(crc32);
  setSha256((text) => createHash("sha256").update(text).digest("hex"));
  setGunzip((bytes, maxBytes) => gunzipSync(bytes, sizesOf(bytes, maxBytes)));
}

/** Loading node:zlib and node:crypto takes Bun 15 ms, and its own functions nothing. */
function useBunFunctions({ hash, SHA256, gunzipSync, gc }: BunFunctions): void {
  setCrc32((bytes, before) => hash.crc32(bytes, before));
  setCollectGarbage(() => gc(true));
  setSha256((text) => SHA256.hash(text, "hex"));
  setGunzip((bytes, maxBytes) => {
    // It has no limit of its own.
    if (bytes.length * MAX_RATIO <= maxBytes) return gunzipSync(bytes);
    return process.getBuiltinModule("node:zlib").gunzipSync(bytes, sizesOf(bytes, maxBytes));
  });
}

/** The limit, and one chunk for all: the trailer says how large it is, and if that is wrong there are several chunks. */
function sizesOf(bytes: Uint8Array, maxOutputLength: number): { maxOutputLength: number; chunkSize: number } {
  const stated = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  return { maxOutputLength, chunkSize: 64 + Math.min(stated, maxOutputLength) };
}
