import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findRun, runsIn } from "../../lib/runs/find.node.ts";
import { readLabels, setLabel } from "../../lib/runs/labels.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const memoryDir = temporaryFolder("find-runs");

const id = (start: string): string => start.padEnd(64, "0");

/** Makes the folder of a run whose files were written at these seconds. */
function makeRun(start: string, seconds: readonly number[], folder = ""): void {
  const path = join(memoryDir, folder, "runs", id(start));
  mkdirSync(path, { recursive: true });
  for (const [i, second] of seconds.entries()) {
    writeFileSync(join(path, `${i}.json`), "{}");
    utimesSync(join(path, `${i}.json`), second, second);
  }
}

beforeAll(async () => {
  makeRun("abc1", [100, 900]);
  makeRun("abd2", [500, 600]);
  makeRun("f00d", [800]);
  makeRun("e1e1", [10], "off");
  makeRun("abd3", [20], "off");
  makeRun("5a5a", [30], "synthetic");
  makeRun("0ff0", [40], "synthetic/off");
  await setLabel(diskStorage(memoryDir), id("abd2"), "f00");
  await setLabel(diskStorage(join(memoryDir, "off")), id("e1e1"), "before the change");
});

test("runs come newest first, by the file of theirs that was written last", async () => {
  expect((await runsIn(memoryDir)).map((run) => run.id)).toEqual([id("abc1"), id("f00d"), id("abd2")]);
  expect((await runsIn(memoryDir))[0]!.writtenMs).toBe(900_000);
});

test.each([
  ["latest", "abc1", ""],
  ["abc", "abc1", ""],
  ["ABC1", "abc1", ""],
  [id("abd2"), "abd2", ""],
  // Two runs begin with it, but one of them is in off/.
  ["abd", "abd2", ""],
  ["f00", "abd2", ""],
  ["f00d", "f00d", ""],
  ["off/latest", "abd3", "off"],
  ["off/abd", "abd3", "off"],
  ["before the change", "e1e1", "off"],
  ["5a", "5a5a", "synthetic"],
  ["synthetic/latest", "5a5a", "synthetic"],
  ["0ff0", "0ff0", "synthetic/off"],
  ["synthetic/off/latest", "0ff0", "synthetic/off"],
])("%s is a run", async (name, start, folder) => {
  const found = await findRun(memoryDir, name);
  expect(found).toMatchObject({ id: id(start), folder, memoryDir: join(memoryDir, folder) });
});

describe("a name that is not one run's", () => {
  const messageFor = async (name: string, dir = memoryDir): Promise<string> =>
    (await failureOf(findRun(dir, name))).message;

  test("lists those that it may mean", async () => {
    const error = await failureOf(findRun(memoryDir, "ab"));
    expect(error.code).toBe("BAD_USAGE");
    expect(error.message).toBe(
      'Cannot tell which run "ab" is: found abc100000000, abd200000000 (f00), expected more digits of one id, or a label',
    );
  });

  test("lists those that there are", async () => {
    const error = await failureOf(findRun(memoryDir, "nothing"));
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toContain(
      "found abc100000000, f00d00000000, abd200000000 (f00), off/abd300000000, off/e1e100000000 (before the change) and 2 more, expected",
    );
  });

  test("says so if there are none", async () => {
    const empty = temporaryFolder("no-runs");
    expect(await messageFor("latest", empty)).toBe(
      `Cannot find the run "latest": found no runs in "${empty}", expected one: run-chunks makes them`,
    );
    expect(await messageFor("off/latest", empty)).toContain(`found no runs in "${join(empty, "off")}"`);
    expect(await messageFor("", memoryDir)).toContain("found abc1");
    mkdirSync(join(empty, "off", "runs", id("a")), { recursive: true });
    expect(await messageFor("latest", empty)).toEndWith("expected one, or the name of one in its folders: off/latest");
  });
});

describe("a label", () => {
  /** A storage with the runs a and b. */
  async function withRuns(): Promise<Storage> {
    const storage = inMemoryStorage();
    for (const run of ["a", "b"]) await storage.replace(`runs/${run}/manifest.json`, new Uint8Array());
    return storage;
  }

  test("is kept, replaced and taken away", async () => {
    const storage = await withRuns();
    await setLabel(storage, "a", "one");
    await setLabel(storage, "b", "two");
    await setLabel(storage, "a", "ün with spaces");
    expect([...(await readLabels(storage))]).toEqual([
      ["a", "ün with spaces"],
      ["b", "two"],
    ]);
    await setLabel(storage, "a", undefined);
    await setLabel(storage, "b", "ün with spaces");
    expect([...(await readLabels(storage))]).toEqual([["b", "ün with spaces"]]);
  });

  test("belongs to one run", async () => {
    const storage = await withRuns();
    await setLabel(storage, "a", "one");
    expect((await failureOf(setLabel(storage, "b", "one"))).code).toBe("CONFLICT");
    expect([...(await readLabels(storage))]).toEqual([["a", "one"]]);
    await storage.remove("runs/a/manifest.json");
    await setLabel(storage, "b", "one");
    expect([...(await readLabels(storage))]).toEqual([["b", "one"]]);
  });

  test.each(["", "latest", "off/x", " x", "x\ny", "x".repeat(61)])("cannot be %j", async (label) => {
    const storage = inMemoryStorage();
    expect((await failureOf(setLabel(storage, "a", label))).code).toBe("BAD_USAGE");
    expect((await storage.list("runs")).files).toEqual([]);
  });

  test("whose file was changed is an error, and does not keep a run from being found by its id", async () => {
    const dir = temporaryFolder("damaged-labels");
    const storage = diskStorage(dir);
    mkdirSync(join(dir, "runs", id("abc")), { recursive: true });
    await setLabel(storage, id("abc"), "one");
    const bytes = (await storage.read("runs/labels.json", { maxBytes: 1000 }))!;
    bytes[30]! ^= 1;
    writeFileSync(join(dir, "runs", "labels.json"), bytes);
    expect((await failureOf(readLabels(storage))).code).toBe("CORRUPT");
    expect((await findRun(dir, "abc")).label).toBeUndefined();
    expect((await failureOf(findRun(dir, "one"))).code).toBe("NOT_FOUND");
  });
});
