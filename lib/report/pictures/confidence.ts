/** What was said before a trade against what came: confidence, and expected R. */
import * as Plot from "@observablehq/plot";
import type { ForecastScores, ReliabilityBin } from "../../stats/forecast-scores.ts";
import type { Summary } from "../../results/summary-shape.ts";
import { wilsonInterval } from "../../stats/wilson.ts";
import { fixed, signed } from "../../util/written-numbers.ts";
import type { ReportData } from "../data.ts";
import type { Picture } from "../html.ts";
import { drawSvg, signedTick } from "../svg.ts";

const BEFORE = "before calibration";
const AFTER = "after calibration";

/** Reliability of the confidence, before and after calibration. */
export function reliabilityPicture({ run: { summary } }: ReportData): Picture {
  const { before_calibration: before, after_calibration: after } = summary.confidence;
  const title = "Confidence: said and gained";
  const bins = [...(summary.memory_enabled ? binsOf(BEFORE, before) : []), ...binsOf(AFTER, after)];
  if (bins.length === 0)
    return { id: "reliability", title, note: "Fewer than 30 trades say nothing about confidence." };
  return {
    id: "reliability",
    title,
    note:
      "Trades by the confidence that was said, and the share of them that gained before costs, with its 95 % interval and the " +
      `number of trades. On the dashed line confidence is right.${summary.memory_enabled ? "" : " Without memory nothing is calibrated."}`,
    body: reliabilitySvg(bins),
    table: {
      heads: ["confidence", "", "trades", "said", "gained", "low", "high"],
      rows: bins.map((bin) => [
        `${bin.from} to ${bin.to}`,
        bin.kind,
        String(bin.trades),
        ...[bin.mean_confidence, bin.win_rate, bin.low, bin.high].map((value) => `${fixed(value, 1)}%`),
      ]),
    },
  };
}

/** A bin of trades, with the 95 % interval of its win rate in percent. */
interface Bin extends ReliabilityBin {
  readonly kind: string;
  readonly low: number;
  readonly high: number;
}

function binsOf(kind: string, scores: ForecastScores | null): readonly Bin[] {
  return (scores?.bins ?? []).map((bin) => {
    const { low, high } = wilsonInterval(bin.wins, bin.trades);
    return { kind, ...bin, low: 100 * low, high: 100 * high };
  });
}

function reliabilitySvg(bins: readonly Bin[]): string {
  const kinds = [...new Set(bins.map(({ kind }) => kind))];
  const from = Math.min(20, ...bins.map((bin) => bin.from));
  const interval = { fx: "kind", x: "mean_confidence", y1: "low", y2: "high" };
  return drawSvg({
    alt: bins
      .map(
        (bin) =>
          `${bin.kind}: ${fixed(bin.mean_confidence, 0)} said, ${fixed(bin.win_rate, 0)} percent gained of ${bin.trades}`,
      )
      .join("; "),
    width: kinds.length === 1 ? 480 : 900,
    height: 300,
    marginLeft: 46,
    marginTop: 30,
    marginRight: 24,
    fx: { domain: kinds, label: null, padding: 0.12 },
    x: { domain: [from, 100], label: "confidence said, %", labelAnchor: "center" },
    y: { domain: [0, 100], label: null, grid: true, tickFormat: (value: number) => `${value}%` },
    marks: [
      Plot.line(
        kinds.flatMap((kind) => [from, 100].map((at) => ({ kind, at }))),
        { fx: "kind", x: "at", y: "at", stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "4,4" },
      ),
      Plot.ruleX(bins, { ...interval, stroke: "var(--on)", strokeWidth: 2 }),
      Plot.dot(bins, { fx: "kind", x: "mean_confidence", y: "win_rate", r: 4.5, fill: "var(--on)" }),
      Plot.text(bins, {
        fx: "kind",
        x: "mean_confidence",
        // Below the interval, unless the axis is there.
        y: (bin: Bin) => (bin.low < 8 ? bin.high + 5 : bin.low - 4),
        text: (bin: Bin) => String(bin.trades),
      }),
    ],
  });
}

/** What trades were expected to earn, and what they earned. */
export function expectationPicture({ run: { summary } }: ReportData): Picture {
  const title = "Expected and realized R";
  if (summary.expectation.length === 0) {
    return { id: "expectation", title, note: "Without memory nothing is expected of a trade." };
  }
  const bins = summary.expectation.map((bin) => {
    const half = 1.96 * (bin.standard_error_r ?? 0);
    return { ...bin, name: binName(bin), low: bin.mean_realized_r - half, high: bin.mean_realized_r + half };
  });
  const names = bins.map(({ name }) => name);
  return {
    id: "expectation",
    title,
    note:
      "Trades by what they were expected to earn after costs, in R, and what they earned: the mean with its 95 % interval and " +
      "the number of trades. The short lines are the expectations: where they lie outside the interval, memory was wrong." +
      overAll(summary.expected_and_realized),
    legend: [
      { name: "earned", swatch: "on" },
      { name: "expected", swatch: "off line" },
    ],
    body: drawSvg({
      alt: bins
        .map((bin) => `expected ${bin.name} R: ${signed(bin.mean_realized_r)} earned by ${bin.trades} trades`)
        .join("; "),
      width: 640,
      height: 240,
      marginLeft: 46,
      marginBottom: 36,
      x: { type: "band", domain: names, label: "expected R", labelAnchor: "center", padding: 0.4, tickSize: 0 },
      y: { grid: true, label: null, nice: true, tickFormat: signedTick },
      marks: [
        Plot.ruleY([0], { stroke: "currentColor" }),
        Plot.ruleX(bins, { x: "name", y1: "low", y2: "high", stroke: "var(--on)", strokeWidth: 2 }),
        Plot.dot(bins, { x: "name", y: "mean_realized_r", fill: "var(--on)", r: 4.5 }),
        Plot.tickY(bins, { x: "name", y: "mean_expected_r", stroke: "var(--off)", strokeWidth: 2.5 }),
        Plot.text(bins, { x: "name", y: "high", text: (bin) => String(bin.trades), dy: -8 }),
      ],
    }),
    table: {
      heads: ["expected R", "trades", "mean expected", "mean realized", "standard error"],
      rows: bins.map((bin) => [
        bin.name,
        String(bin.trades),
        signed(bin.mean_expected_r, 3),
        signed(bin.mean_realized_r, 3),
        fixed(bin.standard_error_r, 3),
      ]),
    },
  };
}

function overAll(total: Summary["expected_and_realized"]): string {
  if (total === null) return "";
  const error = total.standard_error_r === null ? "" : ` (standard error ${fixed(total.standard_error_r, 3)})`;
  return ` Over all trades ${signed(total.mean_expected_r, 3)} R was expected and ${signed(total.mean_realized_r, 3)} R earned${error}.`;
}

function binName({ from, to }: { from: number | null; to: number | null }): string {
  if (from === null) return `below ${to}`;
  return to === null ? `${from} and more` : `${from} to ${to}`;
}
