import { expect, test } from "bun:test";
import type { ChunkCounters } from "../../lib/results/chunks.ts";
import { quietNotes } from "../../lib/results/quiet-notes.ts";
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
