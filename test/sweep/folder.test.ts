import { describe, expect, test } from "bun:test";
import { CarryoverError } from "../../lib/errors.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import type { CellFailure, CellResult } from "../../lib/sweep/cell-result.ts";
import { cellFolder, SweepFolder } from "../../lib/sweep/folder.ts";
import type { SweepPlan } from "../../lib/sweep/plan.ts";
import { encodePlan } from "../../lib/sweep/plan-file.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { failureOf, textOf, utf8 } from "../storage/storage-contract.ts";

const PLAN: SweepPlan = {
  base: { file: "/my/config.yaml", text: "{}", set: {} },
  cells: [1, 2].map((cell) => ({ cell, set: { "backtest.seed": cell } })),
};
const PLAN_BYTES = encodePlan(PLAN);
const PLAN_TEXT = new TextDecoder().decode(PLAN_BYTES);

const resultOf = (cell: number): CellResult => ({ cell, set: { "backtest.seed": cell } }) as unknown as CellResult;
const failureOfCell = (cell: number): CellFailure => ({ cell, set: { "backtest.seed": cell }, error: "no bars" });

async function folderWith(files: Readonly<Record<string, Uint8Array>>): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of Object.entries(files)) await storage.replace(name, bytes);
  return storage;
}

const namesIn = async (storage: Storage): Promise<readonly string[]> =>
  (await storage.list()).files.map(({ name }) => name);

describe("begin()", () => {
  test("writes the plan into an empty folder, and goes on with it where its cells are", async () => {
    const storage = inMemoryStorage();
    const folder = new SweepFolder(storage);
    await folder.begin(PLAN);
    expect(await textOf(storage, "cells.ndjson")).toBe(PLAN_TEXT);
    expect(await folder.readPlan()).toEqual(PLAN);
    // A listing has them before the plan.
    await folder.writeResult(resultOf(1));
    await folder.writeFailure(failureOfCell(2));
    await folder.begin(PLAN);
    expect(await namesIn(storage)).toEqual(["cell_1.json", "cells.ndjson", "failed_2.json"]);
    expect(await textOf(storage, "cells.ndjson")).toBe(PLAN_TEXT);
  });

  test("refuses the folder of another sweep, whose plan stays", async () => {
    const storage = await folderWith({ "cells.ndjson": PLAN_BYTES });
    const other = { ...PLAN, cells: PLAN.cells.slice(1) };
    expect(await failureOf(new SweepFolder(storage).begin(other))).toEqual({
      code: "CONFLICT",
      message:
        'Cannot sweep in "memory": found another sweep (other cells, or another configuration), ' +
        "expected this one: name another folder with --out, or remove that one",
    });
    expect(await textOf(storage, "cells.ndjson")).toBe(PLAN_TEXT);
  });

  test("refuses another sweep that begins there at the same time", async () => {
    const storage = inMemoryStorage();
    const late = overrideCalls(storage, {
      createOnce: async (name, bytes) => {
        await storage.createOnce("cells.ndjson", PLAN_BYTES);
        return storage.createOnce(name, bytes);
      },
    });
    const other = { ...PLAN, cells: PLAN.cells.slice(1) };
    expect((await failureOf(new SweepFolder(late).begin(other))).message).toContain("found another sweep");
    expect(await textOf(storage, "cells.ndjson")).toBe(PLAN_TEXT);
  });

  test("refuses a folder without a plan, even with cells of another sweep, which would be ranked with these", async () => {
    const storage = await folderWith({ "cell_1.json": encodeSealedJson({ cell: 1 }) });
    expect(await failureOf(new SweepFolder(storage).begin(PLAN))).toEqual({
      code: "BAD_USAGE",
      message:
        'Cannot sweep in "memory": found "cell_1.json", and no sweep, expected an empty folder: name another with --out',
    });
    expect(await namesIn(storage)).toEqual(["cell_1.json"]);
  });

  test.each([
    ["an empty folder", {}],
    ["the folder of a sweep", { "cells.ndjson": PLAN_BYTES }],
  ])("says why the plan cannot be written into %s", async (_what, files) => {
    const full = overrideCalls(await folderWith(files), {
      createOnce: () => Promise.reject(new CarryoverError("IO", "ENOSPC")),
    });
    expect(await failureOf(new SweepFolder(full).begin(PLAN))).toEqual({ code: "IO", message: "ENOSPC" });
  });
});

describe("readPlan()", () => {
  test("names the file that is missing", async () => {
    expect(await failureOf(new SweepFolder(inMemoryStorage()).readPlan())).toEqual({
      code: "NOT_FOUND",
      message: 'Cannot read "memory/cells.ndjson": found no such file, expected the plan of a sweep',
    });
  });

  test("names the file that is damaged", async () => {
    const storage = await folderWith({ "cells.ndjson": utf8(PLAN_TEXT.slice(0, -2)) });
    const { code, message } = await failureOf(new SweepFolder(storage).readPlan());
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith('Cannot read "memory/cells.ndjson:3": ');
  });
});

