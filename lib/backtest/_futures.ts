/** Which futures to look into for a leak. */
import type { Decision, Outcome } from "../domain.ts";
import type { Rehearsal, RehearsalJob } from "./rehearsal.ts";

/** A future that is another from a time on. */
export interface Future {
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
export function futuresFrom(
  reference: Rehearsal,
  dateMs: number,
  { settings, period, memorySettings }: RehearsalJob,
): readonly Future[] {
  const lastMs = period.endMs - settings.timeframeMs;
  const isInside = (ms: number): boolean => ms >= dateMs && ms <= lastMs;
  const decisions = reference.decisions
    .map((line) => JSON.parse(line) as Decision)
    .map(({ timestamp, asset, skipped }) => ({ atMs: Date.parse(timestamp), asset, skipped }))
    .filter(({ atMs }) => isInside(atMs));
  const times = decisions.map(({ atMs }) => atMs);
  const reached = new Set(
    reference.rows.filter(({ row }) => /^(?:stop|target)$/.test(row.exitReason)).map(({ row }) => row.exitMs),
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
