import { describe, expect, test } from "bun:test";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { SweepFolder } from "../../lib/sweep/folder.ts";
import type { SweepPlan } from "../../lib/sweep/plan.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";

const PLAN: SweepPlan = {
  base: { file: "/my/config.yaml", text: "{}", set: {} },
  cells: [1, 2].map((cell) => ({ cell, set: { "backtest.seed": cell } })),
};

async function folderWith(files: Readonly<Record<string, Uint8Array>>): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of Object.entries(files)) await storage.replace(name, bytes);
  return storage;
}

describe("the folder of a sweep", () => {
  test("without its plan is no sweep, even with cells of another one, which would be ranked with these", async () => {
    const storage = await folderWith({ "cell_1.json": encodeSealedJson({ cell: 1 }) });
    const failure = await failureOf(new SweepFolder(storage).begin(PLAN));
    expect(failure.code).toBe("BAD_USAGE");
    expect(failure.message).toContain('found "cell_1.json", and no sweep');
    expect((await storage.list()).files.map(({ name }) => name)).toEqual(["cell_1.json"]);
  });

  test("has no cell in a file without a seal, or in one of another number", async () => {
    const storage = await folderWith({
      "cell_0.json": utf8("{}\n"),
      "cell_1.json": encodeSealedJson({ cell: 2 }),
      "cell_2.json": encodeSealedJson({ cell: 2 }),
    });
    const { finished, damaged } = await new SweepFolder(storage).readState();
    expect([...finished.keys()]).toEqual([2]);
    expect(damaged.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('Cannot read "cell_0.json": found no crc32'),
      expect.stringContaining('Cannot read "cell_1.json": found another cell in it'),
    ]);
  });
});
