#!/usr/bin/env bun
/**
 * Repairs what the memory says about providers, or lets providers start afresh.
 *
 *   bun scripts/reset-providers.ts [--provider P]... [--forget [--before D]] [--dry-run]
 */
import type { Config } from "../lib/config/config.ts";
import { CarryoverError } from "../lib/errors.ts";
import {
  forgetProviders,
  recountProviders,
  type Forgetting,
  type Recount,
  type Recounted,
} from "../lib/maintenance/repair.node.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../lib/util/time.ts";
import type { PerformanceRecord } from "../lib/memory/trade.ts";
import { note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { countOf, fixed, money, signed, table, type Column } from "./text/table.ts";

const COMMAND = {
  summary: `Counts provider_performance.json and regime_performance.json anew from the outcomes, each of which is read and
checked; a trade that several runs made counts once. With --forget, providers start afresh: a durable mark says since
when outcomes count for a provider's weight, calibration and statistics, in every run to come. Outcomes are never
changed.`,
  usage: "bun scripts/reset-providers.ts [--provider P]... [--forget [--before D]] [--dry-run] [flags]",
  flags: {
    provider: {
      type: "string",
      value: "P",
      multiple: true,
      help: "this one only, may be repeated (default: all that are remembered)",
    },
    forget: { type: "boolean", help: "write a durable forget mark for each provider" },
    before: {
      type: "string",
      value: "D",
      help: "forget what closed before, a date or ISO timestamp, UTC (default: just after the newest outcome)",
    },
    "dry-run": { type: "boolean", help: "say what would be done, and write nothing" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/reset-providers.ts
    bun scripts/reset-providers.ts --provider trend --forget --before 2021-07-01 --dry-run`,
} as const;

const DAMAGED = 4;
const RECORD_COLUMNS: readonly Column[] = [
  { title: "Trades" },
  { title: "Won" },
  { title: "P&L" },
  { title: "Mean R" },
];

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const { provider: providers, "dry-run": dryRun } = flags;
  const beforeMs = flags.before === undefined ? undefined : parseTimestamp(flags.before);
  if (flags.before !== undefined && beforeMs === undefined) {
    const found = JSON.stringify(flags.before);
    throw new CarryoverError("BAD_USAGE", `Cannot use --before: found ${found}, expected ${TIMESTAMP_FORM}`);
  }
  if (flags.before !== undefined && !flags.forget) {
    throw new CarryoverError("BAD_USAGE", "Cannot use --before: found no --forget, expected both or neither");
  }
  const memory = await locateMemory({ memoryDirFlag: flags["memory-dir"], configFlag: flags.config });
  const options = { memory, providers, dryRun, json: flags.json, signal, onNote: note };
  const damaged = flags.forget
    ? await forget({ ...options, ...(beforeMs === undefined ? {} : { beforeMs }) })
    : await recount(options);
  for (const { name, problem } of damaged) warn(dryRun ? problem : `Moved "${name}" to quarantine: ${problem}`);
  return damaged.length > 0 ? DAMAGED : 0;
});

interface Options {
  readonly memory: Config["memory"];
  readonly providers: readonly string[];
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

async function forget(options: Options & { beforeMs?: number }): Promise<Forgetting["damaged"]> {
  const { dryRun, json, beforeMs } = options;
  const result = await forgetProviders(options);
  const newest = new Date(result.newestExitMs).toISOString();
  if (beforeMs !== undefined && beforeMs > result.newestExitMs + 1) {
    const before = new Date(beforeMs).toISOString();
    warn(`The newest outcome closed at ${newest}: what is yet to close before ${before} will not count either`);
  }
  if (json) await writeJson({ dry_run: dryRun, marks: result.marks.map(markJson), damaged: result.damaged });
  else await writeOut(renderMarks(result, options));
  return result.damaged;
}

async function recount(options: Options): Promise<Recount["damaged"]> {
  const result = await recountProviders(options);
  const { outcomes, damaged } = result;
  const parts = { providers: result.providers.map(recountedJson), regimes: result.regimes.map(recountedJson) };
  if (options.json) await writeJson({ dry_run: options.dryRun, outcomes, ...parts, damaged });
  else await writeOut(renderRecount(result, options));
  return damaged;
}

function renderMarks({ marks }: Forgetting, { dryRun }: { dryRun: boolean }): string {
  const rows = marks.map((mark) => [
    mark.provider,
    new Date(mark.beforeMs).toISOString(),
    fixed(mark.outcomes, 0),
    fixed(mark.alreadyForgotten, 0),
    ...cells(mark.after),
  ]);
  const columns: readonly Column[] = [
    { title: "Provider", align: "left" },
    { title: "Forgets before", align: "left" },
    { title: "Outcomes" },
    { title: "Earlier" },
    ...RECORD_COLUMNS,
  ];
  const written = marks.filter((mark) => mark.isNew).length;
  const old = marks.length - written;
  const what = `${countOf(written, "forget mark")}${old === 0 ? "" : `; ${old} reached as far already`}`;
  return `${table(columns, rows)}\n${dryRun ? "Would write" : "Wrote"} ${what}. The record is what still counts\n`;
}

function renderRecount(result: Recount, { dryRun }: { dryRun: boolean }): string {
  const section = (title: string, recounted: readonly Recounted[]): string =>
    table(
      [{ title, align: "left" }, ...RECORD_COLUMNS, { title: "Before", align: "left" }],
      recounted.map((one) => [one.name, ...cells(one.after), beforeText(one)]),
    );
  const wrong = [...result.providers, ...result.regimes].filter(isChanged).length;
  const found =
    wrong === 0
      ? "everything was right"
      : `${countOf(wrong, "record")} ${wrong === 1 ? "was" : "were"} missing or wrong`;
  const verdict = `Counted ${countOf(result.outcomes, "outcome")}: ${found}`;
  const regimes = result.regimes.length === 0 ? "" : `\n${section("Regime", result.regimes)}`;
  return `${section("Provider", result.providers)}${regimes}\n${verdict}${dryRun ? "; nothing was written" : ""}\n`;
}

function cells(record: PerformanceRecord | null): string[] {
  if (record === null) return ["0", "0", "-", "-"];
  const { total_trades: trades, winning_trades: won, total_pnl: pnl, mean_result_r: meanR } = record;
  return [fixed(trades, 0), fixed(won, 0), money(pnl), signed(meanR)];
}

function beforeText(recounted: Recounted): string {
  const { before } = recounted;
  if (!isChanged(recounted)) return "the same";
  if (before === null) return "missing";
  const [trades, won, pnl, meanR] = cells(before);
  return `${trades} trades, ${won} won, ${pnl}, ${meanR} R`;
}

function isChanged({ before, after }: Recounted): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}

function recountedJson(recounted: Recounted): object {
  return { ...recounted, changed: isChanged(recounted) };
}

function markJson(mark: Forgetting["marks"][number]): object {
  return {
    provider: mark.provider,
    before: new Date(mark.beforeMs).toISOString(),
    outcomes: mark.outcomes,
    already_forgotten: mark.alreadyForgotten,
    is_new: mark.isNew,
    after: mark.after,
  };
}
