import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";
import { outcomesDigest, readManifests, RunFiles, type StoredChunk } from "../../lib/backtest/run-files.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { resumeJob } from "./resume-samples.ts";
import { runOn, textOf } from "./world-samples.ts";

const KEY: RunKey = {
  version: "1",
  period: "2021-01-01/2022-01-01",
  config: {},
  seed: 1,
  files: {},
  bars: { AAA: "0" },
  market: "bars",
  embedder: "hashing",
  base: [["a", null]],
  carried_in_sha256: "c".repeat(64),
  forget_marks: [],
  attempt: 0,
};

test.each([
  ["period", '"perior":'],
  ["bars", '"bars": 7, "was":'],
  ["base", '"bese":'],
  ["attempt", '"attempt": "0", "was":'],
])("readManifests() skips a key with a damaged %s", async (field, damaged) => {
  const storage = inMemoryStorage();
  await new RunFiles(storage, "a".repeat(64)).writeManifest(KEY);
  await new RunFiles(storage, "b".repeat(64)).writeManifest(KEY);
  expect(await readManifests(storage)).toEqual(new Map(["a", "b"].map((id) => [id.repeat(64), KEY])));

  const name = `runs/${"a".repeat(64)}/manifest.json`;
  const text = new TextDecoder().decode(await storage.read(name, { maxBytes: 10_000 }));
  expect(text).toContain(`"${field}":`);
  await storage.replace(name, new TextEncoder().encode(text.replace(`"${field}":`, damaged)));
  expect([...(await readManifests(storage)).keys()]).toEqual(["b".repeat(64)]);
});

test.each([
  ["nothing", []],
  ["an outcome", [["a", null]]],
  [
    "several",
    [
      ["a", "1"],
      ["b", "2"],
      ["c", null],
    ],
  ],
] as const)("readManifestHead() is the key without the outcomes carried in: %s", async (_title, base) => {
  const storage = inMemoryStorage();
  const files = new RunFiles(storage, "a".repeat(64));
  expect(await files.readManifestHead()).toBeUndefined();
  await files.writeManifest({ ...KEY, base });
  const { base: _base, ...head } = KEY;
  expect(await files.readManifestHead()).toEqual(head);
});

describe("readSummaryHead()", () => {
  let storage: Storage;
  let name: string;
  let files: RunFiles;
  let summary: Summary;
  beforeAll(async () => {
    storage = inMemoryStorage();
    ({ summary } = await runOn(storage, resumeJob()));
    files = new RunFiles(storage, summary.run_id);
    name = `runs/${summary.run_id}/summary.json`;
  });

  test("has the figures of the summary", async () => {
    expect(await files.readSummaryHead()).toMatchObject({
      run_id: summary.run_id,
      total_return_pct: summary.total_return_pct,
      annualized_sharpe: summary.annualized_sharpe,
      max_drawdown_pct: summary.max_drawdown_pct,
      total_trades: summary.total_trades,
    });
    expect(await files.readSummaryHead()).not.toHaveProperty("quarterly_breakdown");
    expect(await files.readSummary()).toHaveProperty("quarterly_breakdown");
    expect(await new RunFiles(storage, "f".repeat(64)).readSummaryHead()).toBeUndefined();
  });

  test("is all of a summary without tables", async () => {
    const bare = new RunFiles(storage, "d".repeat(64));
    await bare.writeSummary({ run_id: "d".repeat(64) } as Summary);
    expect(await bare.readSummaryHead()).toMatchObject({ run_id: "d".repeat(64) });
  });

  test("refuses a flipped bit anywhere, also in what it does not parse", async () => {
    const bytes = (await storage.read(name, { maxBytes: 1 << 24 }))!;
    for (const at of [40, 900, Math.floor(bytes.length / 2), bytes.length - 30]) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1;
      await storage.replace(name, flipped);
      expect((await failureOf(files.readSummaryHead())).code).toBe("CORRUPT");
    }
    await storage.replace(name, bytes);
  });

  test("refuses the summary of another run", async () => {
    const other = "e".repeat(64);
    await storage.replace(`runs/${other}/summary.json`, (await storage.read(name, { maxBytes: 1 << 24 }))!);
    expect((await failureOf(new RunFiles(storage, other).readSummaryHead())).message).toContain(
      "the summary of another run",
    );
  });
});

