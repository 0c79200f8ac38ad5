import { describe, expect, test } from "bun:test";
import { fromFigures } from "../../../lib/experiments/arm.ts";
import type { CostSweep } from "../../../lib/experiments/cost-sweep.ts";
import { costsTable, differenceTable, sharpeSentences } from "../../../scripts/text/comparison.ts";

type Multiple = CostSweep["multiples"][number];

const WITH = { name: "with memory", sharpe: 1.2 };
const WITHOUT = { name: "without", sharpe: 0.5 };

test.each([
  ["contains 0", -0.1, 1.5, "Its 95 % interval, -0.10 to +1.50, contains 0, so it may be chance."],
  ["is above 0", 0.1, 1.3, "Its 95 % interval, +0.10 to +1.30, excludes 0: chance is unlikely."],
  ["is below 0", -1.3, -0.1, "Its 95 % interval, -1.30 to -0.10, excludes 0: chance is unlikely."],
])("an interval that %s", (_, low, high, sentence) => {
  expect(sharpeSentences(WITH, WITHOUT, { estimate: 0.7, low, high, p_value: 0.5 })).toEqual([
    "The Sharpe ratio is 1.20 with memory and 0.50 without, a difference of +0.70.",
    sentence,
  ]);
});

test("too few days give no difference", () => {
  expect(sharpeSentences(WITH, { ...WITHOUT, sharpe: null }, null)).toEqual([
    "There are too few days to compare Sharpe ratios.",
  ]);
});

const FIGURES = { sharpe: 1, return_pct: 2, log_growth: 0.02, max_drawdown_pct: 3, brier: 0.25, mean_result_r: 0.1 };
const NO_INTERVALS = fromFigures(() => null);

test("figures of trades that are equal on both sides, and the Brier score, are in the full table alone", () => {
  const on = { ...FIGURES, win_rate: 50, trades: 4 };
  const off = { ...FIGURES, win_rate: 50, trades: 5, mean_result_r: 0.2 };
  const rowsOf = (full: boolean): (string | undefined)[] =>
    differenceTable(
      [
        { name: "on", figures: on },
        { name: "off", figures: off },
      ],
      NO_INTERVALS,
      { full },
    )
      .trimEnd()
      .split("\n")
      .slice(2)
      .map((line) => line.split("  ")[0]);
  const account = ["Sharpe", "return", "log growth", "daily drawdown"];
  expect(rowsOf(false)).toEqual([...account, "mean R", "trades"]);
  expect(rowsOf(true)).toEqual([...account, "won", "mean R", "Brier", "trades"]);
});

describe("below the table of costs a line says where growth ends", () => {
  const at = (multiple: number, on: number | null, off: number | null, mean_size_scale: number): Multiple => ({
    multiple,
    on: { ...FIGURES, win_rate: 50, log_growth: on },
    off: { ...FIGURES, win_rate: 50, log_growth: off },
    mean_size_scale,
  });

  test("with memory and without", () => {
    const multiples = [at(0, -0.1, 0.2, 0.33), at(2, -0.01, -0.1, 0.02)];
    const lines = costsTable({ multiples, break_even: { on: null, off: 4 / 3 } }).split("\n");
    expect(lines[2]).toMatch(/^x 0 +0\.33 +1\.00 +1\.00 /);
    expect(lines[3]).toMatch(/^x 2 +0\.02 /);
    expect(lines[4]).toBe("Growth with memory is below 0 even at x 0; without it falls to 0 at x 1.33");
  });

  test("or that it does not end, or is not known", () => {
    const multiples = [at(1, 0.2, 0.1, 1), at(4, 0.1, null, 1)];
    expect(costsTable({ multiples, break_even: { on: null, off: null } })).toEndWith(
      "Growth with memory stays above 0; without it is not known\n",
    );
  });
});
