/** Pictures that zoom: what page-script.ts draws with uPlot, and a still one for paper and for readers without scripts. */
import * as Plot from "@observablehq/plot";
import { escapeHtml, legendHtml } from "./html.ts";
import type { LineColor } from "./data.ts";
import { type Buckets, bucketEnd, thinned } from "./buckets.ts";
import { chunkBorders, drawSvg, logTicks, marginFor, rangeOf, TIME_AXIS } from "./svg.ts";

/** A line of a picture, with a number or nothing for each bucket. */
export interface LiveLine {
  readonly name: string;
  readonly color: LineColor;
  readonly dash?: boolean;
  readonly values: readonly (number | null)[];
}

/** A picture that zooms. All of a page share their times and the cursor. */
export interface LiveChart {
  readonly id: string;
  readonly unit: "money" | "percent";
  readonly isLog?: boolean;
  readonly height: number;
  readonly lines: readonly LiveLine[];
}

/** What a live picture needs besides its chart. */
export interface LiveFrame {
  readonly buckets: Buckets;
  readonly borders: readonly number[];
}

/** The place of the live picture, and the still one. */
export function liveHtml(chart: LiveChart, { alt, buckets, borders }: LiveFrame & { alt: string }): string {
  const lines = chart.lines.map((line) => ({
    ...line,
    points: line.values.flatMap((value, i) => (value === null ? [] : [{ at: new Date(bucketEnd(buckets, i)), value }])),
  }));
  const legend = chart.lines.map(({ name, color, dash }) => ({
    name,
    swatch: `${color} line${dash === true ? " dash" : ""}`,
  }));
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const tickFormat = (value: number): string =>
    chart.unit === "percent" ? `${value}%` : value.toLocaleString("en-US");
  const still = drawSvg({
    alt,
    height: chart.height,
    // Between round numbers a label has two characters more.
    marginLeft: Math.max(56, 12 + marginFor([tickFormat(Math.round(rangeOf(values)[1]))])),
    x: TIME_AXIS,
    y: {
      grid: true,
      label: null,
      ...(chart.isLog === true
        ? {
            type: "log",
            ticks: [...logTicks(rangeOf(values))],
          }
        : { ticks: 5 }),
      tickFormat,
    },
    marks: [
      chunkBorders(borders),
      ...lines.map(({ points, color, dash }) =>
        Plot.lineY(thinned(points, MAX_STILL_POINTS), {
          x: "at",
          y: "value",
          stroke: `var(--${color})`,
          strokeWidth: color === "on" ? 1.8 : 1.2,
          ...(dash === true ? { strokeDasharray: "5,3" } : {}),
        }),
      ),
    ],
  });
  return (
    `<div class="live" id="live-${chart.id}" role="img" aria-label="${escapeHtml(alt)}"></div>` +
    `<div class="still">${legendHtml(legend)}${still}</div>`
  );
}

/** Points that a still line has at most. */
const MAX_STILL_POINTS = 750;

/** What page-script.ts reads: the times in seconds, and the charts. */
export function liveJson(charts: readonly LiveChart[], frame: LiveFrame & { parts: readonly object[] }): string {
  const { buckets } = frame;
  const times = Array.from({ length: buckets.count }, (_, i) => bucketEnd(buckets, i) / 1000);
  const rounded = charts.map((chart) => ({
    ...chart,
    lines: chart.lines.map((line) => ({
      ...line,
      values: line.values.map((value) =>
        value === null ? null : Number(value.toFixed(chart.unit === "money" ? 1 : 2)),
      ),
    })),
  }));
  const json = JSON.stringify({
    times,
    borders: frame.borders.map((ms) => ms / 1000),
    parts: frame.parts,
    charts: rounded,
  });
  // No text in it can end the element.
  return json.replaceAll("<", "\\u003c");
}