/** All lines, which are returned some thousands at a time. */
const allOf = async (parts: AsyncIterable<readonly string[]>): Promise<string[]> =>
  (await Array.fromAsync(parts)).flat();

describe("the files of a chunk", () => {
  const RUN = "a".repeat(64);
  const CHUNK = "2021Q1";
  const FOLDER = `runs/${RUN}`;
  const DECISIONS = new TextEncoder().encode('{"id":1}\n{"id":2}\n');
  const MARKS = [
    { timestamp: Date.UTC(2021, 0, 1), equity: 10_000, openPositions: 0 },
    { timestamp: Date.UTC(2021, 0, 2), equity: 10_012.5, openPositions: 2 },
  ];

  /** A run with one committed chunk. */
  async function committed(): Promise<{ storage: Storage; files: RunFiles; record: StoredChunk }> {
    const storage = inMemoryStorage();
    const files = new RunFiles(storage, RUN);
    const files_crc32 = await files.writeDetails(CHUNK, { decisions: DECISIONS, marks: MARKS });
    const record = { chunk: CHUNK, run_id: RUN, files_crc32 } as StoredChunk;
    await files.commitChunk(record);
    return { storage, files, record };
  }

  test("are its decisions, its equity as CSV, and a record with the checksums of both", async () => {
    const { storage, files, record } = await committed();
    const equity =
      "timestamp,equity,open_positions\n2021-01-01T00:00:00.000Z,10000,0\n2021-01-02T00:00:00.000Z,10012.5,2\n";
    expect(await textOf(storage, `${FOLDER}/${CHUNK}.equity.csv`)).toBe(equity);
    const sumOf = (bytes: string | Uint8Array): string => crc32(bytes).toString(16).padStart(8, "0");
    expect(record.files_crc32).toEqual({ "decisions.ndjson": sumOf(DECISIONS), "equity.csv": sumOf(equity) });
    expect(await files.readChunk(CHUNK)).toMatchObject(record);
    expect(await files.readCommitted(CHUNK)).toMatchObject(record);
    expect(await allOf(await files.readLines(record, "decisions.ndjson"))).toEqual(['{"id":1}', '{"id":2}']);
    expect(await allOf(await files.readLines(record, "equity.csv"))).toEqual([
      "2021-01-01T00:00:00.000Z,10000,0",
      "2021-01-02T00:00:00.000Z,10012.5,2",
    ]);
    expect(await files.damagedDetails(record)).toEqual([]);
  });

  test("are not there before they are written", async () => {
    const files = new RunFiles(inMemoryStorage(), RUN);
    expect(await files.readChunk(CHUNK)).toBeUndefined();
    expect(await files.readCommitted(CHUNK)).toBeUndefined();
    expect(await files.readManifest({ verify: true })).toBeUndefined();
    expect(await files.readSummary()).toBeUndefined();
    expect(await files.chunkNames()).toEqual([]);
  });

  test("are appended to decision by decision while it is open, and read up to the last whole line", async () => {
    const storage = inMemoryStorage();
    const files = new RunFiles(storage, RUN);
    expect(await allOf(files.readOpenDecisions(CHUNK))).toEqual([]);
    await files.appendDecisions(CHUNK, 0, DECISIONS);
    await files.appendDecisions(CHUNK, DECISIONS.length, new TextEncoder().encode('{"id":3}\n{"id'));
    expect(await allOf(files.readOpenDecisions(CHUNK))).toEqual(['{"id":1}', '{"id":2}', '{"id":3}']);
    await files.appendDecisions(CHUNK, DECISIONS.length, new TextEncoder().encode('{"id":4}\n'));
    expect(await allOf(files.readOpenDecisions(CHUNK))).toEqual(['{"id":1}', '{"id":2}', '{"id":4}']);
    await files.appendDecisions("2021Q2", 0, DECISIONS);
    expect(await files.decisionChunks()).toEqual(["2021Q1", "2021Q2"]);
    expect(await files.chunkNames()).toEqual([]);
  });

  test("are open again without its record and without the summary, which goes first", async () => {
    const { storage, files } = await committed();
    await files.writeSummary({ run_id: RUN } as Summary);
    const removed: string[] = [];
    const remove: Storage["remove"] = async (name) => {
      if (name.endsWith("summary.json")) await Bun.sleep(5);
      await storage.remove(name);
      removed.push(name);
    };
    await new RunFiles(overrideCalls(storage, { remove }), RUN).reopen(CHUNK);
    expect(removed).toEqual([`${FOLDER}/summary.json`, `${FOLDER}/${CHUNK}.json`]);
    expect(await files.readSummary()).toBeUndefined();
    expect(await files.readChunk(CHUNK)).toBeUndefined();
    expect(await allOf(files.readOpenDecisions(CHUNK))).toEqual(['{"id":1}', '{"id":2}']);
    const full = overrideCalls(storage, { appendAt: () => Promise.reject(new Error("ENOSPC")) });
    await expect(new RunFiles(full, RUN).appendDecisions(CHUNK, 18, DECISIONS)).rejects.toThrow("ENOSPC");
  });

  test("are named by their records, not by the run's other files", async () => {
    const { files, record } = await committed();
    await files.commitChunk({ ...record, chunk: "2021Q2" });
    await files.writeManifest(KEY);
    await files.writeSummary({ run_id: RUN } as Summary);
    expect(await files.chunkNames()).toEqual(["2021Q1", "2021Q2"]);
  });

  test.each([
    ["decisions", "decisions.ndjson"],
    ["equity", "equity.csv"],
  ])("do not commit it without its %s, and are damaged if those are others", async (_what, detail) => {
    const { storage, files, record } = await committed();
    const name = `${FOLDER}/${CHUNK}.${detail}`;
    await storage.replace(name, new TextEncoder().encode("x\n"));
    const found = crc32("x\n").toString(16).padStart(8, "0");
    const expected = record.files_crc32[detail as "equity.csv"];
    expect(await files.damagedDetails(record)).toEqual([
      {
        name,
        problem: `Cannot read "${name}": found a CRC-32 of "${found}", expected "${expected}" as in ${CHUNK}.json`,
        isMissing: false,
      },
    ]);
    const reading = files.readLines(record, detail as "equity.csv");
    expect((await failureOf(reading)).message).toStartWith(`Cannot read "${name}": found a CRC-32 of "${found}"`);
    await storage.remove(name);
    expect(await files.readCommitted(CHUNK)).toBeUndefined();
    expect(await files.damagedDetails(record)).toMatchObject([{ name, isMissing: true }]);
    expect((await failureOf(files.readLines(record, detail as "equity.csv"))).message).toContain("found no such file");
  });

  test("are refused if they are those of another run or chunk, and a run makes the chunk again", async () => {
    for (const other of [{ run_id: "b".repeat(64) }, { chunk: "2021Q2" }]) {
      const { storage, files, record } = await committed();
      await storage.replace(`${FOLDER}/${CHUNK}.json`, encodeSealedJson({ ...record, ...other }));
      expect((await failureOf(files.readChunk(CHUNK))).message).toContain("found the record of another chunk");
      expect(await files.readCommitted(CHUNK)).toBeUndefined();
    }
  });

  test("are refused without a checksum", async () => {
    const { storage, files, record } = await committed();
    await storage.replace(`${FOLDER}/${CHUNK}.json`, encodeJson(record));
    expect((await failureOf(files.readChunk(CHUNK))).message).toContain("found no crc32, expected one as the last key");
  });

  test("are not acknowledged if one cannot be written", async () => {
    const full = overrideCalls(inMemoryStorage(), { replace: () => Promise.reject(new Error("ENOSPC")) });
    const files = new RunFiles(full, RUN);
    await expect(files.writeDetails(CHUNK, { decisions: DECISIONS, marks: MARKS })).rejects.toThrow("ENOSPC");
    await expect(files.commitChunk({ chunk: CHUNK } as StoredChunk)).rejects.toThrow("ENOSPC");
    await expect(files.writeSummary({ run_id: RUN } as Summary)).rejects.toThrow("ENOSPC");
    await expect(files.writeManifest(KEY)).rejects.toThrow("ENOSPC");
  });
});

