import { CarryoverError } from "../errors.ts";

/** How far the square of a vector's length may be from 1. */
export const UNIT_TOLERANCE = 1e-3;

/** Whether a vector is finite and of unit length (within 0.05 %). */
export function isUnit(vector: Float32Array): boolean {
  // Written so that NaN is not.
  return Math.abs(squareOfLength(vector) - 1) <= UNIT_TOLERANCE;
}

/** Returns the square of a vector's length, summed in doubles. */
export function squareOfLength(vector: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] as number) * (vector[i] as number);
  return squares;
}

/** @throws {RangeError} If a query is not of unit length, or a number of it not finite. */
export function assertUnit(query: Float32Array): void {
  const length = wrongLength(query);
  if (length !== undefined) throw new RangeError(`Cannot search: found a query of length ${length}, expected 1`);
}

/** @throws {CarryoverError} `CORRUPT` if a row is not of unit length, or a number of it not finite. */
export function assertUnitRow(vector: Float32Array): void {
  const length = wrongLength(vector);
  if (length !== undefined) throw corruptRow(`a vector of length ${length}`);
}

/** The error of a row that no embedder of ours made; with right checksums, since others are found when they are read. */
export function corruptRow(found: string): CarryoverError {
  const expected = "unit vectors alone: rebuild-vectors for this memory makes the others anew";
  return new CarryoverError("CORRUPT", `Cannot search: found ${found}, expected ${expected}`);
}

function wrongLength(vector: Float32Array): number | undefined {
  return isUnit(vector) ? undefined : Math.sqrt(squareOfLength(vector));
}
