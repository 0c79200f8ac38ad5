/** Random walks, and how many changes of a vote the leak test needs to find a leak on them. */
import { countVoteChanges, findVoteLeak } from "../../lib/providers/vote-leak.ts";
import type { Bar, BarSeries } from "../../lib/types.ts";
import { createRandom } from "../../lib/util/random.ts";
import { HOUR_MS } from "../../lib/util/time.ts";
import type { BenchRow } from "../support/measure.ts";
import { crossing, votesOf } from "./strategies.ts";

const AVERAGES = [
  [5, 20],
  [10, 40],
  [20, 80],
  [50, 200],
] as const;
const CHANGES = [100, 200, 300, 500] as const;

/** Crossing averages on random walks, labelled with the start of their bar: how many of the files are found. */
export function foundByChanges(walks: number): BenchRow[] {
  return AVERAGES.flatMap(([fast, slow]) =>
    CHANGES.map((changes) => {
      const files = Array.from({ length: walks }, (_, seed) => {
        // Such averages cross about once in 0.8 of the longer one.
        const series = randomWalk("WALK", {
          length: Math.round(changes * slow * 0.8),
          seed: `${fast} ${changes} ${seed}`,
        });
        const votes = votesOf([series], ({ bars }) => crossing(bars, fast, slow), 1);
        const bySeries = new Map([[series.asset, series]]);
        return { isFound: findVoteLeak(votes, bySeries) !== undefined, changes: countVoteChanges(votes, bySeries) };
      });
      const found = files.filter(({ isFound }) => isFound).length;
      const mean = files.reduce((sum, each) => sum + each.changes, 0) / walks;
      return {
        what: `leaky: averages ${fast}/${slow} on a random walk, 1 bar early, ${mean.toFixed(0)} changes`,
        ours: `found in ${found} of ${walks} files`,
      };
    }),
  );
}

/** Bars of an hour whose moves are independent. */
export function randomWalk(asset: string, { length, seed }: { length: number; seed: string }): BarSeries {
  const { uniform } = createRandom(seed);
  let close = 100;
  const bars = Array.from({ length }, (_, i): Bar => {
    const open = close;
    // The sum of twelve is near a normal number.
    const normal = Array.from({ length: 12 }, uniform).reduce((sum, each) => sum + each, -6);
    close *= Math.exp(0.006 * normal);
    const [low, high] = [Math.min(open, close), Math.max(open, close)];
    return { timestamp: i * HOUR_MS, open, high, low, close, volume: 1 };
  });
  return { asset, timeframeMs: HOUR_MS, market: "bars", bars, gaps: 0 };
}