describe("a manifest", () => {
  const runId = runIdOf(KEY);
  const name = `runs/${runId}/manifest.json`;

  test("is the run's own if its key has the SHA-256 that names the folder", async () => {
    const storage = inMemoryStorage();
    await new RunFiles(storage, runId).writeManifest(KEY);
    expect(await new RunFiles(storage, runId).readManifest({ verify: true })).toEqual(KEY);
    for (const manifest of [
      { run_id: runId, key: { ...KEY, seed: 2 } },
      { run_id: "a".repeat(64), key: KEY },
    ]) {
      await storage.replace(name, encodeJson(manifest));
      const files = new RunFiles(storage, runId);
      expect((await failureOf(files.readManifest({ verify: true }))).message).toContain("found another run");
      expect(await files.readManifest({ verify: false })).toEqual(manifest.key);
    }
  });

  test("is written once, and again only if its bytes are others", async () => {
    const storage = inMemoryStorage();
    await new RunFiles(storage, runId).writeManifest(KEY);
    const readOnly = overrideCalls(storage, { replace: () => Promise.reject(new Error("EROFS")) });
    await new RunFiles(readOnly, runId).writeManifest(KEY);
    const whole = await textOf(storage, name);
    await storage.replace(name, new TextEncoder().encode(`${whole} `));
    await new RunFiles(storage, runId).writeManifest(KEY);
    expect(await textOf(storage, name)).toBe(whole);
  });

  test.each<[string, unknown]>([
    ["no key", null],
    ["a period that is no text", { ...KEY, period: 2021 }],
    ["bars that are no object", { ...KEY, bars: [] }],
    ["no base", { ...KEY, base: "none" }],
    ["a base that has a text", { ...KEY, base: [["a", null], "b"] }],
    ["an attempt that is no whole number", { ...KEY, attempt: 0.5 }],
  ])("with %s is damaged", async (_title, key) => {
    const storage = inMemoryStorage();
    await storage.replace(name, encodeJson({ run_id: runId, key }));
    const files = new RunFiles(storage, runId);
    expect((await failureOf(files.readManifest({ verify: false }))).message).toContain("found no key");
  });
});

