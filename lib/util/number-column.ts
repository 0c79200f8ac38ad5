/** Numbers that are inserted one at a time, nearly always at the end. Arrays keep NaN boxed, which makes sums over them slow. */
export class NumberColumn {
  #values = new Float64Array(64);
  #length = 0;

  /** The numbers, and room for more behind them. */
  get values(): Float64Array {
    return this.#values;
  }

  get length(): number {
    return this.#length;
  }

  insert(value: number, at: number = this.#length): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values.copyWithin(at + 1, at, this.#length);
    this.#values[at] = value;
    this.#length += 1;
  }
}
