/** How far the square of a vector's length may be from 1. */
export const UNIT_TOLERANCE = 1e-3;

/** @throws {RangeError} If a vector is not of unit length, or a number of it not finite. */
export function assertUnit(vector: Float32Array): void {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += (vector[i] as number) * (vector[i] as number);
  // Written so that NaN is refused as well.
  if (!(Math.abs(squares - 1) <= UNIT_TOLERANCE)) {
    throw new RangeError(`Cannot search: found a vector of length ${Math.sqrt(squares)}, expected 1`);
  }
}
