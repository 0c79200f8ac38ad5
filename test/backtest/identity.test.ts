/** A run's identity is its content: under one id there is one result, whatever was changed and whatever the caches say. */
import { beforeAll, describe, expect, test } from "bun:test";
import type { Progress } from "../../lib/backtest/job.ts";
import { encodeSidecar, readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { toColumns } from "../../lib/memory/trade-columns.ts";
import type { Trade } from "../../lib/memory/trade.ts";
import { VECTORS_FILE } from "../../lib/memory/vectors.ts";
import { copyInMemory, inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { crc32Hex } from "../../lib/util/crc32.ts";
import { bytesOf } from "../memory/folder-samples.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";
import { resumeJob } from "./resume-samples.ts";
import { filesOf, runOn, textOf, type JobParts } from "./world-samples.ts";

/** Trades of another system that closed before the run, good for the provider `votes` and bad for `trend`. */
const IMPORTS = Array.from({ length: 12 }, (_, i) => ({
  decision_id: `trade-${String(i).padStart(3, "0")}`,
  asset_pair: "AAA",
  action: "BUY",
  entry_timestamp: `2018-01-${10 + i}T00:00:00Z`,
  exit_timestamp: `2018-01-${10 + i}T12:00:00Z`,
  realized_pnl: 100,
  pnl_percentage: 1.5,
  result_r: 1.5,
  votes: [
    { provider: "votes", action: "BUY", confidence: 70 },
    { provider: "trend", action: "SELL", confidence: 70 },
  ],
  description: "AAA is in a steep uptrend. It was bought.",
}));

async function memoryOf(imports: readonly (typeof IMPORTS)[number][]): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const each of imports) await storage.replace(`outcome_${each.decision_id}.json`, utf8(JSON.stringify(each)));
  return storage;
}

/** Runs, or goes on. */
async function run(
  storage: Storage,
  overrides: Partial<JobParts> = {},
): Promise<{ id: string; balance: number; notes: readonly string[] }> {
  const notes: string[] = [];
  const { summary } = await runOn(storage, resumeJob({ onNote: (note) => notes.push(note), ...overrides }));
  return { id: summary.run_id, balance: summary.final_balance, notes };
}

