/** What trading and models cost. */
import * as Plot from "@observablehq/plot";
import { dollars, fixed, signed } from "../../util/written-numbers.ts";
import type { LineColor, ReportData } from "../data.ts";
import type { Picture } from "../html.ts";
import { drawSvg, marginFor, signedTick } from "../svg.ts";

const MULTIPLES = [0, 1, 2, 4] as const;

/** The return at a multiple of the costs. */
interface CostPoint {
  readonly name: string;
  readonly multiple: number;
  readonly returnPct: number;
  readonly color: LineColor;
}

/** The result at multiples of the costs. */
export function costsPicture(data: ReportData): Picture {
  const { costs, break_even_cost_multiple: breakEven, initial_balance: initial } = data.run.summary;
  const total = costs.fees + costs.spread + costs.slippage;
  const { costs_r: inR, total_trades: trades } = data.run.summary;
  const costsR = inR.fees + inR.spread + inR.slippage;
  const points = costPoints(data, total);
  const names = [...new Set(points.map(({ name }) => name))];
  const multiples = [...new Set(points.map(({ multiple }) => multiple))].toSorted((a, b) => a - b);
  return {
    id: "costs",
    title: "Costs",
    note:
      `Fees ${fixed(costs.fees)}, spread ${fixed(costs.spread)} and slippage ${fixed(costs.slippage)} took ` +
      `${fixed((100 * total) / initial, 1)}% of the account at the start, ${fixed(costsR / Math.max(1, trades), 3)} R a trade. The picture has the return at multiples of the costs: ` +
      "of the same trades, and of runs that knew these costs, if compare-memory --costs made them. " +
      (breakEven === null
        ? "The same trades lose before costs."
        : `The same trades would have made 0 at ${fixed(breakEven, 1)} times their costs.`),
    legend: names.map((name) => {
      const { color } = points.find((point) => point.name === name)!;
      return { name, swatch: `${color} line${color === "on" ? "" : " dash"}` };
    }),
    body: costsSvg(points, { names, multiples }),
    table: {
      heads: ["costs", ...names],
      rows: multiples.map((multiple) => [
        `x${multiple}`,
        ...names.map((name) => {
          const found = points.find((point) => point.name === name && point.multiple === multiple);
          return found === undefined ? "-" : `${signed(found.returnPct)}%`;
        }),
      ]),
    },
  };
}

function costPoints({ run: { summary }, comparison }: ReportData, totalCosts: number): readonly CostPoint[] {
  const same = MULTIPLES.map((multiple) => ({
    name: "the same trades",
    multiple,
    returnPct: (100 * (summary.total_pnl + (1 - multiple) * totalCosts)) / summary.initial_balance,
    color: "off" as const,
  }));
  const again = (comparison?.costs?.multiples ?? []).flatMap(({ multiple, on, off }) =>
    [
      { name: "memory on, run again", returnPct: on.return_pct, color: "on" as const },
      { name: "memory off, run again", returnPct: off.return_pct, color: "matched" as const },
    ].flatMap((each) => (each.returnPct === null ? [] : [{ ...each, returnPct: each.returnPct, multiple }])),
  );
  return [...same, ...again];
}

function costsSvg(
  points: readonly CostPoint[],
  axes: { names: readonly string[]; multiples: readonly number[] },
): string {
  return drawSvg({
    alt: points
      .map(({ name, multiple, returnPct }) => `${name} at ${multiple} times the costs ${signed(returnPct, 1)} percent`)
      .join("; "),
    width: 640,
    height: 220,
    marginLeft: 56,
    x: { label: null, ticks: axes.multiples, tickFormat: (multiple: number) => `x${multiple}`, inset: 16 },
    y: { grid: true, label: null, ticks: 5, nice: true, tickFormat: (value: number) => `${signedTick(value)}%` },
    marks: [
      Plot.ruleY([0], { stroke: "currentColor" }),
      ...axes.names.flatMap((name) => {
        const line = points.filter((point) => point.name === name);
        const { color } = line[0]!;
        const dash = color === "on" ? {} : { strokeDasharray: "5,3" };
        return [
          Plot.lineY(line, { x: "multiple", y: "returnPct", stroke: `var(--${color})`, ...dash }),
          Plot.dot(line, { x: "multiple", y: "returnPct", fill: `var(--${color})`, r: 4 }),
        ];
      }),
    ],
  });
}

/** What the answers of models cost. */
export function modelsPicture({ models }: ReportData): Picture {
  const title = "Cost of the models";
  if (models === undefined || models.length === 0) {
    const note =
      models === undefined
        ? "No model voted in this run."
        : "This run asked nothing: all answers were recorded before.";
    return { id: "models", title, note };
  }
  const priced = models.filter((each): each is typeof each & { usd: number } => each.usd !== null);
  const total = priced.reduce((sum, { usd }) => sum + usd, 0);
  return {
    id: "models",
    title,
    note:
      (priced.length === 0
        ? "No price is known of what this run asked for."
        : `What this run asked for cost ${dollars(total)}. Answers that were recorded before cost nothing.`) +
      (priced.length < models.length ? " Of a provider without a price only the answers are counted." : ""),
    ...(priced.length === 0
      ? {}
      : {
          body: drawSvg({
            alt: priced.map(({ provider, usd }) => `${provider} ${dollars(usd)}`).join(", "),
            width: 640,
            height: 40 + 28 * priced.length,
            marginLeft: marginFor(priced.map(({ provider }) => provider)),
            marginRight: 70,
            x: { grid: true, label: null, tickFormat: (value: number) => dollars(value), ticks: 4 },
            y: { domain: priced.map(({ provider }) => provider), label: null, tickSize: 0 },
            marks: [
              Plot.barX(priced, { x: "usd", y: "provider", fill: "var(--on)" }),
              Plot.text(priced, {
                x: "usd",
                y: "provider",
                text: ({ usd }) => dollars(usd),
                dx: 6,
                textAnchor: "start",
              }),
            ],
          }),
        }),
    table: {
      heads: ["provider", "answers", "cost", "tokens in", "tokens out"],
      rows: models.map((each) => [
        each.provider,
        fixed(each.answers, 0),
        each.usd === null ? "-" : dollars(each.usd),
        fixed(each.inputTokens, 0),
        fixed(each.outputTokens, 0),
      ]),
    },
  };
}
