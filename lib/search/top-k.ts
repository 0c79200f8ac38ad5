/** A row and how similar it is. */
export interface Match {
  readonly row: number;
  /** Cosine similarity, in [-1, 1] up to rounding. */
  readonly similarity: number;
}

/** The best of the rows that were offered. */
export interface Best {
  /** The least similarity of them, below which none is taken; `-Infinity` while there is room. */
  least(): number;
  /** Offers a row, once; of equally similar ones the lower is kept. */
  offer(row: number, similarity: number): void;
  /** Best first, ties by lower row. */
  sorted(): Match[];
}

/** Keeps the best `size` of the rows that are offered, in a heap with the worst of them on top. */
export function createBest(size: number): Best {
  const rows = new Int32Array(size);
  const similarities = new Float64Array(size);
  let count = 0;

  const put = (place: number, row: number, similarity: number): void => {
    rows[place] = row;
    similarities[place] = similarity;
  };
  /** Whether a row goes before the one at a place: a worse similarity, or the same and a higher row. */
  const isWorse = (row: number, similarity: number, place: number): boolean => {
    const other = similarities[place] as number;
    return similarity < other || (similarity === other && row > (rows[place] as number));
  };
  const least = (): number => (count < size ? -Infinity : (similarities[0] ?? Infinity));

  return {
    least,
    offer: (row, similarity) => {
      if (count === size && (size === 0 || isWorse(row, similarity, 0))) return;
      let place = 0;
      if (count < size) {
        place = count;
        count += 1;
        for (let parent = (place - 1) >> 1; place > 0 && isWorse(row, similarity, parent); parent = (place - 1) >> 1) {
          put(place, rows[parent] as number, similarities[parent] as number);
          place = parent;
        }
      } else {
        for (let child = 1; child < size; child = 2 * place + 1) {
          const right = child + 1;
          if (right < size && isWorse(rows[right] as number, similarities[right] as number, child)) child = right;
          if (isWorse(row, similarity, child)) break;
          put(place, rows[child] as number, similarities[child] as number);
          place = child;
        }
      }
      put(place, row, similarity);
    },
    sorted: () => {
      const matches: Match[] = [];
      for (let i = 0; i < count; i++) matches.push({ row: rows[i] as number, similarity: similarities[i] as number });
      return matches.sort((a, b) => b.similarity - a.similarity || a.row - b.row);
    },
  };
}
