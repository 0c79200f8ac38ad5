import { CarryoverError } from "../errors.ts";
import { isUnit, squareOfLength } from "../util/vectors.ts";

/** Turns a sentence into a vector, so that sentences of like meaning lie close. */
export interface Embedder {
  /** Its name in config.yaml and in the sidecar. */
  readonly id: string;
  /** Changes whenever the same sentence could give another vector; vectors of another fingerprint are made anew. */
  readonly fingerprint: string;
  /** Floats per vector. */
  readonly dim: number;
  /** A vector takes tens of milliseconds: those that are made are written more often, so that a kill loses little. @default false */
  readonly isSlow?: boolean;

  /** @returns A vector of `dim` floats and unit length. */
  embed(sentence: string): Float32Array | Promise<Float32Array>;
}

/**
 * Embeds a sentence, and holds the embedder to its promise before anything is made of the vector.
 *
 * @throws {CarryoverError} `BAD_OUTCOME` if the vector has another number of floats, is not of unit length (within 0.05 %), or a number in it
 *   is not finite.
 */
export async function embedSentence(embedder: Embedder, sentence: string): Promise<Float32Array> {
  const vector = await embedder.embed(sentence);
  if (vector.length === embedder.dim && isUnit(vector)) return vector;
  const squares = squareOfLength(vector);
  let found = `a vector of length ${Math.sqrt(squares)}, expected 1`;
  if (vector.length !== embedder.dim || !Number.isFinite(squares)) {
    const wrong = vector.findIndex((value) => !Number.isFinite(value));
    const what = wrong === -1 ? `a vector of ${vector.length}` : `vector[${wrong}] ${vector[wrong]}`;
    found = `${what}, expected ${embedder.dim} finite numbers`;
  }
  throw new CarryoverError("BAD_OUTCOME", `Cannot embed "${sentence}" with "${embedder.id}": found ${found}`);
}
