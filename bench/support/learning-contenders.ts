/** Who weighs the votes: the known ways, an oracle, and ours. */
import type { Outcome, Situation, Vote } from "../../lib/types.ts";
import type { Lessons } from "../../lib/memory/lessons.ts";
import { evidenceOf } from "../../lib/memory/evidence.ts";
import type { Trade } from "../../lib/memory/trade.ts";
import { openMemoryView } from "../../lib/memory/view.ts";
import { at } from "./chance.ts";
import { logOdds, type Market, type World } from "./learning-worlds.ts";

/** How a run looks at memory. */
export type View = typeof openMemoryView;

/** The library's own; similar trades are recalled only where the provider `memory` wants them. */
export const ours: View = (memory, options) =>
  openMemoryView(memory, { ...options, similar: options.providers.includes("memory") });

/** Weighs by the evidence of every provider so far, in the order of exits: `learn` is told of each trade once. */
function weighingView(
  start: (providers: number) => { learn(evidence: readonly number[]): void; weights(): number[] },
): View {
  return (memory, options) => {
    const base = ours(memory, options);
    const method = start(options.providers.length);
    const waiting: Trade[] = [];
    return {
      ...base,
      lessons: (asOf) => {
        while ((waiting[0]?.exitMs ?? asOf) < asOf) {
          const row = waiting.shift() as Trade;
          method.learn(options.providers.map((provider) => evidenceOf(row, provider).resultR || 0));
        }
        return lessonsOf(() => method.weights());
      },
      record: async (outcome: Outcome) => {
        const row = await base.record(outcome);
        let place = waiting.length;
        while (place > 0 && at(waiting, place - 1).exitMs > row.exitMs) place--;
        waiting.splice(place, 0, row);
        return row;
      },
    };
  };
}

/** Weights alone: confidences as voted, sizes full. */
function lessonsOf(weigh: (situation: Situation, votes: readonly Vote[]) => number[], isCalibrated = false): Lessons {
  return {
    weights: [],
    weigh: (situation, votes) => ({
      weights: weigh(situation, votes),
      confidences: votes.map(({ confidence }) => (isCalibrated ? 100 : confidence)),
    }),
    calibrate: (confidence) => confidence,
    sizeScale: () => 1,
  };
}

const shares = (values: readonly number[]): number[] => {
  const total = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / total);
};

/** The same for all, whatever happens. */
export const equalWeights: View = weighingView((n) => ({ learn: () => {}, weights: () => Array(n).fill(1 / n) }));

/** All to whoever earned most so far. */
export const followTheLeader: View = weighingView((n) => {
  const sums = Array.from({ length: n }, () => 0);
  return {
    learn: (evidence) => evidence.forEach((e, i) => (sums[i] = at(sums, i) + e)),
    weights: () => shares(sums.map((sum) => (sum === Math.max(...sums) ? 1 : 0))),
  };
});

/** Freund and Schapire 1997, with a rate for some 2,000 trades; `share` as Herbster and Warmuth 1998. */
function hedge(share: number): View {
  const rate = 0.08;
  return weighingView((n) => {
    let weights = Array.from({ length: n }, () => 1 / n);
    return {
      learn: (evidence) => {
        weights = shares(weights.map((weight, i) => weight * Math.exp(rate * at(evidence, i))));
        weights = weights.map((weight) => (1 - share) * weight + share / n);
      },
      weights: () => weights,
    };
  });
}

export const hedged: View = hedge(0);
export const fixedShare: View = hedge(0.005);

/** Knows the planted rates, the true stretch and what confidence is worth. */
export function oracle(world: World, markets: readonly Market[]): View {
  const moments = new Map(
    markets.flatMap(({ series, decisions }) =>
      decisions.map(({ timestamp, trending }, i) => [
        `${series.asset} ${timestamp}`,
        { share: i / decisions.length, trending },
      ]),
    ),
  );
  return (memory, options) => ({
    ...ours(memory, options),
    lessons: () =>
      lessonsOf((situation, votes) => {
        const moment = moments.get(`${situation.asset} ${situation.timestamp}`);
        if (moment === undefined) throw new RangeError(`Cannot foresee: found no decision at ${situation.timestamp}`);
        return votes.map(({ action, confidence }, i) => {
          const voter = at(world.voters, i);
          const told = action === "HOLD" ? { ...voter, overconfident: false } : voter;
          return Math.max(0, logOdds(told, moment, confidence));
        });
      }, true),
  });
}
