import { expect, test } from "bun:test";
import type { ChunkCounters } from "../../lib/results/chunks.ts";
import { quietNotes, quietProviderNotes } from "../../lib/results/quiet-notes.ts";
import { at, HOUR } from "../backtest/world-samples.ts";

const counters = (parts: Partial<ChunkCounters> = {}): ChunkCounters => ({
  ticks: 1000,
  ticks_exposed: 10,
  decisions: 100,
  holds: 90,
  buys: 5,
  skipped: { max_positions: 0, correlation: 0, size: 0 },
  not_filled: 0,
  abstentions: {},
  ...parts,
});

const notesOn = (parts: Partial<Parameters<typeof quietNotes>[0]> = {}): readonly string[] =>
  quietNotes({
    period: { startMs: at("2021-01-01"), endMs: at("2022-01-01") },
    decisionIntervalMs: 4 * HOUR,
    barCounts: { AAA: 8760 },
    counters: [counters(), counters()],
    trades: 5,
    exposurePct: 4,
    ...parts,
  });

test("a run with a trade a month or more has no notes", () => {
  expect(notesOn({ trades: 12 })).toEqual([]);
  expect(notesOn({ trades: 11 })).toHaveLength(1);
});

test("a run with fewer says how much was HOLD, what was not opened and how long a position was held", () => {
  expect(notesOn()).toEqual(["5 trades in 12.0 months: 90 % of 200 decisions were HOLD"]);
  expect(notesOn({ trades: 0, counters: [counters({ holds: 100 })] })).toEqual([
    "No trade in 12.0 months: all 100 decisions were HOLD",
  ]);
  const january = { startMs: at("2021-01-01"), endMs: at("2021-02-01") };
  expect(notesOn({ period: january, trades: 0 })).toEqual(["No trade in a month: 90 % of 200 decisions were HOLD"]);
  const endsAfter = (end: string): readonly string[] =>
    notesOn({ period: { startMs: at("2021-01-01"), endMs: at(end) }, trades: 0 });
  expect(endsAfter("2021-01-02")).toEqual(["No trade in a day: 90 % of 200 decisions were HOLD"]);
  expect(endsAfter("2021-01-15")).toEqual(["No trade in 14 days: 90 % of 200 decisions were HOLD"]);
  const skipped = { max_positions: 7, correlation: 0, size: 2 };
  expect(notesOn({ trades: 1, counters: [counters({ holds: 20, skipped })], exposurePct: 93.2 })).toEqual([
    "1 trade in 12.0 months: 20 % of 100 decisions were HOLD; positions were not opened, 7 for max_positions, " +
      "2 for size; a position was open 93 % of the time",
  ]);
});

test("a run without decisions says which asset has too few bars, or that no bar ends an interval", () => {
  const none = { counters: [counters({ decisions: 0, holds: 0 })], trades: 0 };
  expect(notesOn({ ...none, barCounts: { AAA: 39, BBB: 99 } })).toEqual([
    "AAA never decided: it has 39 bars up to 2022-01-01, and an asset decides from its 100th bar on",
    "BBB never decided: it has 99 bars up to 2022-01-01, and an asset decides from its 100th bar on",
  ]);
  expect(notesOn({ ...none, decisionIntervalMs: 400 * 24 * HOUR })).toEqual([
    "No decision was made: no bar of the period is the last of a decision_interval of 400d",
  ]);
});

const errs = (abstentions: number, directed: number, last: string): ChunkCounters =>
  counters({ abstentions: { mine: abstentions }, quiet: { mine: { directed, last } } });

test.each<[string, readonly ChunkCounters[], string | undefined]>([
  [
    "gave no vote at some decisions",
    [errs(90, 1, "first"), counters()],
    '"mine" gave no vote at 90 of 200 decisions (the last: "first")',
  ],
  [
    "gave none in the last chunk alone",
    [errs(0, 0, "RSI 50"), errs(5, 2, "no bar"), errs(0, 0, "RSI 60")],
    '"mine" gave no vote at 5 of 300 decisions (the last: "no bar")',
  ],
  [
    "gave none at all",
    [errs(100, 0, "a"), errs(100, 0, "b")],
    '"mine" gave no vote at all 200 decisions (the last: "b")',
  ],
  [
    "held where it did not abstain",
    [errs(40, 0, "a"), errs(0, 0, "")],
    '"mine" gave no vote at 40 of 200 decisions (the last: "a"), and voted HOLD at the others',
  ],
  [
    "only held",
    [errs(0, 0, "RSI 50"), errs(0, 0, "RSI 60")],
    '"mine" voted HOLD at all 200 decisions (the last: "RSI 60")',
  ],
  ["only held, without a reason", [errs(0, 0, "")], '"mine" voted HOLD at all 100 decisions'],
  ["voted", [counters()], undefined],
  ["held in one of two chunks", [errs(0, 0, ""), counters()], undefined],
  ["decided nothing", [counters({ decisions: 0 })], undefined],
])("a provider that %s", (_, chunks, note) => {
  expect(quietProviderNotes(["mine"], chunks)).toEqual(note === undefined ? [] : [note]);
});

test("a provider with bars that only held learns how many it has, unless it has the most", () => {
  const note = (bars: number | undefined): readonly string[] =>
    quietProviderNotes(["mine"], [errs(0, 0, "")], { providerBars: new Map([["mine", bars]]) });
  expect(note(100)).toEqual([
    '"mine" voted HOLD at all 100 decisions. Print what it gets: a comparison with undefined or NaN is never true. context.bars has 100 bars; `bars: N` asks for more',
  ]);
  expect(note(2000)).toEqual(['"mine" voted HOLD at all 100 decisions']);
  expect(note(undefined)).toEqual(['"mine" voted HOLD at all 100 decisions']);
});
