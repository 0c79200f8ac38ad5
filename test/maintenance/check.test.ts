import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { checkMemory, checkOnce } from "../../lib/maintenance/check.ts";
import type { Finding } from "../../lib/maintenance/finding.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { readVectors, VectorFiles, VECTORS_FILE } from "../../lib/memory/vectors.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { crc32Hex } from "../../lib/util/crc32.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { seeded } from "../samples.ts";
import { outcomesOf } from "../backtest/world-samples.ts";
import { bytesOf } from "../memory/folder-samples.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { namesOf, RunFolder } from "./run-folder.ts";

// Every kind of file is damaged here, and a machine may be busy.
setDefaultTimeout(60_000);

let whole: RunFolder;
beforeAll(async () => {
  whole = await RunFolder.make();
});

test("counts the files of a finished run and finds nothing", async () => {
  expect(await checkOnce(await whole.copy())).toEqual({
    outcomes: [...whole.files.keys()].filter((name) => name.startsWith("outcome_")).length,
    unverified: 0,
    forget_marks: 1,
    snapshots: 4,
    runs: 1,
    chunks: 4,
    vectors: [...whole.files.keys()].filter((name) => name.startsWith("outcome_")).length,
    quarantined: [],
    left_alone: [],
    newest: { exit: expect.stringMatching(/^2018-03-/), run_id: (await (await whole.copy()).list("runs")).folders[0]! },
    findings: [],
  });
});

test("finds a flipped bit in any file and names the file", async () => {
  const random = seeded(5);
  // One of each kind, and every file that is not an outcome.
  const names = [...whole.files.keys()].filter((name) => !name.startsWith("outcome_"));
  names.push(...[...whole.files.keys()].filter((name) => name.startsWith("outcome_")).slice(0, 3));
  for (const name of names) {
    for (let n = 0; n < 2; n++) {
      const bytes = whole.flipped(name, Math.floor(random() * 8 * whole.files.get(name)!.length));
      const { findings } = await checkOnce(await whole.copy({ [name]: bytes }));
      expect(namesOf(findings)).toContain(name);
      // memory.json says of what state it is: a damaged one may be of an earlier state.
      if (name !== "memory.json") expect(findings.find((finding) => finding.name === name)!.damaged).toBe(true);
    }
  }
});

test("takes statistics that version 2 counted in another way for old ones, which the next opening rebuilds", async () => {
  const storage = inMemoryStorage();
  const made = makeOutcome();
  const exit = new Date(Date.parse(made.exit_timestamp) + 3_600_000).toISOString();
  const again = { ...made, decision_id: `${made.decision_id}x`, run_id: "b".repeat(64), exit_timestamp: exit };
  const memory = await openMemory(storage);
  await memory.record(made);
  await memory.record(again);
  await memory.close();
  const counted = await bytesOf(storage, "provider_performance.json");
  // Both trades counted then, as their exits differ.
  const texts = ["provider_performance.json", "regime_performance.json"].map(async (name) => {
    const text = new TextDecoder().decode(await bytesOf(storage, name));
    const former = new TextEncoder().encode(text.replaceAll('"total_trades": 1', '"total_trades": 2'));
    await storage.replace(name, former);
    return [name, crc32Hex(former)] as const;
  });
  const fields = JSON.parse(new TextDecoder().decode(await bytesOf(storage, "memory.json"))) as object;
  const former = { ...fields, version: 2, crc32: Object.fromEntries(await Promise.all(texts)) };
  await storage.replace("memory.json", encodeJson(former));

  const { findings } = await checkOnce(storage);
  expect(findings.map(({ name, damaged, remedy }) => `${name} ${damaged} ${remedy}`)).toEqual([
    "memory.json false start",
    "provider_performance.json false start",
    "regime_performance.json false start",
  ]);
  await (await openMemory(storage)).close();
  expect((await checkOnce(storage)).findings).toEqual([]);
  expect(await bytesOf(storage, "provider_performance.json")).toEqual(counted);
});

