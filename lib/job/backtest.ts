import type { BacktestJob } from "../backtest/job.ts";
import { type BacktestResult, runBacktest } from "../backtest/run.ts";
import { ASSET_FORM, assetFileName, isAssetName } from "../config/asset-name.ts";
import { toSettings } from "../config/config.ts";
import { isDay } from "../config/fields.ts";
import { CarryoverError } from "../errors.ts";
import type { Features } from "../market/features.ts";
import type { Memory } from "../memory/store.ts";
import { watchLibraryProvider } from "../providers/first-answers.ts";
import { isUnversioned, type Provider } from "../providers/provider.ts";
import { type BacktestSettings, type Costs, DEFAULTS, type MemorySettings, type Risk } from "../settings.ts";
import type { BarSeries } from "../types.ts";
import { durationMs, msOfTimeframe } from "../util/time.ts";
import { VERSION } from "../version.ts";
import { assertBacktestOptions } from "./backtest-options.ts";
import { choosePeriod, type Period } from "./period.ts";

/** What `backtest()` takes. A setting that is left out has its default from config.yaml. */
export interface BacktestOptions extends Pick<BacktestJob, "restart" | "onStart" | "onProgress" | "signal"> {
  /** Called with what the user should know, a sentence a call. @default console.warn */
  readonly onNote?: ((note: string) => void) | undefined;
  /** One series of each asset. Bars before the period prepare the indicators. */
  readonly bars: readonly BarSeries[];
  /** By asset: `parseFeaturesCsv()` reads them. @default none */
  readonly features?: ReadonlyMap<string, Features>;
  readonly providers: readonly Provider[];
  /** Its storage also keeps the files of the run. */
  readonly memory: Memory;
  /** The first day and the day after the last, `YYYY-MM-DD`, both or neither. @default the last full year of the bars */
  readonly start?: string;
  readonly end?: string;
  /** `year`, `quarter`, `month`, `week` or a number of days such as `90d`. @default "quarter" */
  readonly chunks?: string;
  /** The time between two decisions on an asset, a multiple of the timeframe. @default "4h" */
  readonly decisionInterval?: string;
  /** @default 10000 */
  readonly initialBalance?: number;
  /** @default 3 */
  readonly maxPositions?: number;
  /** No position is opened whose asset's returns correlate more than this with another position in its direction. @default 0.9 */
  readonly correlationThreshold?: number;
  /** Costs of every asset, in basis points. */
  readonly costs?: Partial<Costs>;
  /** Costs of one asset that differ from those of the others. */
  readonly assetCosts?: Readonly<Record<string, Partial<Costs>>>;
  /** How much a trade may risk, and what ends it. */
  readonly risk?: Partial<Omit<Risk, "maxHoldingMs">> & {
    /** Such as `5d`. */
    readonly maxHolding?: string;
  };
  /** What a decision may use of memory. */
  readonly memorySettings?: Partial<MemorySettings>;
}

/**
 * Backtests an ensemble chunk by chunk and remembers every trade as it closes. A run is found again by all that it depends
 * on: one that was stopped goes on, and one that is finished returns its summary, and a note says so. Providers are part of that by
 * their `version`.
 *
 * @throws {RangeError} For options that are unknown, or contradict each other.
 * @throws {CarryoverError} `NOT_FOUND` if an asset has no bars in the period; `UNANSWERED` if none of a provider's first 50 answers is a
 * vote, or all of their confidences are at most 1; `CONFLICT` if a stopped run goes on with a provider that votes otherwise; what the
 * memory or its storage throws.
 * @throws The reason of `signal`, if that stops the run.
 *
 * @example
 * ```ts
 * const { summary } = await backtest({
 *   bars: [syntheticBars({ asset: "GOLD", timeframe: "1h", seed: 1, end: "2024-04-01" })],
 *   providers: [trend(), reversion()],
 *   memory: await openMemory(inMemoryStorage()),
 *   start: "2024-01-01",
 *   end: "2024-04-01",
 *   risk: { perTradePct: 2 },
 * });
 * ```
 */
