/** The progress line of work in equal steps. */
import { count, duration } from "../text/numbers.ts";
import { progressLine, type ProgressLine } from "./terminal.ts";

/**
 * Returns a progress line of work in equal steps: `Exported  1,200 of 6,000  20%  4s left`.
 *
 * @param options For tests: the line, and milliseconds of any clock.
 */
export function shareProgress(options: { line?: ProgressLine; now?: () => number } = {}): {
  /** @param what Is done, such as `Checked`; the time left begins anew with another. */
  update: (what: string, done: number, of: number) => void;
  clear: () => void;
} {
  const { line = progressLine(), now = () => performance.now() } = options;
  let first: { what: string; atMs: number; done: number } | undefined;
  return {
    update: (what, done, of) => {
      if (first?.what !== what) first = { what, atMs: now(), done };
      const { atMs, done: before } = first;
      line.update(() => {
        const passed = done - before;
        const left = passed > 0 ? `  ${duration(((now() - atMs) / passed) * (of - done))} left` : "";
        return `${what}  ${count(done)} of ${count(of)}  ${Math.floor((100 * done) / Math.max(1, of))}%${left}`;
      });
    },
    clear: line.clear,
  };
}
