import { beforeAll, describe, expect, test } from "bun:test";
import type { RunKey } from "../../lib/backtest/run-key.ts";
import { readManifests, RunFiles } from "../../lib/backtest/run-files.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { resumeJob } from "./resume-samples.ts";
import { runOn } from "./world-samples.ts";

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

test.each([
  ["nothing", []],
  ["an outcome", [["a", null]]],
  [
    "several",
    [
      ["a", "1"],
      ["b", "2"],
      ["c", null],
    ],
  ],
] as const)("readManifestHead() is the key without the outcomes carried in: %s", async (_title, base) => {
  const storage = inMemoryStorage();
  const files = new RunFiles(storage, "a".repeat(64));
  expect(await files.readManifestHead()).toBeUndefined();
  await files.writeManifest({ ...KEY, base });
  const { base: _base, ...head } = KEY;
  expect(await files.readManifestHead()).toEqual(head);
});

describe("readSummaryHead()", () => {
  let storage: Storage;
  let name: string;
  let files: RunFiles;
  let summary: Summary;
  beforeAll(async () => {
    storage = inMemoryStorage();
    ({ summary } = await runOn(storage, resumeJob()));
    files = new RunFiles(storage, summary.run_id);
    name = `runs/${summary.run_id}/summary.json`;
  });

  test("has the figures of the summary", async () => {
    expect(await files.readSummaryHead()).toMatchObject({
      run_id: summary.run_id,
      total_return_pct: summary.total_return_pct,
      annualized_sharpe: summary.annualized_sharpe,
      max_drawdown_pct: summary.max_drawdown_pct,
      total_trades: summary.total_trades,
    });
    expect(await new RunFiles(storage, "f".repeat(64)).readSummaryHead()).toBeUndefined();
  });

  test("refuses a flipped bit anywhere, also in what it does not parse", async () => {
    const bytes = (await storage.read(name, { maxBytes: 1 << 24 }))!;
    for (const at of [40, 900, Math.floor(bytes.length / 2), bytes.length - 30]) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1;
      await storage.replace(name, flipped);
      expect((await failureOf(files.readSummaryHead())).code).toBe("CORRUPT");
    }
    await storage.replace(name, bytes);
  });

  test("refuses the summary of another run", async () => {
    const other = "e".repeat(64);
    await storage.replace(`runs/${other}/summary.json`, (await storage.read(name, { maxBytes: 1 << 24 }))!);
    expect((await failureOf(new RunFiles(storage, other).readSummaryHead())).message).toContain(
      "the summary of another run",
    );
  });
});
