import { describe, expect, test } from "bun:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import { BLOCK_BYTES, crc32OfFile, MAX_LINE_BYTES, readLines } from "../../lib/storage/blocks.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";
import { overrideCalls } from "./override-calls.ts";
import { failureOf, utf8 } from "./storage-contract.ts";

// The plain CRC-32 takes time for megabytes.
useNativeFunctions();

const NAME = "a.ndjson";
const MAX_BYTES = 1 << 30;

/** A storage with one file, and how many bytes each read of it asked for. */
async function fileOf(bytes: Uint8Array): Promise<{ storage: Storage; asked: number[] }> {
  const stored = inMemoryStorage();
  await stored.replace(NAME, bytes);
  const asked: number[] = [];
  const read: Storage["read"] = (name, options) => {
    asked.push(options.maxBytes);
    return stored.read(name, options);
  };
  return { storage: overrideCalls(stored, { read }), asked };
}

/** Bytes that are not the same in any two blocks. */
function bytesOf(length: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i);
  return new Uint8Array(words.buffer, 0, length);
}

describe("crc32OfFile()", () => {
  test.each([
    ["no byte", 0],
    ["less than a block", 1000],
    ["a block", BLOCK_BYTES],
    ["a byte more than two blocks", 2 * BLOCK_BYTES + 1],
  ])(
    "is the CRC-32 of the whole of a file with %s, of which no more than a block is read at once",
    async (_, length) => {
      const bytes = bytesOf(length);
      const { storage, asked } = await fileOf(bytes);
      expect(await crc32OfFile(storage, NAME, { maxBytes: MAX_BYTES })).toBe(zlibCrc32(bytes));
      expect(Math.max(...asked)).toBe(BLOCK_BYTES);
    },
  );

  test("is of the bytes from an offset on, and of no more than are wanted", async () => {
    const bytes = bytesOf(3 * BLOCK_BYTES);
    const { storage, asked } = await fileOf(bytes);
    const offset = 20;
    const maxBytes = BLOCK_BYTES + 100;
    const expected = zlibCrc32(bytes.subarray(offset, offset + maxBytes));
    expect(await crc32OfFile(storage, NAME, { offset, maxBytes })).toBe(expected);
    expect(asked).toEqual([BLOCK_BYTES, 100]);
  });

  test("is that of no byte for an empty file, and nothing for a missing one", async () => {
    const { storage } = await fileOf(new Uint8Array());
    expect(await crc32OfFile(storage, NAME, { maxBytes: 10 })).toBe(0);
    expect(await crc32OfFile(storage, "other", { maxBytes: 10 })).toBeUndefined();
  });
});

describe("readLines()", () => {
  const linesIn = async (bytes: Uint8Array, maxBytes = MAX_BYTES): Promise<readonly (readonly string[])[]> =>
    Array.fromAsync(readLines((await fileOf(bytes)).storage, NAME, { maxBytes }));

  test("returns the lines of a small file at once, without what follows the last line break", async () => {
    expect(await linesIn(utf8("a\n\nb\nc"))).toEqual([["a", "", "b"]]);
    expect(await linesIn(utf8("a"))).toEqual([]);
    expect(await linesIn(new Uint8Array())).toEqual([]);
  });

  test("returns each line of a large file once, also one that goes over the border of two blocks", async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i} ${"ä€🎉".repeat(i % 30)}`);
    const bytes = utf8(`${lines.join("\n")}\n`);
    expect(bytes.length).toBeGreaterThan(2 * BLOCK_BYTES);
    const parts = await linesIn(bytes);
    expect(parts.length).toBe(3);
    expect(parts.flat()).toEqual(lines);
  });

  test("returns a line whose end is the first byte of the last block", async () => {
    const line = "x".repeat(BLOCK_BYTES);
    expect(await linesIn(utf8(`${line}\n`))).toEqual([[line]]);
  });

  test("leaves out a line that is not whole within the bytes that are wanted", async () => {
    expect(await linesIn(utf8("a\nb\nc\n"), 5)).toEqual([["a", "b"]]);
  });

  test("takes a line of 16 MiB, and refuses a longer one", async () => {
    const longest = `${"x".repeat(MAX_LINE_BYTES)}\n`;
    const lines = (await linesIn(utf8(`${longest}a\n${longest}`))).flat();
    expect(lines.map((line) => line.length)).toEqual([MAX_LINE_BYTES, 1, MAX_LINE_BYTES]);
    const { code, message } = await failureOf(linesIn(utf8(`x${longest}`)));
    expect([code, message]).toEqual([
      "CORRUPT",
      `Cannot read "${NAME}": found a line of more than ${MAX_LINE_BYTES} bytes, expected shorter ones`,
    ]);
  });

  test("reads no further than 16 MiB of a file without a line break", async () => {
    const { storage, asked } = await fileOf(new Uint8Array(2 * MAX_LINE_BYTES));
    const reading = Array.fromAsync(readLines(storage, NAME, { maxBytes: MAX_BYTES }));
    expect((await failureOf(reading)).code).toBe("CORRUPT");
    // In blocks of 1 MiB.
    expect(asked).toEqual(Array.from({ length: 17 }, () => 1_048_576));
  });
});
