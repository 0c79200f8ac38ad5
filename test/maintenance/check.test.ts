import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { crc32Hex } from "../../lib/util/crc32.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { checkMemory, checkOnce } from "../../lib/maintenance/check.node.ts";
import { type Finding } from "../../lib/maintenance/check-runs.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { repairMemory } from "../../lib/maintenance/repair.node.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readVectors, VectorFiles } from "../../lib/memory/vectors.ts";
import { readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { seeded } from "../backtest/market-samples.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { filesOf, outcomesOf, runOn } from "../backtest/world-samples.ts";
import { bytesOf } from "../memory/folder-samples.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";

// Files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-check-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A finished run of four chunks and a forget mark, in the names and bytes that a folder has. */
let whole: Map<string, Uint8Array>;

beforeAll(async () => {
  const storage = inMemoryStorage();
  const { name, bytes } = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2018, 0, 1) });
  await storage.createOnce(name, bytes);
  await runOn(storage, resumeJob());
  whole = new Map();
  for (const each of Object.keys(await filesOf(storage))) whole.set(each, await bytesOf(storage, each));
});

/** A copy of it with `changes`; `null` removes. */
async function folderWith(
  changes: Readonly<Record<string, Uint8Array | null>>,
  storage: Storage = inMemoryStorage(),
): Promise<Storage> {
  for (const [name, bytes] of [...whole, ...Object.entries(changes)]) {
    if (bytes === null) await storage.remove(name);
    else await storage.replace(name, bytes);
  }
  return storage;
}

const namesOf = (findings: readonly Finding[]): string[] => findings.map(({ name }) => name);
const find = (pattern: RegExp): string => [...whole.keys()].find((name) => pattern.test(name))!;

function flipped(name: string, bit: number): Uint8Array {
  const bytes = whole.get(name)!.slice();
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes;
}

test("a folder that a run has left has no findings, and is counted", async () => {
  expect(await checkOnce(await folderWith({}))).toEqual({
    outcomes: [...whole.keys()].filter((name) => name.startsWith("outcome_")).length,
    unverified: 0,
    forget_marks: 1,
    snapshots: 4,
    runs: 1,
    chunks: 4,
    vectors: [...whole.keys()].filter((name) => name.startsWith("outcome_")).length,
    quarantined: [],
    findings: [],
  });
});

test("a flipped bit in any file is found and the file is named", async () => {
  const random = seeded(5);
  // One of each kind, and every file that is not an outcome.
  const names = [...whole.keys()].filter((name) => !name.startsWith("outcome_"));
  names.push(...[...whole.keys()].filter((name) => name.startsWith("outcome_")).slice(0, 3));
  for (const name of names) {
    for (let n = 0; n < 4; n++) {
      const bytes = flipped(name, Math.floor(random() * 8 * whole.get(name)!.length));
      const { findings } = await checkOnce(await folderWith({ [name]: bytes }));
      expect(namesOf(findings)).toContain(name);
      // memory.json says of what state it is: a damaged one may be of an earlier state.
      if (name !== "memory.json") expect(findings.find((finding) => finding.name === name)!.damaged).toBe(true);
    }
  }
});

test("what a reader may be missing is found too: a chunk's files, a run's manifest, an outcome, a cache", async () => {
  const outcome = find(/^outcome_/);
  const cases: [string, Partial<Finding>][] = [
    [find(/decisions\.ndjson$/), { damaged: true, remedy: "run" }],
    [find(/equity\.csv$/), { damaged: true, remedy: "run" }],
    [find(/manifest\.json$/), { damaged: true, remedy: "run" }],
    ...["provider_performance.json", "vectors.f32", "vectors.meta.json.gz", "memory.json"].map(
      (name): [string, Partial<Finding>] => [name, { damaged: false, remedy: "start" }],
    ),
  ];
  for (const [name, finding] of cases) {
    expect((await checkOnce(await folderWith({ [name]: null }))).findings).toMatchObject([{ name, ...finding }]);
  }
  const { findings } = await checkOnce(await folderWith({ [outcome]: null }));
  const chunk = findings.find(({ damaged }) => damaged)!;
  expect(chunk).toMatchObject({ name: find(/2018-02-08_10d\.json$/), remedy: "run" });
  expect(chunk.problem).toMatch(/found (\d+) outcomes of the run up to it, expected the (\d+) that it committed$/);
});

test("caches that are behind what was recorded since are no damage", async () => {
  const storage = await folderWith({});
  const late = makeOutcome();
  await storage.createOnce(outcomeFileName(late.decision_id), encodeOutcome(late).bytes);
  const { findings, outcomes, vectors } = await checkOnce(storage);
  expect(outcomes).toBe(vectors + 1);
  expect(findings.map(({ name, damaged }) => [name, damaged])).toEqual([
    ["memory.json", false],
    ["provider_performance.json", false],
    ["regime_performance.json", false],
    ["vectors.meta.json.gz", false],
  ]);
});

test("vectors that are still to be made, as a stopped rebuild leaves them, are counted and no damage", async () => {
  const storage = await folderWith({});
  const sidecar = (await readSidecar(storage))!;
  const vectors = await readVectors(storage, sidecar);
  const trades = sidecar.trades.slice(0, -3).map((trade, i) => ({ ...trade, vector: vectors[i]! }));
  await new VectorFiles(storage, hashingEmbedder()).write(trades, "of fewer");
  expect((await checkOnce(storage)).findings).toEqual([
    {
      name: SIDECAR_FILE,
      damaged: false,
      problem: `"${SIDECAR_FILE}" has no vectors yet for 3 of ${sidecar.trades.length} outcomes`,
      remedy: "start",
    },
  ]);
});

