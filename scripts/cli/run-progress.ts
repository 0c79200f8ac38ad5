/** The progress line of a run, and the waits of its questions. */
import type { Progress } from "../../lib/backtest/job.ts";
import type { QuestionCounts, ServerWait } from "../../lib/providers/recorded/recorder-reports.ts";
import { renderQuestionCounts, renderWait } from "../text/questions.ts";
import { count, duration, fixed, money } from "../text/numbers.ts";
import { openProgress, shareProgress } from "./progress.ts";
import { type ProgressLine, understandsCodes } from "./terminal.ts";

interface RunProgress {
  update(progress: Progress): void;
  questions(counts: QuestionCounts): void;
  /** While a server does not answer. */
  waiting(wait: ServerWait): void;
  /** Before the run begins. */
  embedded(made: number, wanted: number): void;
  /** The last counts, if the run asks. */
  counts(): QuestionCounts | undefined;
  clear(): void;
}

/**
 * Returns a progress line with chunk, simulated date, equity, trades, rate and time left. In a run that asks models, the
 * questions asked come first, before what may not fit the terminal.
 *
 * @param options For tests: the line, and milliseconds of any clock.
 */
export function runProgress(options: { line?: ProgressLine; now?: () => number } = {}): RunProgress {
  const { line = openProgress(), now = () => performance.now() } = options;
  const vectors = shareProgress({ line, now });
  let counts: QuestionCounts | undefined;
  let last: Progress | undefined;
  /** Where the rate is measured from. */
  let first: { atMs: number; ticks: number; share: number } | undefined;
  let ticks = 0;
  let wait: ServerWait | undefined;

  const render = (): string => {
    if (wait !== undefined) return renderWait(wait);
    if (last === undefined) return counts === undefined ? "" : renderQuestionCounts(counts);
    const passedMs = now() - (first?.atMs ?? 0);
    const done = first === undefined ? 0 : last.share - first.share;
    const left = done > 0 ? duration((passedMs / done) * (1 - last.share)) : "-";
    const date = new Date(last.simulatedMs).toISOString().slice(0, 10);
    const place = `${date}  ${fixed(100 * last.share, 0)}%`;
    const account = `equity ${money(last.equity)}  ${count(last.trades)} trades`;
    if (counts !== undefined)
      return `${place}  ${left} left  ${renderQuestionCounts(counts)}  ${last.chunk}  ${account}`;
    const rate = first !== undefined && passedMs > 0 ? ((ticks - first.ticks) / passedMs) * 1000 : 0;
    return `${last.chunk}  ${place}  ${account}  ${count(rate)} ticks/s  ${left} left`;
  };

  return {
    clear: line.clear,
    counts: () => counts,
    embedded: (made, wanted) => vectors.update("Vectors", made, wanted),
    // One answer may take longer than all ticks before it.
    questions: (latest) => {
      // The time that recorded answers took says nothing about others.
      if (latest.asked > 0 && (counts?.asked ?? 0) === 0) first = undefined;
      counts = latest;
      wait = undefined;
      line.update(render);
    },
    waiting: (latest) => {
      wait = latest;
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

/** Milliseconds of a wait that is worth a line of its own, where no progress line shows it. */
const LONG_WAIT_MS = 10_000;

/** Returns a function that tells the first long wait of each provider from the others. */
export function firstLongWaits(
  options: { hasProgressLine?: boolean; now?: () => number } = {},
): (wait: Pick<ServerWait, "provider" | "untilMs">) => boolean {
  const { hasProgressLine = understandsCodes(2), now = Date.now } = options;
  const seen = new Set<string>();
  return ({ provider, untilMs }) => {
    const isFirst = !hasProgressLine && untilMs - now() >= LONG_WAIT_MS && !seen.has(provider);
    if (isFirst) seen.add(provider);
    return isFirst;
  };
}
