/**
 * A figure for a report, rounded to 10 significant digits. Engines differ in the last digits of `Math.exp` and its like, and
 * files must not.
 */
export function rounded(value: number): number {
  return Number(value.toPrecision(10));
}
