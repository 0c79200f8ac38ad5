import { describe, expect, test } from "bun:test";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { matchedSizes, meanSizeScale, withoutPart, type Ablation } from "../../lib/experiments/memory-arms.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { MemoryView, type MemoryViewOptions } from "../../lib/memory/view.ts";
import { trade } from "../results/trade-samples.ts";
import { makeOutcome, makeVote } from "../memory/outcome-samples.ts";

const AS_OF = Date.parse("2021-02-01T00:00:00Z");
const OPTIONS: MemoryViewOptions = {
  market: "bars",
  startMs: AS_OF,
  providers: ["trend", "reversion"],
  enabled: true,
  maxMemorySize: 100,
  learningRate: 1,
  contextDays: 20,
};
const SITUATION = { ...makeOutcome().situation, asset: "BTCUSD", timestamp: AS_OF };
const VOTES = [makeVote("trend", "BUY", { confidence: 80 }), makeVote("reversion", "SELL", { confidence: 60 })];
const POSITION = { regime: "TRENDING", votesR: 0.02, costR: 0.01 };

/** Memory of trades that trend had right. */
async function memory(): ReturnType<typeof openMemory> {
  const opened = await openMemory(inMemoryStorage(), { embedder: hashingEmbedder() });
  for (let i = 0; i < 20; i++) await opened.record(makeOutcome({ decision_id: `trade-${i}` }));
  return opened;
}

/** All that a view teaches and recalls. */
async function seenBy(view: MemoryView): Promise<Record<string, unknown>> {
  const lessons = view.lessons(AS_OF)!;
  const { weights, confidences } = lessons.weigh(SITUATION, VOTES);
  const { similar, records } = await view.recall(SITUATION);
  return {
    weights,
    calibration: [confidences, lessons.calibrate(90)],
    sizes: lessons.scale(POSITION),
    recall: [similar.length, Object.keys(records).length],
  };
}

describe("withoutPart()", () => {
  test.each([
    ["weights", [0.5, 0.5]],
    ["calibration", [[80, 60], 90]],
    ["sizes", { expectedR: 0.01, scale: 1 }],
    ["recall", [0, 0]],
  ] as const)("leaves out %s, and keeps the rest", async (part: Ablation, without) => {
    const remembered = await memory();
    const whole = await seenBy(withoutPart(part)(remembered, { ...OPTIONS, enabled: true }));
    const full = await seenBy(new MemoryView(remembered, OPTIONS));
    expect(whole[part]).toEqual(without);
    expect(full[part]).not.toEqual(without);
    for (const other of Object.keys(full)) if (other !== part) expect(whole[other]).toEqual(full[other]);
  });
});

test("matchedSizes() multiplies every size by one number, and knows nothing else", async () => {
  const view = matchedSizes(0.4)(await memory(), { ...OPTIONS, enabled: false });
  const lessons = view.lessons(AS_OF)!;
  expect(lessons.weigh(SITUATION, VOTES)).toMatchObject({ weights: [0.5, 0.5], confidences: [80, 60] });
  expect([lessons.calibrate(77), lessons.scale(POSITION)]).toEqual([77, { expectedR: null, scale: 0.4 }]);
});

test("meanSizeScale() is over the trades that were made, not over orders that were never filled", () => {
  const decisions = Object.entries({ filled: 0.2, held: 1, waiting: 0.9, later: 0.6 }).map(
    ([decision_id, size_scale]) => JSON.stringify({ decision_id, size_scale }),
  );
  const trades = ["filled", "later"].map((id) => ({ ...trade("2021Q1", 1, { id }), vector: new Float32Array() }));
  expect(meanSizeScale({ decisions, trades })).toBeCloseTo(0.4, 12);
  expect(meanSizeScale({ decisions, trades: [] })).toBeNull();
});
