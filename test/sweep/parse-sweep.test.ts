import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseSweep } from "../../lib/sweep/parse-sweep.ts";
import { type CellKeys, setKeysOf, sweepIdOf } from "../../lib/sweep/plan.ts";
import { decodePlan, encodePlan } from "../../lib/sweep/plan-file.ts";
import { failureOf } from "../storage/storage-contract.ts";

async function setsOf(text: string): Promise<readonly CellKeys[]> {
  return (await parseSweep(text, { file: "SWEEP.yaml" })).cells.map(({ set }) => set);
}

describe("parseSweep()", () => {
  test("makes every combination of a grid, the last key running fastest", async () => {
    const { base, cells } = await parseSweep("base: my.yaml\ngrid: { backtest.seed: [1, 2], year: [2020, 2021] }\n", {
      file: "SWEEP.yaml",
    });
    expect(base).toBe("my.yaml");
    expect(cells).toEqual([
      { cell: 1, set: { "backtest.seed": 1, year: 2020 } },
      { cell: 2, set: { "backtest.seed": 1, year: 2021 } },
      { cell: 3, set: { "backtest.seed": 2, year: 2020 } },
      { cell: 4, set: { "backtest.seed": 2, year: 2021 } },
    ]);
  });

  test("takes a list as it is, with whole providers among the values", async () => {
    const providers = [{ name: "trend", type: "trend" }];
    expect(
      await setsOf(`list: [{ providers: ${JSON.stringify(providers)} }, { backtest.seed: 2, year: 2021 }]\n`),
    ).toEqual([{ providers }, { "backtest.seed": 2, year: 2021 }]);
  });

  test("draws a sample: the same for a seed, other for another, all cells different and inside the ranges", async () => {
    const sample = (seed: number): Promise<readonly CellKeys[]> =>
      setsOf(
        `sample: { cells: 40, seed: ${seed}, from: { portfolio_memory.learning_rate: { min: 0.001, max: 1, log: true }, ` +
          "backtest.max_positions: { min: 1, max: 5, integer: true }, backtest.chunks: [week, month] } }\n",
      );
    const cells = await sample(1);
    expect(cells).toHaveLength(40);
    expect(await sample(1)).toEqual(cells);
    expect(await sample(2)).not.toEqual(cells);
    const rates = cells.map((cell) => Number(cell["portfolio_memory.learning_rate"]));
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(0.001);
    expect(Math.max(...rates)).toBeLessThanOrEqual(1);
    // A logarithm that is drawn evenly: about as many in each factor of ten.
    expect(rates.filter((rate) => rate < 0.01).length).toBeWithin(6, 22);
    expect(new Set(cells.map((cell) => cell["backtest.max_positions"]))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(new Set(cells.map((cell) => JSON.stringify(cell))).size).toBe(40);
  });

  test.each([
    ["", "1:1: found something else, expected a map of base and one of grid, list, sample"],
    ["base: a.yaml\n", "1:1: found none of grid, list, sample, expected one of them"],
    ["grid: { a: [1] }\nlist: [{ a: 1 }]\n", "2:7: found grid and list, expected one of them"],
    ["gird: { a: [1] }\n", '1:7: found the key "gird", expected base or one of grid, list, sample'],
    ["base: [1]\ngrid: { a: [1] }\n", "1:7: found [1], expected the path of a configuration"],
    ["grid: {}\n", "1:7: found {}, expected a map of keys"],
    ["grid:\n  a b: [1]\n", '2:8: found "a b", expected a key such as'],
    ["grid:\n  backtest.seed: 1\n", "2:18: found 1, expected a list of values"],
    ["grid:\n  backtest.seed: [1, 2, 1]\n", "2:25: found 1 a second time, expected it once"],
    ["grid: { year: [21] }\n", "1:16: found 21, expected a year such as 2021"],
    ["grid: { memory: [{}] }\n", 'found the key "memory", expected another: every cell has a memory folder of its own'],
    ["list: [{ a: 1 }, { a: 1 }]\n", "1:18: found a cell a second time, expected it once"],
    ["list: []\n", "found [], expected a list of maps"],
    ["sample: { cells: 0, from: { a: [1] } }\n", "1:18: found 0, expected a number of cells, 1 or more"],
    ["sample: { cells: 3, from: { a: [1, 2] } }\n", "1:18: found 3 cells of 2 that there are, expected fewer"],
    [
      "sample: { cells: 90000, from: { a: [1, 2], b: { min: 1, max: 300, integer: true } } }\n",
      "1:18: found 90000 cells of 600 that there are, expected fewer",
    ],
    ["sample: { cells: 3, from: { a: { min: 2, max: 1 } } }\n", "expected a list, or { min, max }"],
    ["sample: { cells: 3, from: { a: { min: 0, max: 1, log: true } } }\n", "expected a list, or { min, max }"],
    ["sample: { cells: 3, form: { a: [1] } }\n", '1:27: found the key "form", expected cells, seed or from'],
    ["grid: { a: *b }\n", "found the alias"],
    ["grid: [\n", "found broken YAML"],
  ])("refuses %j, with its place", async (text, wanted) => {
    const { code, message } = await failureOf(parseSweep(text, { file: "SWEEP.yaml" }));
    expect(code).toBe("BAD_CONFIG");
    expect(message).toStartWith("Cannot read SWEEP.yaml:");
    expect(message).toContain(wanted);
  });

  test("refuses a grid of more than 100,000 cells before it makes them", async () => {
    const values = JSON.stringify(Array.from({ length: 100 }, (_, i) => i));
    const { message } = await failureOf(
      parseSweep(`grid: { a: ${values}, b: ${values}, c: ${values} }\n`, { file: "SWEEP.yaml" }),
    );
    expect(message).toContain("found 1000000 cells, expected at most 100000");
  });
});

test("what is set in every cell comes first, and a year is the first day and the day after the last", () => {
  const keys = setKeysOf(
    { base: { file: "", text: "", set: { "backtest.seed": 3 } } },
    { cell: 7, set: { year: 2021, "providers[0].name": "x" } },
  );
  expect(keys.map(({ path, value }) => [path.join("."), value])).toEqual([
    ["backtest.seed", 3],
    ["backtest.start", "2021-01-01"],
    ["backtest.end", "2022-01-01"],
    ["providers.0.name", "x"],
  ]);
});

test("a plan is read as it was written, and not if any character was changed", async () => {
  const { cells } = await parseSweep("grid: { backtest.seed: [1, 2, 3] }\n", { file: "SWEEP.yaml" });
  const plan = { base: { file: "/a/config.yaml", text: "backtest: {}\n", set: {} }, cells };
  const bytes = encodePlan(plan);
  expect(decodePlan(bytes, "cells.ndjson")).toEqual(plan);
  const moved = decodePlan(encodePlan({ ...plan, base: { ...plan.base, file: "/b/config.yaml" } }), "cells.ndjson");
  expect(sweepIdOf(moved)).toBe(sweepIdOf(plan));
  const text = new TextDecoder().decode(bytes);
  const path = text.indexOf("/a/config.yaml");
  fc.assert(
    fc.property(fc.nat(text.length - 1), (at) => {
      // The path is free, and so is the last line break.
      if ((at >= path && at < path + 14) || at === text.length - 1) return;
      const changed = `${text.slice(0, at)}${text[at] === "7" ? "8" : "7"}${text.slice(at + 1)}`;
      expect(() => decodePlan(new TextEncoder().encode(changed), "cells.ndjson")).toThrow("Cannot read");
    }),
    { numRuns: 200 },
  );
});
