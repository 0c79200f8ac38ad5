/** What memory did: one run less another, betting less and better, and each part of memory. */
import * as Plot from "@observablehq/plot";
import { fixed, signed } from "../../util/written-numbers.ts";
import { thinned } from "../buckets.ts";
import type { ReportData } from "../data.ts";
import type { Picture } from "../html.ts";
import type { LiveFrame } from "../live.ts";
import { chunkBorders, drawSvg, marginFor, signedTick, TIME_AXIS } from "../svg.ts";

/** The difference of two runs with its band. */
export function effectPicture({ effect, accounts }: ReportData, { borders }: LiveFrame): Picture {
  if (effect === undefined) {
    return {
      id: "effect",
      title: "With memory less without",
      note:
        accounts.length > 1
          ? "The two runs have fewer than two days in common."
          : "There is no second run on these bars to compare with: run-chunks --no-memory makes one.",
    };
  }
  const { path } = effect;
  const [first, second] = [effect.first.name, effect.second.name];
  const last = path.at(-1)!;
  const points = path.map((point) => ({ ...point, at: new Date(point.date) }));
  return {
    id: "effect",
    title: effect.isOfMemory ? "Memory on less memory off" : `${first} less ${second}`,
    note:
      "The difference in log growth since the start, in percent. The band is the 95 % interval of each day: where it " +
      "contains 0, the difference up to that day may be chance.",
    body: drawSvg({
      alt: `${first} less ${second}: ${signed(last.value, 1)} percent at the end, 95 % interval ${signed(last.low, 1)} to ${signed(last.high, 1)}`,
      height: 190,
      marginLeft: 56,
      x: TIME_AXIS,
      y: { grid: true, label: null, ticks: 5, tickFormat: (value: number) => `${signedTick(value)}%` },
      marks: [
        Plot.areaY(points, { x: "at", y1: "low", y2: "high", fill: "var(--band)" }),
        chunkBorders(borders),
        Plot.ruleY([0], { stroke: "currentColor" }),
        Plot.lineY(points, { x: "at", y: "value", stroke: "var(--on)", strokeWidth: 1.8 }),
      ],
    }),
    table: {
      heads: ["until", "difference", "low", "high"],
      rows: thinned(path, 12).map(({ date, value, low, high }) => [
        date,
        ...[value, low, high].map((each) => `${signed(each)}%`),
      ]),
    },
  };
}

/** Betting less and better, and what each part of memory adds; nothing without a comparison. */
export function partsPicture({ comparison }: ReportData): Picture | undefined {
  if (comparison === undefined) return undefined;
  const { betting, ablations, on_minus_off: whole, on_minus_shuffled: shuffled, worlds } = comparison;
  const rows = [
    { name: "bet less", of: betting.bet_less },
    { name: "bet better", of: betting.bet_better },
    { name: "both: on less off", of: whole.log_growth },
    { name: "on less shuffled", of: shuffled?.log_growth ?? null },
    ...ablations.map(({ part, on_minus_without: effect }) => ({ name: `the part ${part}`, of: effect.log_growth })),
  ];
  const shown = rows.flatMap(({ name, of }) => (of === null ? [] : [{ name, ...of }]));
  const size = betting.mean_size_scale;
  return {
    id: "parts",
    title: "What memory added to log growth",
    note: [
      "Bet less is what smaller positions alone did" +
        `${size === null ? "" : `, at ${fixed(size)} of the full size`}; bet better is the rest.`,
      ...(shuffled === null ? [] : ["Less shuffled is memory against results shuffled among the trades."]),
      ...(ablations.length === 0 ? [] : ["A part is all of memory against memory without that part."]),
      ...(worlds.length === 1 ? [] : [`All are means over ${worlds.length} pairs of runs.`]),
      "Bars are 95 % intervals.",
    ].join(" "),
    body: drawSvg({
      alt: shown
        .map(
          ({ name, estimate, low, high }) => `${name} ${signed(estimate, 3)} (${signed(low, 3)} to ${signed(high, 3)})`,
        )
        .join(", "),
      height: 50 + 24 * shown.length,
      marginLeft: marginFor(shown.map(({ name }) => name)),
      x: { grid: true, label: null, tickFormat: signedTick },
      y: { domain: shown.map(({ name }) => name), label: null, tickSize: 0 },
      marks: [
        Plot.ruleX([0], { stroke: "currentColor" }),
        Plot.ruleY(shown, { y: "name", x1: "low", x2: "high", stroke: "var(--on)", strokeWidth: 2 }),
        Plot.dot(shown, { y: "name", x: "estimate", fill: "var(--on)", r: 4 }),
      ],
    }),
    table: {
      heads: ["part", "log growth", "low", "high", "p", "Sharpe: Holm p"],
      rows: shown.map(({ name, estimate, low, high, p_value }) => [
        name,
        ...[estimate, low, high].map((value) => signed(value, 3)),
        fixed(p_value, 3),
        fixed(ablations.find(({ part }) => name === `the part ${part}`)?.holm_p_value ?? null, 3),
      ]),
    },
  };
}
