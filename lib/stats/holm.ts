/**
 * Adjusts p-values for the number of tests (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"): the i-th smallest
 * of n is multiplied by n - i + 1, is at least as large as the one before, and at most 1. All that are then at most 0.05 are right
 * together with a probability of 95 %.
 *
 * @param values 0..1; `null` was not tested, and stays `null`.
 */
export function holmAdjusted(values: readonly (number | null)[]): (number | null)[] {
  const tested = values.flatMap((p, i) => (p === null ? [] : [{ p, i }])).toSorted((a, b) => a.p - b.p);
  const adjusted: (number | null)[] = values.map(() => null);
  let before = 0;
  tested.forEach(({ p, i }, rank) => {
    before = Math.min(1, Math.max(before, p * (tested.length - rank)));
    adjusted[i] = before;
  });
  return adjusted;
}
