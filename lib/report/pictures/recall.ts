/** Whether similar trades end alike. */
import * as Plot from "@observablehq/plot";
import { directionOf } from "../../memory/trade.ts";
import { wilsonInterval } from "../../stats/wilson.ts";
import { meanOf } from "../../util/numbers.ts";
import { fixed, signed } from "../../util/written-numbers.ts";
import { thinned } from "../buckets.ts";
import type { ReportData } from "../data.ts";
import type { Picture } from "../html.ts";
import { drawSvg, signedTick } from "../svg.ts";

/** Groups of pairs by similarity, equally many in each. */
const GROUPS = 5;

/** Trades that the picture shows at most. */
const MAX_DOTS = 800;

/** Share of the trades that are left out of the picture. */
const LEAST_SIMILAR = 0.02;

/** A trade and one that was recalled for it, both in R of being long. */
interface Pair {
  readonly similarity: number;
  readonly own: number;
  readonly recalled: number;
}

/** Similarity of the recalled trades against what became of them. */
export function recallPicture({ decisions, outcomes, longRById }: ReportData): Picture {
  const title = "Recall: similarity and results";
  const ownR = new Map(outcomes.map((each) => [each.decision_id, directionOf(each.action) * each.result_r]));
  const nearest: Pair[] = [];
  const pairs: Pair[] = [];
  for (const { id, nearest: neighbours } of decisions) {
    const own = ownR.get(id);
    if (own === undefined) continue;
    for (const [rank, { decision_id, similarity }] of neighbours.entries()) {
      const recalled = longRById.get(decision_id);
      if (recalled === undefined) continue;
      pairs.push({ similarity, own, recalled });
      if (rank === 0) nearest.push({ similarity, own, recalled });
    }
  }
  if (pairs.length < GROUPS) return { id: "recall", title, note: "Nothing was recalled for a trade of this run." };
  const groups = groupsOf(pairs);
  return {
    id: "recall",
    title,
    note:
      `Left: a point is ${nearest.length > MAX_DOTS ? "one of some trades" : "a trade"}; its height is what being long earned in the most similar trade before. The 2 % that are like nothing before are left out. Right: how often a trade ` +
      "and a recalled one would have paid the same side, by similarity, with 95 % intervals. At 50 % recall says nothing; " +
      "pairs share trades, so the intervals are too narrow.",
    legend: [
      { name: "being long paid in the new trade", swatch: "gain" },
      { name: "it cost", swatch: "loss hollow" },
    ],
    body: `<div class="two">${nearestSvg(thinned(nearest, MAX_DOTS))}${groupsSvg(groups, pairs.length)}</div>`,
    table: {
      heads: ["similarity", "pairs", "same side paid", "low", "high", "mean R recalled", "mean R new"],
      rows: groups.map((group) => [
        group.name,
        String(group.pairs),
        ...[group.share, group.low, group.high].map((share) => `${fixed(share, 1)}%`),
        signed(group.meanRecalled, 3),
        signed(group.meanOwn, 3),
      ]),
    },
  };
}

function nearestSvg(pairs: readonly Pair[]): string {
  const nearest = pairs.toSorted((a, b) => a.similarity - b.similarity);
  // A few that are like nothing before would take most of the room.
  const from = nearest[Math.floor(nearest.length * LEAST_SIMILAR)]!.similarity;
  return drawSvg({
    alt: `Similarity and result of the most similar earlier trade, for ${nearest.length} trades`,
    width: 440,
    height: 260,
    marginLeft: 40,
    marginTop: 28,
    x: { label: "similarity", labelAnchor: "center", ticks: 5, domain: [from, nearest.at(-1)!.similarity] },
    y: { label: "recalled: R of being long", grid: true, ticks: 5, tickFormat: signedTick },
    marks: [
      Plot.ruleY([0], { stroke: "currentColor" }),
      Plot.dot(
        nearest.filter(({ similarity }) => similarity >= from),
        {
          x: "similarity",
          y: "recalled",
          r: 3,
          fill: (pair: Pair) => (pair.own > 0 ? "var(--gain)" : "var(--page)"),
          stroke: (pair: Pair) => (pair.own > 0 ? "var(--gain)" : "var(--loss)"),
        },
      ),
    ],
  });
}

interface Group {
  readonly name: string;
  readonly pairs: number;
  /** Percent of the pairs in which the same side paid. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
  readonly meanRecalled: number | null;
  readonly meanOwn: number | null;
}

function groupsSvg(groups: readonly Group[], pairs: number): string {
  return drawSvg({
    alt: groups
      .map(({ name, share }) => `similarity ${name}: the same side paid in ${fixed(share, 0)} percent`)
      .join("; "),
    width: 440,
    height: 260,
    marginLeft: 46,
    marginTop: 28,
    x: {
      type: "point",
      domain: groups.keys(),
      tickFormat: (i: number) => groups[i]!.name,
      label: `similarity (${pairs} pairs)`,
      labelAnchor: "center",
      padding: 0.5,
    },
    y: { domain: [30, 70], label: "same side paid", grid: true, ticks: 5, tickFormat: (value: number) => `${value}%` },
    marks: [
      Plot.ruleY([50], { stroke: "currentColor", strokeDasharray: "4,4" }),
      Plot.ruleX(groups, {
        x: (_: Group, i: number) => i,
        y1: (group: Group) => Math.max(30, group.low),
        y2: (group: Group) => Math.min(70, group.high),
        stroke: "var(--on)",
        strokeWidth: 2,
      }),
      Plot.dot(groups, {
        x: (_: Group, i: number) => i,
        y: (group: Group) => Math.max(30, Math.min(70, group.share)),
        fill: "var(--on)",
        r: 4.5,
      }),
    ],
  });
}

function groupsOf(pairs: readonly Pair[]): readonly Group[] {
  const sorted = pairs.toSorted((a, b) => a.similarity - b.similarity);
  return Array.from({ length: GROUPS }, (_, g) => {
    const some = sorted.slice(Math.floor((g * sorted.length) / GROUPS), Math.floor(((g + 1) * sorted.length) / GROUPS));
    const same = some.filter(({ own, recalled }) => own > 0 === recalled > 0).length;
    const { low, high } = wilsonInterval(same, some.length);
    const mean = (key: "own" | "recalled"): number | null => meanOf(some.map((pair) => pair[key]));
    return {
      name: `${fixed(some[0]!.similarity)} to ${fixed(some.at(-1)!.similarity)}`,
      pairs: some.length,
      share: (100 * same) / some.length,
      low: 100 * low,
      high: 100 * high,
      meanRecalled: mean("recalled"),
      meanOwn: mean("own"),
    };
  });
}
