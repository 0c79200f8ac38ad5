/** The trades on the price, and how large they were. */
import * as Plot from "@observablehq/plot";
import type { Outcome } from "../../types.ts";
import { meanOf } from "../../util/numbers.ts";
import { fixed, minute, signed } from "../../util/written-numbers.ts";
import { thinned } from "../buckets.ts";
import type { ReportData } from "../data.ts";
import { type Picture, tabsHtml } from "../html.ts";
import type { LiveFrame } from "../live.ts";
import type { DecisionPoint } from "../run-data.ts";
import { chunkBorders, drawSvg, logTicks, rangeOf, signedTick, TIME_AXIS } from "../svg.ts";
import { groupBy } from "../../util/group.ts";

/** What an asset shows at most, and all assets together: the page has to stay small. */
const MAX_PRICES = { each: 900, all: 3000 };
const MAX_TRADES = { each: 400, all: 1500 };
const MAX_POSITIONS = 1000;

/** Price, regimes and trades, an asset at a time. */
export function tradesPicture({ run: { summary }, decisions, outcomes }: ReportData, { borders }: LiveFrame): Picture {
  const roomFor = ({ each, all }: typeof MAX_TRADES): number => Math.min(each, Math.ceil(all / summary.assets.length));
  const [maxPrices, maxTrades] = [roomFor(MAX_PRICES), roomFor(MAX_TRADES)];
  const tabs = summary.assets.map((asset) => ({
    name: asset,
    html: priceSvg(asset, {
      decisions: decisions.filter((each) => each.asset === asset),
      trades: outcomes.filter((each) => each.asset_pair === asset),
      borders,
      maxPrices,
      maxTrades,
    }),
  }));
  const isThinned = Object.values(summary.assets_breakdown).some((asset) => asset.total_trades > maxTrades);
  return {
    id: "trades",
    title: "Trades on the price",
    note:
      "The price at each decision, on a scale of equal factors. A trade is a line from entry to exit; its triangle points up " +
      "for a long one and down for a short one. A filled triangle gained after costs, a hollow one lost." +
      (isThinned
        ? ` An asset with more than ${maxTrades} trades shows every second, or fewer; the table has the first 1,000.`
        : ""),
    legend: [
      { name: "gained", swatch: "gain" },
      { name: "lost", swatch: "loss hollow" },
      { name: "trending", swatch: "trending" },
      { name: "ranging", swatch: "ranging" },
      { name: "volatile", swatch: "volatile" },
    ],
    body: tabsHtml("trades", tabs),
    table: {
      heads: ["entry", "exit", "asset", "side", "entry price", "exit price", "R", "P&L", "why closed"],
      rows: outcomes.map((each) => [
        minute(each.entry_timestamp),
        minute(each.exit_timestamp),
        each.asset_pair,
        each.action,
        ...[each.entry_price, each.exit_price].map((price) => writtenPrice(price)),
        signed(each.result_r),
        signed(each.realized_pnl),
        each.exit_reason,
      ]),
    },
  };
}

interface TradePoint {
  readonly entry: Date;
  readonly exit: Date;
  readonly entryPrice: number;
  readonly exitPrice: number;
  readonly isLong: boolean;
  readonly won: boolean;
  readonly color: string;
  readonly title: string;
}

/** A trade as it is drawn. */
function tradePoint(trade: Outcome): TradePoint {
  return {
    entry: new Date(trade.entry_timestamp),
    exit: new Date(trade.exit_timestamp),
    entryPrice: trade.entry_price,
    exitPrice: trade.exit_price,
    isLong: trade.action === "BUY",
    won: trade.was_profitable,
    color: trade.was_profitable ? "var(--gain)" : "var(--loss)",
    title: `${trade.action} ${minute(trade.entry_timestamp)} to ${minute(trade.exit_timestamp)}: ${signed(trade.result_r)} R, ${trade.exit_reason}`,
  };
}

