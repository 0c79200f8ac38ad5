/** What import-outcomes prints. */
import type { ImportOutcomesResult } from "../../lib/import/import.node.ts";
import type { Trade } from "../../lib/memory/trade.ts";
import { MIN_EVIDENCE_TRADES } from "../../lib/results/attribution.ts";
import { count, countOf } from "./numbers.ts";
import { groupBy } from "../../lib/util/group.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";

export function importedJson(result: ImportOutcomesResult, memoryDir: string): Readonly<Record<string, unknown>> {
  const { systems, outcomes, plan, kept, skipped } = result;
  const trades = outcomes.map(({ trade }) => trade);
  return {
    memory_dir: memoryDir,
    systems,
    trades: trades.length,
    added: plan.added.length,
    known: plan.known,
    twins: plan.twins,
    with_result_r: trades.filter(({ resultR }) => resultR !== null).length,
    providers: Object.fromEntries(votesOf(trades)),
    regimes: Object.fromEntries(countBy(trades, ({ regime }) => regime)),
    skipped,
    kept,
  };
}

export function renderImported(result: ImportOutcomesResult, options: { memoryDir: string; dryRun: boolean }): string {
  const { systems, outcomes, plan, kept, skipped } = result;
  const trades = outcomes.map(({ trade }) => trade);
  const exits = trades.map(({ exitMs }) => exitMs).toSorted((a, b) => a - b);
  const day = (ms: number | undefined): string => (ms === undefined ? "-" : new Date(ms).toISOString().slice(0, 10));
  const withR = trades.filter(({ resultR }) => resultR !== null).length;
  const lines = [
    ["Recognised", systems.map(({ system, files }) => `${system} (${countOf(files, "file")})`).join(", ")],
    ["Trades", `${count(trades.length)}, closed from ${day(exits[0])} to ${day(exits.at(-1))}`],
    ...(result.isUtcAssumed ? [["Times", "state no zone: taken as UTC (--timezone names another)"]] : []),
    ["Providers", shownCounts(votesOf(trades)) || "none: no trade says who voted for it"],
    ["Regimes", shownCounts(countBy(trades, ({ regime }) => regime))],
    ["With R", `${count(withR)}${withR < trades.length ? "; the others move no weight, as they have no stop" : ""}`],
    ...tooFew(trades, withR),
    ...skipped.map((each) => [
      "Left out",
      `${each.reason}: ${count(each.count)}${each.count > 1 ? "; first" : ""} (${shownPath(each.first)})`,
    ]),
    ...kept.map((name) => ["Kept", `${name}, as it was`]),
    ["Memory", shownPath(options.memoryDir)],
    [options.dryRun ? "Would add" : "Added", addedLine(result)],
    ...(plan.twins === 0 ? [] : [["", `${count(plan.twins)} are there under another id too, and count once`]]),
  ];
  return lines.map(([label = "", text]) => `${label.padEnd(10)}  ${text}`.trimEnd() + "\n").join("");
}

function addedLine({ plan }: ImportOutcomesResult): string {
  return `${countOf(plan.added.length, "trade")}${plan.known === 0 ? "" : `; ${count(plan.known)} were there already`}`;
}

/** Providers whose trades say nothing yet, by the number from which on memory-stats speaks of an edge. */
function tooFew(trades: readonly Trade[], withR: number): string[][] {
  const few = [...votesOf(trades.filter(({ resultR }) => resultR !== null))].filter(
    ([, votes]) => votes < MIN_EVIDENCE_TRADES,
  );
  if (withR === 0 || few.length === 0) return [];
  return [["", `too few to say anything of ${few.map(([name]) => name).join(", ")}: below ${MIN_EVIDENCE_TRADES}`]];
}

function votesOf(trades: readonly Trade[]): ReadonlyMap<string, number> {
  return countBy(
    trades.flatMap(({ votes }) => votes),
    ({ provider }) => provider,
  );
}

function countBy<T>(items: readonly T[], nameOf: (item: T) => string): ReadonlyMap<string, number> {
  const groups = [...groupBy(items, nameOf)].map(([name, group]) => [name, group.length] as const);
  return new Map(groups.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

/** Names that a line has room for. */
const MAX_NAMES = 6;

function shownCounts(counts: ReadonlyMap<string, number>): string {
  const shown = [...counts].slice(0, MAX_NAMES).map(([name, number]) => `${name} ${count(number)}`);
  const others = counts.size - shown.length;
  return [...shown, ...(others > 0 ? [`and ${others} more`] : [])].join(", ");
}