describe("readState()", () => {
  test("has what every cell left, by its number, and nothing of other files", async () => {
    const storage = inMemoryStorage();
    const folder = new SweepFolder(storage);
    await folder.begin(PLAN);
    for (const cell of [0, 1, 12]) await folder.writeResult(resultOf(cell));
    for (const cell of [2, 30]) await folder.writeFailure(failureOfCell(cell));
    for (const name of [
      "result.json",
      "cell_4.json.old",
      "my_cell_5.json",
      "cell_x.json",
      "failed_.json",
      "other_6.json",
    ]) {
      await storage.replace(name, encodeSealedJson(resultOf(4)));
    }
    expect(await folder.readState()).toEqual({
      finished: new Map([0, 1, 12].map((cell) => [cell, resultOf(cell)])),
      failed: new Map([2, 30].map((cell) => [cell, failureOfCell(cell)])),
      damaged: [],
    });
  });

  test("has no failure of a cell that was finished later, as a kill may leave it", async () => {
    const folder = new SweepFolder(inMemoryStorage());
    for (const cell of [1, 2]) await folder.writeFailure(failureOfCell(cell));
    await folder.writeResult(resultOf(2));
    const { finished, failed } = await folder.readState();
    expect([[...finished.keys()], [...failed.keys()]]).toEqual([[2], [1]]);
  });

  test("has no cell in a file without a seal, one of another number, one that was changed, or one that is too large", async () => {
    const text = new TextDecoder().decode(encodeSealedJson(failureOfCell(3)));
    const storage = await folderWith({
      "cell_0.json": utf8("{}\n"),
      "cell_1.json": encodeSealedJson({ cell: 2 }),
      "cell_2.json": encodeSealedJson({ cell: 2 }),
      "cell_9.json": new Uint8Array((1 << 24) + 1),
      "failed_3.json": utf8(text.replace("no bars", "no cars")),
    });
    const { finished, failed, damaged } = await new SweepFolder(storage).readState();
    expect([...finished.keys()]).toEqual([2]);
    expect(failed.size).toBe(0);
    expect(damaged.map(({ name }) => name)).toEqual(["cell_0.json", "cell_1.json", "cell_9.json", "failed_3.json"]);
    expect(damaged.map(({ problem }) => problem)).toEqual([
      'Cannot read "cell_0.json": found no crc32, expected one as the last key',
      'Cannot read "cell_1.json": found another cell in it, expected the one of its name',
      'Cannot read "cell_9.json": found more than 16777216 bytes, expected fewer',
      expect.stringContaining('Cannot read "failed_3.json": found a crc32 of'),
    ]);
  });
});

describe("a cell", () => {
  test("is finished or failed until that is forgotten, each in a file of its own", async () => {
    const storage = inMemoryStorage();
    const folder = new SweepFolder(storage);
    expect(await folder.readResult(7)).toBeUndefined();
    await folder.writeResult(resultOf(7));
    await folder.writeFailure(failureOfCell(7));
    expect(await folder.readResult(7)).toEqual(resultOf(7));
    expect(await namesIn(storage)).toEqual(["cell_7.json", "failed_7.json"]);
    await folder.removeResult(7);
    expect(await folder.readResult(7)).toBeUndefined();
    expect(await namesIn(storage)).toEqual(["failed_7.json"]);
    await folder.removeFailure(7);
    expect(await namesIn(storage)).toEqual([]);
  });

  test("that is damaged has no result", async () => {
    const storage = await folderWith({ "cell_1.json": encodeSealedJson({ cell: 2 }) });
    expect((await failureOf(new SweepFolder(storage).readResult(1))).code).toBe("CORRUPT");
  });

  test("has its memory in a folder of its own", () => {
    expect(cellFolder(7)).toBe("cells/7");
  });
});

describe("what a call returns after is done", () => {
  /** The calls that change a slow storage, when they are done. */
  function slowly(): { folder: SweepFolder; done: string[] } {
    const storage = inMemoryStorage();
    const done: string[] = [];
    const slow = overrideCalls(storage, {
      replace: async (name, bytes) => {
        await Bun.sleep(5);
        await storage.replace(name, bytes);
        done.push(`${name} ${new TextDecoder().decode(bytes).length}`);
      },
      remove: async (name) => {
        await Bun.sleep(5);
        await storage.remove(name);
        done.push(`no ${name}`);
      },
    });
    return { folder: new SweepFolder(slow), done };
  }

  test.each([
    ["writeResult", (folder: SweepFolder) => folder.writeResult(resultOf(1)), /^cell_1\.json \d+$/],
    ["removeResult", (folder: SweepFolder) => folder.removeResult(1), /^no cell_1\.json$/],
    ["writeFailure", (folder: SweepFolder) => folder.writeFailure(failureOfCell(1)), /^failed_1\.json \d+$/],
    ["removeFailure", (folder: SweepFolder) => folder.removeFailure(1), /^no failed_1\.json$/],
  ] as const)("%s()", async (_name, call, expected) => {
    const { folder, done } = slowly();
    await call(folder);
    expect(done).toEqual([expect.stringMatching(expected)]);
  });
});
