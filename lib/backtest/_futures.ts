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

/** At most. */
export const FUTURES_A_DATE = 8;

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

  const trades = reference.outcomes.map((line) => {
    const { entry_timestamp: entry, exit_timestamp: exit, exit_reason: reason } = JSON.parse(line) as Outcome;
    return { entryMs: Date.parse(entry), exitMs: Date.parse(exit), reason };
  });
  const first = (moments: readonly number[]): number =>
    moments.filter(isInside).reduce((a, b) => Math.min(a, b), Infinity);
  const exits = (wanted: Outcome["exit_reason"]): number[] =>
    trades.filter(({ reason }) => reason === wanted).map(({ exitMs }) => exitMs);
  const barStartsMs = new Set(
    [trades.map(({ entryMs }) => entryMs), exits("reversed"), exits("timeout")].map(first).filter(Number.isFinite),
  );
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
