import { fail } from "../errors.ts";
import type { Situation } from "../types.ts";
import { isUnit, squaredLength } from "../util/vectors.ts";

/** Turns a sentence into a vector, so that sentences of similar meaning are close. */
export interface Embedder {
  /** Its name in config.yaml and in the sidecar. */
  readonly id: string;
  /** Changes whenever the same sentence could get another vector. Vectors of another fingerprint are recomputed. */
  readonly fingerprint: string;
  /** Floats per vector. */
  readonly dim: number;
  /** A vector takes tens of milliseconds, so vectors are written more often and a kill loses few. @default false */
  readonly isSlow?: boolean;

  /** @returns A vector of `dim` floats and unit length. */
  embed(sentence: string): Float32Array | Promise<Float32Array>;

  /**
   * A shortcut for decisions: the vector of a situation's description, to the last bit, without the sentence.
   *
   * @returns `undefined` if the sentence has to be read.
   */
  embedSituation?(situation: Situation): Float32Array | undefined;
}

/**
 * Embeds a sentence and checks the vector.
 *
 * @throws {CarryoverError} `BAD_OUTCOME` if the vector does not have `dim` floats, is not finite or not of unit length
 * (within 0.05 %).
 */
export async function embedSentence(embedder: Embedder, sentence: string): Promise<Float32Array> {
  const vector = await embedder.embed(sentence);
  if (vector.length === embedder.dim && isUnit(vector)) return vector;
  const tried = `Cannot embed "${sentence}" with "${embedder.id}"`;
  const length = Math.sqrt(squaredLength(vector));
  if (vector.length === embedder.dim && Number.isFinite(length)) {
    throw fail("BAD_OUTCOME", tried, { found: `a vector of length ${length}`, expected: "1" });
  }
  const wrong = vector.findIndex((value) => !Number.isFinite(value));
  const found = wrong === -1 ? `a vector of ${vector.length}` : `vector[${wrong}] ${vector[wrong]}`;
  throw fail("BAD_OUTCOME", tried, { found, expected: `${embedder.dim} finite numbers` });
}
