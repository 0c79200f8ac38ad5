import { fixed, progressLine, type ProgressLine } from "./_render.ts";

/** What is shown while vectors are made. */
export interface VectorProgress {
  update(made: number, wanted: number): void;
  clear(): void;
}

/** Returns a progress line of the vectors that are made. */
export function vectorProgress(line: ProgressLine = progressLine()): VectorProgress {
  return {
    update: (made, wanted) =>
      line.update(
        () => `Making vectors  ${fixed(made, 0)} of ${fixed(wanted, 0)}  ${Math.floor((100 * made) / wanted)}%`,
      ),
    clear: line.clear,
  };
}
