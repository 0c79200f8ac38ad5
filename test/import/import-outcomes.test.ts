import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planImport, readOutcomes } from "../../lib/import/import-outcomes.ts";
import { FFE_OUTCOME, importOf, source } from "./import-samples.ts";

const outcome = (changes: Record<string, unknown> = {}) => source("outcome.json", { ...FFE_OUTCOME, ...changes });
const outcomesOf = (...files: ReturnType<typeof outcome>[]) => importOf(files).outcomes;

describe("an import into a memory", () => {
  test("adds what is new, and nothing the second time", () => {
    const outcomes = outcomesOf(outcome(), outcome({ decision_id: "b", exit_timestamp: "2025-11-14T00:00:00" }));
    const first = planImport(outcomes, []);
    expect([first.added.length, first.known, first.conflicts]).toEqual([2, 0, []]);
    const again = planImport(
      outcomes,
      outcomes.map(({ trade }) => trade),
    );
    expect([again.added.length, again.known, again.conflicts]).toEqual([0, 2, []]);
  });

  test("takes a trade of two files once, and leaves out one with the same id that differs", () => {
    const other = source("other.json", { ...FFE_OUTCOME, realized_pnl: 7 });
    const plan = planImport(outcomesOf(outcome(), outcome(), other), []);
    expect([plan.added.length, plan.known, plan.conflicts]).toEqual([1, 1, []]);
    expect(plan.added[0]!.trade.pnl).toBe(200);
    const reason = "trades that an earlier file has with other values";
    expect(plan.skipped).toEqual([{ reason, count: 1, first: "other.json" }]);
  });

  test("names a trade that memory has with other values", () => {
    const there = outcomesOf(outcome()).map(({ trade }) => trade);
    expect(planImport(outcomesOf(outcome({ realized_pnl: 7 })), there).conflicts).toEqual([
      '"trade-001" (outcome.json): found P&L 7, expected 200 as in memory',
    ]);
  });

  test("refuses an id that memory has for another trade, also in another case", () => {
    const there = outcomesOf(outcome({ decision_id: "Trade-001" })).map(({ trade }) => trade);
    expect(planImport(outcomesOf(outcome()), there).conflicts[0]).toContain(
      'found id "trade-001", expected "Trade-001" as in memory',
    );
  });

  test("counts a trade that is there under another id, since statistics count it once", () => {
    const there = outcomesOf(outcome({ decision_id: "other" })).map(({ trade }) => trade);
    expect(planImport(outcomesOf(outcome()), there)).toMatchObject({ twins: 1, known: 0 });
  });
});

test("files of several systems are told apart by their content", () => {
  const freqtrade = {
    pair: "A/B",
    open_rate: 1,
    close_rate: 2,
    amount: 1,
    profit_abs: 1,
    open_timestamp: 1704870900000,
    close_timestamp: 1704870900000,
  };
  const { systems } = readOutcomes([
    source("a", FFE_OUTCOME),
    source("b", { strategy: { S: { trades: [freqtrade] } } }),
    source("c", "[2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]"),
    source(
      "d",
      "asset_pair,action,entry_timestamp,exit_timestamp,realized_pnl,pnl_percentage\nX,buy,2021-01-01,2021-01-02,1,1\n",
    ),
  ]);
  expect(systems.map(({ system, files, trades }) => `${system} ${files} ${trades}`)).toEqual([
    "ffe 1 1",
    "freqtrade 1 1",
    "tradingagents 1 1",
    "csv 1 1",
  ]);
});

test("--from leaves out the files of other systems", () => {
  const files = [source("a", FFE_OUTCOME), source("c", "[2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]")];
  const { systems, skipped } = readOutcomes(files, { from: "ffe" });
  expect(systems.map(({ system }) => system)).toEqual(["ffe"]);
  expect(skipped).toEqual([{ reason: "files that are not of ffe", count: 1, first: "c" }]);
});

test("files without any trade are refused, and the message says what they are", () => {
  expect(() => importOf([source("notes.txt", "hello")])).toThrow(
    'Cannot import "notes.txt": found files of no system that is known: 1 (notes.txt), expected closed trades',
  );
  expect(() => importOf([source("half.json", '{"a": ')])).toThrow('Cannot import "half.json": found JSON Parse error');
});

test("whatever an outcome's fields are, it becomes a trade or is counted", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom("BUY", "2021-01-01", 1e300, -0, "local", "a/../b"));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(FFE_OUTCOME)), value), (changes) => {
      const sound = outcome({ decision_id: "sound" });
      const { outcomes, skipped } = importOf([sound, outcome(changes)]);
      expect(outcomes.length + skipped.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    }),
  );
});
