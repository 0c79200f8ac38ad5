import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { sharpeRatio } from "../../lib/results/metrics.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import type { CellFigures, CellResult } from "../../lib/sweep/cell-result.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import { rankCells, type SweepResult } from "../../lib/sweep/ranking.ts";
import { resultOf } from "../../lib/sweep/sum-up.node.ts";
import { sweepCsv } from "../../lib/sweep/table-csv.ts";
import { seeded } from "../samples.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("ranking");
const DAYS = 60;
const DATES = Array.from({ length: DAYS }, (_, i) => new Date(Date.UTC(2021, 0, 1 + i)).toISOString().slice(0, 10));

/** A cell whose returns are noise around a drift. */
function cellOf(cell: number, { drift = 0, dates = DATES }: { drift?: number; dates?: string[] } = {}): CellResult {
  const random = seeded(cell + 1);
  const returns = dates.map(() => (random() - 0.5) * 0.02 + drift);
  const figures = { annualized_sharpe: sharpeRatio(returns, 365), total_trades: 7 } as unknown as CellFigures;
  return {
    cell,
    set: cell === 0 ? {} : { "backtest.seed": cell },
    run_id: `run ${cell}`,
    inputs: {},
    period: "2021-01-01/2021-03-02",
    figures,
    longest_trade_days: 5,
    days_per_year: 365,
    dates,
    returns,
  };
}

function rank(cells: readonly CellResult[]): SweepResult {
  return rankCells(cells, { sweep: "s", failed: [] });
}

const NOISE = Array.from({ length: 10 }, (_, cell) => cellOf(cell));

describe("rankCells()", () => {
  test("ranks by Sharpe ratio, the default apart, cells without a ratio last", () => {
    const flat = { ...cellOf(10), returns: DATES.map(() => 0), figures: { annualized_sharpe: null } as CellFigures };
    const { cells, default: standard } = rank([flat, ...NOISE.toReversed()]);
    expect(standard?.cell).toBe(0);
    expect(cells).toHaveLength(10);
    const sharpes = cells.slice(0, -1).map((cell) => cell.annualized_sharpe!);
    expect(sharpes).toEqual(sharpes.toSorted((a, b) => b - a));
    expect(cells.at(-1)).toMatchObject({ cell: 10, deflated_sharpe: null, sharpe_minus_default: null });
  });

  test("compares each cell with the default on the same days: a cell that is the default differs by 0", () => {
    const { cells } = rank([
      NOISE[0]!,
      { ...NOISE[0]!, cell: 1 },
      { ...cellOf(2), returns: NOISE[0]!.returns.map((r) => r + 0.004) },
    ]);
    const [better, same] = cells;
    expect(same!.sharpe_minus_default).toEqual({ estimate: 0, low: 0, high: 0, p_value: 1 });
    // A mean of 0.4 % more a day, the deviation being the same.
    const deviation = Math.sqrt(
      NOISE[0]!.returns.reduce((sum, r, _, all) => sum + (r - all.reduce((a, b) => a + b) / 60) ** 2, 0) / 59,
    );
    expect(better!.sharpe_minus_default!.estimate).toBeCloseTo((0.004 / deviation) * Math.sqrt(365), 6);
    expect(better!.sharpe_minus_default!.low).toBeGreaterThan(0);
  });

  test("the difference is that of the two ratios", () => {
    const { cells, default: standard } = rank(NOISE);
    for (const cell of cells) {
      const difference = cell.annualized_sharpe! - standard!.annualized_sharpe!;
      expect(cell.sharpe_minus_default!.estimate).toBeCloseTo(difference, 8);
    }
  });

  test("finds nothing in noise, and a real edge", () => {
    const noise = rank(NOISE);
    expect(noise.better_than_chance).toBe(false);
    expect(noise.verdict).toMatch(
      /^No cell is better than chance: the best, cell \d, has a deflated Sharpe ratio of 0\.\d\d with 9 cells tried, below 0\.95\.$/,
    );
    expect(noise.trials).toBe(9);
    const edge = rank([...NOISE.slice(0, 9), cellOf(9, { drift: 0.006 })]);
    expect(edge.better_than_chance).toBe(true);
    expect(edge.verdict).toMatch(
      /^Cell 9 is better than chance: it has a deflated Sharpe ratio of (?:0\.9\d|1\.00) with 9 cells tried, and a probability of overfitting of 0\.0/,
    );
  });

  test("names cells with the results of another, as a misspelt parameter has no effect", () => {
    expect(rank(NOISE).repeated).toEqual([]);
    const [standard, first] = NOISE;
    // Cell 4 sets what the configuration has, and cell 5 made no trade.
    const cells = [
      standard!,
      first!,
      { ...standard!, cell: 2, run_id: "run 2" },
      { ...first!, cell: 3, run_id: "run 3" },
      { ...standard!, cell: 4 },
      { ...standard!, cell: 5, run_id: "run 5", figures: { ...standard!.figures, total_trades: 0 } },
    ];
    expect(rank(cells).repeated).toEqual([
      { cell: 2, as: 0 },
      { cell: 3, as: 1 },
    ]);
  });

  test("more trials make the same cell look worse", () => {
    const deflatedAmong = (cells: readonly CellResult[]): number => {
      return rank(cells).cells.find(({ cell }) => cell === 9)!.deflated_sharpe!;
    };
    const alone = rank([NOISE[0]!, NOISE[9]!]);
    // One trial has nothing to be chosen from: its ratio is compared with 0.
    expect(alone.expected_max_sharpe).toBe(0);
    expect(deflatedAmong(NOISE)).toBeLessThan(alone.cells[0]!.deflated_sharpe!);
  });

  test("says where the probability of overfitting is not computed", () => {
    expect(rank(NOISE.slice(0, 8)).overfitting).toEqual({
      cells: 7,
      not_computed: "too few cells with the same days, below 8",
    });
    expect(rank(NOISE.slice(0, 9)).overfitting).toMatchObject({ cells: 8, blocks: 12, splits: 924 });
    const short = NOISE.map((cell) => ({ ...cell, dates: DATES.slice(0, 19), returns: cell.returns.slice(0, 19) }));
    expect(rank(short).overfitting).toEqual({ cells: 9, not_computed: "too few days" });
    expect(rank([NOISE[0]!]).verdict).toBe("No cell is better than chance: none has a Sharpe ratio.");
  });

  test("a default that failed leaves the cells without a comparison", () => {
    const result = rank(NOISE.slice(1));
    expect(result.default).toBeNull();
    expect(result.cells.every((cell) => cell.sharpe_minus_default === null)).toBe(true);
  });
});

