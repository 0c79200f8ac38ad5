/** What runs prints. */
import type { RunComparison } from "../../lib/runs/compare.ts";
import type { RunEntry } from "../../lib/runs/list.node.ts";
import type { RunParts } from "../../lib/runs/remove.node.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { paint } from "../cli/terminal.ts";
import { differenceTable, sharpeSentences } from "./comparison.ts";
import { bytes, count, countOf, fixed, pct, signedPct } from "./numbers.ts";
import { columns, labelled, SCREEN_COLUMNS, table, words, wrap } from "./table.ts";

/** Two lines a run or more, the newest first: its figures, and what it is. */
export function renderRuns(entries: readonly RunEntry[]): string {
  const lines = table(
    [words("Run"), words("Period"), ...columns("Return", "Sharpe", "Drawdown", "Trades")],
    entries.map((entry) => [
      nameOf(entry),
      entry.period ?? "-",
      signedPct(entry.total_return_pct, 2),
      fixed(entry.annualized_sharpe),
      pct(entry.max_drawdown_pct, 2),
      entry.total_trades === null ? "-" : count(entry.total_trades),
    ]),
  ).split("\n");
  const [head = "", rule = "", ...rows] = lines;
  return [head, rule, ...entries.flatMap((entry, i) => [rows[i] ?? "", ...aboutRun(entry)]), ""].join("\n");
}

/** The first digits of a run's id, after the folder that it is in. */
function nameOf({ folder, run_id: id }: Pick<RunEntry, "folder" | "run_id">): string {
  return `${folder === "" ? "" : `${folder}/`}${id.slice(0, 12)}`;
}

/** Lines of what a run is, the most telling first. */
function aboutRun(entry: RunEntry): string[] {
  const { label, differs_in: differs, assets, providers } = entry;
  const parts = [
    ...(label === null ? [] : [paint(JSON.stringify(label), "bold")]),
    ...(entry.state === "finished" ? [] : [stateText(entry)]),
    ...(differs === null || differs.length === 0
      ? []
      : [`differs in ${differs.map((part) => part.replace(/^config\./, "")).join(", ")}`]),
    assets.join(" "),
    providers.join(" "),
  ];
  const text = parts.filter((part) => part !== "").join("; ");
  return wrap(text, SCREEN_COLUMNS - 2).map((line) => `  ${line}`);
}

export function stateText({ state, stopped_in: chunk }: Pick<RunEntry, "state" | "stopped_in">): string {
  if (state === "finished") return state;
  if (state === "damaged") return paint(state, "red");
  if (state === "open") return paint(state, "yellow");
  return paint(chunk === null ? "stopped before its summary" : `stopped in ${chunk}`, "yellow");
}

/** A run without a summary. */
export function renderUnfinished(entry: RunEntry, committed: readonly string[]): string {
  const chunks = committed.length === 0 ? "none" : `${committed[0]} to ${committed.at(-1)}`;
  return [
    `${paint(`Run ${entry.run_id.slice(0, 12)}`, "bold")}  ${entry.period?.replace(/\/$/, " on").replace("/", " to ") ?? "-"}\n`,
    ...labelled([
      ["State", stateText(entry)],
      ...(entry.problem === null ? [] : [["Problem", entry.problem] as const]),
      ["Chunks", `${chunks} committed`],
      ...(entry.total_trades === null ? [] : [["Trades", `${count(entry.total_trades)} closed`] as const]),
      ["Assets", entry.assets.join(" ")],
      ["Providers", entry.providers.join(" ")],
    ]),
  ].join("");
}

/** Label, folder and size of a run, below its summary. */
export function renderRunFiles(
  entry: RunEntry,
  { folder, files }: { folder: string; files: readonly { readonly size: number }[] },
): string {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return labelled([
    ...(entry.label === null ? [] : [["Label", entry.label] as const]),
    ["Folder", `${shownPath(folder)}`],
    ["", `${countOf(files.length, "file")}, ${bytes(size)}; version ${entry.version ?? "-"}`],
  ]).join("");
}

/** @param names What the two sides were called. */
export function renderRunComparison(result: RunComparison, names: readonly [string, string]): string {
  const { a, b, a_minus_b: difference, days } = result;
  const shown = (name: string, { runs }: { runs: readonly string[] }): string =>
    `${name}: ${runs.map((id) => id.slice(0, 12)).join(", ")}`;
  return [
    `${paint("Runs compared", "bold")}  ${countOf(days, "day")} that both have, ${result.first_day} to ${result.last_day}\n`,
    ...labelled([
      ["A", shown(names[0], a)],
      ["B", shown(names[1], b)],
    ]),
    "\n",
    differenceTable(
      [
        { name: "A", figures: a },
        { name: "B", figures: b },
      ],
      difference,
      { full: true },
    ),
    "\n",
    verdictText(result),
  ].join("");
}

/** What this much data can show, in words. */
function verdictText({ verdict, a, b, a_minus_b: difference, days, days_needed: needed }: RunComparison): string {
  const isShown = !verdict.startsWith("no");
  const found = isShown
    ? verdict.startsWith("a")
      ? "A is better than B"
      : "B is better than A"
    : "No difference that this much data can show";
  const wait =
    needed === null
      ? ["Their daily returns do not differ on average."]
      : needed > days
        ? [`If the daily returns go on differing like this, ${count(needed)} days would show it.`]
        : [];
  const sentences = [
    `${paint(found, "bold")}.`,
    ...sharpeSentences({ name: "of A", sharpe: a.sharpe }, { name: "of B", sharpe: b.sharpe }, difference.sharpe),
    ...(isShown ? [] : wait),
  ];
  return sentences.map((sentence) => `${sentence}\n`).join("");
}

/** What a removal takes, what stays, and who depends on it. */
export function renderRemoval(
  entry: RunEntry,
  parts: RunParts,
  options: { withOutcomes: boolean; done: boolean },
): string {
  const { withOutcomes, done } = options;
  const outcomes = countOf(parts.outcomes.length, "outcome");
  const verb = done ? "Removed" : "Removes";
  const also = `${countOf(parts.snapshots.length, "snapshot")}${withOutcomes ? `, ${outcomes}` : ""}`;
  const lines = [`${verb} run ${nameOf(entry)} of ${entry.period ?? "-"} with ${also}`];
  if (!withOutcomes && parts.outcomes.length > 0) {
    const hint = done
      ? ". They can no longer be removed by the run"
      : ". --with-outcomes removes them too: this is the last chance to remove them by the run";
    lines.push(`Its ${outcomes} stay, and later runs remember them${hint}`);
  }
  for (const { run_id: id, outcomes: number } of parts.carried_in_by) {
    const effect = withOutcomes ? "it can no longer be continued or repeated" : "it is not affected";
    lines.push(`Run ${id.slice(0, 12)} carried in ${count(number)} of them: ${effect}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** @param entries The runs that go; `kept` others stay. */
export function renderPrunedRuns(
  entries: readonly RunEntry[],
  { kept, state }: { kept: number; state: "planned" | "done" },
): string {
  const verbs = state === "done" ? ["Kept", "removed"] : ["Would keep", "remove"];
  const summary = `${verbs[0]} ${countOf(kept, "run")}, and ${verbs[1]} ${count(entries.length)}`;
  if (entries.length === 0) return `${summary}\n`;
  const rows = entries.map((entry) => [nameOf(entry), entry.period ?? "-", signedPct(entry.total_return_pct, 2)]);
  const list = table([words("Run"), words("Period"), ...columns("Return")], rows);
  return `${list}\n${summary}. Later runs still remember their outcomes\n`;
}
