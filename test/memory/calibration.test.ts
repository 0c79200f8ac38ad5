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
  expect(calibrateVote({ ...hits, wins: 0 }, { confidence: 1, directional: true, strength: 60 })).toBe(0);
});

test("a confidence of 0 is no opinion, whatever the record", () => {
  const hits = { count: 40, wins: 30, binCount: new Float64Array(10), binWins: new Float64Array(10) };
  expect(calibrateVote(hits, { confidence: 0, directional: false, strength: 60 })).toBe(0);
  // (0.5 x 60 + 30) / (60 + 40) = 0.6, and a quarter of -0.49.
  expect(calibrateVote(hits, { confidence: 1, directional: false, strength: 60 })).toBeCloseTo(47.75, 10);
});
