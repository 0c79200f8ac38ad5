import { describe, expect, test } from "bun:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32, crc32Digits, crc32Hex, plainCrc32 } from "../../lib/util/crc32.ts";
import { useNativeFunctions } from "../../lib/util/native.node.ts";

describe("plainCrc32()", () => {
  test("gives the check value of CRC-32/ISO-HDLC in the RevEng catalogue for the digits 1 to 9", () => {
    expect(plainCrc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  test("gives 0 for no bytes", () => {
    expect(plainCrc32(new Uint8Array())).toBe(0);
  });

  test("agrees with zlib for any length and offset in a buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, offset) => {
        const view = bytes.subarray(offset);
        expect(plainCrc32(view)).toBe(zlibCrc32(view));
      }),
      { numRuns: 500 },
    );
  });
});

test("the CRC-32 of a whole follows from that of its beginning, in plain TypeScript and in the engine's own function", () => {
  const sums = [plainCrc32];
  useNativeFunctions();
  sums.push(crc32);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      for (const sum of sums) expect(sum(bytes.subarray(cut), sum(bytes.subarray(0, cut)))).toBe(zlibCrc32(bytes));
    }),
  );
});

test("crc32Hex() always gives eight digits", () => {
  // 0x0c877f61 is zlib's sum of these bytes, which begins with a zero.
  const bytes = new TextEncoder().encode("Test vector from febooti.com");
  expect(zlibCrc32(bytes)).toBe(0x0c877f61);
  expect(crc32Hex(bytes)).toBe("0c877f61");
  expect(crc32Hex(new Uint8Array())).toBe("00000000");
  expect(crc32Digits(0xabc)).toBe("00000abc");
});
