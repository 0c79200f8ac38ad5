/** What check-lookahead prints. */
import { isClean, type LookaheadCheck, type LookaheadReport } from "../../lib/experiments/lookahead.ts";
import type { ProviderConfig } from "../../lib/config/config.ts";
import { leakNote, rareVotesNote } from "../../lib/job/notes.ts";
import type { Leak } from "../../lib/experiments/trace-diff.ts";
import { paint } from "../cli/terminal.ts";
import { count, countOf, minute } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

/** Fields of a leak that fit a line. */
const SHOWN_FIELDS = 8;

/** @param options `providers`: the configuration of the run; `full`: with a line for each check, not only for one that found a leak. */
export function renderLookahead(
  report: LookaheadReport,
  { providers, full }: { providers: readonly ProviderConfig[]; full: boolean },
): string {
  const { checks, first_difference: difference, entered_early: early } = report;
  const shown = full ? checks : checks.filter(({ leaks }) => leaks > 0);
  const about = [
    report.period.replace("/", " to "),
    report.assets.join(" "),
    report.data === "synthetic" ? "synthetic bars" : "bars",
    `memory ${report.memory_enabled ? "on" : "off"}`,
  ];
  const figures = [
    countOf(report.decisions, "decision"),
    countOf(report.outcomes, "outcome"),
    `${count(report.carried_in)} carried in`,
  ];
  const head = [`${paint("Look-ahead", "bold")}  ${about.join(", ")}`, "", `The run: ${figures.join(", ")}`];
  if (!report.repeatable) {
    return [
      ...head,
      "Two identical runs differ:",
      ...(difference === null ? [] : [`  ${leakText(difference)}`]),
      "A provider whose answers vary can be neither checked nor resumed",
      "",
    ].join("\n");
  }
  return [
    ...head,
    "Two identical runs agree. In others the data was changed from a time on.",
    ...(shown.length === 0 ? [] : ["", checksTable(shown)]),
    ...(shown.some(({ changed }) => changed === "bar")
      ? ["in: bars that start then keep their open; what it filled is compared too"]
      : []),
    ...(shown.some(({ changed }) => changed === "memory")
      ? ["outcomes: those of the memory folder, carried in or not, and the run's own"]
      : []),
    ...checks.flatMap(({ at, first_leak: leak }) =>
      leak === null ? [] : [`Changing the data from ${minute(at)} on changed ${leakText(leak)}`],
    ),
    ...(early === 0 ? [] : [`${countOf(early, "trade")} entered before the decision was made`]),
    ...report.vote_leaks.map((leak) => leakNote(leak, providers)),
    ...report.rare_votes.map(rareVotesNote),
    ...(isClean(report) ? [...conclusion(checks), ...unchanged(providers)] : []),
    "",
  ].join("\n");
}

function checksTable(checks: readonly LookaheadCheck[]): string {
  return table(
    [words("changed from"), words("changed data"), ...columns("decisions", "outcomes", "marks", "before", "later")],
    checks.map((check) => [
      minute(check.at),
      changedData(check),
      count(check.decisions),
      count(check.outcomes),
      count(check.marks),
      check.leaks === 0 ? "the same" : paint(`${count(check.leaks)} CHANGED`, "red"),
      count(check.later_decisions_changed),
    ]),
  );
}

/** A check that changed no later decision changed nothing that mattered, so it shows nothing. */
function conclusion(checks: readonly LookaheadCheck[]): string[] {
  const empty = checks.filter(({ later_decisions_changed: later }) => later === 0).length;
  return [
    `No look-ahead in ${countOf(checks.length - empty, "check")}: nothing before the changed data differs`,
    ...(empty === 0
      ? []
      : [
          `${countOf(empty, "check")} changed nothing later either, so ${empty === 1 ? "it shows" : "they show"} nothing`,
        ]),
  ];
}

/** What the check cannot see. */
function unchanged(providers: readonly ProviderConfig[]): string[] {
  const names = providers.flatMap(({ type, name }) =>
    type === "module" || type === "command" || type === "llm" ? [JSON.stringify(name)] : [],
  );
  return names.length === 0 ? [] : [`Not changed: what ${names.join(", ")} may read or know from elsewhere`];
}

function changedData(check: LookaheadCheck): string {
  if (check.changed === "memory") return countOf(check.changed_outcomes, "outcome");
  const votes = check.changed_votes === 0 ? "" : `, ${countOf(check.changed_votes, "vote")}`;
  const features = check.changed_features === 0 ? "" : `, ${countOf(check.changed_features, "feature row")}`;
  return `${check.changed === "bar" ? "in " : ""}${countOf(check.changed_bars, "bar")}${votes}${features}`;
}

function leakText({ kind, timestamp, asset, fields }: Leak): string {
  const more = fields.length > SHOWN_FIELDS ? ` and ${fields.length - SHOWN_FIELDS} more` : "";
  const on = asset === null ? "" : ` on ${asset}`;
  return `the ${kind} of ${minute(timestamp)}${on}: ${fields.slice(0, SHOWN_FIELDS).join(", ")}${more}`;
}
