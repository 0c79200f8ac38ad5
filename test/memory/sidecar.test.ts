import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { BLOCK_BYTES } from "../../lib/storage/blocks.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import {
  decodeSidecar,
  encodeSidecar,
  readSidecar,
  type Sidecar,
  SIDECAR_FILE,
  writeSidecar,
} from "../../lib/memory/sidecar.ts";
import type { FailureDetails } from "../../lib/errors.ts";
import { gunzip } from "../../lib/util/gunzip.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";
import { createRandom } from "../../lib/util/random.ts";
import { toColumns } from "../../lib/memory/trade-columns.ts";
import { type Trade, tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcome, makeOutcomes, makeVote } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { failureOf } from "../storage/storage-contract.ts";

const NAME = "vectors.meta.json.gz";

/** Columns with many repetitions, so that deflate copies from many places. */
const VALUE = toColumns(
  makeOutcomes(12).map((outcome) => tradeOf(outcome, { bytes: 2000, crc32: "00c0ffee", contentHash: "c0ffee" })),
);

test("any object is read back unchanged, and equal objects give equal bytes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (value) => {
      const bytes = await encodeSidecar(value);
      expect(await encodeSidecar(value)).toEqual(bytes);
      expect(JSON.stringify(await decodeSidecar(bytes, NAME))).toBe(JSON.stringify(value));
    }),
    { numRuns: 25 },
  );
});

/** Two trades: trend alone voted on the first, both providers on the second. */
const TRADES: readonly Trade[] = [
  makeOutcome({ decision_id: "a", votes: [makeVote("trend", "BUY", { confidence: 80 })] }),
  makeOutcome({
    decision_id: "b",
    votes: [makeVote("reversion", "SELL", { confidence: 65 }), makeVote("trend", "HOLD", { confidence: 50 })],
  }),
].map((outcome) => tradeOf(outcome, { bytes: 2000, crc32: "00c0ffee", contentHash: "c0ffee" }));

const SIDECAR = {
  embedder: "x",
  fingerprint: "x-1",
  dim: 3,
  trades: TRADES,
  digest: "of two outcomes",
  blockCrc32: ["0badcafe"],
};

/** Reads a file like that of `SIDECAR`, with other fields. */
async function readWith(
  fields: Record<string, unknown>,
  columns?: Record<string, unknown>,
): Promise<Sidecar | undefined> {
  const { trades, blockCrc32, ...meta } = SIDECAR;
  const whole = {
    format: "carryover-vectors",
    version: 3,
    ...meta,
    rows: 2,
    block_rows: 1024,
    block_crc32: blockCrc32,
  };
  const storage = inMemoryStorage();
  const value = { ...whole, columns: { ...toColumns(trades), ...columns }, ...fields };
  await storage.replace(SIDECAR_FILE, await encodeSidecar(value));
  return readSidecar(storage);
}

test("a sidecar is read as it was written", async () => {
  const storage = inMemoryStorage();
  await writeSidecar(storage, SIDECAR);
  expect(await readSidecar(storage)).toEqual({ ...SIDECAR, isOld: false });
  expect(await readWith({})).toEqual({ ...SIDECAR, isOld: false });
});

test("trades with more votes than usual are read as they were written", async () => {
  const storage = inMemoryStorage();
  const votes = Array.from({ length: 100 }, (_, i) => makeVote(`provider ${i}`, "BUY", { confidence: i }));
  const outcomes = [makeOutcome({ decision_id: "a", votes }), makeOutcome({ decision_id: "b", votes })];
  const trades = outcomes.map((outcome) => tradeOf(outcome, { bytes: 2000, crc32: "00c0ffee", contentHash: "" }));
  await writeSidecar(storage, { ...SIDECAR, trades });
  expect((await readSidecar(storage))?.trades).toEqual(trades);
});

test("votes are columns in the order of the providers' names, null where a provider did not vote", () => {
  const { votes } = toColumns(TRADES) as { votes: object };
  expect(JSON.stringify(votes)).toBe(
    '{"reversion":{"direction":[null,-1],"confidence":[null,65]},"trend":{"direction":[1,0],"confidence":[80,50]}}',
  );
});

test("writeSidecar() fails if the file cannot be written", async () => {
  const full = overrideCalls(inMemoryStorage(), {
    replace: () => Promise.reject(new Error("ENOSPC: no space left on device")),
  });
  await expect(writeSidecar(full, SIDECAR)).rejects.toThrow("ENOSPC");
});

