import { expect, test } from "bun:test";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { readJsonObject } from "../../lib/storage/json-file.ts";
import { failureOf, utf8 } from "./storage-contract.ts";

test("readJsonObject() returns undefined for a missing file and refuses one above the size limit", async () => {
  const storage = inMemoryStorage();
  expect(await readJsonObject(storage, "a.json", { maxBytes: 10 })).toBeUndefined();
  await storage.replace("a.json", utf8('{"a": 12}'));
  expect(await readJsonObject(storage, "a.json", { maxBytes: 9 })).toEqual({ a: 12 });
  expect(await failureOf(readJsonObject(storage, "a.json", { maxBytes: 8 }))).toEqual({
    code: "CORRUPT",
    message: 'Cannot read "a.json": found more than 8 bytes, expected fewer',
  });
});
