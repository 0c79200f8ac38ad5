/**
 * The first of some items in order that passes a test, by binary search. All items after one that passes must pass as well.
 *
 * @returns Its index; `count` if none passes.
 */
export function firstIndex(count: number, passes: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
