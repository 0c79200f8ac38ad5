import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, gunzipSync } from "node:zlib";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSidecar, readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readVectors, VECTORS_FILE } from "../../lib/memory/vectors.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { bytesOf, cachesOf, countingEmbedder } from "./folder-samples.ts";
import { makeOutcomes } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";

/** Two whole blocks of 1,024 rows and 152 more; 128 floats of 4 bytes a row. */
const OUTCOMES = makeOutcomes(2200);
const FILES = OUTCOMES.map((outcome) => [outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes] as const);
const ROW_BYTES = 512;

/** A folder whose caches are exchanged, and what they ought to be. */
interface Cached {
  readonly folder: Storage;
  readonly sound: Record<string, Uint8Array>;
  readonly count: number;
}

let large: Cached;
let sound: Record<string, Uint8Array>;

beforeAll(async () => {
  large = await cachedFolder(OUTCOMES.length);
  sound = large.sound;
});

async function cachedFolder(count: number): Promise<Cached> {
  const folder = await folderOf(count);
  await openMemory(folder, { embedder: hashingEmbedder() });
  return { folder, sound: await cachesOf(folder), count };
}

/** A folder of the first outcomes, without caches. */
async function folderOf(count: number): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of FILES.slice(0, count)) await storage.createOnce(name, bytes);
  return storage;
}

/** A folder with files exchanged, opened: how many vectors were made. The caches must be as they were. */
async function embeddedWith(
  files: Record<string, Uint8Array | undefined>,
  { folder, sound: caches, count }: Cached = large,
): Promise<number> {
  for (const [name, bytes] of Object.entries({ ...caches, ...files })) {
    if (bytes === undefined) await folder.remove(name);
    else await folder.replace(name, bytes);
  }
  const { embedder, sentences } = countingEmbedder();
  const { embedded, trades } = await openMemory(folder, { embedder });
  expect(sentences.length).toBe(embedded);
  expect(trades.length).toBe(count);
  expect(Bun.deepEquals(await cachesOf(folder), caches)).toBe(true);
  return embedded;
}

const vectors = (): Uint8Array => sound[VECTORS_FILE] as Uint8Array;

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

describe("vectors.f32 and its sidecar", () => {
  test("are read by numpy, zcat and jq: rows of float32 of unit length, and named columns", () => {
    expect(vectors().length).toBe(2200 * ROW_BYTES);
    const floats = new Float32Array(vectors().slice().buffer);
    const { embed } = hashingEmbedder();
    for (const i of [0, 1023, 1024, 2199]) {
      const sentence = (OUTCOMES[i]?.description ?? "").split(" Decided")[0] ?? "";
      expect(floats.subarray(i * 128, (i + 1) * 128)).toEqual(Float32Array.from(embed(sentence) as Float32Array));
    }

    const text = gunzipSync(sound[SIDECAR_FILE] as Uint8Array).toString();
    expect(text.split("\n").length).toBe(2);
    const { columns, ...meta } = JSON.parse(text) as Record<string, unknown>;
    const sum = (from: number, to: number): string =>
      crc32(vectors().subarray(from * ROW_BYTES, to * ROW_BYTES))
        .toString(16)
        .padStart(8, "0");
    expect(meta).toEqual({
      format: "carryover-vectors",
      version: 3,
      embedder: "hashing",
      fingerprint: hashingEmbedder().fingerprint,
      dim: 128,
      rows: 2200,
      digest: (JSON.parse(Buffer.from(sound["memory.json"] as Uint8Array).toString()) as { digest: string }).digest,
      block_rows: 1024,
      block_crc32: [sum(0, 1024), sum(1024, 2048), sum(2048, 2200)],
    });
    const { votes, ...values } = columns as Record<string, unknown[]>;
    expect(Object.values(values).every((column) => column.length === 2200)).toBe(true);
    expect(values["ids"]?.[7]).toBe(OUTCOMES[7]?.decision_id as string);
    // The third trade is a BUY that trend voted for; breakout abstained on all, so it has no column.
    expect(values["action"]?.[2]).toBe("BUY");
    const trend = (votes as unknown as Record<string, Record<string, unknown[]>>)["trend"];
    expect([trend?.["direction"]?.[2], trend?.["confidence"]?.[2]]).toEqual([1, 62]);
    expect(Object.keys(votes as object)).toEqual(["reversion", "trend"]);
  });

  test("are the same bytes whether vectors were appended or written at once", async () => {
    const storage = await folderOf(1000);
    for (const count of [1000, 1024, 1030, 2048, 2200]) {
      for (const [name, bytes] of FILES.slice(0, count)) await storage.createOnce(name, bytes);
      await openMemory(storage, { embedder: hashingEmbedder() });
    }
    expect(Bun.deepEquals(await cachesOf(storage), sound)).toBe(true);
  });

  test("append a trade that comes last, and are replaced for one that comes earlier", async () => {
    const storage = await folderOf(20);
    const calls: string[] = [];
    const watched = overrideCalls(storage, {
      appendAt: async (name, offset, bytes) => {
        calls.push(`${name} ${offset}+${bytes.length}`);
        await storage.appendAt(name, offset, bytes);
      },
      replace: async (name, bytes) => {
        if (name.startsWith("vectors")) calls.push(name);
        await storage.replace(name, bytes);
      },
    });
    const memory = await openMemory(watched, { embedder: hashingEmbedder() });
    const [a, b, c] = OUTCOMES.slice(20, 23) as [(typeof OUTCOMES)[0], (typeof OUTCOMES)[0], (typeof OUTCOMES)[0]];
    calls.length = 0;
    for (const step of [[a], [c], [b]]) {
      for (const outcome of step) await memory.record(outcome);
      await memory.flush();
    }
    // The sidecar last, each time: it is the commit point. b comes before c, so there is nothing to append to.
    expect(calls).toEqual([
      `vectors.f32 ${20 * ROW_BYTES}+${ROW_BYTES}`,
      "vectors.meta.json.gz",
      `vectors.f32 ${21 * ROW_BYTES}+${ROW_BYTES}`,
      "vectors.meta.json.gz",
      "vectors.f32",
      "vectors.meta.json.gz",
    ]);
  });
});

