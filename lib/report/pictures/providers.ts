/** The providers: their weights over time, their results by chunk, and the trades that moved the weights most. */
import * as Plot from "@observablehq/plot";
import type { QuarterSummary, Summary } from "../../results/summary-shape.ts";
import { fixed, minute, signed } from "../../util/written-numbers.ts";
import { meanOf } from "../../util/numbers.ts";
import { DAY_MS } from "../../util/time.ts";
import { bucketEnd, bucketOf, bucketsOf } from "../buckets.ts";
import type { ReportData } from "../data.ts";
import { heatCell } from "../heat.ts";
import { type LegendEntry, type Picture, tabsHtml } from "../html.ts";
import type { LiveFrame } from "../live.ts";
import type { DecisionPoint } from "../run-data.ts";
import { chunkBorders, drawSvg, marginFor, TIME_AXIS } from "../svg.ts";
import { groupBy } from "../../util/group.ts";

/** Points of a weight over time, and of all weights of all assets together: the page has to stay small. */
const MAX_WEIGHT_POINTS = { each: 185, all: 6000 };

/** Moves of weights that are shown. */
const MAX_MOVES = 12;

/** Columns that a picture of chunks has room for. */
const MAX_COLUMNS = 16;

/** Weights by asset, stacked. */
export function weightsPicture({ run: { summary }, decisions }: ReportData, frame: LiveFrame): Picture {
  const names = Object.keys(summary.providers);
  const { startMs, widthMs, count } = frame.buckets;
  const room = Math.min(MAX_WEIGHT_POINTS.each, MAX_WEIGHT_POINTS.all / (names.length * summary.assets.length));
  const buckets = bucketsOf({ startMs, endMs: startMs + widthMs * count }, room);
  const byAsset = groupBy(decisions, ({ asset }) => asset);
  const tabs = summary.assets.map((asset) => {
    const byBucket = groupBy(byAsset.get(asset) ?? [], ({ atMs }) => bucketOf(buckets, atMs));
    const points = [...byBucket].flatMap(([i, some]) =>
      names.map((name) => ({ at: new Date(bucketEnd(buckets, i)), name, weight: meanWeight(some, name) })),
    );
    const html = drawSvg({
      alt: `Weights of ${names.join(", ")} for ${asset} over time; the table has their means by chunk`,
      height: 190,
      marginLeft: 48,
      x: TIME_AXIS,
      y: {
        label: null,
        domain: [0, 1],
        ticks: [0, 0.25, 0.5, 0.75, 1],
        tickFormat: (value: number) => `${100 * value}%`,
      },
      color: { type: "ordinal", domain: names, range: names.map((_, i) => `var(--c${i % 8})`) },
      marks: [
        Plot.areaY(points, Plot.stackY({ x: "at", y: "weight", z: "name", fill: "name", order: names })),
        chunkBorders(frame.borders),
      ],
    });
    return { name: asset, html };
  });
  return {
    id: "weights",
    title: "Weights by asset",
    note: `What the providers' votes weighed, mean over ${days(buckets.widthMs)}. Equal bands mean that nothing was learned.`,
    legend: providerLegend(names),
    body: tabsHtml("weights", tabs),
    table: {
      heads: ["asset", "chunk", ...names],
      rows: summary.assets.flatMap((asset) => {
        const byChunk = groupBy(byAsset.get(asset) ?? [], ({ chunk }) => chunk);
        return summary.quarterly_breakdown.map(({ quarter }) => {
          const some = byChunk.get(quarter) ?? [];
          return [asset, quarter, ...names.map((name) => fixed(meanWeight(some, name)))];
        });
      }),
    },
  };
}

function meanWeight(decisions: readonly DecisionPoint[], name: string): number | null {
  return meanOf(decisions.map(({ weights }) => weights[name] ?? 0));
}

function days(ms: number): string {
  const count = ms / DAY_MS;
  return count >= 1 ? `${count} day${count === 1 ? "" : "s"}` : `${count * 24} hours`;
}

function providerLegend(names: readonly string[]): readonly LegendEntry[] {
  return names.map((name, i) => ({ name, swatch: `c${i % 8}` }));
}

/** Mean R of the trades that each provider voted for, by chunk. */
export function providersPicture({ run: { summary } }: ReportData): Picture {
  const names = Object.keys(summary.providers);
  const { length } = summary.quarterly_breakdown;
  const size = Math.ceil(length / MAX_COLUMNS);
  const cells = names.flatMap((name) =>
    Array.from({ length: Math.ceil(length / size) }, (_, i) => {
      const cell = cellOf(summary.providers[name]!.by_quarter.slice(i * size, (i + 1) * size));
      return { name, ...cell, ...heatCell((cell.meanR ?? 0) / 0.4) };
    }),
  );
  return {
    id: "providers",
    title: "Mean R by provider and chunk",
    note:
      "Results of the trades that a provider voted for, before costs, and their number below. Blue is a gain, orange a loss, " +
      `full colour 0.4 R or more.${size === 1 ? "" : ` A column has ${size} chunks and the name of the first; the table has each.`}`,
    body: providersSvg(
      cells,
      names.map((name) => `${name} ${signed(summary.providers[name]!.mean_result_r)} R`).join(", "),
    ),
    table: {
      heads: ["provider", "chunk", "trades", "won", "mean R", "standard error"],
      rows: names.flatMap((name) =>
        summary.providers[name]!.by_quarter.map((cell) => [
          name,
          cell.quarter,
          String(cell.total_trades),
          cell.win_rate === null ? "-" : `${fixed(cell.win_rate, 1)}%`,
          signed(cell.mean_result_r, 3),
          fixed(cell.mean_result_r_error, 3),
        ]),
      ),
    },
  };
}