export async function backtest(options: BacktestOptions): Promise<BacktestResult> {
  assertBacktestOptions(options);
  const { bars, memory, chunks = DEFAULTS.backtest.chunks } = options;
  checkShapes(options);
  const [first] = bars;
  if (first === undefined) refuse("no bars", "a series of each asset");
  const assets = bars.map(({ asset }) => asset);
  const series = new Map(bars.map((each) => [each.asset, each]));
  checkAssets(assets);
  checkFeatures(options.features, assets);
  checkProviders(options.providers);
  const { restart, onNote = (note) => console.warn(note), onStart, onProgress } = options;
  const waiting = { onNote, signal: options.signal };
  const providers = options.providers.map((provider) => watchLibraryProvider(provider, waiting));
  const signals = [options.signal, ...providers.map(({ signal }) => signal)].filter((signal) => signal !== undefined);
  const { period, notes } = periodOf(options);
  notes.forEach((note) => onNote(note));
  const result = await runBacktest({
    settings: settingsOf(options, { assets, timeframeMs: first.timeframeMs }),
    memorySettings: { ...toSettings(DEFAULTS).memory, ...options.memorySettings },
    period,
    notes,
    chunkKind: chunks,
    series,
    market: first.market,
    features: options.features,
    providers,
    memory,
    key: { version: VERSION, seed: DEFAULTS.backtest.seed, files: versionsOf(providers) },
    restart,
    onNote,
    onStart,
    onProgress,
    signal: AbortSignal.any(signals),
  }).catch(explainConflict);
  oldChunksNotes(result, options.providers).forEach((note) => onNote(note));
  return result;
}

function refuse(found: string, expected: string): never {
  throw new RangeError(`Cannot backtest: found ${found}, expected ${expected}`);
}

/** Refuses what JavaScript may pass in spite of the types. */
function checkShapes({ bars, providers, memory }: BacktestOptions): void {
  if (!Array.isArray(bars)) refuse("no list as bars", "[series], with a series of each asset");
  const wrong = bars.findIndex((series) => !Array.isArray(series?.bars));
  if (wrong !== -1) refuse(`no series at bars[${wrong}]`, "a series, as barSeries() makes one");
  if (!Array.isArray(providers) || providers.length === 0) refuse("no providers", "a list of at least one");
  if (!("storage" in Object(memory)))
    refuse("no memory", "one such as await openMemory(inMemoryStorage()), or of openMemoryFolder()");
}

/** A run that was stopped finds its own trades, which other votes contradict. */
function explainConflict(error: unknown): never {
  if (!(error instanceof CarryoverError && error.code === "CONFLICT")) throw error;
  const advice =
    "a provider votes otherwise than when this run was stopped: change its `version`, or run once with `restart: true`";
  throw new CarryoverError("CONFLICT", `${error.message}; ${advice}`, { cause: error });
}

/** Says what an earlier call ran, and for which providers it cannot be known whether they would still vote as they did. */
function oldChunksNotes({ summary, chunksRun }: BacktestResult, providers: readonly Provider[]): readonly string[] {
  const old = summary.quarterly_breakdown.length - chunksRun.length;
  if (old === 0) return [];
  const run = `Run ${summary.run_id.slice(0, 12)}`;
  const state =
    chunksRun.length === 0
      ? `${run} was complete before, and nothing was run`
      : `${run} was resumed at ${chunksRun[0]}: ${old} of its chunks had been run before`;
  const names = providers.filter(isUnversioned).map(({ name }) => `"${name}"`);
  if (names.length === 0) return [state];
  return [
    state,
    `No version of ${names.join(", ")}, so a change of votes is not noticed: set \`version\` and change it with the rules, or run once with \`restart: true\``,
  ];
}