test.each<[Record<string, unknown>, string]>([
  [{ format: "other" }, 'format "other" version 3, expected "carryover-vectors" version 3'],
  [{ format: "other", version: 1 }, 'format "other" version 1'],
  [{ format: "other", version: 2 }, 'format "other" version 2'],
  [{ version: 4 }, 'format "carryover-vectors" version 4'],
  [{ embedder: 1 }, 'format "carryover-vectors" version 3'],
  [{ fingerprint: null }, 'format "carryover-vectors" version 3'],
  [{ digest: null }, "found no digest, expected the one of the folder"],
  [{ dim: -1 }, "sizes that do not fit each other"],
  [{ dim: 1.5 }, "sizes that do not fit each other"],
  [{ dim: "3" }, "sizes that do not fit each other"],
  [{ rows: -1 }, "sizes that do not fit each other"],
  [{ rows: 1.5 }, "sizes that do not fit each other"],
  [{ rows: 0 }, "sizes that do not fit each other"],
  [{ rows: 1025 }, "sizes that do not fit each other"],
  [{ block_crc32: [] }, "sizes that do not fit each other"],
  [{ block_crc32: ["0badcafe", "0badcafe"] }, "sizes that do not fit each other"],
  [{ block_crc32: { length: 1 } }, "sizes that do not fit each other"],
  [{ rows: 3 }, "columns that do not fit, expected 3 values in each"],
  [{ columns: null }, "columns that do not fit"],
  [{ version: 2, columns: null }, "columns that do not fit"],
  [{ columns: 2 }, "columns that do not fit"],
])("a sidecar with %j is damaged", async (fields, found) => {
  const { code, message } = await failureOf(readWith(fields));
  expect(code).toBe("CORRUPT");
  expect(message).toContain(found);
});

test("an empty sidecar has no blocks, and a dimension may be 0", async () => {
  expect(await readWith({ dim: 0, rows: 0, block_crc32: [], columns: toColumns([]) })).toMatchObject({
    dim: 0,
    trades: [],
    blockCrc32: [],
  });
});

const VOTES = { direction: [1, null], confidence: [80, null] };

test.each<[string, unknown]>([
  ["ids", ["a", 1]],
  ["ids", ["a"]],
  ["ids", ["a", "b", "c"]],
  ["ids", "ab"],
  ["ids", { length: 2 }],
  ["bytes", [2000, "2000"]],
  ["crc32", [1, null]],
  ["content_hash", ["c0ffee", null]],
  ["market", ["bars", "forex"]],
  ["action", ["BUY", "HOLD"]],
  ["entry_ms", [0, "0"]],
  ["entry_ms", [0, null]],
  // One more than the last millisecond of Date (ECMA-262, section 21.4.1.1), and one less than the first.
  ["exit_ms", [0, 8_640_000_000_000_001]],
  ["exit_ms", [0, -8_640_000_000_000_001]],
  ["won", [true, 1]],
  ["pnl", [1, null]],
  ["result_r", [1, "1"]],
  ["trend_score", [null, true]],
  ["votes", null],
  ["votes", []],
  ["votes", { trend: null }],
  ["votes", { trend: { direction: VOTES.direction } }],
  ["votes", { trend: { confidence: VOTES.confidence } }],
  ["votes", { trend: { ...VOTES, direction: [2, null] } }],
  ["votes", { trend: { ...VOTES, direction: [1] } }],
  ["votes", { trend: { ...VOTES, direction: [null, null] } }],
  ["votes", { trend: { ...VOTES, confidence: ["80", null] } }],
  ["votes", { trend: { ...VOTES, confidence: [80, 80] } }],
])("a sidecar whose column %s is %j is damaged", async (name, values) => {
  const { code, message } = await failureOf(readWith({}, { [name]: values }));
  expect(code).toBe("CORRUPT");
  expect(message).toContain("columns that do not fit, expected 2 values in each");
});

test("the first and the last millisecond of Date are times, and unknown figures are null", async () => {
  const columns = {
    entry_ms: [-8.64e15, 0],
    exit_ms: [0, 8.64e15],
    trend_score: [null, -1],
    crc32: [null, null],
    result_r: [null, 0],
  };
  expect((await readWith({}, columns))!.trades).toMatchObject([
    { entryMs: -8.64e15, exitMs: 0, trendScore: null, crc32: null, resultR: null },
    { entryMs: 0, exitMs: 8.64e15, trendScore: -1, crc32: null, resultR: 0 },
  ]);
});

