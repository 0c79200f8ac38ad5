/** Trades whose results are known to depend on their situations, or not to, and the trades of whole runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runBacktest } from "../../lib/backtest/run.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { toSettings } from "../../lib/config/config.ts";
import type { Market, Outcome, Situation } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { loadBars } from "../../lib/market/load.node.ts";
import { VERSION } from "../../lib/version.ts";
import { loadProviders } from "../../lib/providers/load.node.ts";
import { classifyRegime } from "../../lib/market/regime.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { describeSituation } from "../../lib/memory/description.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { idOfOutcomeFile, MAX_OUTCOME_BYTES } from "../../lib/memory/outcome.ts";
import { PROJECT_DIR, REAL_BARS_DIR } from "../../test/samples.ts";
import { createRandom, type Random } from "./chance.ts";

const ASSETS = ["BTCUSD", "ETHUSD", "EURUSD"] as const;

/** What a trade was decided in. */
export interface Case {
  readonly situation: Situation;
  readonly sentence: string;
}

/** Trades that are remembered and later ones that are asked about, in one or more worlds with the same situations. */
export interface Sample {
  readonly memory: readonly Case[];
  readonly queries: readonly Case[];
  readonly worlds: readonly SampleWorld[];
}

/** How the trades of a sample end, up to several times over. */
export interface SampleWorld {
  readonly name: string;
  /** Direction x result in R of each trade, those of the memory first; one list for each time that chance was asked. */
  readonly draws: readonly (readonly number[])[];
  /** Share of the queries that whoever knows the world gets right, 0..1. */
  readonly ceiling?: number;
}

/** The quantities that the sentence has in words, but for asset and regime. */
export function indicatorsOf(s: Situation): number[] {
  const width = s.channel_high - s.channel_low;
  return [
    s.return_pct / s.volatility_pct,
    trendOf(s),
    s.adx,
    s.rsi,
    s.volatility_rank,
    s.zscore,
    width > 0 ? (s.close - s.channel_low) / width : 0.5,
  ];
}

/** Asset and regime, a 0 or 1 for each there is. */
export function namesOf({ asset, regime }: Situation): number[] {
  const isOne = (each: string): number => (each === asset || each === regime ? 1 : 0);
  return [...ASSETS, "TRENDING", "RANGING", "VOLATILE"].map(isOne);
}

/** Distance of the averages, in ATR. */
function trendOf(s: Situation): number {
  return (100 * (s.ema_fast - s.ema_slow)) / s.close / s.volatility_pct;
}

const clamp = (value: number): number => Math.max(-1, Math.min(1, value));

/** Whether a price rises by an R before it falls by one depends on the situation so, from -1 to 1. */
const PLANTED: Readonly<Record<string, (s: Situation) => number>> = {
  "planted: by trend": (s) => clamp(trendOf(s) / 2),
  "planted: by z-score, the other way round in a trend": (s) =>
    s.regime === "VOLATILE" ? 0 : (s.regime === "TRENDING" ? 1 : -1) * clamp(s.zscore / 1.5),
  "planted: by RSI, the other way round when calm": (s) =>
    (s.volatility_rank < 0.5 ? -1 : 1) * clamp((s.rsi - 50) / 10),
  "planted: by asset alone": (s) => ({ BTCUSD: 1, ETHUSD: -1 })[s.asset] ?? 0,
  "planted: by nothing": () => 0,
};

/** The worlds that plain indicators and sentences both can see into. */
export const INDICATOR_WORLDS: readonly string[] = Object.keys(PLANTED).slice(0, 3);

/** At its strongest, how often a price goes where the situation says. */
const STRONGEST = 0.8;

/** A seed's situations, with results in every planted world. */
export function plantedSample(seed: number, options: { memory: number; queries: number; draws: number }): Sample {
  const random = createRandom(seed);
  const cases = Array.from({ length: options.memory + options.queries }, () => {
    const situation = drawSituation(random);
    return { situation, sentence: describeSituation(situation) };
  });
  const worlds = Object.entries(PLANTED).map(([name, lean]) => {
    const rises = cases.map(({ situation }) => 0.5 + (STRONGEST - 0.5) * lean(situation));
    const draws = Array.from({ length: options.draws }, () =>
      // Half of the trades are short; a trade that is right gains 1.5 R, as at the target, and else loses 1 R.
      rises.map((share) => {
        const direction = random.uniform() < 0.5 ? 1 : -1;
        const move = random.uniform() < share ? 1 : -1;
        return move * (direction === move ? 1.5 : 1);
      }),
    );
    const best = rises.slice(options.memory).map((share) => Math.max(share, 1 - share));
    return { name, draws, ceiling: best.reduce((sum, share) => sum + share, 0) / best.length };
  });
  return { memory: cases.slice(0, options.memory), queries: cases.slice(options.memory), worlds };
}

