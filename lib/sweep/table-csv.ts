/** `result.csv`: a row a cell, the default first, then by Sharpe ratio. */
import { CELL_FIGURES } from "./cell-result.ts";
import type { RankedCell, SweepResult } from "./ranking.ts";

/** Writes the cells of a sweep as RFC 4180 has it. A key of the configuration is a column; lists and maps are JSON. */
export function sweepCsv({ cells, default: standard }: SweepResult): string {
  const keys = [...new Set(cells.flatMap(({ set }) => Object.keys(set)))];
  const heads = [
    "cell",
    "run_id",
    "period",
    ...keys,
    ...CELL_FIGURES,
    "mean_size_scale",
    "sharpe_minus_default",
    "low",
    "high",
    "p_value",
    "deflated_sharpe",
  ];
  const rows = [
    ...(standard === null ? [] : [{ ...standard, set: {}, sharpe_minus_default: null, deflated_sharpe: null }]),
    ...cells,
  ].map((cell: RankedCell) => {
    const { estimate, low, high, p_value: p } = cell.sharpe_minus_default ?? {};
    return [
      cell.cell,
      cell.run_id,
      cell.period,
      ...keys.map((key) => cell.set[key]),
      ...CELL_FIGURES.map((figure) => cell[figure]),
      cell.mean_size_scale,
      estimate,
      low,
      high,
      p,
      cell.deflated_sharpe,
    ];
  });
  return [heads, ...rows].map((row) => `${row.map(cellText).join(",")}\n`).join("");
}

function cellText(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
