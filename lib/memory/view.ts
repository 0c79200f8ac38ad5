import { embedSentence } from "../embed/embedder.ts";
import { SearchIndex } from "../search/search-index.ts";
import type { Market, MemoryContext, Outcome, RecentRecord, Situation } from "../types.ts";
import { meanOf } from "../util/numbers.ts";
import { DAY_MS } from "../util/time.ts";
import { describeSituation } from "./description.ts";
import { EvidenceColumns, recordsIn, type Window } from "./evidence.ts";
import { learn, type Lessons } from "./lessons.ts";
import type { SessionOutcome } from "./session-outcome.ts";
import type { BegunRecord, Memory } from "./store.ts";
import { distinctTrades, type EmbeddedTrade, insertionIndex, similarTrade, type Trade } from "./trade.ts";

/** Similar trades that a decision recalls. */
const RECALLED = 10;

type ProviderRecords = MemoryContext["records"];
const NO_RECORDS: ProviderRecords = Object.freeze({});

export interface MemoryViewOptions {
  readonly market: Market;
  /** Start of the run, epoch ms; `Infinity` for all of memory. */
  readonly startMs: number;
  /** The run's id, if memory may have trades of it: all of these are visible, and none counts as carried in. */
  readonly runId?: string | undefined;
  /** Names of the providers to weigh. */
  readonly providers: readonly string[];
  /** `false`: nothing is visible, but outcomes are still recorded. */
  readonly enabled: boolean;
  readonly maxMemorySize: number;
  readonly learningRate: number;
  readonly contextDays: number;
  readonly recallFeatures?: readonly string[] | undefined;
  /** `false`: the providers' records are left empty. @default true */
  readonly records?: boolean;
  /** `false`: no similar trades are recalled, and no vectors are indexed. @default true */
  readonly similar?: boolean;
}

/**
 * What one run sees of a memory: the trades that had closed when it started, and those that it records itself. Every read is as
 * of a time, and sees only trades with an exit before it: the newest `maxMemorySize` of them.
 */
export class MemoryView {
  /** The trades that the run starts with, in the order of (exit, id): part of the run key. */
  readonly carriedIn: readonly EmbeddedTrade[];

  readonly #memory: Memory;
  readonly #options: MemoryViewOptions;
  /** The trades of the view in the order of (exit, id), like `#columns` and `#index`. */
  readonly #trades: Trade[] = [];
  readonly #columns: EvidenceColumns;
  readonly #index: SearchIndex | undefined;
  #lastLessons: { readonly asOf: number; readonly lessons: Lessons } | undefined;
  #lastRecent: { readonly asOf: number; readonly recent: RecentRecord } | undefined;
  #lastRecords: (Window & { readonly byRegime: Map<string | undefined, ProviderRecords> }) | undefined;

  constructor(memory: Memory, options: MemoryViewOptions) {
    this.#memory = memory;
    this.#options = options;
    this.#columns = new EvidenceColumns(options.providers, { marks: memory.marks });
    if (options.similar !== false) this.#index = new SearchIndex({ dim: memory.embedder.dim });
    const carriedIn = carriedInto(memory.trades, options);
    for (const trade of carriedIn) this.#insert(trade);
    this.carriedIn = carriedIn;
    for (const trade of memory.trades) if (trade.runId === options.runId) this.add(trade);
  }

  remembered(asOf: number): number {
    const { from, to } = this.#windowAt(asOf);
    return to - from;
  }

