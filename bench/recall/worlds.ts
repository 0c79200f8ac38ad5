import { runInMemory } from "../../lib/experiments/in-memory-run.ts";
import { classifyRegime } from "../../lib/market/regime.ts";
import { describeSituation } from "../../lib/memory/description.ts";
import type { Outcome, Situation } from "../../lib/types.ts";
import { defaultJob } from "../support/default-job.ts";
import { mean, splitMix32, type Random } from "../support/statistics.ts";

const ASSETS = ["BTCUSD", "ETHUSD", "EURUSD"] as const;

/** A situation in which a trade was decided, and its sentence. */
export interface Case {
  readonly situation: Situation;
  readonly sentence: string;
}

/** Remembered trades, and later ones whose direction is to be predicted. Several worlds may share their situations. */
export interface Sample {
  readonly memory: readonly Case[];
  readonly queries: readonly Case[];
  readonly worlds: readonly SampleWorld[];
}

/** The results of a sample's trades in one world. */
interface SampleWorld {
  readonly name: string;
  /** Direction x result in R of each trade, the remembered ones first; one list for each random draw. */
  readonly draws: readonly (readonly number[])[];
  /** The share of queries that perfect knowledge of the world gets right, 0..1. */
  readonly ceiling?: number;
}

/** The quantities that a sentence expresses in words, without asset and regime. */
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

/** Asset and regime as 0 or 1 for each possible name. */
export function namesOf({ asset, regime }: Situation): number[] {
  const isOne = (each: string): number => (each === asset || each === regime ? 1 : 0);
  return [...ASSETS, "TRENDING", "RANGING", "VOLATILE"].map(isOne);
}

/** Distance of the moving averages in ATR. */
function trendOf(s: Situation): number {
  return (100 * (s.ema_fast - s.ema_slow)) / s.close / s.volatility_pct;
}

const clamp = (value: number): number => Math.max(-1, Math.min(1, value));

/** How a situation leans: -1 if the price mostly falls by one R first, 1 if it mostly rises, 0 if it is undecided. */
const PLANTED: Readonly<Record<string, (s: Situation) => number>> = {
  "planted: by trend": (s) => clamp(trendOf(s) / 2),
  "planted: by z-score, the other way round in a trend": (s) =>
    s.regime === "VOLATILE" ? 0 : (s.regime === "TRENDING" ? 1 : -1) * clamp(s.zscore / 1.5),
  "planted: by RSI, the other way round when calm": (s) =>
    (s.volatility_rank < 0.5 ? -1 : 1) * clamp((s.rsi - 50) / 10),
  "planted: by asset alone": (s) => ({ BTCUSD: 1, ETHUSD: -1 })[s.asset] ?? 0,
  "planted: by nothing": () => 0,
};

/** The worlds whose results depend on indicators, which plain indicators and sentences both contain. */
export const INDICATOR_WORLDS: readonly string[] = Object.keys(PLANTED).slice(0, 3);

/** How often the price goes where the situation leans, at most. */
const MAX_HIT_RATE = 0.8;

/** Random situations, with results in every planted world. */
export function plantedSample(seed: number, options: { memory: number; queries: number; draws: number }): Sample {
  const random = splitMix32(seed);
  const cases = Array.from({ length: options.memory + options.queries }, () => {
    const situation = drawSituation(random);
    return { situation, sentence: describeSituation(situation) };
  });
  const worlds = Object.entries(PLANTED).map(([name, lean]) => {
    const rises = cases.map(({ situation }) => 0.5 + (MAX_HIT_RATE - 0.5) * lean(situation));
    const draws = Array.from({ length: options.draws }, () =>
      // Half of the trades are short. A trade in the right direction gains 1.5 R, as at its target; others lose 1 R.
      rises.map((share) => {
        const direction = random.uniform() < 0.5 ? 1 : -1;
        const move = random.uniform() < share ? 1 : -1;
        return move * (direction === move ? 1.5 : 1);
      }),
    );
    const best = rises.slice(options.memory).map((share) => Math.max(share, 1 - share));
    return { name, draws, ceiling: mean(best) };
  });
  return { memory: cases.slice(0, options.memory), queries: cases.slice(options.memory), worlds };
}

/** Indicators that correlate as real ones do: a few causes move the price, and each indicator shows one or two of them and noise. */
function drawSituation({ uniform, normal }: Random): Situation {
  const close = 100;
  const trend = normal();
  const push = 0.5 * trend + 0.87 * normal();
  const volatilityPct = 0.3 + 1.7 * uniform();
  const rank = uniform();
  const adx = Math.max(8, Math.min(60, 14 + 10 * Math.abs(trend) + 5 * normal()));
  const emaFast = close * (1 + (2 * trend * volatilityPct) / 100);
  const position = 0.5 + 0.35 * push + 0.2 * normal();
  const width = (8 * close * volatilityPct) / 100;
  return {
    asset: ASSETS[Math.floor(3 * uniform())]!,
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
    channel_high: close + (1 - position) * width,
    channel_low: close - position * width,
    return_pct: volatilityPct * (2.5 * push + normal()),
  };
}

/** The trades of a run of config.yaml without memory, oldest exit first. Without a `dataDir` the bars are synthetic. */
export async function tradesOfRun(options: {
  start: string;
  end: string;
  dataDir?: string;
  seed?: number;
}): Promise<readonly Outcome[]> {
  const job = await defaultJob(options);
  const { outcomes } = await runInMemory({ ...job, memorySettings: { ...job.memorySettings, enabled: false } });
  const key = (trade: Outcome): string => `${trade.exit_timestamp} ${trade.decision_id}`;
  return outcomes.map((line) => JSON.parse(line) as Outcome).toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A sample of a run's trades: some are remembered, and those decided after the last of them closed are the queries. */
export function runSample(
  name: string,
  trades: readonly Outcome[],
  options: { from: number; memory: number; queries: number },
): Sample {
  const { from } = options;
  const remembered = trades.slice(from, from + options.memory);
  const lastExit = remembered.at(-1)?.exit_timestamp ?? "";
  const later = trades.slice(from + options.memory).filter((trade) => trade.decision_timestamp > lastExit);
  const queries = later.filter((trade) => trade.result_r !== 0).slice(0, options.queries);
  const caseOf = (trade: Outcome): Case => {
    const situation = { ...trade.situation, asset: trade.asset_pair, timestamp: Date.parse(trade.decision_timestamp) };
    return { situation, sentence: describeSituation(situation) };
  };
  const draw = [...remembered, ...queries].map(({ action, result_r: r }) => (action === "BUY" ? r : -r));
  return { memory: remembered.map(caseOf), queries: queries.map(caseOf), worlds: [{ name, draws: [draw] }] };
}
