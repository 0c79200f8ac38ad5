import { expect, test } from "bun:test";
import type { TableName } from "../../lib/runs/export-columns.ts";
import { exportRows } from "../../lib/runs/export-rows.node.ts";
import type { FoundRun } from "../../lib/runs/find.node.ts";
import { pauseEvery } from "../../lib/util/async.ts";
import { CHUNKS, storedRun } from "./stored-run.ts";

const [JANUARY, FEBRUARY] = CHUNKS;

/** The chunks of the rows that are exported, and what is named as damaged. */
async function exported(run: FoundRun, table: TableName = "equity"): Promise<{ chunks: unknown[]; damaged: string[] }> {
  const damaged: string[] = [];
  const chunks: unknown[] = [];
  const rows = exportRows(table, [{ memoryDir: run.memoryDir, runs: [run], allOutcomes: false }], {
    onDamaged: (problem) => damaged.push(problem),
    onProgress: () => {},
    pause: async () => {},
  });
  for await (const batch of rows) chunks.push(...batch.map(([, chunk]) => chunk));
  return { chunks, damaged };
}

test("the rows of a whole run", async () => {
  const { run } = await storedRun();
  expect(await exported(run)).toEqual({ chunks: [...CHUNKS], damaged: [] });
});

test("a run whose key is damaged or missing has no rows, and is named", async () => {
  const { run, storage, names } = await storedRun();
  const manifest = `runs/${run.id}/manifest.json`;
  await storage.replace(manifest, new TextEncoder().encode("{}\n"));
  expect(await exported(run)).toEqual({ chunks: [], damaged: [expect.stringContaining(`Cannot read "${manifest}"`)] });
  await storage.remove(manifest);
  const without = { ...run, names: names.filter((name) => name !== "manifest.json") };
  expect(await exported(without)).toEqual({ chunks: [], damaged: [expect.stringContaining("found no such file")] });
});

test("a finished run that lacks a chunk is named, and its other chunks are exported", async () => {
  const { run, names } = await storedRun();
  const without = { ...run, names: names.filter((name) => name !== `${JANUARY}.json`) };
  expect(await exported(without)).toEqual({
    chunks: [FEBRUARY],
    damaged: [expect.stringContaining(`Cannot read chunk ${JANUARY} of run aaaaaaaaaaaa: found no file of it`)],
  });
});

test("a chunk whose bytes are not those of its record is left out and named", async () => {
  const { run, storage } = await storedRun();
  const name = `runs/${run.id}/${FEBRUARY}.equity.csv`;
  await storage.replace(name, new TextEncoder().encode("timestamp,equity,open_positions\n2021-02-14,1,0\n"));
  expect(await exported(run)).toEqual({
    chunks: [JANUARY],
    damaged: [expect.stringContaining(`Cannot read "${name}": found a CRC-32`)],
  });
});

test("a signal stops it after a batch, though nothing that it reads waits", async () => {
  const { run } = await storedRun();
  const stop = new AbortController();
  setImmediate(() => stop.abort(new Error("stopped")));
  const rows = exportRows("equity", [{ memoryDir: "memory", runs: [run], allOutcomes: false }], {
    onDamaged: () => {},
    onProgress: () => {},
    pause: pauseEvery(1, stop.signal),
  });
  let batches = 0;
  const reading = (async () => {
    for await (const _ of rows) batches += 1;
  })();
  await expect(reading).rejects.toThrow("stopped");
  expect(batches).toBe(1);
});
