/** What sweep prints. */
import type { SweepProgress } from "../../lib/sweep/run-sweep.node.ts";
import type { RankedCell, SweepResult } from "../../lib/sweep/ranking.ts";
import { lineColumns, paint, shortened, visibleLength } from "../cli/terminal.ts";
import { count, countOf, duration, fixed, signed, signedPct } from "./numbers.ts";
import { columns, SCREEN_COLUMNS, table, words, wrap } from "./table.ts";

/** Cells that the table shows; --json and --csv have all. */
const MAX_ROWS = 20;
/** Columns beside what is set in a cell. */
const FIGURE_COLUMNS = 69;

/**
 * The cells by Sharpe ratio, and what they are worth.
 *
 * @param width Columns of a line. @default `lineColumns()`
 */
export function renderSweep(result: SweepResult, width: number = lineColumns()): string {
  const { cells, failed, trials, repeated, expected_max_sharpe: lucky, overfitting } = result;
  const more =
    cells.length > MAX_ROWS ? `The best ${MAX_ROWS} of ${cells.length} cells; --json and --csv have all\n` : "";
  const luck =
    overfitting.probability === undefined
      ? `not computed: ${overfitting.not_computed}`
      : `${fixed(overfitting.probability)} (${count(overfitting.splits ?? 0)} splits of ${overfitting.cells} cells)`;
  const wrapped = (sentence: string): string => wrap(sentence, Math.min(width, SCREEN_COLUMNS)).join("\n");
  const best = `${countOf(trials, "trial")}: without skill, the best is expected to have a Sharpe ratio of ${fixed(lucky)}`;
  return [
    cellTable(result, width) + more,
    ...idleLines(cells, wrapped),
    ...failed.map(({ cell, error }) => `Cell ${cell} failed: ${error}\n`),
    `${wrapped(best)}\n` +
      (repeated.length === 0 ? "" : `${wrapped(repeatedText(repeated))}\n`) +
      `${wrapped(`Probability of overfitting (PBO): ${luck}`)}\n` +
      `${paint(wrapped(result.verdict), "bold")}\n`,
  ].join("\n");
}

/** Names cells without a trade: a run of its own says why. */
function idleLines(cells: readonly RankedCell[], wrapped: (sentence: string) => string): readonly string[] {
  const idle = cells.filter(({ total_trades: trades }) => trades === 0).map(({ cell }) => cell);
  if (idle.length === 0) return [];
  const named = idle.slice(0, MAX_ROWS).join(", ") + (idle.length > MAX_ROWS ? ", ..." : "");
  const made = idle.length === 1 ? `Cell ${named} made` : `Cells ${named} made`;
  return [`${wrapped(`${made} no trade: run-chunks with the same settings, each by --set, says why`)}\n`];
}

/** Such as those of a misspelt parameter. */
function repeatedText(repeated: SweepResult["repeated"]): string {
  const named = repeated
    .slice(0, MAX_ROWS)
    .map(({ cell, as }) => `cell ${cell} as ${as === 0 ? "the default" : `cell ${as}`}`);
  const more = repeated.length > MAX_ROWS ? ", ..." : "";
  return `The same results, day by day: ${named.join(", ")}${more}. Perhaps a key that is set there has no effect`;
}

/** A line a cell, and what is set in it at its end or, where there is no room, in a line below. */
function cellTable({ cells, default: standard }: SweepResult, width: number): string {
  const shown = cells.slice(0, MAX_ROWS);
  const figures = [
    ...shown.map((cell) => [...figureCells(cell), ...comparisonCells(cell)]),
    ...(standard === null ? [] : [[...figureCells(standard), "", ""]]),
  ];
  const sets = [...shown.map(setText), "default"];
  const heads = columns("cell", "Sharpe", "return", "size", "trades", "to default (95 %)", "deflated");
  if (sets.every((text) => visibleLength(text) <= width - FIGURE_COLUMNS)) {
    const rows = figures.map((row, i) => [...row, sets[i]!]);
    return table([...heads, words("set")], rows);
  }
  const [head, rule, ...lines] = table(heads, figures).trimEnd().split("\n");
  const pairs = lines.map((line, i) => `${line}\n  ${shortened(sets[i]!, width - 2)}\n`);
  return `${head}\n${rule}\n${pairs.join("")}`;
}

function figureCells(cell: Omit<RankedCell, "set" | "sharpe_minus_default" | "deflated_sharpe">): string[] {
  const { annualized_sharpe: sharpe, total_return_pct: total, mean_size_scale: size, total_trades: trades } = cell;
  return [String(cell.cell), fixed(sharpe), signedPct(total), fixed(size ?? null), count(trades)];
}

function comparisonCells({ sharpe_minus_default: difference, deflated_sharpe: deflated }: RankedCell): string[] {
  if (difference === null) return ["-", fixed(deflated)];
  const { estimate, low, high } = difference;
  return [`${signed(estimate, 2)} (${signed(low, 2)}, ${signed(high, 2)})`, fixed(deflated)];
}

/** Such as `learning_rate=0.1 stop_atr=2`: the last parts of the keys. */
function setText({ set }: RankedCell): string {
  return Object.entries(set)
    .map(([key, value]) => {
      const shown = typeof value === "object" ? JSON.stringify(value) : String(value);
      return `${key.slice(key.lastIndexOf(".") + 1)}=${shown}`;
    })
    .join(" ");
}

/** Returns a progress line: cells done, running and failed, and the time left. */
export function sweepProgressText(now: () => number = () => performance.now()): (progress: SweepProgress) => string {
  const startMs = now();
  return ({ cells, done, failed, running, doneNow }) => {
    const left = cells - done - failed;
    const time = doneNow === 0 ? "-" : duration(((now() - startMs) / doneNow) * left);
    return `${count(done)} of ${count(cells)} cells  ${running} running  ${failed} failed  ${time} left`;
  };
}
