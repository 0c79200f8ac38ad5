import type { Embedder } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";

/** Sentence models have 384 dimensions: the hashing embedder's 128, three times over. */
function wideEmbedder(): Embedder {
  const { id, fingerprint, dim, embed } = hashingEmbedder();
  const scale = 1 / Math.sqrt(3);
  return {
    id: `wide-${id}`,
    fingerprint: `${fingerprint}-three-times`,
    dim: 3 * dim,
    async embed(sentence) {
      const narrow = await embed(sentence);
      return Float32Array.from({ length: 3 * dim }, (_, i) => scale * (narrow[i % dim] ?? 0));
    },
  };
}

/** The embedder of so many dimensions. */
export function embedderOf(dim: 128 | 384): Embedder {
  return dim === 384 ? wideEmbedder() : hashingEmbedder();
}
