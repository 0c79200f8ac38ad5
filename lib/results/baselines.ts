/** What the same bars would have given without any decision (docs/RULES.md, "Baselines"). */
import { directionOf, type Trade } from "../memory/trade.ts";
import { dayTimeOf } from "../market/spacing.ts";
import type { Bar } from "../types.ts";
import { meanOf } from "../util/numbers.ts";
import { createRandom } from "../util/random.ts";
import { firstIndex } from "../util/sorted.ts";
import { isoDate } from "../util/time.ts";
import { type DaysPerYear, lastOfDays, markDrawdown, sharpeRatio, simpleReturns } from "./metrics.ts";

const RANDOM_DRAWS = 200;

/** What holding earns, after the costs of one purchase and one sale. */
interface HeldFigures {
  readonly return_pct: number;
  readonly sharpe_ratio: number | null;
  /** Over the last marks of days. */
  readonly max_drawdown_pct: number;
}

/** A run's trades compared with trades of the same assets, directions and holding times that begin at random. */
interface RandomEntry {
  readonly draws: number;
  /** Mean `pnl_percentage` of the run's trades. */
  readonly run_mean_pnl_pct: number;
  /** The same over all draws. */
  readonly random_mean_pnl_pct: number;
  /** Percent of the draws below the run; one that is equal counts half. */
  readonly percentile: number;
}

export interface Baselines {
  /** By asset; `null` without bars. */
  readonly buy_and_hold: Readonly<Record<string, HeldFigures | null>>;
  /** All assets bought once, with equal shares of the account. */
  readonly equal_weight: HeldFigures | null;
  /** `null` without trades. */
  readonly random_entry: RandomEntry | null;
}

/** An asset's bars of the run's period, and what buying or selling it costs. */
export interface HeldAsset {
  readonly asset: string;
  readonly bars: readonly Bar[];
  readonly timeframeMs: number;
  /** Of the price: the fee of one side, and half the spread with the slippage. */
  readonly feeShare: number;
  readonly fillShare: number;
}

export function baselinesOf(
  assets: readonly HeldAsset[],
  { trades, daysPerYear }: { trades: readonly Trade[]; daysPerYear: DaysPerYear },
): Baselines {
  const held = new Map(assets.filter(({ bars }) => bars.length > 0).map((each) => [each, valueByDay(each)]));
  const figuresOf = (values: readonly ValueByDay[]): HeldFigures => heldFigures(meanByDay(values), daysPerYear);
  return {
    buy_and_hold: Object.fromEntries(
      assets.map((each) => [each.asset, held.has(each) ? figuresOf([held.get(each)!]) : null]),
    ),
    equal_weight: held.size === 0 ? null : figuresOf([...held.values()]),
    random_entry: randomEntry(trades, assets),
  };
}

type ValueByDay = ReadonlyMap<string, number>;
type HeldMark = { readonly date: string; readonly equity: number };

/** What 1 put into an asset at its first open is worth at the end of each of its days; sold at the last close. */
function valueByDay({ bars, timeframeMs, feeShare, fillShare }: HeldAsset): ValueByDay {
  const dayOf = ({ timestamp }: Bar): string => isoDate(dayTimeOf(timestamp, timeframeMs));
  const paid = bars[0]!.open * (1 + fillShare);
  const values = new Map<string, number>();
  for (const bar of bars) values.set(dayOf(bar), bar.close / paid - feeShare);
  const last = bars.at(-1)!;
  const received = last.close * (1 - fillShare);
  values.set(dayOf(last), (received * (1 - feeShare)) / paid - feeShare);
  return values;
}

/** What 1 put into equal shares of assets is worth at the end of each day. An asset without a bar on a day counts as before. */
export function valueOfHeld(assets: readonly HeldAsset[]): readonly HeldMark[] {
  return meanByDay(assets.map(valueByDay));
}

function meanByDay(values: readonly ValueByDay[]): readonly HeldMark[] {
  const dates = [...new Set(values.flatMap((byDay) => [...byDay.keys()]))].toSorted();
  const now = values.map(() => 1);
  return dates.map((date) => {
    values.forEach((byDay, i) => (now[i] = byDay.get(date) ?? now[i]!));
    return { date, equity: meanOf(now)! };
  });
}

function heldFigures(values: readonly HeldMark[], daysPerYear: DaysPerYear): HeldFigures {
  const marks = lastOfDays(values, daysPerYear);
  const drawdown = { peak: 1, maxPct: 0 };
  for (const { equity } of marks) markDrawdown(drawdown, equity);
  return {
    return_pct: 100 * (marks.at(-1)!.equity - 1),
    sharpe_ratio: sharpeRatio(simpleReturns(marks, 1), daysPerYear),
    max_drawdown_pct: drawdown.maxPct,
  };
}

function randomEntry(trades: readonly Trade[], assets: readonly HeldAsset[]): RandomEntry | null {
  const random = createRandom("random entry");
  const entered = trades.flatMap((trade) => {
    const held = assets.find(({ asset }) => asset === trade.asset);
    return held === undefined || held.bars.length < 2 ? [] : { trade, held, barsHeld: barsHeld(trade, held.bars) };
  });
  const mean = meanOf(entered.map(({ trade }) => trade.pnlPct));
  if (mean === null) return null;
  const draws = Array.from({ length: RANDOM_DRAWS }, () => {
    let sum = 0;
    for (const { trade, held, barsHeld: count } of entered) {
      const first = Math.floor(random.uniform() * (held.bars.length - count));
      sum += pnlPct(held, { direction: directionOf(trade.action), first, last: first + count });
    }
    return sum / entered.length;
  });
  const below = draws.filter((draw) => draw < mean).length + draws.filter((draw) => draw === mean).length / 2;
  return {
    draws: RANDOM_DRAWS,
    run_mean_pnl_pct: mean,
    random_mean_pnl_pct: meanOf(draws)!,
    percentile: (100 * below) / RANDOM_DRAWS,
  };
}

/** The number of bars from a trade's entry to its exit, at least 1 and at most all but one. */
function barsHeld({ entryMs, exitMs }: Trade, bars: readonly Bar[]): number {
  const firstFrom = (ms: number): number => firstIndex(bars.length, (i) => bars[i]!.timestamp >= ms);
  return Math.max(1, Math.min(bars.length - 1, firstFrom(exitMs) - firstFrom(entryMs)));
}

/** From open to open, after costs, in percent of the entry as in an outcome. */
function pnlPct(
  { bars, feeShare, fillShare }: HeldAsset,
  { direction, first, last }: { direction: 1 | -1; first: number; last: number },
): number {
  const entry = bars[first]!.open * (1 + direction * fillShare);
  const exit = bars[last]!.open * (1 - direction * fillShare);
  return 100 * ((direction * (exit - entry) - feeShare * (entry + exit)) / entry);
}
