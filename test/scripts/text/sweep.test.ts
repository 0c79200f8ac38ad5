import { describe, expect, test } from "bun:test";
import { visibleLength } from "../../../scripts/cli/terminal.ts";
import { renderSweep } from "../../../scripts/text/sweep.ts";
import { resultOf } from "../../sweep/sweep-samples.ts";

const KEYS = [2, 3].map((stop) => ({ set: { "m.learning_rate": 0.05, "r.stop_atr": stop }, sharpe: stop }));

test("a cell shows how small memory made its bets, which a Sharpe ratio does not", () => {
  const result = resultOf(KEYS);
  const cells = result.cells.map((cell, i) => ({ ...cell, mean_size_scale: [0.03, 1][i] ?? null }));
  const lines = renderSweep({ ...result, cells }, 100).split("\n");
  expect(lines[0]).toMatch(/^ *cell  Sharpe  return  size  trades /);
  expect(lines[2]).toMatch(/^ +1 +2\.00 +- +0\.03 /);
  expect(lines[3]).toMatch(/^ +2 +3\.00 +- +1\.00 /);
});

test("cells that made no trade are named, and those with the results of others", () => {
  const result = resultOf([...KEYS, ...KEYS]);
  const cells = result.cells.map((cell, i) => ({ ...cell, total_trades: i === 1 ? 0 : 7 }));
  const text = renderSweep(
    {
      ...result,
      cells,
      repeated: [
        { cell: 3, as: 0 },
        { cell: 4, as: 1 },
      ],
    },
    100,
  );
  expect(text).toContain("Cell 2 made no trade: run-chunks with the same settings, each by --set, says why\n");
  expect(text).toContain("The same results, day by day: cell 3 as the default, cell 4 as cell 1. Perhaps a\nkey");
  expect(renderSweep(resultOf(KEYS), 100)).not.toContain("same results");
});

describe("what is set in a cell", () => {
  test("ends its line where all of it fits", () => {
    const lines = renderSweep(resultOf(KEYS), 100).split("\n");
    expect(lines[0]).toEndWith("deflated  set");
    expect(lines[2]).toEndWith("  learning_rate=0.05 stop_atr=2");
    expect(lines[4]).toEndWith("  default");
  });

  test("has a line of its own where it does not, so that cells are told apart", () => {
    const lines = renderSweep(resultOf(KEYS), 80).split("\n");
    expect(lines[0]).toEndWith("deflated");
    expect([lines[3], lines[5], lines[7]]).toEqual([
      "  learning_rate=0.05 stop_atr=2",
      "  learning_rate=0.05 stop_atr=3",
      "  default",
    ]);
  });

  test.each([80, 100])("leaves no line longer than %p columns, however long it is", (width) => {
    const long = { set: { providers: "x".repeat(200) }, sharpe: 1 };
    const result = { ...resultOf([long]), verdict: "No cell is better than chance. ".repeat(9).trim() };
    const lines = renderSweep(result, width).split("\n");
    expect(lines.filter((line) => visibleLength(line) > width)).toEqual([]);
    expect(lines[3]).toEndWith("xxx...");
    // Below the cells and the trials. Sentences are as wide as everywhere, however wide a line may be.
    expect(lines.slice(7).filter((line) => visibleLength(line) > 80)).toEqual([]);
  });
});