test("finds missing files: of a chunk, a run's manifest, an outcome, a cache", async () => {
  const outcome = whole.find(/^outcome_/);
  const cases: [string, Partial<Finding>][] = [
    [whole.find(/decisions\.ndjson$/), { damaged: true, remedy: "run" }],
    [whole.find(/equity\.csv$/), { damaged: true, remedy: "run" }],
    [whole.find(/manifest\.json$/), { damaged: true, remedy: "run" }],
    ...["provider_performance.json", "vectors.f32", "vectors.meta.json.gz", "memory.json"].map(
      (name): [string, Partial<Finding>] => [name, { damaged: false, remedy: "start" }],
    ),
  ];
  for (const [name, finding] of cases) {
    expect((await checkOnce(await whole.copy({ [name]: null }))).findings).toMatchObject([{ name, ...finding }]);
  }
  const { findings } = await checkOnce(await whole.copy({ [outcome]: null }));
  const chunk = findings.find(({ damaged }) => damaged)!;
  expect(chunk).toMatchObject({ name: whole.find(/2018-02-08_10d\.json$/), remedy: "run" });
  expect(chunk.problem).toMatch(/found (\d+) outcomes of the run up to it, expected the (\d+) that it committed$/);
});

test("finds that a run lost the record of a chunk or its summary, which a stopped run has not yet", async () => {
  const [second, last] = [whole.find(/2018-02-18_10d\.json$/), whole.find(/2018-03-10_10d\.json$/)];
  const summary = whole.find(/summary\.json$/);
  const missingIn = async (changes: Parameters<RunFolder["copy"]>[0]): Promise<readonly string[]> =>
    (await checkOnce(await whole.copy(changes))).findings.flatMap(({ problem }) =>
      problem.includes("found no such file") ? [problem] : [],
    );
  const record = (name: string): string => `Cannot read "${name}": found no such file, expected a chunk's record`;
  expect(await missingIn({ [last]: null })).toEqual([record(last)]);
  expect(await missingIn({ [last]: null, [summary]: null })).toEqual([]);
  expect(await missingIn({ [last]: null, [second]: null, [summary]: null })).toEqual([record(second)]);
  // A repair moved them away.
  const [movedSummary, movedLast] = [summary, last].map((name) => `quarantine/${name}`) as [string, string];
  expect(await missingIn({ [summary]: null, [movedSummary]: new Uint8Array(1) })).toEqual([
    `Cannot read "${summary}": found no such file, expected the run's summary`,
  ]);
  expect(await missingIn({ [last]: null, [summary]: null, [movedLast]: new Uint8Array(1) })).toEqual([record(last)]);
  expect(await missingIn({ [movedSummary]: new Uint8Array(1) })).toEqual([]);
});

