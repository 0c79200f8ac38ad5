import { expect, test } from "bun:test";
import { crc32, gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { decodeSidecar, encodeSidecar, readSidecar, SIDECAR_FILE, toColumns } from "../../lib/memory/sidecar.ts";
import type { FailureDetails } from "../../lib/errors.ts";
import { gunzip } from "../../lib/util/gunzip.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";
import { createRandom } from "../../lib/util/random.ts";
import { tradeOf } from "../../lib/memory/trade.ts";
import { makeOutcomes } from "./outcome-samples.ts";
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
  );
});

test.each([
  ["dim", -1],
  ["dim", 1.5],
  ["rows", -1],
  ["rows", 0.5],
])("a sidecar whose %s is %d is damaged", async (name, count) => {
  const storage = inMemoryStorage();
  const none = toColumns([]);
  const value = {
    format: "carryover-vectors",
    version: 3,
    embedder: "x",
    fingerprint: "x",
    dim: 1,
    rows: 0,
    digest: "x",
  };
  const rest = { block_rows: 1024, block_crc32: [], columns: none };
  await storage.replace(SIDECAR_FILE, await encodeSidecar({ ...value, ...rest }));
  expect(await readSidecar(storage)).toMatchObject({ dim: 1, trades: [] });
  await storage.replace(SIDECAR_FILE, await encodeSidecar({ ...value, ...rest, [name]: count }));
  expect((await failureOf(readSidecar(storage))).message).toContain("sizes that do not fit each other");
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
