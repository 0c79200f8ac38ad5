import { describe, expect, test } from "bun:test";
import { addPairs, sampleNoise, samplePairs } from "../../lib/results/sample-noise.ts";

describe("samplePairs()", () => {
  test.each([
    // 3 of one action have 3 equal pairs, of 10 among 5 answers; 2 of another have 1.
    [
      { BUY: 3, SELL: 2, HOLD: 0 },
      { pairs: 10, differing: 6 },
    ],
    [
      { BUY: 5, SELL: 0, HOLD: 0 },
      { pairs: 10, differing: 0 },
    ],
    [
      { BUY: 1, SELL: 1, HOLD: 1 },
      { pairs: 3, differing: 3 },
    ],
    [
      { BUY: 1, SELL: 0, HOLD: 0 },
      { pairs: 0, differing: 0 },
    ],
  ])("counts the pairs of %j that differ", (samples, pairs) => {
    expect(samplePairs(samples)).toEqual(pairs);
  });
});

test("the noise of a run is that of all pairs of its chunks", () => {
  expect(addPairs(undefined, { pairs: 3, differing: 1 })).toEqual({ pairs: 3, differing: 1 });
  expect(sampleNoise([{ pairs: 3, differing: 1 }, undefined, { pairs: 5, differing: 1 }])).toEqual({
    samples: { pairs: 8, differing_pct: 25 },
  });
  expect(sampleNoise([{ pairs: 0, differing: 0 }])).toEqual({ samples: { pairs: 0, differing_pct: null } });
  expect(sampleNoise([undefined])).toEqual({});
});
