/** How far the square of a unit vector's length may be from 1. */
export const UNIT_TOLERANCE = 1e-3;

/** Whether a vector is finite and of unit length (within 0.05 %). */
export function isUnit(vector: Float32Array): boolean {
  // NaN compares false.
  return Math.abs(squaredLength(vector) - 1) <= UNIT_TOLERANCE;
}

/** The square of a vector's length, summed in doubles. */
export function squaredLength(vector: Float32Array | Float64Array): number {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  return squares;
}

/** A vector scaled to unit length; `undefined` for the zero vector. */
export function toUnit(vector: Float64Array): Float32Array | undefined {
  const length = Math.sqrt(squaredLength(vector));
  if (length === 0) return undefined;
  const unit = new Float32Array(vector.length);
  for (let i = 0; i < vector.length; i++) unit[i] = vector[i]! / length;
  return unit;
}