test("an object packs to the bytes that Carryover 0.1.0 wrote of it", async () => {
  const old = readFileSync(join(import.meta.dirname, "../fixtures/memory/vectors-version-2", SIDECAR_FILE));
  expect(Buffer.from(await encodeSidecar(await decodeSidecar(old, NAME)))).toEqual(old);
});

test("gunzip reads one line of JSON; the time is 0, and the header has the CRC-32 of the rest", async () => {
  const bytes = await encodeSidecar({ rows: 2 });
  expect(gunzipSync(bytes).toString()).toBe('{"rows":2}\n');
  // RFC 1952: magic, deflate, FEXTRA, no time, fastest, Unix, 8 bytes of extra field: "CO" with 4 bytes.
  expect([...bytes.subarray(0, 16)]).toEqual([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 3, 8, 0, 67, 79, 4, 0]);
  expect(new DataView(bytes.buffer).getUint32(16, true)).toBe(crc32(bytes.subarray(20)));
});

test("decodeSidecar() notices one flipped bit at every position", async () => {
  const bytes = await encodeSidecar(VALUE);
  let harmlessToGzip = 0;
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const { code, message } = await failureOf(decodeSidecar(flipped, NAME));
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith(`Cannot read "${NAME}": found `);
    if (bit >= 160) harmlessToGzip += canGunzip(flipped) ? 1 : 0;
  }
  // That is why gzip's own checksum is not enough.
  expect(harmlessToGzip).toBeGreaterThan(0);
});

test("decodeSidecar() refuses a file that was cut anywhere, and one with bytes at its end", async () => {
  const bytes = await encodeSidecar({ ids: ["a", "b"] });
  for (let length = 0; length < bytes.length; length++) {
    expect((await failureOf(decodeSidecar(bytes.subarray(0, length), NAME))).code).toBe("CORRUPT");
  }
  for (const tail of [Uint8Array.of(0), bytes]) {
    expect((await failureOf(decodeSidecar(Uint8Array.from([...bytes, ...tail]), NAME))).code).toBe("CORRUPT");
  }
});

test("decodeSidecar() refuses a bomb, like any gzip of others, before it unpacks a byte", async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000));
  const { message } = await failureOf(decodeSidecar(bomb, NAME));
  expect(message).toBe(`Cannot read "${NAME}": found another header, expected a gzip file that was written here`);
});

test("decodeSidecar() refuses a forged length, even under a checksum that matches", async () => {
  const bytes = await encodeSidecar({ rows: 2 });
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 4, 0xffffffff, true);
  expect((await failureOf(decodeSidecar(bytes, NAME))).message).toContain("do not match their checksum");
  view.setUint32(16, crc32(bytes.subarray(20)), true);
  expect((await failureOf(decodeSidecar(bytes, NAME))).message).toContain("found damaged or incomplete gzip");
});

test("decodeSidecar() says of a header without a body that gzip is incomplete", async () => {
  const header = (await encodeSidecar({})).slice(0, 20);
  // The CRC-32 of no bytes is 0.
  header.fill(0, 16);
  expect((await failureOf(decodeSidecar(header, NAME))).message).toContain("found damaged or incomplete gzip");
  const text = "found another header, expected a gzip file";
  expect((await failureOf(decodeSidecar(header.subarray(0, 19), NAME))).message).toContain(text);
});

test("encodeSidecar() packs an object of more than 4 MB, too", async () => {
  const value = { text: "a".repeat(5_000_000) };
  expect(await decodeSidecar(await encodeSidecar(value), NAME)).toEqual(value);
});

function canGunzip(bytes: Uint8Array): boolean {
  try {
    gunzipSync(bytes);
    return true;
  } catch {
    return false;
  }
}

useNativeFunctions();

