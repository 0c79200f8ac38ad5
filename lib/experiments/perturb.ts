/**
 * Perturbations for the look-ahead check: the past stays, and from a time on everything is different. Nothing is random, so that
 * the same input always gives the same perturbation.
 */
import type { InMemoryJob } from "../backtest/job.ts";
import type { Features, FeatureValue } from "../market/features.ts";
import { endOfBar } from "../market/spacing.ts";
import { firstIndex } from "../util/sorted.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import type { Bar, BarSeries, DecisionRecord, Outcome } from "../types.ts";
import type { RunTrace } from "./in-memory-run.ts";
import { decisionMs } from "./trace-diff.ts";

/** Prices jump by this factor, so that they differ even where a bar opens at the close before. */
const JUMP = 1.05;

/** A bar that keeps its open goes further than it did, so that one that stood still moves as well. */
const FURTHER = 1.01;

const OTHER_ACTION = { BUY: "SELL", SELL: "HOLD", HOLD: "BUY" } as const;

/**
 * Changes the bars that start at or after `fromMs`: prices go the other way from another level, with other volumes.
 *
 * @param options `jump`: the new level over the last close before. `opensAlike`: the bar that starts at `fromMs` keeps its open.
 * @returns The series, and how many of its bars were changed.
 */
export function perturbBars(
  series: BarSeries,
  fromMs: number,
  options: { jump?: number; opensAlike?: boolean } = {},
): { series: BarSeries; changed: number } {
  const { jump = JUMP, opensAlike = false } = options;
  const first = series.bars.findIndex(({ timestamp }) => timestamp >= fromMs);
  if (first === -1) return { series, changed: 0 };
  const level = (series.bars[first - 1] ?? series.bars[first]!).close;
  const inverted = (price: number): number => (jump * level * level) / price;
  const bars = series.bars.map((bar, i): Bar => {
    if (i < first) return bar;
    if (opensAlike && bar.timestamp === fromMs) return invertedFromOpen(bar);
    const { timestamp, open, high, low, close, volume } = bar;
    return {
      timestamp,
      open: inverted(open),
      high: inverted(low),
      low: inverted(high),
      close: inverted(close),
      volume: 2 * volume + 1,
    };
  });
  return { series: { ...series, bars }, changed: bars.length - first };
}

function invertedFromOpen({ timestamp, open, high, low, close, volume }: Bar): Bar {
  const inverted = (price: number): number => (open * open) / price;
  return {
    timestamp,
    open,
    high: inverted(low) * FURTHER,
    low: inverted(high) / FURTHER,
    close: inverted(close) * (close <= open ? FURTHER : 1 / FURTHER),
    volume: 2 * volume + 1,
  };
}

/**
 * Changes the votes that count from after `afterMs`.
 *
 * @returns The votes, and how many of them were changed.
 */
export function perturbVotes(votes: FileVotes, afterMs: number): { votes: FileVotes; changed: number } {
  let changed = 0;
  const perturbed = [...votes].map(([asset, ofAsset]) => {
    const others = ofAsset.map((vote) => {
      if (vote.timestamp <= afterMs) return vote;
      changed += 1;
      const { action, confidence } = vote.answer;
      return { timestamp: vote.timestamp, answer: { action: OTHER_ACTION[action], confidence: 100 - confidence } };
    });
    return [asset, others] as const;
  });
  return { votes: new Map(perturbed), changed };
}

/**
 * Changes the features that are known from after `afterMs`.
 *
 * @returns The features, and how many of their rows were changed.
 */
export function perturbFeatures(features: Features, afterMs: number): { features: Features; changed: number } {
  const first = firstIndex(features.rows.length, (i) => features.rows[i]!.timestamp > afterMs);
  const isNumber = features.names.map((_, i) => features.rows.some(({ values }) => typeof values[i] === "number"));
  const other = (value: FeatureValue, i: number): FeatureValue => {
    if (typeof value === "number") return value === 0.5 ? 2 : 1 - value;
    return value === null && isNumber[i] === true ? 1 : `not ${value ?? ""}`;
  };
  const rows = features.rows.map((row, i) => (i < first ? row : { ...row, values: row.values.map(other) }));
  return { features: { ...features, rows }, changed: rows.length - first };
}

