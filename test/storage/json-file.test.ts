import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readJsonObject } from "../../lib/storage/json-file.ts";
import { decodeJsonObject, encodeJson, isRecord } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { failureOf, utf8 } from "./storage-contract.ts";

test("encodeJson() indents by two spaces, keeps the order of keys and ends the last line", () => {
  expect(new TextDecoder().decode(encodeJson({ b: 1, a: [true, "ä"] }))).toBe(
    '{\n  "b": 1,\n  "a": [\n    true,\n    "ä"\n  ]\n}\n',
  );
});

test("any object comes back as it was encoded", () => {
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
    ["bytes that are no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
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
  ])("refuses %s, which is JSON but no object", async (text, found) => {
    expect((await failure(utf8(text))).message).toBe(`Cannot read "a.json": found ${found}, expected a JSON object`);
  });

  test("reads past a byte order mark, which editors on Windows leave", () => {
    expect(decodeJsonObject(utf8('\uFEFF{"a": 1}'), "a.json")).toEqual({ a: 1 });
  });

  test("takes __proto__ for a key like any other", () => {
    const value = decodeJsonObject(utf8('{"__proto__": 1}'), "a.json");
    expect(Object.keys(value)).toEqual(["__proto__"]);
  });
});

test("readJsonObject() says that there is no file, and refuses one that is too large", async () => {
  const storage = inMemoryStorage();
  expect(await readJsonObject(storage, "a.json", { maxBytes: 10 })).toBeUndefined();
  await storage.replace("a.json", utf8('{"a": 12}'));
  expect(await readJsonObject(storage, "a.json", { maxBytes: 9 })).toEqual({ a: 12 });
  expect(await failureOf(readJsonObject(storage, "a.json", { maxBytes: 8 }))).toEqual({
    code: "CORRUPT",
    message: 'Cannot read "a.json": found more than 8 bytes, expected fewer',
  });
});

test("isRecord() is true for objects with keys alone", () => {
  expect([{}, Object.create(null)].every(isRecord)).toBe(true);
  expect([null, undefined, [], "x", 1, true].some(isRecord)).toBe(false);
});
