import { expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { countedFrom, decodeForgetMark, encodeForgetMark, isForgetFile } from "../../lib/memory/forget.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";

const MARK = { provider: "trend", beforeMs: Date.UTC(2021, 3, 1) };

test("a mark is a file with two keys, named after the CRC-32 of its bytes", () => {
  const { name, bytes } = encodeForgetMark(MARK);
  expect(new TextDecoder().decode(bytes)).toBe(
    '{\n  "provider": "trend",\n  "before": "2021-04-01T00:00:00.000Z"\n}\n',
  );
  expect(name).toBe(`forget_${crc32(bytes).toString(16).padStart(8, "0")}.json`);
  expect(isForgetFile(name)).toBe(true);
  expect(decodeForgetMark(bytes, name)).toEqual(MARK);
});

test("only forget_<8 hex>.json is a mark", () => {
  expect(["forget_1234567.json", "forget_1234567G.json", "xforget_12345678.json"].some(isForgetFile)).toBe(false);
});

test("a mark written by hand may have a date, which is midnight UTC on every machine", () => {
  const mark = decodeForgetMark(utf8('{"before": "2021-04-01", "provider": "trend"}'), "forget_00000000.json");
  expect(mark).toEqual(MARK);
  expect(decodeForgetMark(utf8('{"before": "2021-04-01T00:00", "provider": "trend"}'), "forget_0.json")).toEqual(MARK);
});

test.each(['{"provider": "trend"}', '{"provider": 3, "before": "2021-04-01"}', '{"provider": "x", "before": "soon"}'])(
  "%s is not a mark",
  async (text) => {
    const failure = await failureOf((async () => decodeForgetMark(utf8(text), "forget_00000000.json"))());
    expect(failure.code).toBe("CORRUPT");
    expect(failure.message).toStartWith('Cannot read "forget_00000000.json": found {');
    expect(failure.message).toEndWith("expected a provider and a time");
  },
);

test("of several marks of a provider, the latest counts", () => {
  const from = countedFrom([MARK, { provider: "__proto__", beforeMs: 5 }, { ...MARK, beforeMs: 7 }]);
  expect(["trend", "__proto__", "reversion"].map(from)).toEqual([MARK.beforeMs, 5, -Infinity]);
});
