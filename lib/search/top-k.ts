export interface Match {
  readonly row: number;
  /** Cosine similarity, in [-1, 1] up to rounding. */
  readonly similarity: number;
}

/** Keeps the `k` most similar of the rows that are offered, in a heap with the worst of them on top. */
export class TopK {
  readonly #rows: Int32Array;
  readonly #similarities: Float64Array;
  #count = 0;

  constructor(k: number) {
    this.#rows = new Int32Array(k);
    this.#similarities = new Float64Array(k);
  }

  /** The similarity of the worst row kept. Rows below it are dropped; `-Infinity` while there is room. */
  get threshold(): number {
    return this.#count < this.#rows.length ? -Infinity : (this.#similarities[0] ?? Infinity);
  }

  /** Offers a row, once. Of equally similar rows the lower ones are kept. */
  offer(row: number, similarity: number): void {
    const rows = this.#rows;
    const similarities = this.#similarities;
    const k = rows.length;
    let at = 0;
    if (this.#count < k) {
      at = this.#count++;
      for (let parent = (at - 1) >> 1; at > 0 && this.#isWorse(row, similarity, parent); parent = (at - 1) >> 1) {
        rows[at] = rows[parent]!;
        similarities[at] = similarities[parent]!;
        at = parent;
      }
    } else {
      if (k === 0 || this.#isWorse(row, similarity, 0)) return;
      for (let child = 1; child < k; child = 2 * at + 1) {
        const right = child + 1;
        if (right < k && this.#isWorse(rows[right]!, similarities[right]!, child)) child = right;
        if (this.#isWorse(row, similarity, child)) break;
        rows[at] = rows[child]!;
        similarities[at] = similarities[child]!;
        at = child;
      }
    }
    rows[at] = row;
    similarities[at] = similarity;
  }

  /** Best first, ties by lower row. */
  sorted(): Match[] {
    const matches = Array.from({ length: this.#count }, (_, i) => ({
      row: this.#rows[i]!,
      similarity: this.#similarities[i]!,
    }));
    return matches.sort((a, b) => b.similarity - a.similarity || a.row - b.row);
  }

  /** Whether a row ranks below the one at `i` of the heap: it is less similar, or as similar and a higher row. */
  #isWorse(row: number, similarity: number, i: number): boolean {
    const other = this.#similarities[i]!;
    return similarity < other || (similarity === other && row > this.#rows[i]!);
  }
}
