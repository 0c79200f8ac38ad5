import type { Market, MemoryContext, Outcome, RecentRecord, Situation } from "../types.ts";
import { embedSentence } from "../embed/embedder.ts";
import { DAY_MS } from "../util/time.ts";
import { SearchIndex } from "../search/search-index.ts";
import { describeSituation } from "./description.ts";
import { countedSince } from "./forget.ts";
import type { Memory } from "./store.ts";
import { compareTrades, distinctTrades, type EmbeddedTrade, similarTrade, type Trade } from "./trade.ts";
import { confidenceBin } from "./calibration.ts";
import { evidenceOf, type EvidenceColumns, recordsIn } from "./evidence.ts";
import { learn, type Lessons } from "./lessons.ts";

/** Similar trades that a decision recalls. */
const RECALLED = 10;

type ProviderRecords = MemoryContext["records"];
const NO_RECORDS: ProviderRecords = Object.freeze({});

/**
 * What one run sees of a memory: its base, which is what had closed when it starts, and what it has recorded itself. Every
 * read takes `asOf` and sees only outcomes with an exit before it, the newest `maxMemorySize` of them.
 */
export interface MemoryView {
  /** Outcomes in the window of the run's start, in order: a part of the run key. */
  readonly carriedIn: readonly Trade[];

  /** Outcomes in the window. */
  remembered(asOf: number): number;

  /**
   * What the outcomes in the window teach; providers are in the order in which they were given. `undefined` with memory
   * disabled: then every provider weighs the same, confidences count as voted, and sizes are full.
   */
  lessons(asOf: number): Lessons | undefined;

  /** What memory tells about a situation, as of its time. */
  recall(situation: Situation): Promise<MemoryContext>;

  /** Makes an outcome of this run visible: one that was recorded before the run was stopped. A second time is success. */
  add(trade: EmbeddedTrade): void;

  /** Remembers a closed trade of this run, durably, and makes it visible. */
  record(outcome: Outcome): Promise<Trade>;
}

/** How a run looks at memory. */
export interface MemoryViewOptions {
  readonly market: Market;
  /** Start of the run, epoch ms. */
  readonly startMs: number;
  /** Names of the providers to weigh. */
  readonly providers: readonly string[];
  /** `false`: nothing is seen; outcomes are still recorded. */
  readonly enabled: boolean;
  readonly maxMemorySize: number;
  readonly learningRate: number;
  readonly contextDays: number;
  /** `false`: no similar trades are recalled, and no vectors kept. @default true */
  readonly similar?: boolean;
}

