/**
 * A figure of a report to 10 significant digits. Engines differ in the last digits of `Math.exp` and its like; what goes
 * into a file must not.
 */
export function rounded(value: number): number {
  return Number(value.toPrecision(10));
}
