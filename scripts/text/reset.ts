/** What reset-providers prints. */
import type { Forgetting, Recount, Recounted } from "../../lib/maintenance/repair.node.ts";
import type { PerformanceRecord } from "../../lib/memory/trade.ts";
import { count, countOf, money, signed } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

const RECORD_COLUMNS = columns("Trades", "Won", "P&L", "Mean R");

/** Marks in JSON. */
export function markJson(mark: Forgetting["marks"][number]): object {
  return {
    provider: mark.provider,
    before: new Date(mark.beforeMs).toISOString(),
    outcomes: mark.outcomes,
    already_forgotten: mark.alreadyForgotten,
    is_new: mark.isNew,
    after: mark.after,
  };
}

/** A recounted record in JSON. */
export function recountedJson(recounted: Recounted): object {
  return { ...recounted, changed: isChanged(recounted) };
}

/** The forget marks, and what still counts. */
export function renderMarks({ marks }: Forgetting, { dryRun }: { dryRun: boolean }): string {
  const heads = [words("Provider"), words("Forgets before"), ...columns("Now", "Before"), ...RECORD_COLUMNS];
  const rows = marks.map((mark) => [
    mark.provider,
    new Date(mark.beforeMs).toISOString(),
    count(mark.outcomes),
    count(mark.alreadyForgotten),
    ...recordCells(mark.after),
  ]);
  const written = marks.filter((mark) => mark.isNew).length;
  const old = marks.length - written;
  const verb = dryRun ? "Would write" : "Wrote";
  const unchanged = old === 0 ? "" : `; ${countOf(old, "earlier mark")} reached as far`;
  return (
    `${table(heads, rows)}\n${verb} ${countOf(written, "forget mark")}${unchanged}.\n` +
    "Now and Before count forgotten outcomes; the rest shows what still counts.\n"
  );
}

/** The records as counted, beside what the files had. */
export function renderRecount(result: Recount, { dryRun }: { dryRun: boolean }): string {
  const records = (title: string, recounted: readonly Recounted[]): string =>
    table(
      [words(title), ...RECORD_COLUMNS, words("Before")],
      recounted.map((one) => [one.name, ...recordCells(one.after), beforeText(one)]),
    );
  const wrong = [...result.providers, ...result.regimes].filter(isChanged).length;
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

function beforeText(recounted: Recounted): string {
  if (!isChanged(recounted)) return "the same";
  if (recounted.before === null) return "missing";
  const [trades, won, pnl, meanR] = recordCells(recounted.before);
  return `${trades} trades, ${won} won, ${pnl}, ${meanR} R`;
}

function isChanged({ before, after }: Recounted): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}
