import { expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { comparedElsewhere } from "../../lib/report/counterpart.node.ts";
import type { FoundRun } from "../../lib/runs/find.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const base = temporaryFolder("counterpart");
const [FIRST, SECOND, GONE] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];

/** A folder with two runs, and comparisons of the runs that are named, the newest last. */
function folderWith(compared: readonly string[]): (id: string) => FoundRun {
  const memoryDir = join(base, crypto.randomUUID());
  for (const id of [FIRST, SECOND]) {
    mkdirSync(join(memoryDir, "runs", id), { recursive: true });
    writeFileSync(join(memoryDir, "runs", id, "manifest.json"), "{}");
  }
  mkdirSync(join(memoryDir, "comparisons"));
  // By their names the newest comes first.
  for (const [i, id] of compared.entries()) {
    const file = join(memoryDir, "comparisons", `comparison_${9 - i}abc.json`);
    writeFileSync(file, JSON.stringify({ worlds: [{ on: { run_id: id }, off: { run_id: "d" } }], on_minus_off: {} }));
    utimesSync(file, i + 1, i + 1);
  }
  const storage = diskStorage(memoryDir);
  return (id) => ({ id, memoryDir, storage, folder: "", label: undefined, names: [], writtenMs: 0 });
}

test("the newest comparison of another run is found, and none of the run itself", async () => {
  const run = folderWith([SECOND, FIRST]);
  expect(await comparedElsewhere(run(SECOND))).toBe(FIRST);
  expect(await comparedElsewhere(run(FIRST))).toBeUndefined();
});

test("a comparison is not named whose run is not in the folder, or if there is none", async () => {
  expect(await comparedElsewhere(folderWith([FIRST, GONE])(SECOND))).toBeUndefined();
  expect(await comparedElsewhere(folderWith([])(SECOND))).toBeUndefined();
});
