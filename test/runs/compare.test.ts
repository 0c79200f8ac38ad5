import { describe, expect, test } from "bun:test";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import { compareStoredRuns, readStoredRuns, type StoredRun } from "../../lib/runs/compare.ts";
import { CarryoverError } from "../../lib/errors.ts";
import type { DamagedFile } from "../../lib/storage/damaged-file.ts";
import { isoDate } from "../../lib/util/time.ts";
import { at, DAY } from "../backtest/world-samples.ts";
import { trade } from "../results/trade-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { decisionId, storedRun } from "./stored-run.ts";

/** A run from a day on, with these daily returns, from 1,000. */
function run(id: string, start: string, returns: readonly number[]): StoredRun {
  let equity = 1000;
  const daily = returns.map((value, i) => {
    equity *= 1 + value;
    return { date: isoDate(at(start) + i * DAY), equity, pnl: {} };
  });
  return {
    runId: id,
    timeframeMs: DAY,
    records: [{ initial_balance: 1000, daily } as unknown as ChunkRecord],
    trades: [],
  };
}

/** Returns that go up and down around a mean. */
function around(mean: number, days: number, swing = 0.01): number[] {
  return Array.from({ length: days }, (_, i) => mean + (i % 2 === 0 ? swing : -swing));
}

test("compares on the days that both have, which are simple returns of these days alone", () => {
  const a = run("a", "2021-01-01", [0.5, 0.1, 0.1]);
  const b = run("b", "2021-01-02", [0.2, 0, 0.9]);
  const result = compareStoredRuns([a], [b]);
  expect(result).toMatchObject({ days: 2, first_day: "2021-01-02", last_day: "2021-01-03" });
  // 1.1 x 1.1, and 1.2 x 1.
  expect(result.a.return_pct).toBeCloseTo(21, 9);
  expect(result.b.return_pct).toBeCloseTo(20, 9);
  expect(result.a_minus_b.return_pct!.estimate).toBeCloseTo(1, 9);
});

test("counts the trades that closed on those days", () => {
  const day = at("2021-01-02");
  const [early, won, lost] = [
    trade("", 5, { exitMs: day - 1 }),
    trade("", 5, { exitMs: day + 1 }),
    trade("", -5, { exitMs: day + DAY }),
  ];
  const a = { ...run("a", "2021-01-01", [0, 0.1, 0.1]), trades: [early, won, lost] };
  const result = compareStoredRuns([a], [run("b", "2021-01-02", [0.2, 0])]);
  expect(result.a).toMatchObject({ runs: ["a"], trades: 2, win_rate: 50 });
  expect(result.b).toMatchObject({ runs: ["b"], trades: 0, win_rate: null });
});

test("says which is better where the data show it, and else what they cannot show", () => {
  const good = run("a", "2021-01-01", around(0.01, 400));
  const bad = run("b", "2021-01-01", around(-0.01, 400));
  expect(compareStoredRuns([good], [bad]).verdict).toBe("a is better");
  expect(compareStoredRuns([bad], [good]).verdict).toBe("b is better");
  const slightly = compareStoredRuns(
    [run("a", "2021-01-01", around(0.0002, 40, 0.02))],
    [
      run(
        "b",
        "2021-01-01",
        around(0, 40, 0.021).map((value) => -value),
      ),
    ],
  );
  expect(slightly.verdict).toBe("no difference that this much data can show");
  expect(slightly.days_needed).toBeGreaterThan(40);
});

test("a run does not differ from itself", () => {
  const a = run("a", "2021-01-01", around(0.001, 50));
  const result = compareStoredRuns([a], [a]);
  expect(result.a_minus_b.sharpe).toMatchObject({ estimate: 0, low: 0, high: 0 });
  expect(result).toMatchObject({ verdict: "no difference that this much data can show", days_needed: null });
});

test("sets are compared pair by pair: figures are means over the pairs", () => {
  const a = [run("a1", "2021-01-01", [0.1, 0.1]), run("a2", "2022-01-01", [0.2, 0])];
  const b = [run("b1", "2021-01-01", [0, 0.1]), run("b2", "2022-01-01", [0, 0])];
  const result = compareStoredRuns(a, b);
  expect(result.days).toBe(4);
  // 21 and 20; 10 and 0.
  expect(result.a.return_pct).toBeCloseTo(20.5, 9);
  expect(result.b.return_pct).toBeCloseTo(5, 9);
  expect(result.a.runs).toEqual(["a1", "a2"]);
});