describe("a damaged vectors.f32 is mended, and only its damaged blocks are embedded again", () => {
  test("if bytes follow its rows", async () => {
    expect(await embeddedWith({ [VECTORS_FILE]: Uint8Array.from([...vectors(), 1, 2, 3]) })).toBe(0);
  });

  test("if half a row is missing: the last block", async () => {
    expect(await embeddedWith({ [VECTORS_FILE]: vectors().subarray(0, -ROW_BYTES / 2) })).toBe(152);
  });

  test("if it ends in the first block, or is missing", async () => {
    expect(await embeddedWith({ [VECTORS_FILE]: vectors().subarray(0, 100) })).toBe(2200);
    const small = await cachedFolder(20);
    expect(await embeddedWith({ [VECTORS_FILE]: new Uint8Array() }, small)).toBe(20);
    expect(await embeddedWith({ [VECTORS_FILE]: undefined }, small)).toBe(20);
  });

  test("if a bit is flipped, in the first, middle and last block", async () => {
    expect(await embeddedWith({ [VECTORS_FILE]: flipped(vectors(), 0) })).toBe(1024);
    expect(await embeddedWith({ [VECTORS_FILE]: flipped(vectors(), 8 * 1500 * ROW_BYTES + 5) })).toBe(1024);
    expect(await embeddedWith({ [VECTORS_FILE]: flipped(vectors(), 8 * vectors().length - 1) })).toBe(152);
  });
});

describe("a sidecar and vectors that do not belong together", () => {
  test("with an older sidecar, the vectors that it does not know are made again, and no others", async () => {
    const storage = await folderOf(2100);
    await openMemory(storage, { embedder: hashingEmbedder() });
    const old = await cachesOf(storage);
    // As after a crash between the append and the sidecar: its last block begins as it did.
    expect(await embeddedWith({ [SIDECAR_FILE]: old[SIDECAR_FILE] })).toBe(100);
    // Older vectors under a new sidecar lack the last block's end.
    expect(await embeddedWith({ [VECTORS_FILE]: old[VECTORS_FILE] })).toBe(152);
    expect(await embeddedWith({ [SIDECAR_FILE]: old[SIDECAR_FILE], [VECTORS_FILE]: old[VECTORS_FILE] })).toBe(100);
  });

  test("another embedder or dimension makes every vector again, and the way back as well", async () => {
    const storage = await folderOf(50);
    await openMemory(storage, { embedder: hashingEmbedder() });
    const before = await cachesOf(storage);
    const small = { id: "small", fingerprint: "small-1", dim: 2, embed: () => Float32Array.of(0.6, 0.8) };
    expect((await openMemory(storage, { embedder: small })).embedded).toBe(50);
    expect((await bytesOf(storage, VECTORS_FILE)).length).toBe(50 * 8);
    expect((await openMemory(storage, { embedder: { ...small, fingerprint: "small-2" } })).embedded).toBe(50);
    expect((await openMemory(storage, { embedder: { ...small, fingerprint: "small-2" } })).embedded).toBe(0);
    expect((await openMemory(storage, { embedder: hashingEmbedder() })).embedded).toBe(50);
    expect(await cachesOf(storage)).toEqual(before);
  });

  test("a sidecar that is damaged, empty, of another version or has a missing or wrong column is made again", async () => {
    const small = await cachedFolder(20);
    const bytes = small.sound[SIDECAR_FILE] as Uint8Array;
    const value = JSON.parse(gunzipSync(bytes).toString()) as { rows: number; columns: Record<string, unknown> };
    const { ids: _, ...columns } = value.columns;
    const odd = (name: string, first: unknown): Promise<Uint8Array> => {
      const values = value.columns[name] as unknown[];
      return encodeSidecar({ ...value, columns: { ...value.columns, [name]: values.with(0, first) } });
    };
    const withVotes = (votes: unknown): Promise<Uint8Array> =>
      encodeSidecar({ ...value, columns: { ...value.columns, votes } });
    const noVotes = Array.from({ length: value.rows }, (): number | null => null);
    for (const bad of [
      undefined,
      new Uint8Array(),
      flipped(bytes, 8 * bytes.length - 1),
      await encodeSidecar({ ...value, version: 1 }),
      await encodeSidecar({ ...value, rows: 2.5 }),
      await encodeSidecar({ ...value, block_crc32: [] }),
      await encodeSidecar({ ...value, columns }),
      await encodeSidecar({ ...value, columns: { ...columns, ids: ["a"] } }),
      // With right checksums: another program wrote it.
      await odd("ids", null),
      await odd("exit_ms", 1e300),
      await odd("result_r", "1"),
      await odd("action", "HOLD"),
      await odd("won", 1),
      await withVotes({ trend: null }),
      await withVotes({ trend: { direction: noVotes } }),
      await withVotes({ trend: { direction: noVotes.with(0, 2), confidence: noVotes.with(0, 50) } }),
      await withVotes({ trend: { direction: noVotes.with(0, 1), confidence: noVotes } }),
    ]) {
      expect(await embeddedWith({ [SIDECAR_FILE]: bad }, small)).toBe(20);
    }
  });
});

