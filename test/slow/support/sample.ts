/** `.ci/run` sets a number that the commit chooses: long tests then run a part of their cases. Without it they run all. */
const SAMPLE = process.env["CARRYOVER_SAMPLE"];

/** Whether only a part is run. */
export const IS_SAMPLE: boolean = SAMPLE !== undefined;

/** The whole of a list; of a sample, `count` in a row, the first of which the commit chooses. */
export function sampleOf<T>(all: readonly T[], count: number): readonly T[] {
  if (SAMPLE === undefined) return all;
  const start = Number(SAMPLE) % all.length;
  return [...all.slice(start), ...all.slice(0, start)].slice(0, count);
}
