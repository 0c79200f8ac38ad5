import { describe, expect, test } from "bun:test";
import { assertMemoryFolder } from "../../lib/memory/folder.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";
import { makeOutcomes } from "./outcome-samples.ts";

const IMPORTED = JSON.stringify({
  decision_id: "trade-001",
  asset_pair: "BTCUSD",
  action: "BUY",
  entry_timestamp: "2021-01-01T00:00:00Z",
  exit_timestamp: "2021-01-02T00:00:00Z",
  realized_pnl: 1,
  pnl_percentage: 0.1,
});
const OUTCOME = makeOutcomes(1)[0]!;
const RUN = "ab".repeat(32);

/** A folder of files, the text of each by its name. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, content] of Object.entries(files)) {
    await storage.replace(name, typeof content === "string" ? utf8(content) : content);
  }
  return storage;
}

describe("a memory folder is one that", () => {
  const mark = encodeForgetMark({ provider: "trend", beforeMs: 0 });
  const ours: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>> = {
    "is empty": {},
    "has what desktops and version control put into it": { ".gitkeep": "", ".DS_Store": "x", "lost+found/x": "" },
    "has an outcome of ours": { [outcomeFileName(OUTCOME.decision_id)]: encodeOutcome(OUTCOME).bytes },
    "has an outcome of another system": { "outcome_trade-001.json": IMPORTED, "vectors.pkl": "x", "notes.txt": "x" },
    "has a forget mark": { [mark.name]: mark.bytes, "notes.txt": "x" },
    "has memory.json": { "memory.json": '{ "format": "carryover-memory" }', "notes.txt": "x" },
    "has vectors": { "vectors.f32": "", "notes.txt": "x" },
    "has only runs without memory": { "off/memory.json": "{}", "notes.txt": "x" },
    "has only runs on synthetic bars": { "synthetic/off/memory.json": "{}", "notes.txt": "x" },
    "has a run that recorded nothing yet": { [`runs/${RUN}/manifest.json`]: "{}", "notes.txt": "x" },
    "has only comparisons": { "comparisons/comparison_0123456789abcdef.json": "{}", "notes.txt": "x" },
    "is a backup without outcomes": { "MANIFEST.json": '{\n"format": "carryover-backup",\n', "snapshot.txt": "x" },
  };
  test.each(Object.entries(ours))("%s", async (_what, files) => {
    await assertMemoryFolder(await folderOf(files));
  });
});

describe("no memory folder is one that", () => {
  const foreign: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
    "has other files": [{ "a.csv": "", "b.csv": "", "c.csv": "", "d.csv": "" }, '"a.csv", "b.csv", "c.csv" and 1 more'],
    "has a file that only begins like an outcome's": [{ "outcome_x.json": '{"hello": 1}' }, '"outcome_x.json"'],
    "has a memory of another program": [{ "memory.json": '{"heap": 12}' }, '"memory.json"'],
    "has runs of another program": [{ "runs/exp1/events.log": "" }, '"runs/"'],
    "is the folder of all data": [
      { "market/BTCUSD_1h.csv": "", "memory/memory.json": "{}", [`answers/${RUN}.json`]: "{}" },
      '"answers/", "market/", "memory/"',
    ],
  };
  test.each(Object.entries(foreign))("%s", async (_what, [files, named]) => {
    const failure = await failureOf(assertMemoryFolder(await folderOf(files)));
    expect([failure.code, failure.message]).toEqual([
      "BAD_USAGE",
      `Cannot use "memory" as a memory folder: found ${named}, and nothing of a memory, expected an empty folder, or one ` +
        "that a run has written: name another with --memory-dir, or memory.dir",
    ]);
  });
});

test("an object of another kind with an outcome's name stays in a memory folder, is named, and costs no rebuild", async () => {
  const storage = await folderOf({
    "outcome_mine.json": '{"hello": 1}',
    "outcome_list.json": "[1, 2]",
    "outcome_trade-001.json": IMPORTED,
    "outcome_cut.json": IMPORTED.slice(0, 90),
    // Of ours by its name alone.
    [outcomeFileName("20210101T0000-BTCUSD-0a1b2c3d")]: "\0\0\0\0",
  });
  const notes: string[] = [];
  const open = async (): Promise<number> =>
    (await openMemory(storage, { onNote: (note) => notes.push(note) })).embedded;
  expect(await open()).toBe(1);
  expect(notes).toEqual(['Left alone "outcome_mine.json": it is no outcome']);
  const { files } = await storage.list();
  expect(files.map(({ name }) => name).filter((name) => name.startsWith("outcome_"))).toEqual([
    "outcome_mine.json",
    "outcome_trade-001.json",
  ]);
  expect((await storage.list("quarantine")).files.map(({ name }) => name)).toEqual([
    "outcome_20210101T0000-BTCUSD-0a1b2c3d.json",
    "outcome_cut.json",
    "outcome_list.json",
  ]);
  const { digest, sidecar } = await readMemory(storage);
  expect(sidecar?.digest).toBe(digest);
  expect(await open()).toBe(0);
});

test("an imported outcome that memory knows is damaged when it is emptied, whatever its name", async () => {
  const storage = await folderOf({ "outcome_trade-001.json": IMPORTED });
  await openMemory(storage);
  await storage.replace("outcome_trade-001.json", utf8(""));
  const { damaged } = await openMemory(storage);
  expect(damaged.map(({ name }) => name)).toEqual(["outcome_trade-001.json"]);
});
