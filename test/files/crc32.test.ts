import { describe, expect, test } from "bun:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { plainCrc32 } from "../../lib/files/_plain-crc32.ts";
import { crc32Hex } from "../../lib/files/crc32.ts";

/** Ours, and what disk storage has in its place. */
const both = describe.each([
  ["plainCrc32()", plainCrc32],
  ["Bun.hash.crc32()", Bun.hash.crc32],
]);

both("%s", (_name, sum) => {
  test("of the digits 1 to 9 is the check value of CRC-32/ISO-HDLC in the RevEng catalogue", () => {
    expect(sum(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  test("of nothing is 0", () => {
    expect(sum(new Uint8Array())).toBe(0);
  });

  test("is zlib's, for any length and wherever the bytes begin in their buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, offset) => {
        const view = bytes.subarray(offset);
        expect(sum(view)).toBe(zlibCrc32(view));
      }),
      { numRuns: 500 },
    );
  });

  test("is zlib's for many bytes, of which two halves are summed at once", () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 21);
    for (const length of [16_380, 16_384, 16_387, 16_392, 16_400, 30_011, 69_990]) {
      for (const offset of [0, 1, 3, 8]) {
        const view = bytes.subarray(offset, offset + length);
        expect(sum(view)).toBe(zlibCrc32(view));
      }
    }
  });
});

test("crc32Hex() has eight digits, whatever the sum", () => {
  // 0x0c877f61 is zlib's sum of these bytes, which begins with a zero.
  const bytes = new TextEncoder().encode("Test vector from febooti.com");
  expect(zlibCrc32(bytes)).toBe(0x0c877f61);
  expect(crc32Hex(bytes)).toBe("0c877f61");
  expect(crc32Hex(new Uint8Array())).toBe("00000000");
});
