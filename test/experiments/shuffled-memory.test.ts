import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { ShuffledMemoryView } from "../../lib/experiments/shuffled-memory.ts";
import type { Situation } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { type EmbeddedTrade, tradeOf } from "../../lib/memory/trade.ts";
import type { MemoryView } from "../../lib/memory/view.ts";
import { InMemoryMemory } from "../../lib/memory/in-memory.ts";
import { createRandom } from "../../lib/util/random.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { makeSituation } from "../providers/situation-samples.ts";
import { at, DAY } from "../backtest/world-samples.ts";

// Thousands of shuffles, and a machine may be busy.
setDefaultTimeout(60_000);

const START = at("2021-01-01");
const embedder = hashingEmbedder();

/** Trades that close a day after the other, with results 1, 2, 3 ... hundredths of R. */
function trade(n: number): EmbeddedTrade {
  const outcome = makeOutcome({
    decision_id: `t-${String(n).padStart(3, "0")}`,
    exit_timestamp: new Date(START + n * DAY).toISOString(),
    result_r: n / 100,
  });
  const vector = embedder.embed("a market") as Float32Array;
  return { ...tradeOf(outcome, { bytes: 1, crc32: "00000000", contentHash: "" }), vector };
}

/** A shuffled view of a memory that starts from these trades. */
function open(seed: string, trades: readonly EmbeddedTrade[] = []): MemoryView {
  return new ShuffledMemoryView(new InMemoryMemory({ embedder, trades, marks: [] }), {
    random: createRandom(seed),
    market: "bars",
    startMs: START,
    providers: ["trend"],
    enabled: true,
    maxMemorySize: 1000,
    learningRate: 0.1,
    contextDays: 10_000,
  });
}

const situationAt = (asOf: number): Situation => makeSituation({ timestamp: asOf });

async function resultsAt(memory: MemoryView, asOf: number): Promise<Map<string, number>> {
  const { similar } = await memory.recall(situationAt(asOf));
  return new Map(similar.map(({ decision_id: id, result_r: r }) => [id, r ?? Number.NaN]));
}

describe("ShuffledMemoryView", () => {
  test("permutes the results that are visible at a time", async () => {
    const memory = open("a");
    for (let n = 1; n <= 10; n++) memory.add(trade(n));
    let moved = 0;
    for (let visible = 1; visible <= 10; visible++) {
      const asOf = START + visible * DAY + 1;
      const results = await resultsAt(memory, asOf);
      expect(memory.remembered(asOf)).toBe(visible);
      // Ten trades are recalled, so that all are seen here.
      expect([...results.values()].toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: visible }, (_, i) => (i + 1) / 100),
      );
      for (const [id, result] of results) if (trade(Math.round(result * 100)).id !== id) moved++;
    }
    expect(moved).toBeGreaterThan(10);
  });

  test("keeps the mean of the results in the recent record", async () => {
    const memory = open("b");
    for (let n = 1; n <= 9; n++) memory.add(trade(n));
    const { recent } = await memory.recall(situationAt(START + 8 * DAY));
    // Seven closed before it.
    expect(recent.trades).toBe(7);
    expect(recent.mean_r).toBeCloseTo(0.04, 12);
  });

  test("does not depend on what closes later", async () => {
    const [one, other] = [0, 1].map((more) => {
      const memory = open("c");
      for (let n = 1; n <= 6; n++) memory.add(trade(n));
      for (let n = 7; n <= 6 + more * 4; n++) memory.add(trade(n));
      return memory;
    });
    const asOf = START + 6 * DAY;
    expect(await resultsAt(one!, asOf)).toEqual(await resultsAt(other!, asOf));
    expect(one!.lessons(asOf)?.weights).toEqual(other!.lessons(asOf)?.weights);
  });

  test("starts with the trades carried in, and leaves the results in the account alone", async () => {
    const carriedIn = trade(0);
    const view = open("d", [carriedIn]);
    expect(view.carriedIn).toEqual([carriedIn]);
    expect(view.remembered(START + 1)).toBe(1);
    const outcome = makeOutcome({ decision_id: "own", exit_timestamp: "2021-01-05T00:00:00Z", result_r: -0.5 });
    expect((await view.beginRecord(outcome)).trade.resultR).toBe(-0.5);
    expect(view.remembered(at("2021-01-05"))).toBe(1);
    expect(view.remembered(at("2021-01-05") + 1)).toBe(2);
  });

  test("draws each permutation about equally often", async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 300; seed++) {
      const memory = open(`seed ${seed}`);
      for (let n = 1; n <= 3; n++) memory.add(trade(n));
      const results = await resultsAt(memory, START + 9 * DAY);
      const order = ["t-001", "t-002", "t-003"].map((id) => Math.round(100 * results.get(id)!)).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 50 expected of each; chi-squared with 5 degrees of freedom is above 20.5 once in a thousand.
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - 50) ** 2 / 50, 0);
    expect(chiSquared).toBeLessThan(20.5);
  });
});
