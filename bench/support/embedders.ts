import type { Embedder } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";

/** An embedder with the 384 dimensions of a sentence model: the hashing embedder's 128, three times. */
function wideEmbedder(): Embedder {
  const { id, fingerprint, dim, embed } = hashingEmbedder();
  const scale = 1 / Math.sqrt(3);
  return {
    id: `wide-${id}`,
    fingerprint: `${fingerprint}-three-times`,
    dim: 3 * dim,
    async embed(sentence) {
      const narrow = await embed(sentence);
      return Float32Array.from({ length: 3 * dim }, (_, i) => scale * narrow[i % dim]!);
    },
  };
}

/** A fast embedder with this number of dimensions. */
export function embedderOf(dim: 128 | 384): Embedder {
  return dim === 384 ? wideEmbedder() : hashingEmbedder();
}
