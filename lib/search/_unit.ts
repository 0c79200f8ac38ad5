import { CarryoverError } from "../errors.ts";
import { isUnit, squareOfLength } from "../unit-vector.ts";

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
