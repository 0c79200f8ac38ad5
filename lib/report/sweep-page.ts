/** The result of a sweep as one HTML file that needs nothing else, not even a script. */
import * as Plot from "@observablehq/plot";
import type { RankedCell, SweepResult } from "../sweep/ranking.ts";
import { isRecord, type Json } from "../util/json.ts";
import { meanOf } from "../util/numbers.ts";
import { fixed, signed } from "../util/written-numbers.ts";
import { heatCell } from "./heat.ts";
import { escapeHtml, hashOf, type Picture, pictureHtml, proseHtml, tableHtml } from "./html.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { drawSvg } from "./svg.ts";

/** Keys that are shown against each other, those with most values first. */
const MAX_KEYS = 4;
/** Values of a key that a picture has room for. */
const MAX_VALUES = 24;
/** Characters of a value on an axis. */
const MAX_LABEL = 18;

/** @returns The page. Equal results give equal bytes. */
export async function renderSweepPage(result: SweepResult): Promise<string> {
  const title = `Sweep ${result.sweep.slice(0, 12)}, ${result.trials} cells`;
  const policy = `default-src 'none'; style-src 'sha256-${await hashOf(PAGE_STYLE)}'; base-uri 'none'; form-action 'none'`;
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="${policy}">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>` +
    `<style>${PAGE_STYLE}</style></head>\n<body><main><h1>${escapeHtml(title)}</h1>` +
    `<p class="verdict"><strong>${proseHtml(result.verdict)}</strong> ${proseHtml(luck(result))}</p>` +
    heatPictures(result).map(pictureHtml).join("") +
    `<section id="cells"><h2>Cells by Sharpe ratio</h2>${cellTable(result)}</section>\n` +
    `<footer>Sweep ${result.sweep}. A backtest shows what would have happened to rules that were written later; nothing here is ` +
    `investment advice.</footer></main></body></html>\n`
  );
}

function luck({ trials, expected_max_sharpe: lucky, overfitting }: SweepResult): string {
  const best = `Without skill, the best of ${trials} cells is expected to have a Sharpe ratio of ${fixed(lucky)}.`;
  const { probability, not_computed: why } = overfitting;
  return probability === undefined
    ? `${best} The probability of overfitting was not computed: ${why}.`
    : `${best} The probability of overfitting is ${fixed(probability)}.`;
}

/** A heat map of each pair of keys that vary, or of the only one. */
export function heatPictures({ cells, default: standard }: SweepResult): readonly Picture[] {
  const center = standard?.annualized_sharpe ?? 0;
  const keys = [...new Set(cells.flatMap(({ set }) => Object.keys(set)))]
    .map((key) => axisOf(cells, key))
    .filter(({ labels }) => labels.size > 1 && labels.size <= MAX_VALUES)
    .toSorted((a, b) => b.labels.size - a.labels.size)
    .slice(0, MAX_KEYS);
  const [first] = keys;
  if (first !== undefined && keys.length === 1) return [heatPicture(cells, { x: first, center, id: "heat-0" })];
  return keys
    .flatMap((x, i) => keys.slice(i + 1).map((y) => ({ x, y })))
    .map((pair, i) => heatPicture(cells, { ...pair, center, id: `heat-${i}` }));
}

/** A key of the cells, and how each of its values is written, by the value's JSON. */
interface Axis {
  readonly key: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** Numbers are in order, other values as they come in the cells. */
function axisOf(cells: readonly RankedCell[], key: string): Axis {
  const found = cells
    .toSorted((a, b) => a.cell - b.cell)
    .map(({ set }) => set[key])
    .filter((value) => value !== undefined);
  const values = found.every((value) => typeof value === "number") ? found.toSorted((a, b) => a - b) : found;
  const labels = new Map<string, string>();
  for (const value of values) {
    const text = JSON.stringify(value);
    if (labels.has(text)) continue;
    // Long lists may begin alike.
    const label = shown(value);
    labels.set(text, [...labels.values()].includes(label) ? `${label} (${labels.size + 1})` : label);
  }
  return { key, labels };
}

function heatPicture(
  cells: readonly RankedCell[],
  { x, y, center, id }: { x: Axis; y?: Axis; center: number; id: string },
): Picture {
  const rows = y === undefined ? [""] : [...y.labels.values()];
  const columns = [...x.labels.values()];
  const squares = columns.flatMap((column) =>
    rows.flatMap((row) => {
      const inside = cells.filter(
        (cell) => labelAt(x, cell) === column && (y === undefined || labelAt(y, cell) === row),
      );
      const sharpe = meanOf(inside.flatMap(({ annualized_sharpe: each }) => each ?? []));
      return sharpe === null ? [] : [{ column, row, sharpe }];
    }),
  );
  const spread = Math.max(...squares.map(({ sharpe }) => Math.abs(sharpe - center)), Number.MIN_VALUE);
  const colored = squares.map((square) => ({ ...square, ...heatCell((square.sharpe - center) / spread) }));
  const best = squares.toSorted((a, b) => b.sharpe - a.sharpe)[0];
  const title = `Sharpe ratio by ${x.key}${y === undefined ? "" : ` and ${y.key}`}`;
  const means = cells.length > squares.length ? " Of several cells in a square it is the mean." : "";
  return {
    id,
    title,
    note: `Blue is above the default (${fixed(center)}), orange below it, grey about the same.${means}`,
    body: drawSvg({
      alt: `${title}. Best: ${fixed(best?.sharpe ?? null)} at ${best?.column} ${best?.row}`,
      height: 80 + 28 * rows.length,
      marginBottom: 48,
      marginLeft: 40 + 7 * Math.max(...rows.map((row) => row.length)),
      x: { domain: columns, label: x.key, tickSize: 0 },
      y: { domain: rows, label: y?.key ?? null, tickSize: 0 },
      marks: [
        Plot.cell(colored, { x: "column", y: "row", fill: "fill", inset: 1 }),
        Plot.text(colored, { x: "column", y: "row", text: (square) => fixed(square.sharpe), fill: "ink" }),
      ],
    }),
    table: {
      heads: [y?.key ?? "", ...columns],
      rows: rows.map((row) => [
        row === "" ? "Sharpe" : row,
        ...columns.map((column) =>
          fixed(squares.find((square) => square.row === row && square.column === column)?.sharpe ?? null),
        ),
      ]),
    },
  };
}

function labelAt({ key, labels }: Axis, { set }: RankedCell): string | undefined {
  const value = set[key];
  return value === undefined ? undefined : labels.get(JSON.stringify(value));
}

/** A value as a reader knows it: providers by their names. */
function shown(value: Json): string {
  const names = Array.isArray(value) ? value.map((each: Json) => (isRecord(each) ? each["name"] : each)) : [];
  const text = typeof value === "string" ? value : names.length > 0 ? names.join(" ") : JSON.stringify(value);
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text;
}

function cellTable({ cells, default: standard }: SweepResult): string {
  const figures = (cell: Omit<RankedCell, "set" | "sharpe_minus_default" | "deflated_sharpe">): string[] => [
    fixed(cell.annualized_sharpe),
    `${signed(cell.total_return_pct)}%`,
    `${fixed(cell.max_drawdown_pct)}%`,
    String(cell.total_trades),
  ];
  const heads = [
    "cell",
    "Sharpe",
    "return",
    "max drawdown",
    "trades",
    "to default",
    "95 % interval",
    "deflated",
    "set",
  ];
  const rows = cells.map((cell) => {
    const { estimate, low, high } = cell.sharpe_minus_default ?? { estimate: null, low: null, high: null };
    const interval = low === null ? "-" : `${signed(low)} to ${signed(high)}`;
    const set = Object.entries(cell.set).map(
      ([key, value]) => `${key.slice(key.lastIndexOf(".") + 1)}=${shown(value)}`,
    );
    return [
      String(cell.cell),
      ...figures(cell),
      signed(estimate),
      interval,
      fixed(cell.deflated_sharpe),
      set.join(" "),
    ];
  });
  const ofDefault = standard === null ? [] : [["default", ...figures(standard), "", "", "", ""]];
  return tableHtml("Differences are those of the Sharpe ratios on the same days", {
    heads,
    rows: [...ofDefault, ...rows],
  });
}
