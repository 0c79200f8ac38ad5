import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { changedPaths, decodeJsonObject, encodeJson, isRecord } from "../../lib/util/json.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";

test("encodeJson() indents by two spaces, keeps the order of keys and ends the last line", () => {
  expect(new TextDecoder().decode(encodeJson({ b: 1, a: [true, "ä"] }))).toBe(
    '{\n  "b": 1,\n  "a": [\n    true,\n    "ä"\n  ]\n}\n',
  );
});

test("any object is decoded to what was encoded", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.stringify(decodeJsonObject(encodeJson(value), "a.json"))).toBe(text);
    }),
  );
});

describe("decodeJsonObject()", () => {
  const failure = (bytes: Uint8Array): Promise<{ code: string; message: string }> =>
    failureOf((async () => decodeJsonObject(bytes, "a.json"))());

  test.each([
    ["no bytes", utf8("")],
    ["NUL bytes", new Uint8Array(100)],
    ["a truncated object", utf8('{"a": 1')],
    ["bytes that are not UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ["brackets a million deep", utf8("[".repeat(1 << 20))],
    ["objects 200,000 deep", utf8('{"a":'.repeat(200_000))],
  ])("refuses %s and names the file", async (_, bytes) => {
    const { code, message } = await failure(bytes);
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith('Cannot read "a.json": ');
    expect(message).toEndWith("expected a JSON object");
  });

  test.each([
    ["[]", "an array"],
    ["null", "null"],
    ["3", "a number"],
    ['"x"', "a string"],
  ])("refuses %s, which is JSON but not an object", async (text, found) => {
    expect((await failure(utf8(text))).message).toBe(`Cannot read "a.json": found ${found}, expected a JSON object`);
  });

  test("reads past a byte order mark, which editors on Windows leave", () => {
    expect(decodeJsonObject(utf8('\uFEFF{"a": 1}'), "a.json")).toEqual({ a: 1 });
  });

  test("treats __proto__ like any other key", () => {
    const value = decodeJsonObject(utf8('{"__proto__": 1}'), "a.json");
    expect(Object.keys(value)).toEqual(["__proto__"]);
  });
});

test("isRecord() is true only for objects with keys", () => {
  expect([{}, Object.create(null)].every(isRecord)).toBe(true);
  expect([null, undefined, [], "x", 1, true].some(isRecord)).toBe(false);
});

describe("changedPaths()", () => {
  const key = {
    version: "0.1.0",
    config: { backtest: { chunks: "quarter", risk: { stop_atr: 3, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
    files: { "votes.csv": "aa" },
    bars: { AAA: "bb", BBB: "cc" },
  };

  test("names the paths at which two values differ, down to the last key", () => {
    const other = {
      ...key,
      version: "0.2.0",
      config: { backtest: { chunks: "month", risk: { stop_atr: 2, target_atr: 4.5 } }, providers: [{ name: "trend" }] },
      files: { "other.csv": "aa" },
      bars: { BBB: "cc", AAA: "bb" },
    };
    expect(changedPaths(key, other).toSorted()).toEqual([
      "config.backtest.chunks",
      "config.backtest.risk.stop_atr",
      "files.other.csv",
      "files.votes.csv",
      "version",
    ]);
    expect(changedPaths(key, structuredClone(key))).toEqual([]);
  });

  test("compares lists whole", () => {
    expect(changedPaths({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual(["a"]);
  });

  test("names a key that only one value has, also where it is null there", () => {
    expect(changedPaths({ a: { b: null, c: 1 } }, { a: { c: 1 } })).toEqual(["a.b"]);
    expect(changedPaths({ a: 1 }, { a: 1, b: { c: 2 } })).toEqual(["b"]);
  });
});
