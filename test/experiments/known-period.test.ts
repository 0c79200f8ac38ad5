import { describe, expect, test } from "bun:test";
import {
  knowledgeVerdict,
  moveWithinDay,
  type PairedVotes,
  type PeriodKnowledge,
  periodKnowledge,
} from "../../lib/experiments/known-period.ts";
import type { Action, Answer } from "../../lib/types.ts";
import { createRandom } from "../../lib/util/random.ts";
import { DAY_MS, HOUR_MS } from "../../lib/util/time.ts";
import { makeSituation } from "../providers/situation-samples.ts";

const START = Date.UTC(2024, 0, 1);
const vote = (action: Action): Answer => ({ action, confidence: 60 });

/** Votes of one decision a day: `plain`, `masked` and `mirrored`, with a move. */
function votesOf(days: readonly (readonly [Action, Action, Action, number | null])[]): readonly PairedVotes[] {
  return days.map(([plain, masked, mirrored, move], i) => ({
    asset: "GOLD",
    timestamp: START + i * DAY_MS,
    plain: vote(plain),
    forms: { masked: vote(masked), mirrored: vote(mirrored) },
    move,
  }));
}

function knowledgeOf(votes: readonly PairedVotes[], cutoff?: string): PeriodKnowledge {
  return periodKnowledge({ provider: "llama", model: "llama3.2", cutoff, votes }, { blockDays: 5, draws: 400 });
}

describe("the figures of a form", () => {
  const four = [
    ["BUY", "BUY", "SELL", 2],
    ["BUY", "SELL", "BUY", 1],
    ["SELL", "HOLD", "SELL", -1],
    ["HOLD", "HOLD", "HOLD", 4],
  ] as const;
  const knowledge = knowledgeOf(votesOf(Array.from({ length: 10 }, () => four).flat()));
  const { masked, mirrored } = knowledge.parts[0]!.forms;

  test("count agreement over all decisions, and directions over those that have two", () => {
    expect(masked).toMatchObject({ decisions: 40, directional: 20 });
    expect(masked!.agree!.estimate).toBe(0.5);
    expect(masked!.same_direction!.estimate).toBe(0);
    expect(mirrored!.agree!.estimate).toBe(0.75);
    // Two of three in one direction, one in the other.
    expect(mirrored!.same_direction!.estimate).toBeCloseTo(1 / 3, 9);
  });

  test("compare what the votes gain within a day", () => {
    // 2 + 1 + 1 + 0, and 2 - 1 + 0 + 0.
    expect(masked).toMatchObject({ plain_gain: 1, form_gain: 0.25 });
    expect(masked!.plain_minus_form!.estimate).toBe(0.75);
  });

  test("leave out abstentions, and moves that are not known", () => {
    const votes = votesOf([
      ["BUY", "BUY", "BUY", 2],
      ["BUY", "SELL", "BUY", null],
      ["BUY", "BUY", "BUY", 1],
    ]);
    const broken = { action: "HOLD", confidence: 0, error: "no usable answer" } as const;
    const some = votes.map((each, i) => (i === 2 ? { ...each, forms: { masked: broken } } : each));
    expect(knowledgeOf(some).parts[0]!.forms.masked).toMatchObject({ decisions: 2, plain_gain: 2, form_gain: 2 });
  });

  test("are undefined without any decision", () => {
    expect(knowledgeOf([]).parts).toEqual([{ part: "whole", forms: {} }]);
  });
});

test("a period that spans the cutoff is cut after that day", () => {
  const votes = votesOf(Array.from({ length: 10 }, () => ["BUY", "BUY", "BUY", 1] as const));
  const parts = knowledgeOf(votes, "2024-01-03").parts;
  expect(parts.map(({ part, forms }) => [part, forms.masked!.decisions])).toEqual([
    ["whole", 10],
    ["before cutoff", 3],
    ["after cutoff", 7],
  ]);
  expect(knowledgeOf(votes, "2023-12-31").parts).toHaveLength(1);
  expect(knowledgeOf(votes, "2024-02-01").parts).toHaveLength(1);
});

describe("the verdict on", () => {
  const random = createRandom("known period");
  const coin = (): Action => (random.uniform() < 0.5 ? "BUY" : "SELL");
  const direction = (action: Action): number => (action === "BUY" ? 1 : -1);
  const days = (make: () => readonly [Action, Action, Action, number]): PeriodKnowledge =>
    knowledgeOf(votesOf(Array.from({ length: 200 }, make)));

  test("a model that remembers what came, and knows nothing where names and dates are hidden", () => {
    const knowledge = days(() => {
      const came = coin();
      // It says the same in the mirror, which turned back is the opposite.
      return [came, coin(), came === "BUY" ? "SELL" : "BUY", direction(came)];
    });
    expect(knowledgeVerdict(knowledge)).toBe("remembers");
    expect(knowledge.parts[0]!.forms.mirrored!.same_direction!.estimate).toBe(-1);
  });

  test("a model that always buys", () => {
    const knowledge = days(() => ["BUY", "BUY", "SELL", direction(coin())]);
    expect(knowledgeVerdict(knowledge)).toBe("keeps its direction");
  });

  test("a model that follows the data", () => {
    const knowledge = days(() => {
      const seen = coin();
      return [seen, seen, seen, direction(coin())];
    });
    expect(knowledgeVerdict(knowledge)).toBe("follows the data");
    expect(knowledge.parts[0]!.forms.masked!.agree).toMatchObject({ estimate: 1, low: 1, high: 1 });
  });

  test("a model that throws a coin", () => {
    const knowledge = days(() => [coin(), coin(), coin(), direction(coin())]);
    expect(knowledgeVerdict(knowledge)).toBe("no difference shown");
  });
});

test("the move within a day is from the close to the last close in 24 hours, in ATR", () => {
  const bars = Array.from({ length: 60 }, (_, i) => ({
    timestamp: START + i * HOUR_MS,
    open: 100 + i,
    high: 101 + i,
    low: 99 + i,
    close: 100 + i,
    volume: 1,
  }));
  const series = { asset: "GOLD", timeframeMs: HOUR_MS, market: "bars", bars, gaps: 0 } as const;
  // The bar that ends then closes at 109; the one that ends a day later at 133.
  const situation = makeSituation({ timestamp: START + 10 * HOUR_MS, close: 109, atr: 4 });
  expect(moveWithinDay(situation, series)).toBe(6);
  expect(moveWithinDay({ ...situation, timestamp: START + 36 * HOUR_MS }, series)).not.toBeNull();
  expect(moveWithinDay({ ...situation, timestamp: START + 37 * HOUR_MS }, series)).toBeNull();
});