function priceSvg(
  asset: string,
  {
    decisions,
    trades,
    borders,
    maxPrices,
    maxTrades,
  }: {
    decisions: readonly DecisionPoint[];
    trades: readonly Outcome[];
    borders: readonly number[];
    maxPrices: number;
    maxTrades: number;
  },
): string {
  const prices = thinned(decisions, maxPrices);
  const points = thinned(trades, maxTrades).map(tradePoint);
  const won = trades.filter((trade) => trade.was_profitable).length;
  return drawSvg({
    alt: `Price of ${asset} with ${trades.length} trades, ${won} of which gained, over its regimes`,
    height: 300,
    marginLeft: 56,
    x: TIME_AXIS,
    y: {
      type: "log",
      label: null,
      grid: true,
      ticks: [...logTicks(rangeOf(prices.map(({ close }) => close)))],
      tickFormat: writtenPrice,
    },
    marks: [
      Plot.rectX(regimeSpans(decisions), {
        x1: "from",
        x2: "to",
        fill: (span) => `var(--${span.regime.toLowerCase()})`,
      }),
      chunkBorders(borders),
      Plot.lineY(prices, { x: (each) => new Date(each.atMs), y: "close", stroke: "var(--price)", strokeWidth: 1 }),
      Plot.link(points, {
        x1: "entry",
        x2: "exit",
        y1: "entryPrice",
        y2: "exitPrice",
        stroke: "color",
        strokeWidth: 1.8,
      }),
      Plot.dot(points, {
        x: "entry",
        y: "entryPrice",
        symbol: "triangle",
        title: "title",
        rotate: (point: TradePoint) => (point.isLong ? 0 : 180),
        r: 4,
        fill: (point: TradePoint) => (point.won ? point.color : "var(--page)"),
        stroke: "color",
      }),
    ],
  });
}

function writtenPrice(price: number): string {
  return price.toLocaleString("en-US", { maximumSignificantDigits: 6 });
}

/** Stretches of decisions in one regime. */
function regimeSpans(decisions: readonly DecisionPoint[]): { regime: string; from: Date; to: Date }[] {
  const spans: { regime: string; from: Date; to: Date }[] = [];
  for (const [i, { atMs, regime }] of decisions.entries()) {
    const to = new Date(decisions[i + 1]?.atMs ?? atMs);
    const last = spans.at(-1);
    if (last?.regime === regime) last.to = to;
    else spans.push({ regime, from: new Date(atMs), to });
  }
  // Ranging is the page's own colour.
  return spans.filter(({ regime }) => regime !== "RANGING");
}

/** How large positions were, and what was expected of them. */
export function sizesPicture({ run: { summary }, decisions }: ReportData, { borders }: LiveFrame): Picture {
  const title = "Size and expected edge";
  const entries = decisions.flatMap(({ isEntry, expectedR, sizeScale, atMs, asset }) =>
    isEntry && expectedR !== null ? [{ at: new Date(atMs), asset, expectedR, sizeScale }] : [],
  );
  if (entries.length === 0) return { id: "sizes", title, note: "Without memory every position has its full size." };
  const mean = meanOf(entries.map(({ sizeScale }) => sizeScale));
  const shown = thinned(entries, MAX_POSITIONS);
  const months = [...groupBy(entries, ({ at }) => at.toISOString().slice(0, 7))];
  const period = {
    type: "utc" as const,
    label: null,
    domain: [new Date(summary.period.split("/")[0]!), new Date(summary.period.split("/")[1]!)],
  };
  const common = { x: period, marginLeft: 56, marginTop: 28 };
  return {
    id: "sizes",
    title,
    note:
      `Each position at its decision: above, what it was expected to earn after costs, in R; below, which part of the full size ` +
      `it got${shown.length < entries.length ? `, of some of ${entries.length} positions` : ""}. The mean is ${fixed(mean)}. A position gets its full size from 0.05 R on.`,
    body:
      drawSvg({
        ...common,
        alt: `Expected R of ${entries.length} positions over time; the table has means by month`,
        height: 180,
        y: { grid: true, label: "expected R", ticks: 5, tickFormat: signedTick },
        marks: [
          chunkBorders(borders),
          Plot.ruleY([0], { stroke: "currentColor" }),
          Plot.dot(shown, { x: "at", y: "expectedR", fill: "var(--on)", fillOpacity: 0.65, r: 2.6 }),
        ],
      }) +
      drawSvg({
        ...common,
        alt: `Part of the full size of ${entries.length} positions over time, mean ${fixed(mean)}`,
        height: 150,
        y: { grid: true, domain: [0, 1], label: "part of full size", ticks: [0, 0.5, 1] },
        marks: [
          chunkBorders(borders),
          Plot.ruleX(shown, { x: "at", y1: 0, y2: "sizeScale", stroke: "var(--on)", strokeOpacity: 0.7 }),
        ],
      }),
    table: {
      heads: ["month", "positions", "mean expected R", "mean part of full size"],
      rows: months.map(([month, some]) => [
        month,
        String(some.length),
        signed(meanOf(some.map(({ expectedR }) => expectedR)), 3),
        fixed(meanOf(some.map(({ sizeScale }) => sizeScale))),
      ]),
    },
  };
}
