/** What reset-providers prints. */
import type { ForgetResult } from "../../lib/maintenance/forget-providers.ts";
import type { RecountedRecord, RecountResult } from "../../lib/maintenance/recount.ts";
import type { PerformanceRecord } from "../../lib/memory/trade.ts";
import { count, countOf, money, signed } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

const RECORD_COLUMNS = columns("Trades", "Won", "P&L", "Mean R");

export function renderMarks({ marks }: ForgetResult, { dryRun }: { dryRun: boolean }): string {
  const heads = [words("Provider"), words("Forgets before"), ...columns("Now", "Before"), ...RECORD_COLUMNS];
  const rows = marks.map((mark) => [
    mark.provider,
    mark.before,
    count(mark.outcomes),
    count(mark.already_forgotten),
    ...recordCells(mark.after),
  ]);
  const written = marks.filter((mark) => mark.is_new).length;
  const old = marks.length - written;
  const verb = dryRun ? "Would write" : "Wrote";
  const unchanged = old === 0 ? "" : `; ${countOf(old, "earlier mark")} reached as far`;
  return (
    `${table(heads, rows)}\n${verb} ${countOf(written, "forget mark")}${unchanged}.\n` +
    "Now and Before count forgotten outcomes; the rest shows what still counts.\n"
  );
}

/** The records as counted, and what the files had. */
export function renderRecount(result: RecountResult, { dryRun }: { dryRun: boolean }): string {
  const records = (title: string, recounted: readonly RecountedRecord[]): string =>
    table(
      [words(title), ...RECORD_COLUMNS, words("Before")],
      recounted.map((one) => [one.name, ...recordCells(one.after), beforeText(one)]),
    );
  const wrong = [...result.providers, ...result.regimes].filter(({ changed }) => changed).length;
  const found =
    wrong === 0
      ? "all records were right"
      : `${countOf(wrong, "record")} ${wrong === 1 ? "was" : "were"} missing or wrong`;
  const regimes = result.regimes.length === 0 ? "" : `\n${records("Regime", result.regimes)}`;
  return (
    `${records("Provider", result.providers)}${regimes}\n` +
    `Counted ${countOf(result.outcomes, "outcome")}: ${found}${dryRun ? "; nothing was written" : ""}\n`
  );
}

function recordCells(record: PerformanceRecord | null): string[] {
  if (record === null) return ["0", "0", "-", "-"];
  const { total_trades: trades, winning_trades: won, total_pnl: pnl, mean_result_r: meanR } = record;
  return [count(trades), count(won), money(pnl), signed(meanR)];
}

function beforeText(recounted: RecountedRecord): string {
  if (!recounted.changed) return "the same";
  if (recounted.before === null) return "missing";
  const [trades, won, pnl, meanR] = recordCells(recounted.before);
  return `${trades} trades, ${won} won, ${pnl}, ${meanR} R`;
}
