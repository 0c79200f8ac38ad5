/**
 * A figure for a report, rounded to 10 significant digits. Engines differ in the last digits of `Math.exp` and its like, and
 * files must not.
 */
export function rounded(value: number): number {
  return Number(value.toPrecision(10));
}

/** Mean, summed in order. `null` values do not count; without any other it is `null`. */
export function meanOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? null : sum / count;
}