test("a sidecar of more than half a megabyte packed is read, up to a limit that the bytes themselves cannot raise", async () => {
  // Random digits, which hardly pack.
  const random = createRandom("large");
  const ids = Array.from({ length: 120_000 }, () => random.bits().toString(36));
  const bytes = await encodeSidecar({ ids });
  expect(bytes.length).toBeGreaterThan(550_000);
  expect(await decodeSidecar(bytes, NAME)).toEqual({ ids });
  const refuse = (details: FailureDetails): Error => new Error(details.found);
  const unpacked = (maxBytes: number): Promise<Uint8Array> =>
    gunzip(bytes.slice(), { maxBytes, isOneMember: true, refuse });
  expect((await unpacked(4_000_000)).length).toBe(JSON.stringify({ ids }).length + 1);
  await expect(unpacked(500_000)).rejects.toThrow("more than 500000 bytes when unpacked");
  // The trailer says less than there is.
  new DataView(bytes.buffer).setUint32(bytes.length - 4, 5, true);
  await expect(unpacked(4_000_000)).rejects.toThrow("damaged or incomplete gzip");
  await expect(unpacked(500_000)).rejects.toThrow("more than 500000 bytes when unpacked");
});

describe("a large sidecar", () => {
  // Random digits, which hardly pack.
  const random = createRandom("large");
  const words = Uint32Array.from({ length: 4_500_000 }, () => random.bits());
  const padding = Buffer.from(words.buffer).toString("base64");
  const { trades, blockCrc32, ...meta } = SIDECAR;
  const head = { format: "carryover-vectors", version: 3, ...meta, rows: 2, block_crc32: blockCrc32 };
  const [first, later] = ["first", "later"].map((embedder) =>
    encodeSidecar({ ...head, embedder, columns: toColumns(trades), padding }),
  ) as [Promise<Uint8Array>, Promise<Uint8Array>];

  /** A storage with one sidecar, and how many bytes each read asks for. `between` is called before each but the first. */
  async function holding(
    bytes: Uint8Array,
    between: (storage: Storage, reads: number) => Promise<void> = async () => {},
  ): Promise<{ storage: Storage; asked: number[] }> {
    const stored = inMemoryStorage();
    await stored.replace(SIDECAR_FILE, bytes);
    const asked: number[] = [];
    const read: Storage["read"] = async (name, options) => {
      if (asked.push(options.maxBytes) > 1) await between(stored, asked.length - 1);
      return stored.read(name, options);
    };
    return { storage: overrideCalls(stored, { read }), asked };
  }

  /** Reads of the check: of what follows the first 20 bytes. */
  const blocksOf = (bytes: Uint8Array): number => Math.ceil((bytes.length - 20) / BLOCK_BYTES);

  test("is read as it was written", async () => {
    const { storage, asked } = await holding(await first);
    expect(await readSidecar(storage)).toEqual({ ...SIDECAR, embedder: "first", isOld: false });
    expect(asked).toEqual([1 << 24, ...Array.from({ length: blocksOf(await first) }, () => BLOCK_BYTES), 1 << 28]);
  });

  test("that is somebody else's is refused by its first bytes", async () => {
    const bytes = (await first).slice();
    bytes[5]! ^= 1;
    const { storage, asked } = await holding(bytes);
    expect((await failureOf(readSidecar(storage))).message).toContain("found another header");
    expect(asked).toEqual([1 << 24]);
  });

  test("that is damaged is refused block by block", async () => {
    const bytes = (await first).slice();
    bytes[bytes.length - 1]! ^= 1;
    const { storage, asked } = await holding(bytes);
    expect((await failureOf(readSidecar(storage))).message).toContain("bytes that do not match their checksum");
    expect(asked).toEqual([1 << 24, ...Array.from({ length: blocksOf(bytes) }, () => BLOCK_BYTES), 20]);
  });

  describe.each([
    ["before it is checked", () => 1],
    ["while it is checked", () => 5],
    ["after it was checked", (blocks: number) => 1 + blocks],
  ])("that changes %s", (_when, readsBefore) => {
    const changed = async (change: (storage: Storage) => Promise<void>): Promise<Sidecar | undefined> => {
      const before = readsBefore(blocksOf(await first));
      const { storage } = await holding(await first, async (stored, reads) => {
        if (reads === before) await change(stored);
      });
      return readSidecar(storage);
    };

    test("is the new one", async () => {
      const replaced = await changed(async (storage) => storage.replace(SIDECAR_FILE, await later));
      expect(replaced?.embedder).toBe("later");
    });

    test("is none if it was removed", async () => {
      expect(await changed((storage) => storage.remove(SIDECAR_FILE))).toBeUndefined();
    });
  });
});
