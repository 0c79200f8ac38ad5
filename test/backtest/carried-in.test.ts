import { describe, expect, test } from "bun:test";
import { carriedInNotes } from "../../lib/backtest/carried-in.ts";
import type { RunKey } from "../../lib/backtest/run-key.ts";
import type { Trade } from "../../lib/memory/trade.ts";
import { trade } from "../results/trade-samples.ts";

const [FIRST, SECOND] = ["a".repeat(64), "b".repeat(64)];

const keyOf = (period: string, hash: string): RunKey => ({
  version: "1.0.0",
  period,
  config: { backtest: { chunks: "quarter" }, providers: [{ name: "don", type: "module", path: "donchian.js" }] },
  seed: 1,
  files: { "donchian.js": hash },
  bars: { AAA: "hash" },
  market: "bars",
  embedder: "words",
  base: [],
  forget_marks: [],
  attempt: 0,
});

const tradesOf = (runId: string, count: number): Trade[] =>
  Array.from({ length: count }, (_, i) => trade("2021Q1", i, { runId }));

/** Of a run of 2021Q3 with version `new` of the module, after runs of the first half of the year. */
function notesOf(trades: readonly Trade[], hashes: readonly [first: string, second: string]): readonly string[] {
  const half = "2021-01-01/2021-07-01";
  const known = new Map([
    [FIRST, keyOf(half, hashes[0])],
    [SECOND, keyOf(half, hashes[1])],
  ]);
  return carriedInNotes(trades, { key: keyOf("2021-07-01/2021-10-01", "new"), known });
}

describe("the start of a run says", () => {
  test("which of the trades that it remembers an older version of a strategy made", () => {
    const older = "Remembers trades of another run with other providers: 18 of aaaaaaaaaaaa";
    const period = "(2021-01-01 to 2021-07-01, other donchian.js). --memory-dir begins afresh";
    expect(notesOf([...tradesOf(SECOND, 62), ...tradesOf(FIRST, 18)], ["old", "new"])).toEqual([`${older} ${period}`]);
    expect(notesOf([...tradesOf(SECOND, 1), ...tradesOf(FIRST, 18)], ["old", "older"])).toEqual([
      "Remembers trades of 2 runs with other providers: 18 of aaaaaaaaaaaa (2021-01-01 to 2021-07-01, other donchian.js), " +
        `1 of bbbbbbbbbbbb ${period}`,
    ]);
  });

  test("that a file of votes which only grew is no other strategy", () => {
    const ofVotes = (period: string, hash: string): RunKey => ({
      ...keyOf(period, hash),
      config: { providers: [{ name: "ma", type: "file", path: "my/ma.csv" }] },
      files: { "my/ma.csv": hash },
    });
    const known = new Map([[FIRST, ofVotes("2021-01-01/2021-07-01", "old")]]);
    expect(carriedInNotes(tradesOf(FIRST, 5), { key: ofVotes("2021-07-01/2021-10-01", "new"), known })).toEqual([
      "Remembers trades of another run with other votes: 5 of aaaaaaaaaaaa (2021-01-01 to 2021-07-01, other my/ma.csv). " +
        "If the file only grew, all is well; if not, --memory-dir begins afresh",
    ]);
  });

  test("how many are of assets that it does not trade", () => {
    const other = ["GOLD", "OIL", "OIL"].map((asset, i) => trade("2021Q1", i, { runId: FIRST, asset }));
    expect(notesOf([...tradesOf(FIRST, 2), ...other], ["new", "new"])).toEqual([
      "Remembers 3 trades of GOLD, OIL, which this run does not trade. --memory-dir begins afresh",
    ]);
  });

  test("nothing where runs with the same providers made them, or runs that are gone, or another system", () => {
    expect(notesOf([...tradesOf(FIRST, 5), ...tradesOf(SECOND, 5)], ["new", "new"])).toEqual([]);
    expect(notesOf(tradesOf("c".repeat(64), 5), ["new", "new"])).toEqual([]);
    expect(notesOf(tradesOf("", 5), ["new", "new"])).toEqual([]);
  });
});
