/** Where two runs differ, line by line. */
import type { DecisionRecord, Outcome, Position } from "../types.ts";
import { changedPaths } from "../util/json.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** Something known before a perturbation that changed with it. */
export interface Leak {
  readonly kind: "decision" | "entry" | "outcome" | "mark";
  /** When it was known, ISO 8601. */
  readonly timestamp: string;
  readonly asset: string | null;
  /** What changed, such as `situation.atr`, `weights.trend`, `context.remembered`. */
  readonly fields: readonly string[];
}

/** The first differences of two runs. */
interface TraceDiff {
  /** In the order of time. */
  readonly leaks: readonly Leak[];
  /** How much was compared. */
  readonly compared: {
    readonly decisions: number;
    readonly entries: number;
    readonly outcomes: number;
    readonly marks: number;
  };
  /** Decisions from later that differ. */
  readonly laterDecisionsChanged: number;
}

interface Known {
  readonly knownMs: number;
  readonly line: string;
}

/**
 * Compares all that two runs knew by a time, except for their ids.
 *
 * @param options `fillsAtOpen`: whether fills at that very time were known by it, as they are if the next bar opens alike.
 */
export function diffTraces(
  reference: RunTrace,
  other: RunTrace,
  options: { untilMs: number; timeframeMs: number; fillsAtOpen: boolean },
): TraceDiff {
  const { untilMs, timeframeMs } = options;
  const fillDelayMs = options.fillsAtOpen ? 0 : 1;
  const [one, two] = [withoutIds(reference), withoutIds(other)];
  const known = (lines: readonly Known[]): Known[] => lines.filter(({ knownMs }) => knownMs <= untilMs);
  const compare = (kind: Leak["kind"], linesOf: (run: RunTrace) => Known[]): { leaks: Leak[]; count: number } => {
    const expected = known(linesOf(one));
    return { leaks: differences(kind, expected, known(linesOf(two))), count: expected.length };
  };
  const decisions = compare("decision", decisionsOf);
  const entries = compare("entry", (run) => entriesOf(run, fillDelayMs));
  const outcomes = compare("outcome", (run) => outcomesOf(run, fillDelayMs));
  const marks = compare("mark", (run) => marksOf(run, timeframeMs));
  const leaks = [decisions, entries, outcomes, marks].flatMap((kind) => kind.leaks);
  const later = two.decisions.slice(decisions.count);
  return {
    leaks: leaks.toSorted((a, b) => compareText(a.timestamp, b.timestamp)),
    compared: {
      decisions: decisions.count,
      entries: entries.count,
      outcomes: outcomes.count,
      marks: marks.count,
    },
    laterDecisionsChanged: later.filter((line, i) => line !== one.decisions[decisions.count + i]).length,
  };
}

/** Other bars make another run id, and so other ids of decisions. Nothing may be decided by them. */
function withoutIds(run: RunTrace): RunTrace {
  const ids = new Set(run.decisions.map((line) => (JSON.parse(line) as DecisionRecord).decision_id));
  const replaced = (line: string): string =>
    line
      .replaceAll(run.runId, "run")
      .replaceAll(/"(\d{8}T\d{4}-[^"]*-)[0-9a-f]{8}"/g, (quoted, start: string) =>
        ids.has(quoted.slice(1, -1)) ? `"${start}run"` : quoted,
      );
  return { ...run, decisions: run.decisions.map(replaced), outcomes: run.outcomes.map(replaced) };
}

function decisionsOf(run: RunTrace): Known[] {
  return run.decisions.map((line) => ({
    knownMs: Date.parse((JSON.parse(line) as DecisionRecord).timestamp),
    line,
  }));
}

function marksOf(run: RunTrace, timeframeMs: number): Known[] {
  return run.marks.map((line) => ({ knownMs: Date.parse(line.slice(0, line.indexOf(","))) + timeframeMs, line }));
}

/** An exit may be at the open of the bar that starts at that very time. What is known of it then is in the mark before. */
function outcomesOf(run: RunTrace, fillDelayMs: number): Known[] {
  return run.outcomes.map((line) => {
    const { exit_timestamp: exit, exit_reason: reason } = JSON.parse(line) as Outcome;
    // The end of the run also closes positions of assets whose bars stop early, at their last bar.
    return { knownMs: reason === "end_of_run" ? Infinity : Date.parse(exit) + fillDelayMs, line };
  });
}

/** Every order that was filled, of trades and of positions that are still open, in the order of time and asset. */
function entriesOf(run: RunTrace, fillDelayMs: number): Known[] {
  const closed = run.outcomes.map((line) => {
    const trade = JSON.parse(line) as Outcome;
    const { entry_timestamp: timestamp, asset_pair: asset, decision_timestamp: decided, position_size: size } = trade;
    return entryOf({ ...trade, asset, size }, { timestamp, decided });
  });
  const open = (run.records.at(-1)?.state.broker.positions ?? []).map((position) => {
    const timestamp = new Date(position.entry_ms).toISOString();
    return entryOf(position, { timestamp, decided: position.decision.timestamp });
  });
  // A run that was stopped early may have closed a position just after its last record.
  const byFill = new Map([...open, ...closed].map((entry) => [`${entry.timestamp} ${entry.asset}`, entry]));
  return [...byFill]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([, entry]) => ({ knownMs: Date.parse(entry.timestamp) + fillDelayMs, line: JSON.stringify(entry) }));
}

type Fill = Pick<
  Position,
  "asset" | "action" | "size" | "raw_entry_price" | "entry_price" | "stop_price" | "target_price"
>;

function entryOf(fill: Fill, times: { timestamp: string; decided: string }): Fill & { timestamp: string } {
  const { asset, action, size, raw_entry_price, entry_price, stop_price, target_price } = fill;
  return { ...times, asset, action, size, raw_entry_price, entry_price, stop_price, target_price };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function differences(kind: Leak["kind"], expected: readonly Known[], found: readonly Known[]): Leak[] {
  const leaks: Leak[] = [];
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const [a, b] = [expected[i]?.line, found[i]?.line];
    if (a !== b) leaks.push(leakOf(kind, a, b));
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