describe("readManifestHead()", () => {
  const name = `runs/${"a".repeat(64)}/manifest.json`;
  const { base: _base, ...head } = KEY;

  /** The manifest of a key, with its text changed. */
  async function headOf(key: object, change: (text: string) => string = (text) => text): Promise<unknown> {
    const storage = inMemoryStorage();
    const text = new TextDecoder().decode(encodeJson({ run_id: "a".repeat(64), key }));
    await storage.replace(name, new TextEncoder().encode(change(text)));
    return new RunFiles(storage, "a".repeat(64)).readManifestHead();
  }

  test("does not parse the outcomes carried in", async () => {
    expect(await headOf(KEY, (text) => text.replace('"a",', "no JSON"))).toEqual(head);
  });

  test("takes another list for none of the outcomes carried in", async () => {
    const forget_marks = ["forget_00000000.json"];
    expect(await headOf({ ...KEY, base: [], forget_marks })).toEqual({ ...head, forget_marks });
  });

  test("refuses a key that is none, and a list that does not end", async () => {
    expect((await failureOf(headOf({ ...KEY, period: 2021 }))).message).toContain("found no key");
    expect((await failureOf(headOf(KEY, (text) => text.slice(0, text.indexOf('"a",'))))).code).toBe("CORRUPT");
  });
});

test("outcomesDigest() is the SHA-256 of the lines of ids and checksums, in whatever order they come", () => {
  const outcomes = [
    { id: "b", crc32: null },
    { id: "a", crc32: "00c0ffee" },
  ];
  const digest = createHash("sha256").update("a 00c0ffee\nb null\n").digest("hex");
  expect(outcomesDigest(outcomes)).toBe(digest);
  expect(outcomesDigest(outcomes.toReversed())).toBe(digest);
});