  /** What the visible trades teach. `undefined` with memory disabled: equal weights, confidences as voted, full sizes. */
  lessons(asOf: number): Lessons | undefined {
    const { enabled, learningRate } = this.#options;
    if (!enabled) return undefined;
    if (this.#lastLessons?.asOf !== asOf) {
      const lessons = learn(this.#columns, { asOf, ...this.#windowAt(asOf), learningRate });
      this.#lastLessons = { asOf, lessons };
    }
    return this.#lastLessons.lessons;
  }

  /** What memory has on a situation, as of its time. */
  async recall(situation: Situation): Promise<MemoryContext> {
    const { recallFeatures = [] } = this.#options;
    const { embedder } = this.#memory;
    return this.#recall(situation.timestamp, situation.regime, () => {
      // The shortcut knows nothing of features.
      const shortcut = recallFeatures.length === 0 ? embedder.embedSituation?.(situation) : undefined;
      return shortcut ?? embedSentence(embedder, describeSituation(situation, recallFeatures));
    });
  }

  /** What memory has on a situation in words. */
  recallSentence(situation: { asOf: number; regime: string; sentence: string }): Promise<MemoryContext> {
    const { asOf, regime, sentence } = situation;
    return this.#recall(asOf, regime, () => embedSentence(this.#memory.embedder, sentence));
  }

  /** The providers' records in a regime, or in all. */
  records(asOf: number, regime?: string): ProviderRecords {
    return this.#records(regime, this.#windowAt(asOf));
  }

  /** The trades that a read as of a time sees, in the order of (exit, id). */
  visible(asOf: number): readonly Trade[] {
    const { from, to } = this.#windowAt(asOf);
    return this.#trades.slice(from, to);
  }

  async #recall(
    asOf: number,
    regime: string,
    embed: () => Float32Array | Promise<Float32Array>,
  ): Promise<MemoryContext> {
    const window = this.#windowAt(asOf);
    const remembered = window.to - window.from;
    const recent = this.#recent(asOf, window);
    if (remembered === 0) return { remembered, similar: [], recent, records: NO_RECORDS };
    const records = this.#options.records === false ? NO_RECORDS : this.#records(regime, window);
    if (this.#index === undefined) return { remembered, similar: [], recent, records };
    const matches = this.#index.search(await embed(), { k: RECALLED, ...window });
    const similar = matches.map(({ row, similarity }) => similarTrade(this.#trades[row]!, similarity));
    return { remembered, similar, recent, records };
  }

  /** Makes a trade of this run visible that was recorded before the run was stopped. A second time is success. */
  add(trade: EmbeddedTrade): void {
    if (this.#options.enabled) this.#insert(trade);
  }

  /** Makes a closed trade of this run visible, and begins to record it: `Memory.beginRecord()`. */
  async beginRecord(outcome: Outcome | SessionOutcome): Promise<BegunRecord> {
    const begun = await this.#memory.beginRecord(outcome);
    this.add(begun.trade);
    return begun;
  }

  /** Gives back what recalling took. */
  close(): void {
    this.#index?.close();
  }

  #insert(trade: EmbeddedTrade): void {
    const index = insertionIndex(this.#trades, trade);
    if (this.#trades[index - 1]?.id === trade.id) return;
    this.#index?.insert([trade.vector], index);
    this.#trades.splice(index, 0, trade);
    this.#columns.insert(trade, index);
    this.#forgetLast();
  }

  /** Puts a trade in the place of the one with its id, exit and vector, for an experiment. */
  protected replace(trade: EmbeddedTrade): void {
    const index = insertionIndex(this.#trades, trade) - 1;
    this.#trades[index] = trade;
    this.#columns.replace(trade, index);
    this.#forgetLast();
  }

  #forgetLast(): void {
    this.#lastLessons = undefined;
    this.#lastRecent = undefined;
    this.#lastRecords = undefined;
  }

  /** The filter of every read: which trades are visible as of a time. */
  #windowAt(asOf: number): Window {
    const { values: exits, length } = this.#columns.exits;
    let to = length;
    while (to > 0 && exits[to - 1]! >= asOf) to--;
    return { from: Math.max(0, to - this.#options.maxMemorySize), to };
  }

  /** All assets that decide at a time share it. */
  #recent(asOf: number, { from, to }: Window): RecentRecord {
    if (this.#lastRecent?.asOf === asOf) return this.#lastRecent.recent;
    const exits = this.#columns.exits.values;
    const days = this.#options.contextDays;
    const results: (number | null)[] = [];
    let wins = 0;
    // Newest first: the sum depends on the order.
    for (let i = to - 1; i >= from && exits[i]! >= asOf - days * DAY_MS; i--) {
      const { resultR, won } = this.#trades[i]!;
      results.push(resultR);
      if (won) wins += 1;
    }
    const recent = Object.freeze({ days, trades: results.length, wins, mean_r: meanOf(results) });
    this.#lastRecent = { asOf, recent };
    return recent;
  }

  /** The same window has the same records: all assets that decide at a time share them. */
  #records(regime: string | undefined, window: Window): ProviderRecords {
    if (this.#lastRecords?.from !== window.from || this.#lastRecords.to !== window.to) {
      this.#lastRecords = { ...window, byRegime: new Map() };
    }
    const { byRegime } = this.#lastRecords;
    let records = byRegime.get(regime);
    if (records === undefined) byRegime.set(regime, (records = recordsIn(regime, this.#columns, window)));
    return records;
  }
}

/**
 * The newest trades of the run's market that had closed at its start, each once, without its own. With a start of `Infinity` all
 * of them: a read may be as of any time.
 */
export function carriedInto(trades: readonly EmbeddedTrade[], options: MemoryViewOptions): readonly EmbeddedTrade[] {
  const { enabled, market, startMs, maxMemorySize, runId } = options;
  if (!enabled) return [];
  const closed = distinctTrades(
    trades.filter((trade) => trade.market === market && trade.exitMs <= startMs && trade.runId !== runId),
  );
  return startMs === Infinity ? closed : closed.slice(Math.max(0, closed.length - maxMemorySize));
}