test("any partition of the cells over folders, in any order, gives the same bytes", async () => {
  const cells = NOISE.slice(1).map(({ cell, set }) => ({ cell, set }));
  const plan = { base: { file: "/config.yaml", text: "backtest: {}\n", set: {} }, cells };
  const whole = await resultOf([await folderOf(NOISE)]);
  async function folderOf(results: readonly CellResult[]): Promise<string> {
    const path = mkdtempSync(join(base, "part-"));
    const folder = new SweepFolder(diskStorage(path));
    await folder.begin(plan);
    for (const result of results) await folder.writeResult(result);
    return path;
  }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(3), { minLength: 10, maxLength: 10 }), async (places) => {
      const folders = await Promise.all(
        [3, 1, 0, 2].map((part) => folderOf(NOISE.filter((_, i) => places[i] === part))),
      );
      expect(JSON.stringify(await resultOf(folders))).toBe(JSON.stringify(whole));
    }),
    { numRuns: 6 },
  );
  const other = await folderOf([{ ...NOISE[3]!, run_id: "another" }]);
  expect(await failureOf(resultOf([await folderOf(NOISE), other]))).toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("found another result of cell 3"),
  });
});

test("the CSV quotes what needs it, and leaves out what is not there", () => {
  const cell = { ...cellOf(1), set: { "backtest.assets": ["A", "B"], note: 'a "b"' } };
  const [head, first, second] = sweepCsv(rank([NOISE[0]!, cell]))
    .trimEnd()
    .split("\n");
  expect(head).toStartWith("cell,run_id,period,backtest.assets,note,annualized_sharpe,");
  expect(first).toStartWith("0,run 0,2021-01-01/2021-03-02,,,");
  expect(second).toStartWith('1,run 1,2021-01-01/2021-03-02,"[""A"",""B""]","a ""b""",');
});
