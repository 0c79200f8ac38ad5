import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Answer, DecisionContext, Situation } from "../../lib/types.ts";
import { parseVotesCsv } from "../../lib/providers/read-votes.ts";
import { assertBarsOfRun, type FileVotes, knownAtClose, votesFile } from "../../lib/providers/votes-file.ts";
import { NO_BARS } from "./situation-samples.ts";
import { barsOf, CALM, HOUR, seriesOf } from "../backtest/world-samples.ts";

const NOTHING_REMEMBERED: DecisionContext = {
  remembered: 0,
  similar: [],
  recent: { days: 20, trades: 0, wins: 0, mean_r: null },
  records: {},
  positions: [],
  bars: NO_BARS,
};

function ask(text: string, at: { asset: string; time: string }): Answer | Promise<Answer> {
  const provider = votesFile(
    parseVotesCsv(new TextEncoder().encode(text), { file: "votes.csv", confidenceScale: 100 }),
  );
  const situation: Situation = {
    asset: at.asset,
    timestamp: Date.parse(at.time),
    regime: "RANGING",
    close: 100,
    atr: 1,
    volatility_pct: 1,
    volatility_rank: 0.5,
    rsi: 50,
    adx: 20,
    ema_fast: 100,
    ema_slow: 100,
    zscore: 0,
    channel_high: 101,
    channel_low: 99,
    return_pct: 0,
  };
  return provider.vote(situation, NOTHING_REMEMBERED);
}

// Unsorted, with times in several forms, two votes at one time, blanks and lower case.
const VOTES = `asset;action;confidence;timestamp;model
BTCUSD;SELL;80;2021-01-03T00:00:00Z;b
BTCUSD;BUY;60.5;2021-01-02 04:00;a
ETHUSD; buy ;100;${Date.UTC(2021, 0, 2)};a
BTCUSD;hold;0;2021-01-03T01:00:00+01:00;c
`;

test.each([
  ["nothing before the asset's first vote", "BTCUSD", "2021-01-02T03:59:59.999Z", undefined],
  ["what a line says from its own time on", "BTCUSD", "2021-01-02T04:00:00Z", ["BUY", 60.5]],
  ["the same until the next line", "BTCUSD", "2021-01-02T23:59:59.999Z", ["BUY", 60.5]],
  ["the later line of two at the same time", "BTCUSD", "2021-01-03T00:00:00Z", ["HOLD", 0]],
  ["the last vote to the end", "BTCUSD", "2031-01-01T00:00:00Z", ["HOLD", 0]],
  ["each asset separately", "ETHUSD", "2021-01-03T00:00:00Z", ["BUY", 100]],
  ["nothing for an asset without votes", "EURUSD", "2021-01-03T00:00:00Z", undefined],
] as const)("votesFile() votes %s", (_, asset, time, expected) => {
  const answer =
    expected === undefined
      ? { action: "HOLD", confidence: 0, error: "no vote yet" }
      : { action: expected[0], confidence: expected[1] };
  expect(ask(VOTES, { asset, time })).toEqual(answer as Answer);
});

test("votesFile() finds the same vote as a search through all lines", () => {
  const hours = fc.array(fc.nat(50), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(hours, fc.nat(60), (hoursOfVotes, now) => {
      const iso = (hour: number): string => new Date(Date.UTC(2021, 0, 1, hour)).toISOString();
      const text = `timestamp,asset,action,confidence\n${hoursOfVotes.map((hour, index) => `${iso(hour)},A,BUY,${index}\n`).join("")}`;
      let best = -1;
      hoursOfVotes.forEach((hour, index) => {
        if (hour <= now && (best === -1 || hour >= hoursOfVotes[best]!)) best = index;
      });
      const answer = ask(text, { asset: "A", time: iso(now) });
      expect(answer).toMatchObject(best === -1 ? { error: "no vote yet" } : { action: "BUY", confidence: best });
    }),
  );
});

test("an asset may be called __proto__", () => {
  const text = "timestamp,asset,action,confidence\n2021-01-01,__proto__,SELL,70\n";
  expect(ask(text, { asset: "__proto__", time: "2021-01-02T00:00:00Z" })).toEqual({ action: "SELL", confidence: 70 });
  expect(ask(text, { asset: "constructor", time: "2021-01-02T00:00:00Z" })).toMatchObject({ error: "no vote yet" });
});

test("knownAtClose() moves votes to the end of the bar that starts at their time", () => {
  const [first, second] = barsOf(Date.parse("2021-01-04T00:00Z"), [CALM, CALM]);
  // The second bar is cut short by the third.
  const third = { ...second!, timestamp: second!.timestamp + HOUR / 2 };
  const series = new Map([["A", seriesOf("A", [first!, second!, third])]]);
  const votesAt = (...times: string[]): FileVotes =>
    new Map([["A", times.map((time) => ({ timestamp: Date.parse(time), answer: { action: "BUY", confidence: 50 } }))]]);
  const known = knownAtClose(votesAt("2021-01-04T00:00Z", "2021-01-04T01:00Z", "2021-01-05T00:00Z"), series);
  expect(known).toEqual(votesAt("2021-01-04T01:00Z", "2021-01-04T01:30Z", "2021-01-05T01:00Z"));
});

