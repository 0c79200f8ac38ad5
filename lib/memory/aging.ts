/**
 * What evidence is still worth, by its age: a literal factor for each whole day, because engines differ in `Math.pow`.
 *
 * @param dailyFactor What a day leaves of it, in (0, 1].
 * @returns The factor for an age in whole days.
 */
export function createAging(dailyFactor: number): (days: number) => number {
  /** `factors[n]` is for n whole days. */
  const factors: number[] = [1];
  return (days) => {
    for (let day = factors.length; day <= days; day++) factors.push((factors[day - 1] as number) * dailyFactor);
    return factors[days] as number;
  };
}