test("statistics of an older format, which counted otherwise, are no damage", async () => {
  const provider = encodeJson({ trend: {} });
  const said = JSON.parse(new TextDecoder().decode(whole.get("memory.json"))) as { crc32: Record<string, string> };
  const crc = { ...said.crc32, "provider_performance.json": crc32Hex(provider) };
  const storage = await folderWith({
    "provider_performance.json": provider,
    "memory.json": encodeJson({ ...said, version: 1, crc32: crc }),
  });
  const { findings } = await checkOnce(storage);
  expect(findings.map(({ name, damaged }) => [name, damaged])).toEqual([
    ["memory.json", false],
    ["provider_performance.json", false],
  ]);
});

test("an outcome exchanged for another of the same size is found, although no start would notice", async () => {
  const name = find(/^outcome_/);
  const storage = await folderWith({});
  const old = (await outcomesOf(storage)).find(({ decision_id }) => outcomeFileName(decision_id) === name)!;
  const { crc32: _crc32, ...outcome } = { crc32: "", ...old };
  const { bytes } = encodeOutcome({ ...outcome, run_id: "b".repeat(64) });
  expect(bytes).toHaveLength(whole.get(name)!.length);
  await storage.replace(name, bytes);
  const { findings } = await checkOnce(storage);
  expect(findings.find((finding) => finding.name === "vectors.meta.json.gz")).toMatchObject({
    damaged: true,
    remedy: "rebuild",
  });
});

test("a mark whose name is not the checksum of its bytes is left to a person, with the name that it should have", async () => {
  const mark = { provider: "trend", beforeMs: Date.UTC(2018, 1, 1) };
  const { name, bytes } = encodeForgetMark(mark);
  const { findings } = await checkOnce(await folderWith({ "forget_00000000.json": bytes }));
  const found = findings.find(({ damaged }) => damaged)!;
  expect(found).toMatchObject({ name: "forget_00000000.json", remedy: "person" });
  expect(found.problem).toContain(`the name "${name}"`);
});

test("outcomes and snapshots of another system count as unverified, and are no damage", async () => {
  const text = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const { findings, unverified } = await checkOnce(
    await folderWith({ "snapshot_20200101_000000.json": text({ timestamp: "2020-01-01" }) }),
  );
  expect(findings).toEqual([]);
  expect(unverified).toBe(1);
});

test("an empty folder has nothing wrong with it; one that is not there is NOT_FOUND", async () => {
  expect((await checkOnce(inMemoryStorage())).findings).toEqual([]);
  await expect(checkMemory(join(base, "nowhere"))).rejects.toThrow("found nothing there");
});

describe("a repair", () => {
  const memory = (dir: string): Parameters<typeof repairMemory>[0] => ({
    memory: { dir, embedder: "hashing", model_dir: "", answers_dir: "answers" },
  });

  test("moves what is damaged aside, makes caches anew, and the run brings the rest back to the same bytes", async () => {
    const dir = join(base, "repaired");
    const outcome = find(/^outcome_/);
    const damaged = [
      outcome,
      find(/2018-02-18_10d\.json$/),
      find(/2018-02-28_10d\.decisions\.ndjson$/),
      find(/manifest\.json$/),
      find(/summary\.json$/),
    ];
    const changes = Object.fromEntries(
      [...damaged, "vectors.meta.json.gz", "regime_performance.json"].map((name) => [name, flipped(name, 8 * 100)]),
    );
    await folderWith(changes, diskStorage(dir));
    const { before, moved, rebuilt, after } = await repairMemory(memory(dir));
    expect(namesOf(before.findings)).toEqual(expect.arrayContaining(Object.keys(changes)));
    expect(moved).toEqual(damaged.toSorted().map((name) => ({ name, to: `quarantine/${name}` })));
    expect(rebuilt).toEqual(expect.arrayContaining(["regime_performance.json", "vectors.meta.json.gz"]));
    // What is left is the run's to make again.
    expect(after.findings.every(({ remedy }) => remedy === "run")).toBe(true);
    for (const name of damaged) expect(await bytesOf(diskStorage(dir), `quarantine/${name}`)).toEqual(changes[name]!);

    await runOn(diskStorage(dir), resumeJob());
    for (const [name, bytes] of whole) expect([name, await bytesOf(diskStorage(dir), name)]).toEqual([name, bytes]);
    expect((await checkMemory(dir)).findings).toEqual([]);
  });

  test("of a sound folder does nothing, and a second one changes nothing", async () => {
    const dir = join(base, "sound");
    await folderWith({ "vectors.f32": flipped("vectors.f32", 99) }, diskStorage(dir));
    expect((await repairMemory(memory(dir))).rebuilt).toEqual(["vectors.f32"]);
    const files = await filesOf(diskStorage(dir));
    const again = await repairMemory(memory(dir));
    expect(again).toMatchObject({ moved: [], rebuilt: [] });
    expect(again.before.findings).toEqual([]);
    expect(await filesOf(diskStorage(dir))).toEqual(files);
  });

  test("of a folder that is no memory is refused, and takes no lock", async () => {
    await expect(repairMemory(memory(join(base, "nowhere")))).rejects.toThrow("found no memory");
  });
});