/** Runs until something is so. Then memory is opened once more, so that its caches have all outcomes. */
async function stopWhen(storage: Storage, isTime: (progress: Progress) => boolean): Promise<void> {
  const stop = new AbortController();
  const reason = new Error("stopped");
  const onProgress = (progress: Progress): void => {
    if (isTime(progress)) stop.abort(reason);
  };
  await expect(runOn(storage, resumeJob({ onProgress, signal: stop.signal }))).rejects.toBe(reason);
  await expect(runOn(storage, resumeJob({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
}

const stopInSecondChunk = (storage: Storage): Promise<void> =>
  stopWhen(storage, ({ chunk }) => chunk === "2018-02-18_10d");

/** A finished run with the imports carried in, and one that was stopped in its second chunk. Tests change copies. */
let finished: { storage: Storage; id: string; balance: number };
let stopped: Storage;
beforeAll(async () => {
  const storage = await memoryOf(IMPORTS);
  finished = { storage, ...(await run(storage)) };
  stopped = await memoryOf(IMPORTS);
  await stopInSecondChunk(stopped);
});
const copyOf = (storage: Storage): Promise<Storage> => copyInMemory(storage, "runs");

/** Changes an import, and keeps its size. */
async function change(storage: Storage, from: string, to: string): Promise<void> {
  const name = "outcome_trade-011.json";
  const text = await textOf(storage, name);
  expect(text).toContain(from);
  expect(to).toHaveLength(from.length);
  await storage.replace(name, utf8(text.replace(from, to)));
}

/** Writes a sidecar with right checksums that says something else of some trades. */
async function forge(
  storage: Storage,
  forged: (trade: Trade) => Partial<Trade>,
  blocks?: readonly string[],
): Promise<void> {
  const sidecar = await readSidecar(storage);
  if (sidecar === undefined) throw new Error("expected a sidecar");
  const { blockCrc32, isOld: _, trades, ...rest } = sidecar;
  const columns = toColumns(trades.map((trade) => ({ ...trade, ...forged(trade) })));
  const stored = { format: "carryover-vectors", version: 3, ...rest, rows: trades.length };
  const forgery = { block_rows: 1024, block_crc32: blocks ?? blockCrc32, columns };
  await storage.replace(SIDECAR_FILE, await encodeSidecar({ ...stored, ...forgery }));
}

describe("one byte of an imported outcome", () => {
  const CHANGED =
    "differs in the outcomes carried in (12 then, 12 now, 0 gone, 1 changed). The older one stays as it is";

  test("changed after the run makes another run, with its own result", async () => {
    const storage = await copyOf(finished.storage);
    expect(await run(storage)).toMatchObject({ id: finished.id, balance: finished.balance });
    await change(storage, '"result_r":1.5', '"result_r":0.5');
    const second = await run(storage);
    expect(second.id).not.toBe(finished.id);
    expect(second.notes[0]).toContain(CHANGED);
    // The same as in a folder that never had other imports.
    const fresh = inMemoryStorage();
    for (const { decision_id: id } of IMPORTS) {
      const name = `outcome_${id}.json`;
      await fresh.replace(name, utf8(await textOf(storage, name)));
    }
    expect(await run(fresh)).toMatchObject({ id: second.id, balance: second.balance });
  });

  test("changed in its description makes another run, too", async () => {
    const storage = await copyOf(finished.storage);
    await change(storage, "steep uptrend", "steep upTrend");
    const { id, notes } = await run(storage);
    expect(id).not.toBe(finished.id);
    expect(notes[0]).toContain(CHANGED);
  });

  test("changed in mid-run makes another run, which begins at its beginning", async () => {
    const storage = await copyOf(stopped);
    await change(storage, '"result_r":1.5', '"result_r":0.5');
    const { id, balance, notes } = await run(storage);
    expect(notes[0]).toContain("0 gone, 1 changed");
    const fresh = await memoryOf(IMPORTS.map((each, i) => (i === 11 ? { ...each, result_r: 0.5 } : each)));
    expect(await run(fresh)).toMatchObject({ id, balance });
  });
});

describe("a sidecar with right checksums that says something else", () => {
  test("of an outcome carried in is no reason to give the run's id another result", async () => {
    const storage = await copyOf(stopped);
    const [id] = (await storage.list("runs")).folders;
    await forge(storage, ({ crc32 }) => (crc32 === null ? { resultR: -3 } : {}));
    const other = await run(storage);
    expect(other.id).not.toBe(id);
    expect(other.notes[0]).toContain(
      "differs in what the caches say of the outcomes carried in (memory-stats --check)",
    );
  });

  test("of an outcome of the run's own stops it, and nothing is written", async () => {
    const storage = await copyOf(stopped);
    await forge(storage, ({ crc32 }) => (crc32 === null ? {} : { resultR: -3 }));
    const before = await filesOf(storage);
    const failure = await failureOf(run(storage));
    expect(failure.code).toBe("CORRUPT");
    expect(failure.message).toMatch(
      /^Cannot go on with the run: found "outcome_.*" changed, or its row in the caches, expected what it was when the run began: see memory-stats --check, then --repair$/,
    );
    expect(await filesOf(storage)).toEqual(before);
  });

  test("of outcomes that a cut-off chunk made is put right when they are made again", async () => {
    const storage = await memoryOf(IMPORTS);
    await stopWhen(storage, ({ trades }) => trades === 8);
    await forge(storage, ({ crc32 }) => (crc32 === null ? {} : { resultR: -3 }));
    await run(storage);
    expect(await filesOf(storage)).toEqual(await filesOf(finished.storage));
  });
});

describe("vectors with right checksums that are not those of their outcomes", () => {
  /** Exchanges the vectors of the first and the last of some trades. */
  async function exchange(storage: Storage, isWanted: (trade: Trade) => boolean): Promise<void> {
    const sidecar = await readSidecar(storage);
    const rows = (sidecar?.trades ?? []).flatMap((trade, row) => (isWanted(trade) ? [row] : []));
    const [first = 0, last = 0] = [rows[0], rows.at(-1)];
    const floats = new Float32Array((await bytesOf(storage, VECTORS_FILE)).slice().buffer);
    const rowOf = (row: number): Float32Array => floats.slice(row * 128, row * 128 + 128);
    const [a, b] = [rowOf(first), rowOf(last)];
    expect(a).not.toEqual(b);
    floats.set(b, first * 128);
    floats.set(a, last * 128);
    const bytes = new Uint8Array(floats.buffer);
    await storage.replace(VECTORS_FILE, bytes);
    await forge(storage, () => ({}), [crc32Hex(bytes)]);
  }

  test("make another run if the outcomes are carried in", async () => {
    const storage = await memoryOf(
      IMPORTS.map((each, i) => ({ ...each, description: `AAA is falling, RSI ${i * 8}.` })),
    );
    const first = await run(storage);
    await exchange(storage, ({ crc32 }) => crc32 === null);
    expect((await run(storage)).id).not.toBe(first.id);
  });

  test("stop the run that goes on if the outcomes are its own", async () => {
    const storage = await copyOf(stopped);
    await exchange(storage, ({ crc32 }) => crc32 !== null);
    expect((await failureOf(run(storage))).message).toStartWith("Cannot go on with the run: found ");
  });
});
