/** How far a command is: a line that is written over on a terminal, a line now and then in a log. */
import { count, duration } from "../text/numbers.ts";
import { note } from "./main.ts";
import { progressLine, type ProgressLine, understandsCodes } from "./terminal.ts";

/** Between two lines in a log. The first comes as long after the start. */
const LOG_EVERY_MS = 30_000;

/** The progress line of a terminal. Where stderr is none, it writes a whole line every 30 seconds. */
export function openProgress(): ProgressLine {
  return understandsCodes(2) ? progressLine() : progressLog();
}

/** @param log For tests: milliseconds of any clock, and where lines go. */
export function progressLog(
  log: { now: () => number; write: (line: string) => void } = { now: () => performance.now(), write: note },
): ProgressLine {
  let writtenAt = log.now();
  return {
    update: (text) => {
      if (log.now() - writtenAt < LOG_EVERY_MS) return;
      writtenAt = log.now();
      const line = text();
      if (line !== "") log.write(line);
    },
    clear: () => {},
  };
}

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
  const { line = openProgress(), now = () => performance.now() } = options;
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