/** The trades of a provider in one or several chunks. */
interface Cell {
  /** The first of the chunks. */
  readonly column: string;
  readonly trades: number;
  readonly meanR: number | null;
}

function cellOf(chunks: Summary["providers"][string]["by_quarter"]): Cell {
  const trades = chunks.reduce((sum, chunk) => sum + chunk.total_trades, 0);
  const sumR = chunks.reduce((sum, chunk) => sum + (chunk.mean_result_r ?? 0) * chunk.total_trades, 0);
  return { column: chunks[0]!.quarter, trades, meanR: trades === 0 ? null : sumR / trades };
}

function providersSvg(
  cells: readonly (Cell & { readonly name: string; readonly fill: string; readonly ink: string })[],
  alt: string,
): string {
  const columns = [...new Set(cells.map(({ column }) => column))];
  const names = [...new Set(cells.map(({ name }) => name))];
  const isNarrow = columns.length > 10;
  return drawSvg({
    alt,
    width: Math.min(900, 130 + 110 * columns.length),
    height: (isNarrow ? 90 : 40) + 42 * names.length,
    marginLeft: marginFor(names),
    marginBottom: isNarrow ? 80 : 30,
    x: { domain: columns, label: null, tickSize: 0, tickRotate: isNarrow ? -40 : 0 },
    y: { domain: names, label: null, tickSize: 0 },
    marks: [
      Plot.cell(cells, { x: "column", y: "name", fill: "fill", inset: 1 }),
      Plot.text(cells, {
        x: "column",
        y: "name",
        text: (cell) => (cell.trades === 0 ? "-" : `${signed(cell.meanR)}\n${cell.trades}`),
        fill: "ink",
      }),
    ],
  });
}

/** The trades that moved the weights most. */
export function movesPicture({ run: { summary } }: ReportData): Picture {
  const names = Object.keys(summary.providers);
  const moves = summary.quarterly_breakdown
    .flatMap(({ weight_moves: ofChunk }) => ofChunk)
    .map((move) => ({ ...move, size: names.reduce((sum, name) => sum + Math.abs(change(move, name)), 0) }))
    .toSorted((a, b) => b.size - a.size)
    .slice(0, MAX_MOVES)
    .toSorted((a, b) => a.exit_timestamp.localeCompare(b.exit_timestamp));
  const title = "What moved the weights";
  if (moves.length === 0) return { id: "moves", title, note: "No trade moved a weight." };
  return {
    id: "moves",
    title,
    note:
      "The trades after which the multipliers changed most, in order of time. A line goes from a provider's multiplier before " +
      "to the dot, its multiplier after. 1 is an equal share of the vote.",
    legend: providerLegend(names),
    body: movesSvg(moves, names),
    table: {
      heads: ["closed", "trades", ...names],
      rows: moves.map((move) => [
        minute(move.exit_timestamp),
        tradesOf(move),
        ...names.map(
          (name) => `${fixed(move.multipliers_before[name] ?? null)} to ${fixed(move.multipliers_after[name] ?? null)}`,
        ),
      ]),
    },
  };
}

function movesSvg(moves: readonly Move[], names: readonly string[]): string {
  const points = moves.flatMap((move, row) =>
    names.map((name) => ({
      row,
      name,
      before: move.multipliers_before[name] ?? 1,
      after: move.multipliers_after[name] ?? 1,
    })),
  );
  return drawSvg({
    alt: `The ${moves.length} trades that moved the weights most; the table names them`,
    height: 60 + (10 + 4 * names.length) * moves.length,
    marginLeft: marginFor(moves.map(rowOf)),
    x: { grid: true, label: null },
    y: {
      type: "point",
      domain: moves.keys(),
      label: null,
      tickSize: 0,
      tickFormat: (row: number) => rowOf(moves[row]!),
    },
    color: { type: "ordinal", domain: names, range: names.map((_, i) => `var(--c${i % 8})`) },
    marks: [
      Plot.ruleX([1], { stroke: "currentColor" }),
      ...names.flatMap((name, i) => {
        const some = points.filter((point) => point.name === name);
        const dy = 4 * (i - (names.length - 1) / 2);
        return [
          Plot.ruleY(some, { y: "row", x1: "before", x2: "after", stroke: "name", strokeWidth: 2, dy }),
          Plot.dot(some, { y: "row", x: "after", fill: "name", r: 3, dy }),
        ];
      }),
    ],
  });
}

type Move = QuarterSummary["weight_moves"][number];

function change({ multipliers_before: before, multipliers_after: after }: Move, name: string): number {
  return (after[name] ?? 0) - (before[name] ?? 0);
}

function tradesOf({ trades }: Move): string {
  return trades.map(({ asset, action, result_r: r }) => `${asset} ${action} ${signed(r)} R`).join(", ");
}

function rowOf(move: Move): string {
  const [first, ...others] = move.trades;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `${move.exit_timestamp.slice(0, 10)}  ${tradesOf({ ...move, trades: [first!] })}${more}`;
}
