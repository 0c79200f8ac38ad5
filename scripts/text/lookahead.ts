/** What check-lookahead shows. */
import { isClean, type LookaheadCheck, type LookaheadReport } from "../../lib/experiments/lookahead.ts";
import type { Leak } from "../../lib/experiments/trace-diff.ts";
import { fixed, paint, table } from "./table.ts";

/** Fields of a leak that fit a line. */
const SHOWN_FIELDS = 8;

/** What was done, what was compared, and what was found. */
export function renderLookahead(report: LookaheadReport): string {
  const {
    decisions,
    outcomes,
    carried_in: carried,
    entered_early: early,
    checks,
    first_difference: difference,
  } = report;
  const about =
    `${paint("Look-ahead", "bold")}  ${report.period.replace("/", " to ")}, ${report.assets.join(" ")}, ` +
    `${report.data === "synthetic" ? "synthetic bars" : "bars"}, memory ${report.memory_enabled ? "on" : "off"}\n`;
  const run = `The run: ${fixed(decisions, 0)} decisions, ${fixed(outcomes, 0)} outcomes, ${fixed(carried, 0)} carried in`;
  if (!report.repeatable) {
    return [
      about,
      `${run}. Made twice, it was not the same:`,
      ...(difference === null ? [] : [`  ${leakText(difference)}`]),
      "A provider that answers differently when asked again can be neither checked nor resumed",
      "",
    ].join("\n");
  }
  const rows = checks.map((check) => [
    minute(check.at),
    changedText(check),
    fixed(check.decisions, 0),
    fixed(check.outcomes, 0),
    fixed(check.marks, 0),
    check.leaks === 0 ? "the same" : paint(`${fixed(check.leaks, 0)} CHANGED`, "red"),
    fixed(check.later_decisions_changed, 0),
  ]);
  const leaks = checks.flatMap(({ at, first_leak: leak }) =>
    leak === null ? [] : [`Another future from ${minute(at)} on changed ${leakText(leak)}`],
  );
  return [
    about,
    `${run}`,
    "Made twice, it is the same. Then again, each time in another future:",
    "",
    table(
      [
        { title: "future from", align: "left" },
        { title: "what is other", align: "left" },
        ...["decisions", "outcomes", "marks", "before", "later"].map((title) => ({ title })),
      ],
      rows,
    ),
    ...(checks.some(({ changed }) => changed === "bar")
      ? ["In: the bars that start then open alike, and what their open filled is compared too"]
      : []),
    ...leaks,
    ...(early === 0 ? [] : [`${fixed(early, 0)} trades were entered before their decision was made`]),
    isClean(report) ? conclusion(checks) : paint("The run knows the future", "red"),
    "",
  ].join("\n");
}

/** A future in which nothing came out otherwise was none, and shows nothing. */
function conclusion(checks: readonly LookaheadCheck[]): string {
  const empty = checks.filter(({ later_decisions_changed: later }) => later === 0).length;
  const shown = checks.length - empty;
  const left = empty === 0 ? "" : `; ${empty} in which nothing changed later ${empty === 1 ? "shows" : "show"} nothing`;
  return `Nothing from before a date changed: no look-ahead in ${shown} ${shown === 1 ? "future" : "futures"}${left}`;
}

function changedText(check: LookaheadCheck): string {
  if (check.changed === "memory") return `${fixed(check.changed_outcomes, 0)} outcomes`;
  const { changed_votes: count } = check;
  const votes = count === 0 ? "" : `, ${fixed(count, 0)} ${count === 1 ? "vote" : "votes"}`;
  return `${check.changed === "bar" ? "in " : ""}${fixed(check.changed_bars, 0)} bars${votes}`;
}

function leakText({ kind, timestamp, asset, fields }: Leak): string {
  const more = fields.length > SHOWN_FIELDS ? ` and ${fields.length - SHOWN_FIELDS} more` : "";
  return `the ${kind} of ${minute(timestamp)}${asset === null ? "" : ` on ${asset}`}: ${fields.slice(0, SHOWN_FIELDS).join(", ")}${more}`;
}

function minute(timestamp: string): string {
  return timestamp.slice(0, 16).replace("T", " ");
}
