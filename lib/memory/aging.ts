const DAY_MS = 86_400_000;

/**
 * What evidence is still worth, by its age: a literal factor for each whole day, because engines differ in `Math.pow`.
 *
 * @param dailyFactor What a day leaves of it, in (0, 1].
 * @returns The factor for an age in ms, which is not negative.
 */
export function createAging(dailyFactor: number): (ageMs: number) => number {
  /** `factors[n]` is for n whole days. */
  const factors: number[] = [1];
  return (ageMs) => {
    const days = Math.floor(ageMs / DAY_MS);
    for (let day = factors.length; day <= days; day++) factors.push((factors[day - 1] as number) * dailyFactor);
    return factors[days] as number;
  };
}
