import type { Outcome, Situation, Vote } from "../../lib/types.ts";
import type { Lessons } from "../../lib/memory/lessons.ts";
import { evidenceOf } from "../../lib/memory/evidence.ts";
import type { BegunRecord, Memory } from "../../lib/memory/store.ts";
import { insertionIndex, type Trade } from "../../lib/memory/trade.ts";
import { MemoryView, type MemoryViewOptions } from "../../lib/memory/view.ts";
import { logOdds, type Market, type World } from "./worlds.ts";

/** A way to weigh votes: how a run opens its view of memory. */
export type View = (memory: Memory, options: MemoryViewOptions) => MemoryView;

/** The library's own. Similar trades are recalled only if the provider `memory` takes part. */
class OurView extends MemoryView {
  constructor(memory: Memory, options: MemoryViewOptions) {
    super(memory, { ...options, similar: options.providers.includes("memory") });
  }
}
export const ours: View = (memory, options) => new OurView(memory, options);

/** A known way to weigh experts. */
interface Method {
  learn(evidence: readonly number[]): void;
  weights(): number[];
}

/** Weighs by the evidence on every provider so far. `learn` is called once for each trade, in the order of exits. */
class WeighingView extends OurView {
  readonly #method: Method;
  readonly #providers: readonly string[];
  readonly #waiting: Trade[] = [];

  constructor(memory: Memory, options: MemoryViewOptions & { method: Method }) {
    super(memory, options);
    this.#method = options.method;
    this.#providers = options.providers;
  }

  override lessons(asOf: number): Lessons {
    while ((this.#waiting[0]?.exitMs ?? asOf) < asOf) {
      const trade = this.#waiting.shift()!;
      this.#method.learn(this.#providers.map((provider) => evidenceOf(trade, provider).resultR || 0));
    }
    return lessonsOf(() => this.#method.weights());
  }

  override async beginRecord(outcome: Outcome): Promise<BegunRecord> {
    const begun = await super.beginRecord(outcome);
    this.#waiting.splice(insertionIndex(this.#waiting, begun.trade), 0, begun.trade);
    return begun;
  }
}

function weighingView(start: (providers: number) => Method): View {
  return (memory, options) => new WeighingView(memory, { ...options, method: start(options.providers.length) });
}

/** Lessons of weights alone: confidences as voted, full sizes. */
function lessonsOf(weigh: (situation: Situation, votes: readonly Vote[]) => number[], isCalibrated = false): Lessons {
  return {
    weights: [],
    weigh: (situation, votes) => ({
      weights: weigh(situation as Situation, votes),
      confidences: votes.map(({ confidence }) => (isCalibrated ? 100 : confidence)),
      expectedR: votes.map(() => 0),
    }),
    calibrate: (confidence) => confidence,
    scale: () => ({ expectedR: null, scale: 1 }),
  };
}

const shares = (values: readonly number[]): number[] => {
  const total = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / total);
};

export const equalWeights: View = weighingView((n) => ({ learn: () => {}, weights: () => Array(n).fill(1 / n) }));

/** All weight on the provider with the best sum so far. */
export const followTheLeader: View = weighingView((n) => {
  const sums = Array.from({ length: n }, () => 0);
  return {
    learn: (evidence) => evidence.forEach((e, i) => (sums[i]! += e)),
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
        weights = shares(weights.map((weight, i) => weight * Math.exp(rate * evidence[i]!)));
        weights = weights.map((weight) => (1 - share) * weight + share / n);
      },
      weights: () => weights,
    };
  });
}

export const hedged: View = hedge(0);
export const fixedShare: View = hedge(0.005);

/** Knows the planted hit rates, the true stretch and what confidence says. */
export function oracle(world: World, markets: readonly Market[]): View {
  const moments = new Map(
    markets.flatMap(({ series, decisions }) =>
      decisions.map(({ timestamp, trending }, i) => [
        `${series.asset} ${timestamp}`,
        { share: i / decisions.length, trending },
      ]),
    ),
  );
  const lessons = lessonsOf((situation, votes) => {
    const moment = moments.get(`${situation.asset} ${situation.timestamp}`);
    if (moment === undefined) throw new RangeError(`Cannot foresee: found no decision at ${situation.timestamp}`);
    return votes.map(({ action, confidence }, i) => {
      const voter = world.voters[i]!;
      const known = action === "HOLD" ? { ...voter, overconfident: false } : voter;
      return Math.max(0, logOdds(known, moment, confidence));
    });
  }, true);
  class OracleView extends OurView {
    override lessons(): Lessons {
      return lessons;
    }
  }
  return (memory, options) => new OracleView(memory, options);
}