function checkAssets(assets: readonly string[]): void {
  const wrong = assets.find((asset) => !isAssetName(asset));
  if (wrong !== undefined) refuse(`the asset ${JSON.stringify(wrong)}`, ASSET_FORM);
  // Some file systems take upper and lower case for one.
  const files = assets.map((asset) => assetFileName(asset).toLowerCase());
  const index = files.findIndex((file, i) => files.indexOf(file) !== i);
  if (index === -1) return;
  const [first, second] = [assets[files.indexOf(files[index]!)]!, assets[index]!];
  const found = first === second ? `two series of "${first}"` : `"${first}" and "${second}", whose files have one name`;
  refuse(found, "one of each asset");
}

/** Features of assets beyond those of the run are in order where every one of the run has some. */
function checkFeatures(features: ReadonlyMap<string, Features> = new Map(), assets: readonly string[]): void {
  const unknown = [...features.keys()].find((asset) => !assets.includes(asset));
  const without = assets.filter((asset) => !features.has(asset));
  if (unknown === undefined || without.length === 0) return;
  const found = `features of ${JSON.stringify(unknown)}, which has no bars, and none of ${without.join(", ")}`;
  refuse(found, `those of ${assets.join(", ")}`);
}

function checkProviders(providers: readonly Provider[]): void {
  const index = providers.findIndex(({ name, vote }) => typeof name !== "string" || typeof vote !== "function");
  if (index === -1) return;
  const found = providers[index] as unknown;
  const what = typeof found === "function" ? `the function "${found.name}"` : "an object without name or vote()";
  const expected = typeof found === "function" ? `a provider, such as ${found.name}() makes` : "a provider";
  refuse(`${what} at providers[${index}]`, expected);
}

function settingsOf(
  options: BacktestOptions,
  { assets, timeframeMs }: Pick<BacktestSettings, "assets" | "timeframeMs">,
): BacktestSettings {
  const { backtest: defaults } = toSettings({ ...DEFAULTS, backtest: { ...DEFAULTS.backtest, assets } });
  const { maxHolding, closeOnHold = false, ...risk } = options.risk ?? {};
  const { initialBalance, maxPositions, correlationThreshold, costs, assetCosts = {} } = options;
  return {
    assets,
    timeframeMs,
    decisionIntervalMs: msOfTimeframe(options.decisionInterval ?? DEFAULTS.backtest.decision_interval),
    initialBalance: initialBalance ?? defaults.initialBalance,
    maxPositions: maxPositions ?? defaults.maxPositions,
    correlationThreshold: correlationThreshold ?? defaults.correlationThreshold,
    costs: new Map(
      assets.map((asset) => {
        const ofAsset = Object.hasOwn(assetCosts, asset) ? assetCosts[asset] : undefined;
        return [asset, { ...defaults.costs.get(asset)!, ...costs, ...ofAsset }];
      }),
    ),
    risk: {
      ...defaults.risk,
      ...risk,
      maxHoldingMs: durationMs(maxHolding ?? DEFAULTS.backtest.risk.max_holding),
      ...(closeOnHold ? { closeOnHold } : {}),
    },
  };
}

function periodOf({ bars, start, end }: BacktestOptions): { period: Period; notes: readonly string[] } {
  for (const [name, day] of [
    ["start", start],
    ["end", end],
  ] as const) {
    if (day === undefined || isDay(day)) continue;
    refuse(`the ${name} "${day}"`, 'a day such as "2024-01-31"');
  }
  if ((start === undefined) !== (end === undefined)) {
    const [found, missing] = start === undefined ? ["end", "start"] : ["start", "end"];
    refuse(`no ${missing}`, `one beside the ${found}`);
  }
  if (start !== undefined && end !== undefined && start >= end) {
    refuse(`the end "${end}"`, `a day after the start, "${start}"`);
  }
  return choosePeriod(bars, { start, end });
}

/** Providers that have a version: a new one makes another run. */
function versionsOf(providers: readonly Provider[]): Record<string, string> {
  return Object.fromEntries(
    providers.flatMap(({ name, version }) => (version === undefined ? [] : [[`provider ${name}`, version]])),
  );
}
