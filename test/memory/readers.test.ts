import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { readMemoryReport, type MemoryReport } from "../../lib/maintenance/memory-report.ts";
import { recall } from "../../lib/memory/open.node.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { DAY, runOn } from "../backtest/world-samples.ts";
import { makeOutcomes } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";

// Hundreds of files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-readers-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A storage that lets `look` see the folder after every change of a file. */
function watched(folder: string, look: (changed: string) => Promise<void>): Storage {
  const storage = diskStorage(folder);
  const after = async <T>(name: string, change: Promise<T>): Promise<T> => {
    const changed = await change;
    await look(name);
    return changed;
  };
  return overrideCalls(storage, {
    createOnce: (name, bytes) => after(name, storage.createOnce(name, bytes)),
    replace: (name, bytes) => after(name, storage.replace(name, bytes)),
    appendAt: (name, offset, bytes) => after(name, storage.appendAt(name, offset, bytes)),
    move: (from, to) => after(to, storage.move(from, to)),
    remove: (name) => after(name, storage.remove(name)),
  });
}

const sumOf = (parts: MemoryReport["assets"]): number =>
  Object.values(parts).reduce((sum, part) => sum + part.total_trades, 0);

/** Counts that must agree in every report. */
function expectConsistent(report: MemoryReport): void {
  const { outcomes, vectors, distinct_trades: trades } = report;
  expect(report.damaged).toEqual([]);
  expect(vectors.rows + vectors.behind).toBe(outcomes.count);
  expect([sumOf(report.assets), sumOf(report.regimes)]).toEqual([trades, trades]);
  expect(report.newest === null).toBe(outcomes.count === 0);
}

test("memory-stats, recall and --check work after every single change of a run, with counts that agree and only grow", async () => {
  const folder = join(base, "run");
  const counts: number[] = [];
  let looks = 0;
  const storage = watched(folder, async (changed) => {
    looks += 1;
    const report = await readMemoryReport(diskStorage(folder));
    expectConsistent(report);
    counts.push(report.outcomes.count);
    if (looks % 5 > 0) return;
    const { findings } = await checkOnce(diskStorage(folder));
    // New vectors do not match their sidecar yet, which is written next.
    const damaged = findings.filter((finding) => finding.damaged && finding.name !== "vectors.f32");
    expect([changed, damaged]).toEqual([changed, []]);
    if (report.outcomes.count === 0) return;
    const question = { k: 3, sentence: "rising, volatility wild" };
    const { similar } = await recall({ memoryDir: folder, modelDir: async () => "", ...question });
    expect(similar).toHaveLength(Math.min(3, report.distinct_trades));
  });
  const { startMs } = resumeJob().period;
  const { summary } = await runOn(storage, resumeJob({ period: { startMs, endMs: startMs + 16 * DAY } }));
  expect(looks).toBeGreaterThan(summary.total_trades);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.at(-1)).toBe(summary.total_trades);
});

test("the same while vectors are made again, a provider is forgotten, and earlier outcomes are recorded", async () => {
  const folder = join(base, "maintained");
  const outcomes = makeOutcomes(80);
  const counts: number[] = [];
  const storage = watched(folder, async () => {
    const report = await readMemoryReport(diskStorage(folder));
    expectConsistent(report);
    counts.push(report.outcomes.count);
  });
  const embedder = hashingEmbedder();
  const memory = await openMemory(storage, { embedder });
  for (const outcome of outcomes.slice(40)) await memory.record(outcome);
  await memory.flush();
  for (const outcome of outcomes.slice(0, 40)) await memory.record(outcome);
  await memory.forget({ provider: "trend", beforeMs: Date.UTC(2021, 0, 10) });
  await memory.flush();
  await openMemory(storage, { embedder, rebuildVectors: true });
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.at(-1)).toBe(80);
});