/** Indicators that hang together as they do: price moves by a few causes, each indicator shows one or two and noise. */
function drawSituation({ uniform, normal }: Random): Situation {
  const close = 100;
  const trend = normal();
  const push = 0.5 * trend + 0.87 * normal();
  const volatilityPct = 0.3 + 1.7 * uniform();
  const rank = uniform();
  const adx = Math.max(8, Math.min(60, 14 + 10 * Math.abs(trend) + 5 * normal()));
  const emaFast = close * (1 + (2 * trend * volatilityPct) / 100);
  const place = 0.5 + 0.35 * push + 0.2 * normal();
  const width = (8 * close * volatilityPct) / 100;
  return {
    asset: ASSETS[Math.floor(3 * uniform())] ?? ASSETS[0],
    timestamp: 0,
    regime: classifyRegime({ volatilityRank: rank, adx, usualAdx: 25 }),
    close,
    atr: (close * volatilityPct) / 100,
    volatility_pct: volatilityPct,
    volatility_rank: rank,
    rsi: Math.max(5, Math.min(95, 50 + 10 * push + 5 * normal())),
    adx,
    ema_fast: emaFast,
    ema_slow: close,
    zscore: 1.1 * push + 0.5 * normal(),
    channel_high: close + (1 - place) * width,
    channel_low: close - place * width,
    return_pct: volatilityPct * (2.5 * push + normal()),
  };
}

/** Trades of a run by the rules of config.yaml, without memory, oldest exit first. */
export async function tradesOfRun(options: {
  market: Market;
  seed: number;
  start: string;
  end: string;
}): Promise<readonly Outcome[]> {
  const { market, seed } = options;
  const config = await parseConfig(readFileSync(join(PROJECT_DIR, "config.yaml"), "utf8"), { file: "config.yaml" });
  const settings = toSettings(config);
  const { assets, timeframe } = config.backtest;
  const period = { startMs: Date.parse(options.start), endMs: Date.parse(options.end) };
  const all =
    market === "synthetic"
      ? assets.map((asset) => syntheticBars({ asset, timeframe, seed, end: options.end }))
      : await loadBars({ assets, dataDir: REAL_BARS_DIR, timeframe });
  if (all.length === 0) throw new Error(`There are no bars in "${REAL_BARS_DIR}"`);
  const series = new Map(all.map((each) => [each.asset, each]));
  const { providers, files } = await loadProviders(config.providers, { baseDir: PROJECT_DIR });
  const storage = inMemoryStorage();
  await runBacktest({
    settings: settings.backtest,
    memorySettings: { ...settings.memory, enabled: false },
    period,
    chunkKind: config.backtest.chunks,
    series,
    market,
    providers,
    memory: await openMemory(storage, { embedder: hashingEmbedder() }),
    key: { version: VERSION, seed, files },
  });
  const names = (await storage.list()).files
    .map(({ name }) => name)
    .filter((name) => idOfOutcomeFile(name) !== undefined);
  const outcomes = await Promise.all(
    names.map(async (name) => {
      const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES });
      return JSON.parse(new TextDecoder().decode(bytes)) as Outcome;
    }),
  );
  const key = (trade: Outcome): string => `${trade.exit_timestamp} ${trade.decision_id}`;
  return outcomes.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A run's trades: some are remembered, those decided after the last of them closed are asked about. */
export function runSample(
  name: string,
  trades: readonly Outcome[],
  options: { from: number; memory: number; queries: number },
): Sample {
  const { from } = options;
  const remembered = trades.slice(from, from + options.memory);
  const lastExit = remembered.at(-1)?.exit_timestamp ?? "";
  const later = trades.slice(from + options.memory).filter((trade) => trade.decision_timestamp > lastExit);
  const asked = later.filter((trade) => trade.result_r !== 0).slice(0, options.queries);
  const caseOf = (trade: Outcome): Case => {
    const situation = { ...trade.situation, asset: trade.asset_pair, timestamp: Date.parse(trade.decision_timestamp) };
    return { situation, sentence: describeSituation(situation) };
  };
  const draw = [...remembered, ...asked].map(({ action, result_r: r }) => (action === "BUY" ? r : -r));
  return { memory: remembered.map(caseOf), queries: asked.map(caseOf), worlds: [{ name, draws: [draw] }] };
}
