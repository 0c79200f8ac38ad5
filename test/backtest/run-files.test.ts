import { expect, test } from "bun:test";
import type { RunKey } from "../../lib/backtest/run-key.ts";
import { readManifests, RunFiles } from "../../lib/backtest/run-files.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";

const KEY: RunKey = {
  version: "1",
  period: "2021-01-01/2022-01-01",
  config: {},
  seed: 1,
  files: {},
  bars: { AAA: "0" },
  market: "bars",
  embedder: "hashing",
  base: [["a", null]],
  carried_in_sha256: "c".repeat(64),
  forget_marks: [],
  attempt: 0,
};

test.each([
  ["period", '"perior":'],
  ["bars", '"bars": 7, "was":'],
  ["base", '"bese":'],
  ["attempt", '"attempt": "0", "was":'],
])("readManifests() skips a key with a damaged %s", async (field, damaged) => {
  const storage = inMemoryStorage();
  await new RunFiles(storage, "a".repeat(64)).writeManifest(KEY);
  await new RunFiles(storage, "b".repeat(64)).writeManifest(KEY);
  expect(await readManifests(storage)).toEqual(new Map(["a", "b"].map((id) => [id.repeat(64), KEY])));

  const name = `runs/${"a".repeat(64)}/manifest.json`;
  const text = new TextDecoder().decode(await storage.read(name, { maxBytes: 10_000 }));
  expect(text).toContain(`"${field}":`);
  await storage.replace(name, new TextEncoder().encode(text.replace(`"${field}":`, damaged)));
  expect([...(await readManifests(storage)).keys()]).toEqual(["b".repeat(64)]);
});
