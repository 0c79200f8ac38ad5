/** Where two runs differ, line by line. */
import type { DecisionRecord, Outcome } from "../types.ts";
import type { RunTrace } from "./in-memory-run.ts";
import { changedPaths } from "../util/json.ts";

/** Something from before that the future changed. */
export interface Leak {
  readonly kind: "decision" | "entry" | "outcome" | "mark";
  /** When it was known, ISO 8601. */
  readonly timestamp: string;
  readonly asset: string | null;
  /** What of it changed, such as `situation.atr`, `weights.trend`, `context.remembered`. */
  readonly fields: readonly string[];
}

interface Known {
  readonly knownMs: number;
  readonly line: string;
}

/** How an order was filled. */
interface Entry {
  /** ISO 8601. */
  readonly timestamp: string;
  readonly asset: string;
  readonly decision_id: string;
  readonly action: string;
  readonly position_size: number;
  readonly raw_entry_price: number;
  readonly entry_price: number;
  readonly stop_price: number;
  readonly target_price: number;
}

/**
 * All that differs among what was known by a time.
 *
 * @param options `fillsAtOpen`: whether what was filled at the very time was known by it, since the bar that starts then opens alike.
 */
export function diffTraces(
  reference: RunTrace,
  other: RunTrace,
  options: { untilMs: number; timeframeMs: number; fillsAtOpen: boolean },
): {
  leaks: Leak[];
  compared: { decisions: number; entries: number; outcomes: number; marks: number };
  laterDecisionsChanged: number;
} {
  const { untilMs, timeframeMs } = options;
  const knownAfterMs = options.fillsAtOpen ? 0 : 1;
  const decisionsOf = (run: RunTrace): Known[] =>
    run.decisions.map((line) => {
      const plain = withoutRunIds(line, run);
      return { knownMs: Date.parse((JSON.parse(plain) as DecisionRecord).timestamp), line: plain };
    });
  // At the very time an exit may be of the next bar's open; the mark before it has what is known of it.
  const outcomesOf = (run: RunTrace): Known[] =>
    run.outcomes.map((line) => {
      const plain = withoutRunIds(line, run);
      const { exit_timestamp: exit, exit_reason: reason } = JSON.parse(plain) as Outcome;
      // The run's end closes also positions of assets whose bars stop early, at their last bar.
      return { knownMs: reason === "end_of_run" ? Infinity : Date.parse(exit) + knownAfterMs, line: plain };
    });
  const entriesOf = (run: RunTrace): Known[] =>
    filledEntries(run).map((entry) => ({
      knownMs: Date.parse(entry.timestamp) + knownAfterMs,
      line: withoutRunIds(JSON.stringify(entry), run),
    }));
  const marksOf = (run: RunTrace): Known[] =>
    run.marks.map((line) => ({ knownMs: Date.parse(line.slice(0, line.indexOf(","))) + timeframeMs, line }));

  const [decisions, otherDecisions] = [decisionsOf(reference), decisionsOf(other)];
  const [entries, otherEntries] = [entriesOf(reference), entriesOf(other)];
  const [outcomes, otherOutcomeLines] = [outcomesOf(reference), outcomesOf(other)];
  const [marks, otherMarks] = [marksOf(reference), marksOf(other)];
  const isBefore = ({ knownMs }: Known): boolean => knownMs <= untilMs;
  const leaks = [
    ...unequal("decision", decisions.filter(isBefore), otherDecisions.filter(isBefore)),
    ...unequal("entry", entries.filter(isBefore), otherEntries.filter(isBefore)),
    ...unequal("outcome", outcomes.filter(isBefore), otherOutcomeLines.filter(isBefore)),
    ...unequal("mark", marks.filter(isBefore), otherMarks.filter(isBefore)),
  ].toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  const earlier = decisions.filter(isBefore).length;
  const later = otherDecisions.slice(earlier);
  return {
    leaks,
    compared: {
      decisions: earlier,
      entries: entries.filter(isBefore).length,
      outcomes: outcomes.filter(isBefore).length,
      marks: marks.filter(isBefore).length,
    },
    laterDecisionsChanged: later.filter(({ line }, i) => line !== decisions[earlier + i]?.line).length,
  };
}

/** Every order that was filled, of trades and of positions that are still open, in order of time and asset. */
function filledEntries(run: RunTrace): readonly Entry[] {
  const closed = run.outcomes.map((line): Entry => {
    const trade = JSON.parse(line) as Outcome;
    return {
      timestamp: trade.entry_timestamp,
      asset: trade.asset_pair,
      decision_id: trade.decision_id,
      action: trade.action,
      position_size: trade.position_size,
      raw_entry_price: trade.raw_entry_price,
      entry_price: trade.entry_price,
      stop_price: trade.stop_price,
      target_price: trade.target_price,
    };
  });
  const open = (run.records.at(-1)?.state.broker.positions ?? []).map((position): Entry => ({
    timestamp: new Date(position.entry_ms).toISOString(),
    asset: position.asset,
    decision_id: position.decision.decision_id,
    action: position.action,
    position_size: position.size,
    raw_entry_price: position.raw_entry_price,
    entry_price: position.entry_price,
    stop_price: position.stop_price,
    target_price: position.target_price,
  }));
  const key = ({ timestamp, asset }: Entry): string => `${timestamp} ${asset}`;
  // A run that is stopped early may have closed a position just after its last record.
  const all = new Map([...open, ...closed].map((entry) => [entry.decision_id, entry]));
  return [...all.values()].toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** Other bars make another run id, from which a run's own ids are made; nothing is decided by them. */
function withoutRunIds(line: string, run: RunTrace): string {
  return line
    .replaceAll(run.runId, "run")
    .replaceAll(/"(\d{8}T\d{4}-[^"]*-)([0-9a-f]{8})"/g, (id, start: string, hash: string) =>
      run.ownIds.has(`${start}${hash}`) ? `"${start}run"` : id,
    );
}

function unequal(kind: Leak["kind"], expected: readonly Known[], found: readonly Known[]): Leak[] {
  const leaks: Leak[] = [];
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const [a, b] = [expected[i], found[i]];
    if (a !== undefined && a.line === b?.line) continue;
    leaks.push(leakOf(kind, a?.line, b?.line));
  }
  return leaks;
}

function leakOf(kind: Leak["kind"], expected: string | undefined, found: string | undefined): Leak {
  const line = expected ?? found ?? "";
  if (kind === "mark") {
    const [timestamp = ""] = line.split(",");
    return { kind, timestamp, asset: null, fields: ["equity"] };
  }
  const { timestamp, exit_timestamp: exit, asset, asset_pair: pair } = JSON.parse(line) as Record<string, unknown>;
  const fields =
    expected === undefined || found === undefined
      ? [expected === undefined ? "added" : "gone"]
      : changedPaths(JSON.parse(expected), JSON.parse(found));
  return { kind, timestamp: String(timestamp ?? exit), asset: String(asset ?? pair), fields };
}
