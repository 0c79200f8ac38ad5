/** Another future: the same past, and from a time on everything different. No dice: the same input gives the same future. */
/** Which futures to look into for a leak. */
import type { EmbeddedTrade } from "../memory/trade.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import type { Bar, BarSeries, DecisionRecord, Outcome } from "../types.ts";
import type { RunTrace } from "./in-memory-run.ts";
import type { InMemoryJob } from "../backtest/job.ts";

/** A jump, so that no price is what it was even where a bar opens at the close before. */
const JUMP = 1.05;

/** Further than the bar itself went, so that one which stood still goes somewhere as well. */
const FURTHER = 1.01;

const TURNED = { BUY: "SELL", SELL: "HOLD", HOLD: "BUY" } as const;

/**
 * Bars that start at or after `fromMs` are others: prices go the other way from a level 5 % higher, with other volumes.
 *
 * @param options `jump`: from another level, in place of 1.05 times the last close. `opensAlike`: the bar that starts at `fromMs` keeps
 * its open, and all else of it is other.
 * @returns The series, and how many bars are others.
 */
export function perturbBars(
  series: BarSeries,
  fromMs: number,
  options: { jump?: number; opensAlike?: boolean } = {},
): { series: BarSeries; changed: number } {
  const { jump = JUMP, opensAlike = false } = options;
  const first = series.bars.findIndex(({ timestamp }) => timestamp >= fromMs);
  if (first === -1) return { series, changed: 0 };
  const level = (series.bars[first - 1] ?? series.bars[first])?.close ?? 1;
  const other = (price: number): number => (jump * level * level) / price;
  const bars = series.bars.map((bar, i): Bar => {
    if (i < first) return bar;
    if (opensAlike && bar.timestamp === fromMs) return otherwiseFrom(bar);
    const { timestamp, open, high, low, close, volume } = bar;
    return {
      timestamp,
      open: other(open),
      high: other(low),
      low: other(high),
      close: other(close),
      volume: 2 * volume + 1,
    };
  });
  return { series: { ...series, bars }, changed: bars.length - first };
}

/** The bar from its open on, the other way and further. */
function otherwiseFrom({ timestamp, open, high, low, close, volume }: Bar): Bar {
  const turned = (price: number): number => (open * open) / price;
  return {
    timestamp,
    open,
    high: turned(low) * FURTHER,
    low: turned(high) / FURTHER,
    close: turned(close) * (close <= open ? FURTHER : 1 / FURTHER),
    volume: 2 * volume + 1,
  };
}

/**
 * Votes that count from a time after `afterMs` are others.
 *
 * @returns The votes, and how many are others.
 */
export function otherVotes(votes: FileVotes, afterMs: number): { votes: FileVotes; changed: number } {
  let changed = 0;
  const others = [...votes].map(([asset, ofAsset]) => {
    const turned = ofAsset.map((vote) => {
      if (vote.timestamp <= afterMs) return vote;
      changed += 1;
      const { action, confidence } = vote.answer;
      return { timestamp: vote.timestamp, answer: { action: TURNED[action], confidence: 100 - confidence } };
    });
    return [asset, turned] as const;
  });
  return { votes: new Map(others), changed };
}

/**
 * Outcomes that closed at or after `fromMs` are others: in turn one has another result and other votes, one comes twice, the
 * second time changed, and one is gone.
 *
 * @param trades In the order of (exit, id), which is kept.
 * @returns The trades, and how many of the given ones were touched.
 */
export function perturbOutcomes(
  trades: readonly EmbeddedTrade[],
  fromMs: number,
): { trades: EmbeddedTrade[]; changed: number } {
  let changed = 0;
  const others = trades.flatMap((trade) => {
    if (trade.exitMs < fromMs) return [trade];
    changed += 1;
    if (changed % 3 === 1) return [otherResult(trade)];
    if (changed % 3 === 2) return [trade, { ...otherResult(trade), id: `${trade.id}-twice` }];
    return [];
  });
  return { trades: others, changed };
}

