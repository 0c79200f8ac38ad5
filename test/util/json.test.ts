import { describe, expect, test } from "bun:test";
import { changedPaths } from "../../lib/util/json.ts";

describe("changedPaths()", () => {
  const key = {
    version: "0.1.0",
    config: { backtest: { chunks: "quarter", risk: { stop_atr: 3, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
    files: { "votes.csv": "aa" },
    bars: { AAA: "bb", BBB: "cc" },
  };

  test("names the paths at which two values differ, down to the last key", () => {
    const other = {
      ...key,
      version: "0.2.0",
      config: { backtest: { chunks: "month", risk: { stop_atr: 2, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
      files: { "other.csv": "aa" },
      bars: { BBB: "cc", AAA: "bb" },
    };
    expect(changedPaths(key, other).toSorted()).toEqual([
      "config.backtest.chunks",
      "config.backtest.risk.stop_atr",
      "files.other.csv",
      "files.votes.csv",
      "version",
    ]);
    expect(changedPaths(key, structuredClone(key))).toEqual([]);
  });

  test("compares lists whole", () => {
    expect(changedPaths({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual(["a"]);
  });

  test("names a key that only one value has, also where it is null there", () => {
    expect(changedPaths({ a: { b: null, c: 1 } }, { a: { c: 1 } })).toEqual(["a.b"]);
    expect(changedPaths({ a: 1 }, { a: 1, b: { c: 2 } })).toEqual(["b"]);
  });
});
