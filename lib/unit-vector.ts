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
