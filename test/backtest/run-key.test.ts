import { describe, expect, test } from "bun:test";
import { runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";

const KEY: RunKey = {
  version: "0.1.0",
  period: "2021-01-01/2022-01-01",
  config: { backtest: { chunks: "quarter", risk: { stop_atr: 3, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
  seed: 1,
  files: { "votes.csv": "aa" },
  bars: { AAA: "bb", BBB: "cc" },
  market: "bars",
  embedder: "words",
  base: [["20201231T2000-AAA-00000000", "12345678"]],
  carried_in_sha256: "c".repeat(64),
  forget_marks: [],
  attempt: 0,
};

describe("runIdOf()", () => {
  test("is 64 hexadecimal digits, whatever the order of the keys", () => {
    expect(runIdOf(KEY)).toMatch(/^[0-9a-f]{64}$/);
    expect(runIdOf(structuredClone(KEY))).toBe(runIdOf(KEY));
    expect(runIdOf(Object.fromEntries(Object.entries(KEY).toReversed()) as unknown as RunKey)).toBe(runIdOf(KEY));
    expect(runIdOf({ ...KEY, bars: { BBB: "cc", AAA: "bb" } })).toBe(runIdOf(KEY));
  });

  test("changes with every part of the key", () => {
    const changes: Partial<RunKey>[] = [
      { version: "0.1.1" },
      { period: "2021-01-01/2021-12-31" },
      { config: {} },
      { seed: 2 },
      { files: {} },
      { bars: { AAA: "bb", BBB: "cd" } },
      { market: "synthetic" },
      { embedder: "sentences" },
      { base: [] },
      { base: [["20201231T2000-AAA-00000000", null]] },
      { forget_marks: [{ provider: "trend", before: "2021-01-01T00:00:00.000Z" }] },
      { attempt: 1 },
    ];
    const ids = changes.map((change) => runIdOf({ ...KEY, ...change }));
    expect(new Set([runIdOf(KEY), ...ids]).size).toBe(changes.length + 1);
  });
});
