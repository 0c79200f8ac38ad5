/** Where two runs differ, line by line. */
import type { Outcome, Position } from "../types.ts";
import { changedPaths } from "../util/json.ts";
import type { RunTrace } from "./in-memory-run.ts";

/** Something known before a perturbation that changed with it. */
export interface Leak {
  readonly kind: "memory" | "decision" | "entry" | "outcome" | "mark";
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

/** What a run left, and when it was known. */
export interface KnownLines {
  readonly decisions: readonly Known[];
  readonly entries: readonly Known[];
  readonly outcomes: readonly Known[];
  readonly marks: readonly Known[];
}

/** Finds out when each line of a run was known. */
export function knownLines(run: RunTrace, timeframeMs: number): KnownLines {
  const outcomes = run.outcomes.map((line) => ({ line, outcome: JSON.parse(line) as Outcome }));
  return {
    decisions: run.decisions.map((line) => ({ knownMs: decisionMs(line), line })),
    entries: entriesOf(
      run,
      outcomes.map(({ outcome }) => outcome),
    ),
    outcomes: outcomes.map(({ line, outcome: { exit_timestamp: exit, exit_reason: reason } }) => ({
      // The end of the run also closes positions of assets whose bars stop early, at their last bar.
      knownMs: reason === "end_of_run" ? Infinity : Date.parse(exit),
      line,
    })),
    marks: run.marks.map((line) => ({ knownMs: Date.parse(line.slice(0, line.indexOf(","))) + timeframeMs, line })),
  };
}

const TIMESTAMP_KEY = '"timestamp":"';
const TIMESTAMP_LENGTH = "2021-01-01T00:00:00.000Z".length;

/** When a decision was made, from its line: parsing all of it takes twenty times as long. */
export function decisionMs(line: string): number {
  const start = line.indexOf(TIMESTAMP_KEY) + TIMESTAMP_KEY.length;
  return Date.parse(line.slice(start, start + TIMESTAMP_LENGTH));
}

/**
 * Compares all that two runs of one id knew by a time.
 *
 * @param options `fillsAtOpen`: whether fills at that very time were known by it, as they are if the next bar opens alike.
 */
export function diffTraces(
  reference: KnownLines,
  other: KnownLines,
  { untilMs, fillsAtOpen }: { untilMs: number; fillsAtOpen: boolean },
): TraceDiff {
  // An exit may be at the open of the bar that starts at that very time. What is known of it then is in the mark before.
  const fillsUntilMs = fillsAtOpen ? untilMs : untilMs - 1;
  const kinds = [
    ["decision", reference.decisions, other.decisions, untilMs],
    ["entry", reference.entries, other.entries, fillsUntilMs],
    ["outcome", reference.outcomes, other.outcomes, fillsUntilMs],
    ["mark", reference.marks, other.marks, untilMs],
  ] as const;
  const [decisions, entries, outcomes, marks] = kinds.map(([kind, expected, found, lastMs]) => {
    const known = expected.filter(({ knownMs }) => knownMs <= lastMs);
    const leaks = differences(
      kind,
      known,
      found.filter(({ knownMs }) => knownMs <= lastMs),
    );
    return { leaks, count: known.length };
  });
  const leaks = [decisions!, entries!, outcomes!, marks!].flatMap((kind) => kind.leaks);
  const later = other.decisions.slice(decisions!.count);
  return {
    leaks: leaks.toSorted((a, b) => compareText(a.timestamp, b.timestamp)),
    compared: {
      decisions: decisions!.count,
      entries: entries!.count,
      outcomes: outcomes!.count,
      marks: marks!.count,
    },
    laterDecisionsChanged: later.filter(({ line }, i) => line !== reference.decisions[decisions!.count + i]?.line)
      .length,
  };
}

/** Every order that was filled, of trades and of positions that are still open, in the order of time and asset. */
function entriesOf(run: RunTrace, outcomes: readonly Outcome[]): Known[] {
  const closed = outcomes.map((trade) => {
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
    .map(([, entry]) => ({ knownMs: Date.parse(entry.timestamp), line: JSON.stringify(entry) }));
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
