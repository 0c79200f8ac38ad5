import { expect, test } from "bun:test";
import { holmAdjusted } from "../../lib/stats/holm.ts";

test("holmAdjusted() multiplies the smallest of n p-values by n, the next by n - 1, and never lets them fall", () => {
  // 0.01 x 4; 0.02 x 3; 0.025 x 2 = 0.05, which is below 0.06; 0.9 x 1.
  const adjusted = holmAdjusted([0.025, 0.01, 0.9, 0.02]);
  [0.06, 0.04, 0.9, 0.06].forEach((p, i) => expect(adjusted[i]).toBeCloseTo(p, 12));
});

test("holmAdjusted() leaves out what was not tested, and stays at most 1", () => {
  expect(holmAdjusted([null, 0.6, 0.7])).toEqual([null, 1, 1]);
  expect(holmAdjusted([])).toEqual([]);
});
