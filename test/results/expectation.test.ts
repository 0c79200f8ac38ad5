import { expect, test } from "bun:test";
import { expectationBins, meanSize, sumExpectations } from "../../lib/results/expectation.ts";
import { costFigures, sumCosts } from "../../lib/results/costs.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";

/** One R of the sample is 1,500 x 0.05 = 75. */
const traded = (expectedR: number | null, realizedR: number): ReturnType<typeof makeOutcome> =>
  makeOutcome({ expected_r: expectedR, realized_pnl: 75 * realizedR });

test("expected and realized R stand side by side, by what was expected, over all chunks", () => {
  const first = sumExpectations([traded(-0.02, -1), traded(0.05, 1), traded(null, 3)]);
  const second = sumExpectations([traded(0.07, 0), traded(0.5, 1.5)]);
  const { expected_r: _expected, ...ofVersion2 } = makeOutcome({ schema_version: 2 });
  expect(expectationBins([first, second, sumExpectations([ofVersion2])])).toEqual([
    { from: null, to: 0, trades: 1, mean_expected_r: -0.02, mean_realized_r: -1, standard_error_r: null },
    {
      from: 0.05,
      to: 0.1,
      trades: 2,
      mean_expected_r: expect.closeTo(0.06, 12),
      mean_realized_r: expect.closeTo(0.5, 12),
      // Deviation sqrt(1/2), over sqrt(2).
      standard_error_r: expect.closeTo(0.5, 12),
    },
    { from: 0.2, to: null, trades: 1, mean_expected_r: 0.5, mean_realized_r: 1.5, standard_error_r: null },
  ]);
});

test("the mean size follows from what was expected: 0.02 of a loss, all of it from 0.05 R on", () => {
  const bins = expectationBins([
    sumExpectations([traded(-0.02, -1), traded(0.01, 1), traded(0.03, 1), traded(0.3, 0)]),
  ]);
  // 0.02, 0.2, 0.6 and 1.
  expect(meanSize(bins)).toBeCloseTo(1.82 / 4, 12);
  expect(meanSize([])).toBeNull();
});

test("costs add up, and break even where the same trades would have made nothing", () => {
  const costs = sumCosts([makeOutcome(), makeOutcome()]);
  expect(costs.costs).toEqual({ fees: 3.11246625, spread: 0.6225, slippage: 1.245 });
  // Each trade risks 0.05 x 1,500 = 75.
  expect(costs.costs_r.fees).toBeCloseTo(3.11246625 / 75, 15);
  expect(costs.costs_r.spread).toBeCloseTo(0.6225 / 75, 15);
  expect(costs.costs_r.slippage).toBeCloseTo(1.245 / 75, 15);
  const half = { costs: { fees: 6, spread: 3, slippage: 1 }, costs_r: { fees: 0.5, spread: 0.25, slippage: 0 } };
  // Gross 15 with costs of 20; gross 40.
  expect(costFigures([half, half], -5)).toEqual({
    costs: { fees: 12, spread: 6, slippage: 2 },
    costs_r: { fees: 1, spread: 0.5, slippage: 0 },
    break_even_cost_multiple: 0.75,
  });
  expect(costFigures([half, half], 20).break_even_cost_multiple).toBe(2);
  expect(costFigures([half], -11).break_even_cost_multiple).toBeNull();
  expect(costFigures([], 0).break_even_cost_multiple).toBeNull();
});
