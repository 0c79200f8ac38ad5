/** Vectors side by side: `rows * dim` numbers, row-major, each row of unit length. */
export interface Matrix {
  /** Doubles, though files have floats: an engine multiplies them twice as fast, and the products are the same. */
  readonly data: Float64Array;
  readonly dim: number;
}

/** A row and how similar it is. */
export interface Match {
  readonly row: number;
  /** Cosine similarity, in [-1, 1] up to rounding. */
  readonly similarity: number;
}

/**
 * Returns the `k` rows of `[from, to)` most similar to `query`, best first; ties by lower row. Every row is looked at.
 *
 * @param query Unit-length vector of `matrix.dim` floats.
 * @throws {RangeError} If `query.length` is not `matrix.dim`, or the rows are not there.
 */
export function searchTopK(
  matrix: Matrix,
  query: Float32Array,
  options: { k: number; from: number; to: number },
): readonly Match[] {
  const { data, dim } = matrix;
  const { k, from, to } = options;
  if (query.length !== dim) throw new RangeError(`Cannot search: found a query of ${query.length}, expected ${dim}`);
  if (from < 0 || to * dim > data.length) throw new RangeError(`Cannot search rows ${from} to ${to}: not there`);

  const exactQuery = Float64Array.from(query);
  const best: Match[] = [];
  for (let row = from; row < to; row++) {
    const similarity = dot(data, row * dim, exactQuery);
    const worst = best[best.length - 1];
    if (best.length === k && (worst === undefined || similarity <= worst.similarity)) continue;
    if (best.length === k) best.pop();
    let place = best.length;
    while (place > 0 && (best[place - 1]?.similarity ?? 0) < similarity) place--;
    best.splice(place, 0, { row, similarity });
  }
  return best;
}

/** Four sums let the processor overlap the additions; their order is fixed, so every engine gets the same bits. */
function dot(data: Float64Array, start: number, query: Float64Array): number {
  const dim = query.length;
  const whole = dim - (dim % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  let j = start;
  for (; i < whole; i += 4, j += 4) {
    a += (data[j] as number) * (query[i] as number);
    b += (data[j + 1] as number) * (query[i + 1] as number);
    c += (data[j + 2] as number) * (query[i + 2] as number);
    d += (data[j + 3] as number) * (query[i + 3] as number);
  }
  for (; i < dim; i++, j++) a += (data[j] as number) * (query[i] as number);
  return a + b + (c + d);
}
