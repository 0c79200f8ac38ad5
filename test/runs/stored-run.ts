/** A run whose files are made up. */
import { RunFiles, type StoredChunk } from "../../lib/backtest/run-files.ts";
import type { RunKey } from "../../lib/backtest/run-key.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import type { FoundRun } from "../../lib/runs/find.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";

const KEY: RunKey = {
  version: "1",
  period: "2021-01-01/2021-03-01",
  config: { backtest: { chunks: "month", timeframe: "1w" } },
  seed: 1,
  files: {},
  bars: { AAA: "0" },
  market: "bars",
  embedder: "hashing",
  base: [],
  carried_in_sha256: "c".repeat(64),
  forget_marks: [],
  attempt: 0,
};

/** The chunks of a stored run. */
export const CHUNKS = ["2021-01", "2021-02"] as const;

/** A decision of 14 January or February, without memory. */
export function decisionId(chunk: string, asset = "AAA"): string {
  return `${chunk.replace("-", "")}14T0000-${asset}-0a1b2c3d`;
}

/** A finished run of January and February 2021, with a decision and a mark of equity in each. */
export async function storedRun(
  id: string = "a".repeat(64),
  storage: Storage = inMemoryStorage(),
): Promise<{ storage: Storage; run: FoundRun; names: string[] }> {
  const files = new RunFiles(storage, id);
  await files.writeManifest(KEY);
  for (const chunk of CHUNKS) {
    const decision = { decision_id: decisionId(chunk), context: { similar: { nearest: [] } } };
    const files_crc32 = await files.writeDetails(chunk, {
      decisions: new TextEncoder().encode(`${JSON.stringify(decision)}\n`),
      marks: [{ timestamp: Date.parse(`${chunk}-14`), equity: 10_000, openPositions: 0 }],
    });
    const record = { chunk, run_id: id, start: `${chunk}-01`, files_crc32, initial_balance: 1000, daily: [] };
    await files.commitChunk(record as unknown as StoredChunk);
  }
  await files.writeSummary({ run_id: id } as Summary);
  const names = (await storage.list(`runs/${id}`)).files.map(({ name }) => name);
  const run = { id, label: undefined, names, writtenMs: 0, memoryDir: "memory", folder: "", storage };
  return { storage, run, names };
}
