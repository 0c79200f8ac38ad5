import { dayTimeOf } from "../market/spacing.ts";
import type { Features } from "../market/features.ts";
import type { Remembered } from "../memory/in-memory.ts";
import type { Memory } from "../memory/store.ts";
import type { MemoryView, MemoryViewOptions } from "../memory/view.ts";
import type { Provider } from "../providers/provider.ts";
import type { Chunk } from "../results/chunks.ts";
import { type DaysPerYear, marksPerYearOfLongBars } from "../results/metrics.ts";
import type { BacktestSettings, MemorySettings } from "../settings.ts";
import type { Json } from "../util/json.ts";
import type { Bar, BarSeries, Market } from "../types.ts";
import type { SharedWork } from "./shared-work.ts";

export interface BacktestJob {
  readonly settings: BacktestSettings;
  readonly memorySettings: MemorySettings;
  /** Midnights UTC; the end is exclusive. */
  readonly period: { readonly startMs: number; readonly endMs: number };
  /** `year`, `quarter`, `month`, `week` or `<n>d`. */
  readonly chunkKind: string;
  /** The bars of every asset, from the start of its file. */
  readonly series: ReadonlyMap<string, BarSeries>;
  readonly market: Market;
  /** By asset, where there are some. */
  readonly features?: ReadonlyMap<string, Features> | undefined;
  /** Votes are listed in this order. */
  readonly providers: readonly Provider[];
  /** Opened for writing; its storage also keeps the run. */
  readonly memory: Memory;
  /** Opens another view of memory, for an experiment. @default a MemoryView */
  readonly openView?: ((memory: Memory, options: MemoryViewOptions) => MemoryView) | undefined;
  /** What it shares with other runs on the same bars. @default nothing */
  readonly shared?: SharedWork | undefined;
  /** `false`: no lines of decisions are kept, for an experiment that does not read them. @default true */
  readonly keepDecisions?: boolean | undefined;
  /** What goes into the run key besides period, bars and memory. */
  readonly key: {
    readonly version: string;
    /** The configuration behind the job. @default its settings, chunks and provider names */
    readonly config?: Json;
    readonly seed: number;
    /** SHA-256 of all else that the votes depend on, by name. */
    readonly files: Readonly<Record<string, string>>;
    /** The run id, for an experiment whose runs are compared id by id. @default SHA-256 of the key */
    readonly runId?: string;
  };
  /** What its user was told before it began. The summary repeats it. @default nothing */
  readonly notes?: readonly string[] | undefined;
  /** Starts over, as another attempt; or says whether to, of the run id of the last attempt. @default false */
  readonly restart?: boolean | ((runId: string) => Promise<boolean>) | undefined;
  /** The command that removes a run and its outcomes, for a note. @default `runs remove RUN --with-outcomes --yes` */
  readonly removeCommand?: ((runId: string) => string) | undefined;
  /** Called with what the user should know, a sentence a call. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Called before the first chunk that is not committed yet, so not for a finished run. */
  readonly onStart?: ((runId: string) => Promise<void> | void) | undefined;
  /** Called after every tick. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Stops the run between two ticks, or while it waits for a provider. What was recorded is kept, and the same job continues. */
  readonly signal?: AbortSignal | undefined;
}

/** A job whose memory is still to be opened, from what is remembered. */
export type InMemoryJob = Omit<BacktestJob, "memory" | "restart" | "onNote"> & {
  readonly remembered: Remembered;
};

export interface Progress {
  readonly chunk: string;
  /** The end of the last bars, epoch ms. */
  readonly simulatedMs: number;
  /** 0..1 of the run's period. */
  readonly share: number;
  readonly equity: number;
  /** Closed so far. */
  readonly trades: number;
}

export function seriesOf({ series }: Pick<BacktestJob, "series">, asset: string): BarSeries {
  const found = series.get(asset);
  if (found === undefined) throw new RangeError(`Cannot run: found no bars of "${asset}", expected them in the job`);
  return found;
}

/** @throws {RangeError} If the job contradicts itself, and so would answer another question. */
export function checkJob(job: BacktestJob): void {
  const { timeframeMs, decisionIntervalMs } = job.settings;
  if (decisionIntervalMs % timeframeMs !== 0) {
    const expected = `a multiple of the timeframe, ${timeframeMs} ms`;
    throw new RangeError(`Cannot run: found a decision interval of ${decisionIntervalMs} ms, expected ${expected}`);
  }
  const names = job.providers.map(({ name }) => name);
  const twin = names.find((name, i) => names.indexOf(name) !== i);
  if (twin !== undefined) throw new RangeError(`Cannot run: found two providers "${twin}", expected a name for each`);
  for (const asset of job.settings.assets) {
    const series = seriesOf(job, asset);
    if (series.timeframeMs === timeframeMs && series.market === job.market) continue;
    throw new RangeError(
      `Cannot run: found ${series.market} of "${asset}" every ${series.timeframeMs} ms, ` +
        `expected ${job.market} every ${timeframeMs} ms`,
    );
  }
}

/** The notes of a summary that the user was not told before the run. Summaries of 0.2.0 have none. */
export function newNotes(
  { notes = [] }: { readonly notes?: readonly string[] | undefined },
  { notes: told = [] }: Pick<BacktestJob, "notes">,
): readonly string[] {
  return notes.filter((note) => !told.includes(note));
}

/** The bars that start in a job's period, for each asset in config order. */
export function barsOfPeriod(job: Pick<BacktestJob, "series" | "settings" | "period">): readonly (readonly Bar[])[] {
  const { startMs, endMs } = job.period;
  const isInside = ({ timestamp }: Bar): boolean => timestamp >= startMs && timestamp < endMs;
  return job.settings.assets.map((asset) => seriesOf(job, asset).bars.filter(isInside));
}

/** The chunk of the run's last bar: the run ends with it, and what is open is closed there. */
export function closingChunkIndexOf(chunks: readonly Chunk[], bars: readonly (readonly Bar[])[]): number {
  const lastMs = Math.max(...bars.map((ofAsset) => ofAsset.at(-1)?.timestamp ?? -Infinity));
  const index = chunks.findLastIndex(({ startMs }) => startMs <= lastMs);
  return index === -1 ? chunks.length - 1 : index;
}

/** 365 if any of the bars is of a Saturday, else 252. Bars longer than a day leave as many marks a year as there are bars. */
export function daysPerYearOf(bars: readonly (readonly Bar[])[], timeframeMs: number): DaysPerYear {
  const ofLongBars = marksPerYearOfLongBars(timeframeMs);
  if (ofLongBars !== undefined) return ofLongBars;
  const isSaturday = ({ timestamp }: Bar): boolean => new Date(dayTimeOf(timestamp, timeframeMs)).getUTCDay() === 6;
  return bars.some((ofAsset) => ofAsset.some(isSaturday)) ? 365 : 252;
}
