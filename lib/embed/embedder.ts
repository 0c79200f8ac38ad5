import { CarryoverError } from "../errors.ts";

/** How far the square of a vector's length may be from 1. */
const UNIT_TOLERANCE = 1e-3;

/** Turns a sentence into a vector, so that sentences of like meaning lie close. */
export interface Embedder {
  /** Its name in config.yaml and in the sidecar. */
  readonly id: string;
  /** Changes whenever the same sentence could give another vector; vectors of another fingerprint are made anew. */
  readonly fingerprint: string;
  /** Floats per vector. */
  readonly dim: number;

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
  const squares = squaresOf(vector);
  if (vector.length !== embedder.dim || !Number.isFinite(squares)) {
    const wrong = vector.findIndex((value) => !Number.isFinite(value));
    const found = wrong === -1 ? `a vector of ${vector.length}` : `vector[${wrong}] ${vector[wrong]}`;
    throw new CarryoverError(
      "BAD_OUTCOME",
      `Cannot embed "${sentence}" with "${embedder.id}": found ${found}, expected ${embedder.dim} finite numbers`,
    );
  }
  if (Math.abs(squares - 1) > UNIT_TOLERANCE) {
    throw new CarryoverError(
      "BAD_OUTCOME",
      `Cannot embed "${sentence}" with "${embedder.id}": found a vector of length ${Math.sqrt(squares)}, expected 1`,
    );
  }
  return vector;
}

/** Whether a vector is what `embedSentence()` returns: finite and of unit length. */
export function isUnit(vector: Float32Array): boolean {
  // NaN is not.
  return Math.abs(squaresOf(vector) - 1) <= UNIT_TOLERANCE;
}

function squaresOf(vector: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] as number) * (vector[i] as number);
  return squares;
}
