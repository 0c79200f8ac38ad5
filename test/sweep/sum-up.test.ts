import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import type { CellInputs, CellResult } from "../../lib/sweep/cell-result.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import type { SweepPlan } from "../../lib/sweep/plan.ts";
import { finishSweep, resultOf } from "../../lib/sweep/sum-up.node.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("sum-up");
const PLAN: SweepPlan = {
  base: { file: "/my/config.yaml", text: "{}", set: {} },
  cells: [1, 2].map((cell) => ({ cell, set: { "backtest.seed": cell } })),
};
const INPUTS: CellInputs = { Carryover: "1.0.0", "the bars of AAA": "aa" };

/** The folder of a shard with these cells. */
async function shard(name: string, cells: Readonly<Record<number, CellInputs>>): Promise<string> {
  const path = join(base, name);
  const folder = new SweepFolder(diskStorage(path));
  await folder.begin(PLAN);
  for (const [cell, inputs] of Object.entries(cells)) {
    const result = {
      cell: Number(cell),
      set: {},
      run_id: cell,
      inputs,
      period: "",
      figures: {},
      dates: [],
      returns: [],
    };
    await folder.writeResult(result as unknown as CellResult);
  }
  return path;
}

test("cells of one version, on the same bars and files, are summed up", async () => {
  const folders = [
    await shard("a", { 0: INPUTS, 2: { ...INPUTS, "the file x": "1" } }),
    await shard("b", { 1: INPUTS }),
  ];
  expect((await resultOf(folders)).cells.map(({ cell }) => cell)).toEqual([1, 2]);
});

test.skipIf(process.platform === "win32")(
  "who may read the tables is up to the umask, and the cells stay private",
  async () => {
    const folder = await shard("tables", { 0: INPUTS, 1: INPUTS, 2: INPUTS });
    const before = process.umask(0o027);
    try {
      const result = await finishSweep(folder);
      expect(JSON.parse(readFileSync(join(folder, "result.json"), "utf8"))).toEqual(JSON.parse(JSON.stringify(result)));
    } finally {
      process.umask(before);
    }
    const modes = ["result.json", "result.csv", "cell_1.json"].map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o640, 0o640, 0o600]);
  },
);

test.each([
  ["Carryover", "0.4.0"],
  ["the bars of AAA", "bb"],
])("cells with another %s are not mixed", async (name, value) => {
  const [first, second] = [await shard(`${value} one`, { 0: INPUTS, 1: INPUTS }), join(base, `${value} two`)];
  await shard(`${value} two`, { 2: { ...INPUTS, [name]: value } });
  const failure = await failureOf(resultOf([first, second]));
  expect(failure.code).toBe("CONFLICT");
  expect(failure.message).toBe(
    `Cannot sum up the sweep: found another version of ${name} in cell 2 of "${second}" than in cell 0 of "${first}", ` +
      "expected one for all cells: the command that made the older ones runs them again",
  );
});
