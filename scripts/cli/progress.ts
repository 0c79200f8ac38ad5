import type { Progress } from "../../lib/backtest/job.ts";
import type { QuestionCounts } from "../../lib/providers/recorded/recorder.ts";
import { renderAsked } from "../text/asked.ts";
import { duration, fixed, money, progressLine, type ProgressLine } from "../text/table.ts";

/** What is shown while a run goes on. */
export interface RunProgress {
  update(progress: Progress): void;
  asked(counts: QuestionCounts): void;
  /** Before the run begins. */
  embedded(made: number, wanted: number): void;
  /** The last that were told. */
  counts(): QuestionCounts | undefined;
  clear(): void;
}

/**
 * Returns a progress line of chunk, simulated date, equity, trades, rate and time left; in a run that asks, of what was asked before
 * all that may not fit the terminal.
 *
 * @param options For tests: the line, and milliseconds of any clock.
 */
export function runProgress(options: { line?: ProgressLine; now?: () => number } = {}): RunProgress {
  const { line = progressLine(), now = () => performance.now() } = options;
  let counts: QuestionCounts | undefined;
  let last: Progress | undefined;
  /** Where the pace is measured from. */
  let first: { atMs: number; ticks: number; share: number } | undefined;
  let ticks = 0;

  const render = (): string => {
    if (last === undefined) return counts === undefined ? "" : renderAsked(counts);
    const passedMs = now() - (first?.atMs ?? 0);
    const done = first === undefined ? 0 : last.share - first.share;
    const left = done > 0 ? duration((passedMs / done) * (1 - last.share)) : "-";
    const date = new Date(last.simulatedMs).toISOString().slice(0, 10);
    const place = `${date}  ${fixed(100 * last.share, 0)}%`;
    const account = `equity ${money(last.equity)}  ${fixed(last.trades, 0)} trades`;
    if (counts !== undefined) return `${place}  ${left} left  ${renderAsked(counts)}  ${last.chunk}  ${account}`;
    const rate = first !== undefined && passedMs > 0 ? ((ticks - first.ticks) / passedMs) * 1000 : 0;
    return `${last.chunk}  ${place}  ${account}  ${fixed(rate, 0)} ticks/s  ${left} left`;
  };

  return {
    clear: line.clear,
    counts: () => counts,
    embedded: vectorProgress(line).update,
    // An answer may take longer than all ticks before it.
    asked: (told) => {
      // Recorded answers say nothing of how long others take.
      if (told.asked > 0 && (counts?.asked ?? 0) === 0) first = undefined;
      counts = told;
      line.update(render);
    },
    update: (progress) => {
      ticks += 1;
      last = progress;
      first ??= { atMs: now(), ticks, share: progress.share };
      line.update(render);
    },
  };
}

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