test("knownAtClose() adds the length of the votes' own bars, where it is another one than the run's", () => {
  const votesAt = (time: string): FileVotes =>
    new Map([["A", [{ timestamp: Date.parse(time), answer: { action: "BUY", confidence: 50 } }]]]);
  const bars = barsOf(Date.parse("2021-01-04T00:00Z"), [CALM, CALM]);
  const series = new Map([["A", seriesOf("A", bars)]]);
  expect(knownAtClose(votesAt("2021-01-04T00:00Z"), series, 24 * HOUR)).toEqual(votesAt("2021-01-05T00:00Z"));
  expect(knownAtClose(votesAt("2021-01-04T00:00Z"), series, HOUR)).toEqual(votesAt("2021-01-04T01:00Z"));
});

/** Votes on A at hours after a Monday. */
function votesAtHours(hours: readonly number[]): FileVotes {
  const monday = Date.parse("2021-01-04T00:00Z");
  return new Map([
    ["A", hours.map((hour) => ({ timestamp: monday + hour * HOUR, answer: { action: "BUY", confidence: 50 } }))],
  ]);
}

/** Ten hours, each so far after the one before. */
function every(hours: number): number[] {
  return Array.from({ length: 10 }, (_, i) => i * hours);
}

describe("assertBarsOfRun()", () => {
  const check = (votes: FileVotes, timeframeMs = HOUR): void =>
    assertBarsOfRun(votes, { file: "votes.csv", assets: ["B", "A"], timeframeMs });

  test("refuses votes a day apart in a run on hourly bars, and says both ways out", () => {
    expect(() => check(votesAtHours(every(24)))).toThrow(
      'Cannot read "votes.csv": found votes on "A" that are 1d apart, with stamp: bar_start in a run on bars of 1h, expected the ' +
        "length of their bars in the provider's configuration: bar: 1d, or bar: 1h if each vote was known 1h after its time",
    );
  });

  test("refuses votes an hour apart in a run on bars of four hours, whose votes would count three hours late", () => {
    expect(() => check(votesAtHours(every(1)), 4 * HOUR)).toThrow(
      "bar: 1h, or bar: 4h if each vote was known 4h after",
    );
  });

  test("refuses daily votes with weekends between them: 7 of 9 distances are a day", () => {
    const days = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11];
    expect(() => check(votesAtHours(days.map((day) => day * 24)))).toThrow("1d apart");
  });

  test.each([
    ["votes as far apart as the run's bars", every(1)],
    ["nine votes a day apart", every(24).slice(1)],
    ["positions at their changes: 4 of 9 distances are 4 hours", [0, 4, 8, 20, 24, 40, 44, 60, 63, 80]],
    ["votes of the same time", every(0)],
    ["votes half a minute apart, which are of no bars", every(1 / 120)],
  ])("takes %s", (_, hours) => {
    expect(() => check(votesAtHours(hours))).not.toThrow();
  });

  describe("where rows are as far apart as the run's bars", () => {
    /** Votes on A at each hour, which change between BUY and SELL at hours after Monday 00:00. */
    const changingAt = (hours: readonly number[]): FileVotes => {
      const rows = votesAtHours(Array.from({ length: hours.at(-1)! + 2 }, (_, hour) => hour)).get("A")!;
      let isBuy = true;
      const votes = rows.map((row, hour) => {
        if (hours.includes(hour)) isBuy = !isBuy;
        return { ...row, answer: { action: isBuy ? "BUY" : "SELL", confidence: 50 } as const };
      });
      return new Map([["A", votes]]);
    };
    const twenty = (hourOf: (i: number) => number): number[] => Array.from({ length: 20 }, (_, i) => hourOf(i));

    test("refuses a momentum of daily closes that is filled to hours, until it is moved to the hour at which the day ends", () => {
      // Closes go up for two days and down for one, so the momentum changes on two of three days.
      const days = Array.from({ length: 31 }, (_, day) => day).filter((day) => day > 0 && day % 3 !== 1);
      const hours = days.map((day) => day * 24);
      expect(() => check(changingAt(hours))).toThrow(
        'Cannot read "votes.csv": found votes on "A" whose changes are nearly all multiples of 1d apart, with stamp: bar_start in a run on bars ' +
          "of 1h, expected the length of their bars in the provider's configuration: bar: 1d, or bar: 1h if each",
      );
      expect(() => check(changingAt(hours.map((hour) => hour - 1)))).not.toThrow();
    });

    test("refuses days of New York, which begin at 05:00, and bars of four hours", () => {
      expect(() => check(changingAt(twenty((i) => 24 * i + 5)))).toThrow("multiples of 1d apart");
      expect(() => check(changingAt(twenty((i) => 4 * (i + 1))))).toThrow("multiples of 4h apart");
    });

    test("refuses one other change of 20, but not two", () => {
      const hours = twenty((i) => 24 * (i + 1));
      expect(() => check(changingAt([...hours.slice(0, -1), 487]))).toThrow("multiples of 1d apart");
      expect(() => check(changingAt([...hours.slice(0, -2), 465, 487]))).not.toThrow();
    });

    test.each([
      ["changes at any hour", twenty((i) => 3 * i + (i % 2))],
      ["changes that are known at decisions every four hours", twenty((i) => 4 * i + 3)],
      ["19 changes at the same hour", twenty((i) => 24 * (i + 1)).slice(1)],
    ])("takes %s", (_, hours) => {
      expect(() => check(changingAt(hours))).not.toThrow();
    });
  });
});
