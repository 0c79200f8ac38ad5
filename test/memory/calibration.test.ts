import { expect, test } from "bun:test";
import { calibrateVote, confidenceBin } from "../../lib/memory/calibration.ts";

test.each([
  [0, 0],
  [9.99, 0],
  [10, 1],
  [89.99, 8],
  [90, 9],
  [100, 9],
])("a confidence of %d is in bin %d", (confidence, bin) => {
  expect(confidenceBin(confidence)).toBe(bin);
});

test("no record supports more than 100, or less than 0", () => {
  const hits = { count: 1e6, wins: 1e6, binCount: new Float64Array(10), binWins: new Float64Array(10) };
  // All were right, and this vote claims more than usual.
  expect(calibrateVote(hits, { confidence: 100, directional: true, strength: 60 })).toBe(100);
  expect(calibrateVote({ ...hits, wins: 0 }, { confidence: 0, directional: true, strength: 60 })).toBe(0);
});