test("reports caches that are older than an outcome as stale, not damaged", async () => {
  const storage = await whole.copy();
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

test("counts missing vectors, as a stopped rebuild leaves them, as stale", async () => {
  const storage = await whole.copy();
  const sidecar = (await readSidecar(storage))!;
  const vectors = (await Array.fromAsync(readVectors(storage, sidecar))).flat();
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

/** A folder as a kill leaves it between `vectors.f32` and its sidecar: an outcome that closed before all others was recorded. */
async function killedBeforeSidecar(): Promise<Storage> {
  const storage = await whole.copy();
  const killed = overrideCalls(storage, {
    replace: (name, bytes) =>
      name === SIDECAR_FILE ? Promise.reject(new Error("killed")) : storage.replace(name, bytes),
  });
  const memory = await openMemory(killed, { embedder: hashingEmbedder() });
  await memory.record(
    makeOutcome({ entry_timestamp: "2017-01-02T00:00:00.000Z", exit_timestamp: "2017-01-02T04:00:00.000Z" }),
  );
  await expect(memory.flush()).rejects.toThrow("killed");
  return storage;
}

test("reports vectors that were replaced before a kill, without their sidecar, as stale: the next start heals them", async () => {
  const storage = await killedBeforeSidecar();
  const count = (await readSidecar(storage))!.trades.length;
  expect((await checkOnce(storage)).findings).toEqual([
    {
      name: VECTORS_FILE,
      damaged: false,
      problem: `"${VECTORS_FILE}" is of another state than "${SIDECAR_FILE}"`,
      remedy: "start",
    },
    {
      name: SIDECAR_FILE,
      damaged: false,
      problem: `"${SIDECAR_FILE}" has no vectors yet for 1 of ${count + 1} outcomes`,
      remedy: "start",
    },
  ]);
  await openMemory(storage, { embedder: hashingEmbedder() });
  expect((await checkOnce(storage)).findings).toEqual([]);
});

test("reports vectors that end within a row as damaged, also under a sidecar of an earlier state", async () => {
  const storage = await killedBeforeSidecar();
  await storage.replace(VECTORS_FILE, (await bytesOf(storage, VECTORS_FILE)).subarray(0, -1));
  const { findings } = await checkOnce(storage);
  expect(findings.map(({ name, damaged }) => [name, damaged])).toEqual([
    [VECTORS_FILE, true],
    [SIDECAR_FILE, false],
  ]);
});

test("reports statistics of an older format as stale, not damaged", async () => {
  const provider = encodeJson({ trend: {} });
  const said = JSON.parse(new TextDecoder().decode(whole.files.get("memory.json"))) as {
    crc32: Record<string, string>;
  };
  const crc = { ...said.crc32, "provider_performance.json": crc32Hex(provider) };
  const storage = await whole.copy({
    "provider_performance.json": provider,
    "memory.json": encodeJson({ ...said, version: 1, crc32: crc }),
  });
  const { findings } = await checkOnce(storage);
  expect(findings.map(({ name, damaged }) => [name, damaged])).toEqual([
    ["memory.json", false],
    ["provider_performance.json", false],
  ]);
});

test("finds an outcome exchanged for another of the same size, which no start would notice", async () => {
  const name = whole.find(/^outcome_/);
  const storage = await whole.copy();
  const old = (await outcomesOf(storage)).find(({ decision_id }) => outcomeFileName(decision_id) === name)!;
  const { crc32: _crc32, ...outcome } = { crc32: "", ...old };
  const { bytes } = encodeOutcome({ ...outcome, run_id: "b".repeat(64) });
  expect(bytes).toHaveLength(whole.files.get(name)!.length);
  await storage.replace(name, bytes);
  const { findings } = await checkOnce(storage);
  expect(findings.find((finding) => finding.name === "vectors.meta.json.gz")).toMatchObject({
    damaged: true,
    remedy: "rebuild",
  });
});

test("leaves a mark whose name does not match its bytes to a person, with the right name", async () => {
  const mark = { provider: "trend", beforeMs: Date.UTC(2018, 1, 1) };
  const { name, bytes } = encodeForgetMark(mark);
  const { findings } = await checkOnce(await whole.copy({ "forget_00000000.json": bytes }));
  const found = findings.find(({ damaged }) => damaged)!;
  expect(found).toMatchObject({ name: "forget_00000000.json", remedy: "person" });
  expect(found.problem).toContain(`the name "${name}"`);
});

test("counts files of another system as unverified, not damaged", async () => {
  const text = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const { findings, unverified } = await checkOnce(
    await whole.copy({ "snapshot_20200101_000000.json": text({ timestamp: "2020-01-01" }) }),
  );
  expect(findings).toEqual([]);
  expect(unverified).toBe(1);
});

test("finds a damaged outcome that was imported, which no run makes again", async () => {
  const storage = inMemoryStorage();
  const [entry_timestamp, exit_timestamp] = ["2021-01-04T12:00:00Z", "2021-01-05T12:00:00Z"];
  const trade = { decision_id: "one", asset_pair: "GOLD", action: "BUY", realized_pnl: 1, pnl_percentage: 1 };
  const bytes = encodeJson({ ...trade, entry_timestamp, exit_timestamp, ai_provider: "live" });
  await storage.replace("outcome_one.json", bytes);
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  await memory.close();
  expect(memory.trades.map(({ runId }) => runId)).toEqual([""]);
  await storage.replace("outcome_one.json", bytes.subarray(0, 40));
  const { findings } = await checkOnce(storage);
  expect(findings.filter(({ damaged }) => damaged)).toMatchObject([{ name: "outcome_one.json" }]);
});

test("an empty folder has no findings", async () => {
  expect((await checkMemory(inMemoryStorage())).findings).toEqual([]);
});

test("takes an empty run folder, as a start leaves it that was killed early, for no damage", async () => {
  const path = temporaryFolder("check");
  const run = join(path, "runs", "a".repeat(64));
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, `.tmp-${crypto.randomUUID()}`), "half a manifest");
  expect((await checkOnce(diskStorage(path))).findings.filter(({ name }) => name.startsWith("runs/"))).toEqual([]);
  writeFileSync(join(run, "2021-01.equity.csv"), "");
  expect((await checkOnce(diskStorage(path))).findings.map(({ name }) => name)).toContain(
    `runs/${"a".repeat(64)}/manifest.json`,
  );
});