function otherResult(trade: EmbeddedTrade): EmbeddedTrade {
  return {
    ...trade,
    won: !trade.won,
    pnl: -trade.pnl - 1,
    pnlPct: -trade.pnlPct - 1,
    resultR: trade.resultR === null || trade.resultR === 0 ? 1 : -trade.resultR,
    confidence: 100 - trade.confidence,
    rawConfidence: 100 - trade.rawConfidence,
    votes: trade.votes.map((vote) => ({
      provider: vote.provider,
      direction: vote.direction === 0 ? 1 : vote.direction === 1 ? -1 : 0,
      confidence: 100 - vote.confidence,
    })),
  };
}

/** A future that is another from a time on. */
export interface Perturbation {
  readonly atMs: number;
  /** As in `LookaheadCheck`. */
  readonly changed: "market" | "bar" | "memory";
  /** An asset whose prices halve. */
  readonly halved?: string;
}

/** So many are looked into for a date at most. */
export const FUTURES_A_DATE = 9;

/**
 * Futures in which a leak of one bar would show: from a decision on when a trade has just closed, which memory may not know yet; from the
 * ends of bars in which a position was opened or closed, whose fills may not know the next bar; from the starts of bars whose open
 * filled an order or ended a trade, which may not know the rest of their own bar; and from a decision on that came to nothing because
 * its asset moved with another, which from then on it does not.
 */
export function choosePerturbations(
  reference: RunTrace,
  dateMs: number,
  { settings, period, memorySettings }: InMemoryJob,
): readonly Perturbation[] {
  const lastMs = period.endMs - settings.timeframeMs;
  const isInside = (ms: number): boolean => ms >= dateMs && ms <= lastMs;
  const decisions = reference.decisions
    .map((line) => JSON.parse(line) as DecisionRecord)
    .map(({ timestamp, asset, skipped }) => ({ atMs: Date.parse(timestamp), asset, skipped }))
    .filter(({ atMs }) => isInside(atMs));
  const times = decisions.map(({ atMs }) => atMs);
  const reached = new Set(
    reference.trades.filter((trade) => /^(?:stop|target)$/.test(trade.exitReason)).map((trade) => trade.exitMs),
  );
  const decisionMs = times.find((ms) => reached.has(ms)) ?? times[0] ?? dateMs;

  const open = reference.marks.map((mark) => {
    const [timestamp = "", , positions] = mark.split(",");
    return { endMs: Date.parse(timestamp) + settings.timeframeMs, positions: Number(positions) };
  });
  const steps = open.flatMap(({ endMs, positions }, i) =>
    isInside(endMs) ? [{ endMs, change: positions - (open[i - 1]?.positions ?? 0) }] : [],
  );
  const fills = [steps.find(({ change }) => change > 0), steps.find(({ change }) => change < 0)];
  const barEndsMs = new Set(fills.flatMap((fill) => fill?.endMs ?? []));
  barEndsMs.delete(decisionMs);

  const trades = reference.outcomes.map((line) => JSON.parse(line) as Outcome);
  const exits = (isMeant: (trade: Outcome) => boolean): number[] =>
    trades.filter(isMeant).map((trade) => Date.parse(trade.exit_timestamp));
  const first = (moments: readonly number[]): number =>
    moments.filter(isInside).reduce((a, b) => Math.min(a, b), Infinity);
  const filledAtOpen = [
    trades.map((trade) => Date.parse(trade.entry_timestamp)),
    exits((trade) => trade.exit_reason === "reversed"),
    exits((trade) => trade.exit_reason === "timeout"),
    exits(leftAtGap),
  ];
  const barStartsMs = new Set(filledAtOpen.map(first).filter(Number.isFinite));
  const correlated = decisions.find(({ skipped }) => skipped === "correlation");
  return [
    { atMs: decisionMs, changed: "market" },
    ...(memorySettings.enabled ? [{ atMs: decisionMs, changed: "memory" as const }] : []),
    ...[...barEndsMs].map((atMs) => ({ atMs, changed: "market" as const })),
    ...[...barStartsMs].map((atMs) => ({ atMs, changed: "bar" as const })),
    ...(correlated === undefined
      ? []
      : [{ atMs: correlated.atMs, changed: "market" as const, halved: correlated.asset }]),
  ];
}

/** Whether a bar opened beyond the level at which the position was to be left. */
function leftAtGap({ exit_reason, raw_exit_price, stop_price, target_price }: Outcome): boolean {
  if (exit_reason === "stop") return raw_exit_price !== stop_price;
  return exit_reason === "target" && raw_exit_price !== target_price;
}
