/** Where two runs differ, line by line. */
import type { Decision, Outcome } from "../domain.ts";
import type { Json } from "../files/json-file.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { differingFields } from "./run-key.ts";

/** Something from before that the future changed. */
export interface Leak {
  readonly kind: "decision" | "outcome" | "mark";
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

/** All that differs among what was known by a time. */
export function differences(
  reference: Rehearsal,
  other: Rehearsal,
  { untilMs, timeframeMs }: { untilMs: number; timeframeMs: number },
): {
  leaks: Leak[];
  compared: { decisions: number; outcomes: number; marks: number };
  laterDecisionsChanged: number;
} {
  const decisionsOf = (run: Rehearsal): Known[] =>
    run.decisions.map((line) => {
      const plain = withoutRunIds(line, run);
      return { knownMs: Date.parse((JSON.parse(plain) as Decision).timestamp), line: plain };
    });
  // At the very time an exit may be of the next bar's open; the mark before it has what is known of it.
  const outcomesOf = (run: Rehearsal): Known[] =>
    run.outcomes.map((line) => {
      const plain = withoutRunIds(line, run);
      return { knownMs: Date.parse((JSON.parse(plain) as Outcome).exit_timestamp) + 1, line: plain };
    });
  const marksOf = (run: Rehearsal): Known[] =>
    run.marks.map((line) => ({ knownMs: Date.parse(line.slice(0, line.indexOf(","))) + timeframeMs, line }));

  const [decisions, otherDecisions] = [decisionsOf(reference), decisionsOf(other)];
  const [outcomes, otherOutcomeLines] = [outcomesOf(reference), outcomesOf(other)];
  const [marks, otherMarks] = [marksOf(reference), marksOf(other)];
  const isBefore = ({ knownMs }: Known): boolean => knownMs <= untilMs;
  const leaks = [
    ...unequal("decision", decisions.filter(isBefore), otherDecisions.filter(isBefore)),
    ...unequal("outcome", outcomes.filter(isBefore), otherOutcomeLines.filter(isBefore)),
    ...unequal("mark", marks.filter(isBefore), otherMarks.filter(isBefore)),
  ].toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  const earlier = decisions.filter(isBefore).length;
  const later = otherDecisions.slice(earlier);
  return {
    leaks,
    compared: {
      decisions: earlier,
      outcomes: outcomes.filter(isBefore).length,
      marks: marks.filter(isBefore).length,
    },
    laterDecisionsChanged: later.filter(({ line }, i) => line !== decisions[earlier + i]?.line).length,
  };
}

/** Other bars make another run id, from which a run's own ids are made; nothing is decided by them. */
function withoutRunIds(line: string, run: Rehearsal): string {
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
      : differingFields(JSON.parse(expected) as Json, JSON.parse(found) as Json);
  return { kind, timestamp: String(timestamp ?? exit), asset: String(asset ?? pair), fields };
}
