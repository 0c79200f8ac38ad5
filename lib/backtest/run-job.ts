import type { BarSeries, Market } from "../domain.ts";
import type { Json } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import type { Memory } from "../memory/memory.ts";
import type { openRunMemory } from "../memory/run-memory.ts";
import type { Provider } from "../providers/provider.ts";
import type { BacktestSettings, MemorySettings } from "./settings.ts";

/** All that a run is made of. */
export interface BacktestJob {
  readonly settings: BacktestSettings;
  readonly memorySettings: MemorySettings;
  /** Midnights UTC; the end is exclusive. */
  readonly period: { readonly startMs: number; readonly endMs: number };
  /** `quarter`, `month`, `week` or `<n>d`. */
  readonly chunkKind: string;
  /** The bars of every asset, from the start of its file. */
  readonly series: ReadonlyMap<string, BarSeries>;
  readonly market: Market;
  /** In the order in which their votes are listed. */
  readonly providers: readonly Provider[];
  /** Opened for writing; its storage also keeps the run. */
  readonly memory: Memory;
  readonly storage: Storage;
  /** How the run looks at memory: experiments look in other ways. @default openRunMemory */
  readonly openView?: typeof openRunMemory;
  /** What the run key says beside period, bars and memory. */
  readonly key: {
    readonly version: string;
    /** The configuration behind the job. @default its settings, chunks and names of providers */
    readonly config?: Json;
    readonly seed: number;
    /** SHA-256 of whatever else the votes depend on, by name. */
    readonly files: Readonly<Record<string, string>>;
  };
  /** Start over, as another attempt. */
  readonly restart?: boolean;
  /** What the user should know, a sentence a call. */
  readonly onNote?: (note: string) => void;
  /** Called before the first chunk that is not committed yet. */
  readonly onStart?: (runId: string) => Promise<void> | void;
  /** Called after every tick. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the run between two ticks, or while a provider is waited for; what was recorded stays. */
  readonly signal?: AbortSignal;
}

/** How far a run has come. */
export interface Progress {
  readonly chunk: string;
  /** What is known by now ended by then, epoch ms. */
  readonly simulatedMs: number;
  /** 0..1 of the run's period. */
  readonly share: number;
  readonly equity: number;
  /** Trades that closed so far. */
  readonly trades: number;
}

/** The bars of an asset. @throws {RangeError} If the job has none. */
export function seriesOf(job: BacktestJob, asset: string): BarSeries {
  const series = job.series.get(asset);
  if (series === undefined) throw new RangeError(`Cannot run: found no bars of "${asset}", expected them in the job`);
  return series;
}

/** @throws {RangeError} For a job that would give an answer to another question. */
export function assertSound(job: BacktestJob): void {
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