/** Opens the view that a run has of a memory. */
export function openMemoryView(memory: Memory, options: MemoryViewOptions): MemoryView {
  const { enabled, maxMemorySize, providers } = options;
  const since = countedSince(memory.marks);

  // The visible outcomes in the order of (exit, id), a column each, so that a window is a range of indices.
  const seen: Trade[] = [];
  const experience: EvidenceColumns = {
    exits: [],
    results: [],
    trends: [],
    regimes: [],
    regimeNames: [],
    bins: [],
    evidence: providers.map(() => ({ resultR: [], bin: [] })),
  };
  const { exits } = experience;
  const vectors = options.similar === false ? undefined : new SearchIndex({ dim: memory.embedder.dim });
  // All assets decide at the same time: they share one calculation.
  let lastRecords:
    | { readonly from: number; readonly to: number; readonly byRegime: Map<string, ProviderRecords> }
    | undefined;
  let last: { readonly asOf: number; readonly lessons: Lessons } | undefined;

  const regimeOf = (name: string): number => {
    const known = experience.regimeNames.indexOf(name);
    return known === -1 ? experience.regimeNames.push(name) - 1 : known;
  };

  const add = (trade: EmbeddedTrade): void => {
    if (!enabled) return;
    let place = seen.length;
    while (place > 0 && compareTrades(seen[place - 1] as Trade, trade) > 0) place--;
    if (seen[place - 1]?.id === trade.id) return;
    last = undefined;
    lastRecords = undefined;
    vectors?.insert([trade.vector], place);
    seen.splice(place, 0, trade);
    exits.splice(place, 0, trade.exitMs);
    experience.results.splice(place, 0, trade.resultR ?? Number.NaN);
    experience.trends.splice(place, 0, trade.trendScore ?? Number.NaN);
    experience.regimes.splice(place, 0, regimeOf(trade.regime));
    experience.bins.splice(place, 0, confidenceBin(trade.rawConfidence));
    providers.forEach((provider, p) => {
      const counts = trade.exitMs >= (since.get(provider) ?? trade.exitMs);
      const { resultR, bin } = evidenceOf(trade, provider);
      experience.evidence[p]?.resultR.splice(place, 0, counts ? resultR : Number.NaN);
      experience.evidence[p]?.bin.splice(place, 0, bin);
    });
  };

  const carriedIn = enabled ? carriedInto(memory.trades, options) : [];
  for (const trade of carriedIn) add(trade);

  /** The trades `[from, to)` that a reader at `asOf` sees. */
  const windowAt = (asOf: number): { from: number; to: number } => {
    let to = seen.length;
    while (to > 0 && (exits[to - 1] as number) >= asOf) to--;
    return { from: Math.max(0, to - maxMemorySize), to };
  };

  const recentAt = (asOf: number, window: { from: number; to: number }): RecentRecord => {
    let trades = 0;
    let wins = 0;
    let sumR = 0;
    let countR = 0;
    const earliest = asOf - options.contextDays * DAY_MS;
    for (let i = window.to - 1; i >= window.from && (exits[i] as number) >= earliest; i--) {
      const trade = seen[i] as Trade;
      trades += 1;
      if (trade.won) wins += 1;
      if (trade.resultR === null) continue;
      sumR += trade.resultR;
      countR += 1;
    }
    return { days: options.contextDays, trades, wins, mean_r: countR === 0 ? null : sumR / countR };
  };

  /** The same window has the same records, whatever the time: they are counted when a trade comes or goes. */
  const knownRecordsAt = (regime: string, window: { from: number; to: number }): ProviderRecords => {
    if (lastRecords?.from !== window.from || lastRecords.to !== window.to) {
      lastRecords = { ...window, byRegime: new Map() };
    }
    let records = lastRecords.byRegime.get(regime);
    if (records === undefined) {
      records = recordsIn(regime, { experience, providers, ...window });
      lastRecords.byRegime.set(regime, records);
    }
    return records;
  };

  const recall = async (situation: Situation): Promise<MemoryContext> => {
    const window = windowAt(situation.timestamp);
    const recent = recentAt(situation.timestamp, window);
    const remembered = window.to - window.from;
    if (remembered === 0) return { remembered, similar: [], recent, records: NO_RECORDS };
    const records = knownRecordsAt(situation.regime, window);
    if (vectors === undefined) return { remembered, similar: [], recent, records };
    const query = await embedSentence(memory.embedder, describeSituation(situation));
    const matches = vectors.search(query, { k: RECALLED, ...window });
    const similar = matches.map(({ row, similarity }) => similarTrade(seen[row] as Trade, similarity));
    return { remembered, similar, recent, records };
  };

  return {
    carriedIn: carriedIn,
    remembered: (asOf) => {
      const { from, to } = windowAt(asOf);
      return to - from;
    },
    lessons: (asOf) => {
      if (!enabled) return undefined;
      if (last?.asOf !== asOf) {
        const { learningRate } = options;
        last = { asOf, lessons: learn(experience, { asOf, ...windowAt(asOf), learningRate }) };
      }
      return last.lessons;
    },
    recall,
    add,
    record: async (outcome) => {
      const trade = await memory.record(outcome);
      add(trade);
      return trade;
    },
  };
}

/** The window at the run's start: outcomes of the same market with an exit at or before it, the same trade once. */
function carriedInto(all: readonly EmbeddedTrade[], options: MemoryViewOptions): EmbeddedTrade[] {
  const visible = all.filter((trade) => trade.market === options.market && trade.exitMs <= options.startMs);
  const trades = distinctTrades(visible);
  const window = new Set(trades.slice(Math.max(0, trades.length - options.maxMemorySize)));
  return visible.filter((trade) => window.has(trade));
}