/**
 * The trades of a run that decisions up to a time see, or not, by the time of their exit alone, as they are recorded before the next decision
 * (docs/RULES.md, "Learning"). What the end of the run closes is recorded only then. What closed at the open of a bar is recorded at the bar's
 * end: assets whose bars start at other times decide in between.
 */
export function tradesSeenByExit(
  { trades, outcomes, decisions }: Pick<RunTrace, "trades" | "outcomes" | "decisions">,
  { series, untilMs }: { series: ReadonlyMap<string, BarSeries>; untilMs: number },
): readonly EmbeddedTrade[] {
  const times = decisions.map(decisionMs);
  const rawExits = new Map(
    outcomes.map((line) => JSON.parse(line) as Outcome).map((each) => [each.decision_id, each.raw_exit_price]),
  );
  return trades.filter(({ id, asset, exitMs, exitReason }) => {
    if (exitReason === "end_of_run") return false;
    if (exitMs >= untilMs) return true;
    const { bars, timeframeMs } = series.get(asset)!;
    const i = firstIndex(bars.length, (each) => bars[each]!.timestamp >= exitMs);
    // A stop inside the bar before has this time, too, but another price.
    const isAtOpen = bars[i]?.timestamp === exitMs && bars[i].open === rawExits.get(id);
    if (!isAtOpen) return true;
    const nextMs = times[firstIndex(times.length, (each) => times[each]! > exitMs)] ?? Infinity;
    return nextMs >= endOfBar(exitMs, bars[i + 1]?.timestamp, timeframeMs);
  });
}

/**
 * Changes the trades that closed at or after `fromMs`. In turn, one has another result and other votes, one is doubled with the
 * second changed, and one is left out.
 *
 * @param trades In the order of (exit, id), which is kept.
 * @returns The trades, and how many of the given ones were touched.
 */
export function perturbTrades(
  trades: readonly EmbeddedTrade[],
  fromMs: number,
): { trades: EmbeddedTrade[]; changed: number } {
  let changed = 0;
  const perturbed = trades.flatMap((trade) => {
    if (trade.exitMs < fromMs) return [trade];
    changed += 1;
    if (changed % 3 === 1) return [perturbTrade(trade)];
    if (changed % 3 === 2) return [trade, { ...perturbTrade(trade), id: `${trade.id}-twice` }];
    return [];
  });
  return { trades: perturbed, changed };
}

function perturbTrade(trade: EmbeddedTrade): EmbeddedTrade {
  return {
    ...trade,
    won: !trade.won,
    pnl: -trade.pnl - 1,
    pnlPct: -trade.pnlPct - 1,
    resultR: trade.resultR === null || trade.resultR === 0 ? 1 : -trade.resultR,
    confidence: 100 - trade.confidence,
    rawConfidence: 100 - trade.rawConfidence,
    votes: trade.votes.map(({ provider, direction, confidence }) => ({
      provider,
      direction: direction === 0 ? 1 : direction === 1 ? -1 : 0,
      confidence: 100 - confidence,
    })),
  };
}

/** What is changed, and from when on. */
export interface Perturbation {
  readonly atMs: number;
  /** As in `LookaheadCheck`. */
  readonly changed: "market" | "bar" | "memory";
  /** An asset whose prices halve. */
  readonly halved?: string;
}

/** For a date, no more are chosen. */
export const MAX_PERTURBATIONS = 9;

/**
 * Chooses perturbations in which a leak of a single bar would show. They begin
 * - at a decision when a trade has just closed, which memory must not know yet;
 * - at the ends of bars in which a position was opened or closed, whose fills must not know the next bar;
 * - at the starts of bars whose open filled an order or ended a trade, which must not know the rest of their bar;
 * - at a decision that was skipped because its asset moved with another one, from which it then parts.
 *
 * @param dateMs They begin at or after it.
 */
