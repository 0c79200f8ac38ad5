import { expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson, readSealedJson } from "../../lib/storage/sealed-json.ts";
import { failureOf } from "./storage-contract.ts";

const VALUE = { run_id: "ab", nested: { numbers: [1, 2.5, null] }, text: 'a "quote" and ä' };
const LIMIT = { maxBytes: 1000 };

test("a sealed object is indented JSON whose last key is the CRC-32 of all bytes before it", () => {
  const text = new TextDecoder().decode(encodeSealedJson(VALUE));
  const { crc32: sum, ...rest } = JSON.parse(text);
  expect(rest).toEqual(VALUE);
  const end = text.indexOf('"crc32"');
  expect(text.slice(end)).toBe(`"crc32": "${sum}"\n}\n`);
  expect(Number.parseInt(sum, 16)).toBe(crc32(text.slice(0, end)));
  expect(text.slice(0, end)).toBe(`${JSON.stringify(VALUE, null, 2).slice(0, -2)},\n  `);
});

test("reading returns the object without its seal, says whether it had one, and returns undefined for a missing file", async () => {
  const storage = inMemoryStorage();
  await storage.replace("a", encodeSealedJson(VALUE));
  await storage.replace("b", new TextEncoder().encode('{"run_id": "ab"}'));
  expect(await readSealedJson(storage, "a", LIMIT)).toEqual({ fields: VALUE, isSealed: true });
  expect(await readSealedJson(storage, "b", LIMIT)).toEqual({ fields: { run_id: "ab" }, isSealed: false });
  expect(await readSealedJson(storage, "c", LIMIT)).toBeUndefined();
});

test("the message has as much of a wrong checksum as a right one has digits", async () => {
  const storage = inMemoryStorage();
  await storage.replace("a", new TextEncoder().encode('{"run_id": "ab", "crc32": "0123456789abcdef"}'));
  expect((await failureOf(readSealedJson(storage, "a", LIMIT))).message).toContain('a crc32 of "01234567" that');
});

test("any flipped bit and any cut is CORRUPT, in the seal too, and so is a file above the size limit", async () => {
  const storage = inMemoryStorage();
  const bytes = encodeSealedJson(VALUE);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    await storage.replace("a", flipped);
    expect((await failureOf(readSealedJson(storage, "a", LIMIT))).code).toBe("CORRUPT");
  }
  for (let length = 0; length < bytes.length; length++) {
    await storage.replace("a", bytes.slice(0, length));
    // Without the last line break it is still JSON, but the seal is not where it was.
    expect((await failureOf(readSealedJson(storage, "a", LIMIT))).code).toBe("CORRUPT");
  }
  await storage.replace("a", bytes);
  expect((await failureOf(readSealedJson(storage, "a", { maxBytes: 20 }))).message).toBe(
    'Cannot read "a": found more than 20 bytes, expected fewer',
  );
});