test("the year has 365 days where there is a Saturday, else 252", () => {
  const week = [0.01, 0.02, 0.03, 0.01, 0.02];
  const weekdays = compareStoredRuns([run("a", "2021-01-04", week)], [run("b", "2021-01-04", week)]);
  const allDays = compareStoredRuns([run("a", "2021-01-01", week)], [run("b", "2021-01-01", week)]);
  expect(allDays.a.sharpe! / weekdays.a.sharpe!).toBeCloseTo(Math.sqrt(365 / 252), 9);
});

describe("refuses", () => {
  const messageOf = (a: StoredRun[], b: StoredRun[]): string => {
    try {
      compareStoredRuns(a, b);
    } catch (error) {
      if (error instanceof CarryoverError) return `${error.code} ${error.message}`;
      throw error;
    }
    return "";
  };

  test("periods without a common day", () => {
    expect(messageOf([run("a", "2021-01-01", [0, 0])], [run("b", "2022-01-01", [0, 0])])).toBe(
      "BAD_USAGE Cannot compare runs: found no day that both have: 2021-01-01 to 2021-01-02, and 2022-01-01 to 2022-01-02, expected periods that overlap",
    );
  });

  test("sides of different size", () => {
    const a = run("a", "2021-01-01", [0, 0]);
    expect(messageOf([a, a], [a])).toStartWith("BAD_USAGE Cannot compare runs: found 2 and 1 of them");
  });
});

test("of bars longer than a day a year has as many marks as bars, as in the summary", () => {
  const weekly = (id: string, returns: readonly number[]): StoredRun => {
    const marks = run(id, "2021-01-01", returns).records[0]!.daily.map((mark, i) => ({
      ...mark,
      date: isoDate(at("2021-01-03") + 7 * i * DAY),
    }));
    return {
      ...run(id, "2021-01-01", []),
      timeframeMs: 7 * DAY,
      records: [{ initial_balance: 1000, daily: marks } as unknown as ChunkRecord],
    };
  };
  const { a } = compareStoredRuns([weekly("a", [0.03, 0.01])], [weekly("b", [0, 0.01])]);
  // Mean 0.02, deviation 0.01 x sqrt(2), 365 / 7 weeks a year.
  expect(a.sharpe).toBeCloseTo(Math.SQRT2 * Math.sqrt(365 / 7), 9);
});

test("reads the timeframe of a run's configuration", async () => {
  const { storage } = await storedRun();
  const [read] = await readStoredRuns([{ storage, id: "a".repeat(64) }]);
  expect(read!.timeframeMs).toBe(7 * DAY);
});

test("reads the memory of a storage once for all of its runs", async () => {
  const { storage } = await storedRun("a".repeat(64));
  await storedRun("b".repeat(64), storage);
  let listings = 0;
  const counted = overrideCalls(storage, {
    list: (folder) => {
      if (folder === undefined) listings += 1;
      return storage.list(folder);
    },
  });
  const runs = ["a", "b", "a"].map((letter) => ({ storage: counted, id: letter.repeat(64) }));
  const read = await readStoredRuns(runs);
  expect(read.map(({ runId, records }) => [runId[0], records.length])).toEqual([
    ["a", 2],
    ["b", 2],
    ["a", 2],
  ]);
  expect(listings).toBe(1);
});

test("a signal stops the reading, and damaged outcomes are named", async () => {
  const { storage, run: stored } = await storedRun();
  await expect(readStoredRuns([stored], { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow(
    "stopped",
  );
  const name = `outcome_${decisionId("2021-01")}.json`;
  await storage.createOnce(name, new TextEncoder().encode('{"decision_id": "x",\n  "crc32": "00000000"\n}\n'));
  const damaged: DamagedFile[] = [];
  await readStoredRuns([stored], { damaged });
  expect(damaged).toMatchObject([{ name }]);
});
