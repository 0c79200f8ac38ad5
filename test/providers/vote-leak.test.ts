import { describe, expect, test } from "bun:test";
import { countVoteChanges, findVoteLeak, type VoteLeak, voteLeakFigures } from "../../lib/providers/vote-leak.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { FileVotes } from "../../lib/providers/votes-file.ts";
import type { Bar, BarSeries } from "../../lib/types.ts";
import { realSeries } from "../backtest/market-samples.ts";
import { HOUR, seriesOf } from "../backtest/world-samples.ts";
import { HAS_REAL_BARS, seeded } from "../samples.ts";

const START = Date.parse("2021-01-04");

/** Votes of one asset at the starts of its bars; `null` for no vote at a bar. */
function votesAt(bars: readonly Bar[], voteAt: (i: number) => number | null): FileVotes {
  const votes = bars.flatMap(({ timestamp }, i) => {
    const vote = voteAt(i);
    if (vote === null) return [];
    const action = vote > 0 ? ("BUY" as const) : vote < 0 ? ("SELL" as const) : ("HOLD" as const);
    return [{ timestamp, answer: { action, confidence: 100 * Math.abs(vote) } }];
  });
  return new Map([["AAA", votes]]);
}

const up = (bars: readonly Bar[], i: number): number => Math.sign(bars[i]!.close - bars[i]!.open);

describe("the figures, worked by hand,", () => {
  // Moves of 1 % in the order + + - -: each goes on as often as it turns, so that the bar before says nothing of it. All moves are
  // one deviation. The first 50 bars only show how far bars move, so 400 count.
  const bars = Array.from({ length: 450 }, (_, i): Bar => {
    const close = i % 4 < 2 ? 101 : 99;
    return { timestamp: START + i * HOUR, open: 100, high: 101, low: 99, close, volume: 1 };
  });
  const series = new Map([["AAA", seriesOf("AAA", bars)]]);
  const figure = (votes: FileVotes, kind: VoteLeak["kind"], lag = 0): VoteLeak =>
    voteLeakFigures(votes, series).find((each) => each.kind === kind && each.lag === lag)!;

  test("of votes that know each bar: z is the root of 400, and all moves go with them", () => {
    const known = votesAt(bars, (i) => 0.6 * up(bars, i));
    expect(figure(known, "level").z).toBeCloseTo(20, 1);
    expect(figure(known, "level").share).toBeCloseTo(1, 10);
    // Every second vote is a change.
    expect(figure(known, "change").z).toBeCloseTo(Math.sqrt(200), 1);
    expect(figure(known, "change").bars).toBe(224);
  });

  test("of votes that know the bar before: no move goes with them more than against them", () => {
    const late = votesAt(bars, (i) => (i === 0 ? null : 0.6 * up(bars, i - 1)));
    expect(Math.abs(figure(late, "level").z)).toBeLessThan(0.1);
  });

  test("of votes two bars early: the bar after the next is known, but here every fourth bar is the same, and then it is no leak", () => {
    const early = votesAt(bars, (i) => (i + 1 < bars.length ? 0.6 * up(bars, i + 1) : null));
    expect(figure(early, "change", 1).share).toBeCloseTo(1, 10);
    expect(figure(early, "change", 1).later_z).toBeGreaterThan(10);
    expect(findVoteLeak(early, series)).toBeUndefined();
  });
});

/** Two years of three assets, and votes that a strategy makes at each close, counted `early` bars too early. */
const synthetic = new Map(
  ["AAA", "BBB", "CCC"].map((asset) => [
    asset,
    syntheticBars({ asset, timeframe: "1h", seed: 5, end: Date.parse("2019-06-01") }),
  ]),
);

function votesOf(
  series: ReadonlyMap<string, BarSeries>,
  strategy: (bars: readonly Bar[], i: number) => number,
  early: number | ((asset: string, i: number) => number) = 0,
): FileVotes {
  const earlyAt = typeof early === "number" ? (): number => early : early;
  return new Map(
    [...series].map(([asset, { bars }]) => {
      const votes = votesAt(bars, (i) => {
        const made = i - 1 + earlyAt(asset, i);
        return made < 24 || made >= bars.length ? null : strategy(bars, made);
      });
      return [asset, votes.get("AAA")!];
    }),
  );
}

const momentum = (bars: readonly Bar[], i: number): number => 0.6 * Math.sign(bars[i]!.close - bars[i - 12]!.close);
const contrarian = (bars: readonly Bar[], i: number): number => -momentum(bars, i);
const breakout = (bars: readonly Bar[], i: number): number => {
  const closes = bars.slice(i - 24, i).map(({ close }) => close);
  const { close } = bars[i]!;
  return close > Math.max(...closes) ? 0.7 : close < Math.min(...closes) ? -0.7 : 0;
};
const HONEST = { momentum, contrarian, breakout };

