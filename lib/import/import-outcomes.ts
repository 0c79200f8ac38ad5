/** Trades of other systems, ready to be written to a memory. */
import { fail } from "../errors.ts";
import type { Trade } from "../memory/trade.ts";
import { isSameJson } from "../util/json.ts";
import { csv } from "./csv-outcomes.ts";
import { ffe } from "./ffe.ts";
import {
  Findings,
  type KeptFile,
  type OutcomeReader,
  type ReadOptions,
  type Skipped,
  type Source,
} from "./findings.ts";
import { type ImportedOutcome, outcomeOf, type System } from "./foreign-trade.ts";
import { freqtrade } from "./freqtrade.ts";
import { tradingagents } from "./tradingagents.ts";
import { groupBy } from "../util/group.ts";

const READERS: readonly OutcomeReader[] = [ffe, freqtrade, tradingagents, csv];

/** What is in files of other systems. */
export interface ReadOutcomes {
  readonly systems: readonly { readonly system: System; readonly files: number; readonly trades: number }[];
  /** In the order of the files. */
  readonly outcomes: readonly (ImportedOutcome & { readonly place: string })[];
  readonly kept: readonly KeptFile[];
  readonly skipped: readonly Skipped[];
  /** Whether times state no zone, and are taken to be in UTC. */
  readonly isUtcAssumed: boolean;
}

/**
 * Reads files, each recognised by its content.
 *
 * @param options `from`: read files of this system only.
 * @throws {CarryoverError} `BAD_DATA` if none is of a system that is known, or has a trade; `BAD_USAGE` for a map of columns that does not
 * fit.
 */
export function readOutcomes(
  sources: readonly Source[],
  options: ReadOptions & { from?: System | undefined } = {},
): ReadOutcomes {
  const findings = new Findings();
  const readers = READERS.filter(({ system }) => options.from === undefined || system === options.from);
  const owned = groupBy(sources, (source) => readers.find((reader) => reader.owns(source, options)));
  const strange =
    options.from === undefined ? "files of no system that is known" : `files that are not of ${options.from}`;
  for (const { damage, name } of owned.get(undefined) ?? []) {
    findings.skip(damage === undefined ? strange : "files that are damaged", name);
  }
  for (const reader of readers) reader.read(owned.get(reader) ?? [], findings, options);
  const outcomes = findings.trades.flatMap(({ trade, system, place }) => {
    const outcome = outcomeOf(trade, system);
    if (typeof outcome !== "string") return [{ ...outcome, place }];
    findings.skip(`trades ${outcome}`, place);
    return [];
  });
  const systems = readers
    .map((reader) => ({ reader, files: owned.get(reader)?.length ?? 0 }))
    .filter(({ files }) => files > 0)
    .map(({ reader: { system }, files }) => {
      const trades = findings.trades.filter((found) => found.system === system).length;
      return { system, files, trades };
    });
  if (outcomes.length === 0) throw nothingFound(sources, findings.skipped, options);
  const { kept, skipped, isUtcAssumed } = findings;
  return { systems, outcomes, kept, skipped, isUtcAssumed };
}

function nothingFound(sources: readonly Source[], skipped: readonly Skipped[], { map }: ReadOptions): Error {
  const reasons = skipped.map(({ reason, count, first }) => `${reason}: ${count} (${first})`).join("; ");
  const damage = sources.length === 1 ? sources[0]!.damage : undefined;
  return fail("BAD_DATA", `Cannot import "${sources[0]!.name}"${sources.length > 1 ? " and others" : ""}`, {
    found: damage ?? (reasons === "" ? "no trade" : reasons),
    expected: `closed trades of ffe, freqtrade or TradingAgents, or a CSV with ${map === undefined ? "--map FILE" : "columns of --map"}`,
  });
}

/** What an import would add to a memory. */
export interface ImportPlan {
  /** Each id once. */
  readonly added: readonly ImportedOutcome[];
  /** Trades that memory, or an earlier file, has already. */
  readonly known: number;
  /** Trades that memory, or an earlier file, has under another id: equal asset, action, entry and exit. Statistics count them once. */
  readonly twins: number;
  /** Ids that stand for another trade in memory, and the places. */
  readonly conflicts: readonly string[];
  /** Trades whose id stands for another trade in an earlier file. */
  readonly skipped: readonly Skipped[];
}

/** Compares outcomes with a memory. @param trades Those of the memory. */
export function planImport(outcomes: ReadOutcomes["outcomes"], trades: readonly Trade[]): ImportPlan {
  const byId = new Map(trades.map((trade) => [trade.id.toLowerCase(), { trade, isStored: true }]));
  const occasions = new Set(trades.map(occasionOf));
  const added: ImportedOutcome[] = [];
  const conflicts: string[] = [];
  const findings = new Findings();
  let known = 0;
  let twins = 0;
  for (const outcome of outcomes) {
    const { trade, place } = outcome;
    const there = byId.get(trade.id.toLowerCase());
    if (there === undefined) {
      byId.set(trade.id.toLowerCase(), { trade, isStored: false });
      if (occasions.has(occasionOf(trade))) twins += 1;
      occasions.add(occasionOf(trade));
      added.push(outcome);
    } else if (isSameTrade(there.trade, trade)) known += 1;
    else if (there.isStored)
      conflicts.push(`"${trade.id}" (${place}): found ${differenceOf(trade, there.trade)} in memory`);
    else findings.skip("trades that an earlier file has with other values", place);
  }
  return { added, known, twins, conflicts, skipped: findings.skipped };
}

function occasionOf({ asset, action, entryMs, exitMs }: Trade): string {
  return `${asset} ${action} ${entryMs} ${exitMs}`;
}

/** What learning and statistics use of a trade. */
function factsOf(trade: Trade): Readonly<Record<string, unknown>> {
  const { id, asset, action, entryMs, exitMs, pnl, pnlPct, resultR } = trade;
  const votes = trade.votes.map(({ provider, direction }) => [provider, direction]);
  return { id, asset, action, entryMs, exitMs, pnl, pnlPct, resultR, votes };
}

function isSameTrade(a: Trade, b: Trade): boolean {
  return isSameJson(factsOf(a), factsOf(b));
}

const SHOWN: Readonly<Record<string, string>> = {
  entryMs: "entry",
  exitMs: "exit",
  pnl: "P&L",
  pnlPct: "P&L in percent",
  resultR: "R",
};

/** The first fact in which two trades differ, such as `P&L 4.5, expected 3`. */
function differenceOf(trade: Trade, there: Trade): string {
  const [ours, theirs] = [factsOf(trade), factsOf(there)];
  const key = Object.keys(ours).find((name) => !isSameJson(ours[name], theirs[name]))!;
  const shown = (value: unknown): string =>
    key.endsWith("Ms") ? new Date(Number(value)).toISOString() : JSON.stringify(value);
  return `${SHOWN[key] ?? key} ${shown(ours[key])}, expected ${shown(theirs[key])} as`;
}