export function choosePerturbations(
  reference: RunTrace,
  dateMs: number,
  { settings, period, memorySettings }: InMemoryJob,
): readonly Perturbation[] {
  const lastMs = period.endMs - settings.timeframeMs;
  const isInside = (ms: number): boolean => ms >= dateMs && ms <= lastMs;
  const decisions = reference.decisions
    .map((line) => ({ atMs: decisionMs(line), line }))
    .filter(({ atMs }) => isInside(atMs));
  const exitsAtLevels = new Set(
    reference.trades.filter(({ exitReason }) => /^(?:stop|target)$/.test(exitReason)).map(({ exitMs }) => exitMs),
  );
  const atDecisionMs = (decisions.find(({ atMs }) => exitsAtLevels.has(atMs)) ?? decisions[0])?.atMs ?? dateMs;
  const barEndsMs = fillBarEnds(reference, settings.timeframeMs, isInside).filter((ms) => ms !== atDecisionMs);
  const barStartsMs = fillsAtOpen(reference, isInside);
  const correlated = decisions.find(({ line }) => line.endsWith('"skipped":"correlation"}'));
  return [
    { atMs: atDecisionMs, changed: "market" },
    ...(memorySettings.enabled ? [{ atMs: atDecisionMs, changed: "memory" as const }] : []),
    ...barEndsMs.map((atMs) => ({ atMs, changed: "market" as const })),
    ...barStartsMs.map((atMs) => ({ atMs, changed: "bar" as const })),
    ...(correlated === undefined
      ? []
      : [
          {
            atMs: correlated.atMs,
            changed: "market" as const,
            halved: (JSON.parse(correlated.line) as DecisionRecord).asset,
          },
        ]),
  ];
}

/** The ends of the first bar after which more positions were open than before, and of the first with fewer. */
function fillBarEnds({ marks }: RunTrace, timeframeMs: number, isInside: (ms: number) => boolean): readonly number[] {
  const counts = marks.map((mark) => {
    const [timestamp = "", , positions] = mark.split(",");
    return { endMs: Date.parse(timestamp) + timeframeMs, positions: Number(positions) };
  });
  const steps = counts.flatMap(({ endMs, positions }, i) =>
    isInside(endMs) ? [{ endMs, change: positions - (counts[i - 1]?.positions ?? 0) }] : [],
  );
  const fills = [steps.find(({ change }) => change > 0), steps.find(({ change }) => change < 0)];
  return [...new Set(fills.flatMap((fill) => fill?.endMs ?? []))];
}

/** The first times at which an open filled an entry, an order to close, a time-out, and a level that the bar opened beyond. */
function fillsAtOpen({ outcomes }: RunTrace, isInside: (ms: number) => boolean): readonly number[] {
  const trades = outcomes.map((line) => JSON.parse(line) as Outcome);
  const exits = (isWanted: (trade: Outcome) => boolean): readonly string[] =>
    trades.filter(isWanted).map(({ exit_timestamp: exit }) => exit);
  const fills = [
    trades.map(({ entry_timestamp: entry }) => entry),
    exits(({ exit_reason: reason }) => reason === "reversed" || reason === "hold"),
    exits(({ exit_reason: reason }) => reason === "timeout"),
    exits(closedBeyondLevel),
  ];
  const firsts = fills.flatMap((times) => {
    const inside = times.map((time) => Date.parse(time)).filter(isInside);
    return inside.length === 0 ? [] : inside.reduce((a, b) => Math.min(a, b));
  });
  return [...new Set(firsts)];
}

/** Whether a bar opened beyond the stop or the target. */
function closedBeyondLevel({ exit_reason, raw_exit_price, stop_price, target_price }: Outcome): boolean {
  if (exit_reason === "stop") return raw_exit_price !== stop_price;
  return exit_reason === "target" && raw_exit_price !== target_price;
}
