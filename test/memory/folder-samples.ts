import type { Embedder } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { isForgetFile } from "../../lib/memory/forget.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { idOfOutcomeFile } from "../../lib/memory/outcome.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";

// As on disk. test/portable.ts runs without them.
useNativeFunctions();

/** The files that are made from outcomes. */
export const CACHES = [
  "provider_performance.json",
  "regime_performance.json",
  "memory.json",
  "vectors.f32",
  "vectors.meta.json.gz",
] as const;

/** A file's bytes; it must be there. */
export async function bytesOf(storage: Storage, name: string): Promise<Uint8Array> {
  const bytes = await storage.read(name, { maxBytes: 1 << 28 });
  if (bytes === undefined) throw new Error(`expected the file ${name}`);
  return bytes;
}

/** The bytes of every cache. */
export async function cachesOf(storage: Storage): Promise<Record<string, Uint8Array>> {
  const caches: Record<string, Uint8Array> = {};
  for (const name of CACHES) caches[name] = await bytesOf(storage, name);
  return caches;
}

/** A folder with the outcomes and marks of another and nothing else. */
async function withoutCaches(storage: Storage): Promise<Storage> {
  const copy = inMemoryStorage();
  for (const { name } of (await storage.list()).files) {
    if (idOfOutcomeFile(name) !== undefined || isForgetFile(name)) {
      await copy.createOnce(name, await bytesOf(storage, name));
    }
  }
  return copy;
}

/** What the caches are when everything is counted from the outcomes alone. */
export async function recount(storage: Storage): Promise<Record<string, Uint8Array>> {
  const copy = await withoutCaches(storage);
  await openMemory(copy, { embedder: hashingEmbedder() });
  return cachesOf(copy);
}

/** The hashing embedder, with the sentences that it was given. */
export function countingEmbedder(): { embedder: Embedder; sentences: string[] } {
  const sentences: string[] = [];
  const hashing = hashingEmbedder();
  const embedder = {
    ...hashing,
    embed: (sentence: string) => {
      sentences.push(sentence);
      return hashing.embed(sentence);
    },
  };
  return { embedder, sentences };
}