test("readSidecar() and readVectors() return what is stored, and name a format that they do not know", async () => {
  const storage = await folderOf(3);
  expect(await readSidecar(storage)).toBeUndefined();
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  const sidecar = await readSidecar(storage);
  if (sidecar === undefined) throw new Error("expected a sidecar");
  expect(sidecar.trades).toEqual(memory.trades.map(({ vector: _vector, ...trade }) => trade));
  const read = (await Array.fromAsync(readVectors(storage, sidecar))).flat();
  expect(read).toEqual(memory.trades.map(({ vector }) => vector));

  await storage.replace(SIDECAR_FILE, await encodeSidecar({ format: "other", version: 9 }));
  expect(await failureOf(readSidecar(storage))).toEqual({
    code: "CORRUPT",
    message:
      'Cannot read "vectors.meta.json.gz": found format "other" version 9, expected "carryover-vectors" version 3',
  });
});

test("a sidecar of version 1, which had no trend scores, counts as none: it is rebuilt without a word", async () => {
  const storage = inMemoryStorage();
  const old = join(import.meta.dirname, "../fixtures/memory/vectors-version-1", SIDECAR_FILE);
  await storage.replace(SIDECAR_FILE, readFileSync(old));
  expect(await readSidecar(storage)).toBeUndefined();
});

test("files of Carryover 0.1.0 still load: those of the first three outcomes of makeOutcomes()", async () => {
  const storage = inMemoryStorage();
  for (const name of [SIDECAR_FILE, VECTORS_FILE]) {
    await storage.replace(name, readFileSync(join(import.meta.dirname, "../fixtures/memory/vectors-version-2", name)));
  }
  const sidecar = await readSidecar(storage);
  if (sidecar === undefined) throw new Error("expected a sidecar");
  // As zcat and jq show them.
  const { trades, ...meta } = sidecar;
  expect(meta).toEqual({
    embedder: "hashing",
    fingerprint: "fnv1a-words-pairs-128-v1",
    dim: 128,
    digest: "5416dfbef036d17c3b68c51d2db8d586f971837365dcdfcae43fedc1dbb412ee",
    blockCrc32: ["056b19ac"],
    isOld: true,
  });
  expect(trades.map(({ id }) => id)).toEqual([
    "20210101T0000-BTCUSD-00000000",
    "20210101T0800-ETHUSD-00000001",
    "20210101T1600-EURUSD-00000002",
  ]);
  expect(trades[1]).toEqual({
    id: "20210101T0800-ETHUSD-00000001",
    bytes: 1572,
    crc32: "32c2a73f",
    contentHash: "",
    runId: "a".repeat(64),
    chunk: "2021Q1",
    market: "bars",
    asset: "ETHUSD",
    regime: "TRENDING",
    action: "BUY",
    entryMs: 1609488000000,
    exitMs: 1609560000000,
    exitReason: "target",
    won: false,
    pnl: -75,
    pnlPct: -5,
    resultR: -1,
    confidence: 72,
    rawConfidence: 81,
    // Half of (31 - 25) / 15 and of 2 x 800 / (4 x 500) - 1.
    trendScore: expect.closeTo(0.1, 12),
    votes: [
      { provider: "reversion", direction: 0, confidence: 50 },
      { provider: "trend", direction: -1, confidence: 61 },
    ],
  });
  // As numpy shows them.
  const stored = (await Array.fromAsync(readVectors(storage, sidecar))).flat();
  const shown = stored.map((vector) => {
    const indices = Array.from(vector?.keys() ?? []).filter((i) => vector?.[i] !== 0);
    return [indices.slice(0, 3), indices.length, vector?.[indices[0] ?? 0]];
  });
  expect(shown).toEqual([
    [[4, 8, 9], 16, -0.22941572964191437],
    [[8, 9, 21], 17, 0.24253562092781067],
    [[0, 8, 9], 17, -0.24253562092781067],
  ]);
});
