import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CellRunner, modulesOf } from "../../lib/sweep/run-cell.node.ts";
import { loadSweep } from "../../lib/sweep/run-sweep.node.ts";
import { allCells, type SweepPlan } from "../../lib/sweep/plan.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { barsCsv, BASE_ON_BARS, writeSweep } from "./sweep-samples.ts";

const base = temporaryFolder("run-cell");
const { signal } = new AbortController();

/** A sweep of two cells on bars of its own, with a file of votes. */
async function sweepOnBars(): Promise<{ dir: string; plan: SweepPlan }> {
  const grid = "grid: { backtest.risk.stop_atr: [2, 4] }\n";
  const { dir, file } = writeSweep(
    base,
    grid,
    `${BASE_ON_BARS}providers: [{ name: trend, type: trend }, { name: mine, type: file, path: votes.csv }]\n`,
  );
  mkdirSync(join(dir, "bars"));
  writeFileSync(join(dir, "bars", "AAA_4h.csv"), barsCsv());
  writeFileSync(join(dir, "votes.csv"), "timestamp,asset,action,confidence\n2018-03-05T00:00:00Z,AAA,BUY,70\n");
  return { dir, plan: await loadSweep(file, { label: (path) => path }) };
}

/** The ids of the cells, as a process has them that starts now. */
function idsOf(plan: SweepPlan, out: string): Promise<string[]> {
  const runner = new CellRunner(plan, { out, keep: "summary" });
  return Promise.all(allCells(plan).map((cell) => runner.runIdOf(cell, { signal })));
}

test("the id of a cell is that of its run, whatever is kept of it", async () => {
  const { dir, plan } = await sweepOnBars();
  const ids = await idsOf(plan, dir);
  for (const keep of ["summary", "all"] as const) {
    const runner = new CellRunner(plan, { out: dir, keep });
    const results = await Promise.all(allCells(plan).map((cell) => runner.run(cell, { signal })));
    expect(results.map(({ run_id: id }) => id)).toEqual(ids);
    expect(Object.keys(results[1]!.inputs)).toEqual([
      "Carryover",
      "the embedder hashing",
      `the 4h bars of AAA before 2018-04-01 from ${join(dir, "bars")}`,
      "the file votes.csv",
    ]);
    for (const { inputs } of results) expect(inputs).toEqual(results[0]!.inputs);
  }
});

test.each([
  ["a bar before its end", "bars/AAA_4h.csv", barsCsv({ last: 999 }), true],
  ["a bar after its end", "bars/AAA_4h.csv", barsCsv({ days: 33 }), false],
  ["a vote", "votes.csv", "timestamp,asset,action,confidence\n2018-03-05T00:00:00Z,AAA,SELL,70\n", true],
])("%s changes the id: %p", async (_what, name, text, changes) => {
  const { dir, plan } = await sweepOnBars();
  const ids = await idsOf(plan, dir);
  writeFileSync(join(dir, name), text);
  const now = await idsOf(plan, dir);
  expect(now.map((id, cell) => id !== ids[cell])).toEqual([changes, changes, changes]);
});

test("names the modules of all cells once, and looks for none in a sweep without", async () => {
  const grid = "grid:\n  backtest.seed: [1, 2]\n  providers: [[{ name: mine, type: module, path: mine.ts }]]\n";
  const { dir, file } = writeSweep(base, grid);
  expect(await modulesOf(await loadSweep(file, { label: (path) => path }))).toEqual([join(dir, "mine.ts")]);
  const without = writeSweep(base);
  expect(await modulesOf(await loadSweep(without.file, { label: (path) => path }))).toEqual([]);
});

test("the paths of cells are relative to the configuration, not to the sweep", async () => {
  const { dir } = await sweepOnBars();
  writeFileSync(join(dir, "sell.csv"), "timestamp,asset,action,confidence\n2018-03-05T00:00:00Z,AAA,SELL,70\n");
  mkdirSync(join(dir, "sweeps"));
  const file = join(dir, "sweeps", "own.yaml");
  writeFileSync(file, 'base: ../config.yaml\ngrid: { "providers[1].path": [votes.csv, sell.csv] }\n');
  const plan = await loadSweep(file, { label: (path) => path });
  const [unset, same, other] = await idsOf(plan, dir);
  expect(same).toBe(unset!);
  expect(other).not.toBe(unset!);
});
