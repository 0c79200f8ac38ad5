/** Vectors of unit length around 200 centres, one after the other. */
export function clusteredVectors(count: number, dim: number): Float32Array {
  let state = 1;
  // Lehmer's generator with Park and Miller's later multiplier.
  const random = (): number => (state = (state * 48_271) % 0x7fffffff) / 0x7fffffff;
  const bell = (): number => random() + random() + random() - 1.5;
  const centres = Float32Array.from({ length: 200 * dim }, bell);
  const vectors = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(random() * 200) * dim;
    const vector = vectors.subarray(row * dim, (row + 1) * dim);
    let squares = 0;
    for (let i = 0; i < dim; i++) {
      const value = (centres[centre + i] ?? 0) + bell();
      vector[i] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let i = 0; i < dim; i++) vector[i] = (vector[i] ?? 0) / length;
  }
  return vectors;
}
