/** Still pictures: Observable Plot in a document of its own. */
import * as Plot from "@observablehq/plot";
// The build without a canvas, which takes long to look for.
import { parseHTML } from "linkedom/worker";
import { escapeHtml } from "./html.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** Coordinates, which a screen shows to a tenth of a pixel. */
const GEOMETRY = /( (?:d|x|y|x1|x2|y1|y2|cx|cy|r|width|height|transform|points)=")([^"]*)"/g;

/**
 * Draws a picture.
 *
 * @param options `alt`: what a screen reader says of it.
 * @returns An `<svg>` whose colours are those of page-style.ts, without anything that the page's security policy forbids.
 */
export function drawSvg({ alt, width = 900, ...options }: Plot.PlotOptions & { alt: string }): string {
  const svg = Plot.plot({
    document: document as unknown as Document,
    width,
    marginTop: 16,
    marginBottom: 36,
    ...options,
  });
  const text = svg.outerHTML
    // The page has one stylesheet, whose hash the policy names.
    .replaceAll(/<style>.*?<\/style>/gs, "")
    .replaceAll(/ (?:style|class|aria-label|fill-opacity="1"|xmlns(?::xlink)?)="[^"]*"/g, "")
    .replaceAll(GEOMETRY, (_all, name: string, value: string) => {
      const rounded = value.replaceAll(/-?\d+\.\d+(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(1))));
      return `${name}${rounded}"`;
    });
  const wide = width > 500 ? ' class="wide"' : "";
  return `<div class="scroll"><svg role="img" aria-label="${escapeHtml(alt)}"${wide}${text.slice("<svg".length)}</div>`;
}

/** The ends of chunks, as thin lines from top to bottom. */
export function chunkBorders(borders: readonly number[]): Plot.Markish {
  return Plot.ruleX(
    borders.map((ms) => new Date(ms)),
    { stroke: "var(--border)", strokeDasharray: "2,3" },
  );
}

/** Room for the texts of an axis on the left. */
export function marginFor(texts: readonly string[]): number {
  return 24 + 6.5 * Math.max(...texts.map((text) => text.length));
}

/** A signed number on an axis, with as many decimals as it needs. */
export function signedTick(value: number): string {
  const short = Number(value.toFixed(4));
  return `${short > 0 ? "+" : ""}${short}`;
}

/** Round numbers on an axis of equal factors: at equal distances where the axis is short, else 1, 2 and 5 of each power of ten. */
export function logTicks([low, high]: readonly [number, number]): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(high / low < 8 ? (high - low) / 4 : low));
  if (high / low < 8) {
    const step = power * [1, 2, 5, 10].find((each) => each * power >= (high - low) / 4)!;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  }
  const ticks: number[] = [];
  for (let decade = power; decade <= high; decade *= 10) ticks.push(decade, 2 * decade, 5 * decade);
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** The smallest and the greatest of some numbers. */
export function rangeOf(values: readonly number[]): readonly [number, number] {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

/** The axis of simulated time. */
export const TIME_AXIS: Plot.ScaleOptions = { type: "utc", label: null };