describe("on a market with an edge", () => {
  test.each(Object.entries(HONEST))("honest votes of %s are no leak, one or two bars early they are", (_, strategy) => {
    expect(findVoteLeak(votesOf(synthetic, strategy), synthetic)).toBeUndefined();
    for (const early of [1, 2]) {
      const leak = findVoteLeak(votesOf(synthetic, strategy, early), synthetic)!;
      expect(Math.abs(leak.z)).toBeGreaterThan(15);
    }
  });

  test("votes against the moves are found as well: they know them, and are mistaken about them", () => {
    expect(findVoteLeak(votesOf(synthetic, contrarian, 1), synthetic)).toMatchObject({ kind: "change", lag: 0 });
    expect(findVoteLeak(votesOf(synthetic, contrarian, 1), synthetic)!.share).toBeLessThan(-0.5);
  });

  test("one leaky asset of three is found, and named", () => {
    const votes = votesOf(synthetic, momentum, (asset) => (asset === "BBB" ? 1 : 0));
    expect(findVoteLeak(votes, synthetic)).toMatchObject({ asset: "BBB" });
  });

  test("a tenth of leaky votes is found", () => {
    const random = seeded(3);
    const votes = votesOf(synthetic, (bars, i) => {
      const next = bars[i + 1];
      return (
        0.6 * (next === undefined || random() > 0.1 ? Math.sign(random() - 0.5) : Math.sign(next.close - next.open))
      );
    });
    expect(findVoteLeak(votes, synthetic)!.share).toBeGreaterThan(0.08);
  });

  test("honest directions whose confidence knows the next bar are found", () => {
    const votes = votesOf(synthetic, (bars, i) => {
      const direction = Math.sign(momentum(bars, i));
      const next = bars[i + 1];
      return direction * (next !== undefined && Math.sign(next.close - next.open) === direction ? 0.65 : 0.55);
    });
    expect(findVoteLeak(votes, synthetic)).toMatchObject({ kind: "change", lag: 0, asset: null });
  });

  test.each(["rows of 4 h", "rows at changes", "rows filled to each hour"])(
    "votes of bars of 4 h that are labelled with their start are found in %s, and known at their end they are no leak",
    (form) => {
      const series = new Map([["AAA", synthetic.get("AAA")!]]);
      const { bars } = series.get("AAA")!;
      // Each end of a bar of 4 h against the end of the 12 before.
      const ofBars = (end: number): number => Math.sign(bars[end]!.close - bars[end - 48]!.close);
      const labelled = (late: number): FileVotes => {
        const at = (i: number): number | null => {
          const start = i - late;
          return start < 48 || start + 3 - (start % 4) >= bars.length ? null : ofBars(start + 3 - (start % 4));
        };
        return votesAt(bars, (i) => {
          if (form === "rows filled to each hour") return at(i);
          return i % 4 !== 0 || (form === "rows at changes" && at(i) === at(i - 1)) ? null : at(i);
        });
      };
      expect(findVoteLeak(labelled(0), series)!.z).toBeGreaterThan(15);
      expect(findVoteLeak(labelled(4), series)).toBeUndefined();
      expect(countVoteChanges(labelled(0), series)).toBe(countVoteChanges(labelled(4), series));
    },
  );

  test("votes of a day that are labelled with its beginning are found over a day of bars", () => {
    const daily = new Map(
      [...synthetic].map(([asset, { bars }]) => {
        const votes = votesAt(bars, (i) =>
          i % 24 === 0 && i > 0 && i + 23 < bars.length
            ? 0.6 * Math.sign(bars[i + 23]!.close - bars[i - 1]!.close)
            : null,
        );
        return [asset, votes.get("AAA")!];
      }),
    );
    const found = voteLeakFigures(daily, synthetic).find(({ kind, asset }) => kind === "window" && asset === null)!;
    expect(found.z).toBeGreaterThan(10);
    expect(findVoteLeak(daily, synthetic)).toBeDefined();
  });
});

test.skipIf(!HAS_REAL_BARS)("on real bars honest votes are no leak, and one bar early they are", () => {
  const real = realSeries(["BTCUSD", "ETHUSD", "EURUSD"], Date.parse("2022-01-01"));
  for (const strategy of Object.values(HONEST)) {
    expect(findVoteLeak(votesOf(real, strategy), real)).toBeUndefined();
    expect(findVoteLeak(votesOf(real, strategy, 1), real)).toMatchObject({ lag: 0 });
  }
});

test("votes on assets without bars, a single vote, and votes that never change show nothing", () => {
  const others = new Map([["ZZZ", [{ timestamp: START, answer: { action: "BUY", confidence: 60 } }]]]) as FileVotes;
  expect(voteLeakFigures(others, synthetic)).toEqual([]);
  const one = new Map([["AAA", others.get("ZZZ")!]]);
  expect(findVoteLeak(one, synthetic)).toBeUndefined();
  expect(countVoteChanges(one, synthetic)).toBe(0);
  expect(voteLeakFigures(one, synthetic).every(({ z }) => Number.isFinite(z))).toBeTrue();
});
