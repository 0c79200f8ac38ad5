/**
 * How long a year takes (three assets, hourly, with memory, every outcome durable), and what memory costs per decision.
 *
 *     bun bench/year.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InMemoryJob } from "../lib/backtest/job.ts";
import { runBacktest } from "../lib/backtest/run.ts";
import { toSettings } from "../lib/config/config.ts";
import type { Outcome } from "../lib/types.ts";
import { hashingEmbedder } from "../lib/embed/hashing.ts";
import { inMemoryStorage } from "../lib/storage/in-memory.ts";
import type { Storage } from "../lib/storage/storage.ts";
import { syntheticBars } from "../lib/market/synthetic.ts";
import { openMemory, type Memory } from "../lib/memory/store.ts";
import { MemoryView } from "../lib/memory/view.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import {
  asMs,
  elapsed,
  median,
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
  temporaryRamFolder,
  versus,
  type BenchReport,
} from "./support/measure.ts";
import { defaultConfig, defaultJob } from "./support/default-job.ts";
import { outcomesLikeReal, situationAt, writeDurably } from "./support/memory-folders.ts";
import { missingFor, python } from "./support/python.ts";
import { HOUR_MS } from "../lib/util/time.ts";

const GOAL_US = 45;

export interface YearOptions {
  readonly rounds?: number;
  /** Midnights UTC, the end exclusive. */
  readonly start?: string;
  readonly end?: string;
  /** Outcomes in a full window. */
  readonly remembered?: number;
}

export async function year(options: YearOptions = {}): Promise<BenchReport> {
  const { rounds = 15, start = "2021-01-01", end = "2022-01-01", remembered = 1000 } = options;
  using folder = temporaryFolder();
  using ramFolder = temporaryRamFolder();
  const [work, ram] = [folder.path, ramFolder.path];
  const { assets } = (await defaultConfig()).backtest;
  const dataDir = HAS_REAL_BARS ? REAL_BARS_DIR : writeBars(join(work, "market"), assets);
  const missing = missingFor(["backtesting"]);
  const peerScript = join(PROJECT_DIR, "bench/peers/sma_cross.py");
  const runScript = join(PROJECT_DIR, "scripts", "run-chunks.ts");
  const peerParts: { readonly imports: number; readonly without_imports: number }[] = [];
  const anOutcome = new Uint8Array(2400);
  let fresh = 0;
  let trades = 0;
  const run = (memoryDir: string, ...more: readonly string[]): number => {
    const flags = ["--start", start, "--end", end, "--data-dir", dataDir, "--memory-dir", memoryDir, "--json", ...more];
    const { ms, stdout } = runProcess([process.execPath, runScript, ...flags], { cwd: PROJECT_DIR });
    trades = (JSON.parse(stdout) as { readonly total_trades: number }).total_trades;
    return ms;
  };
  const whole = await takeTurns(
    {
      ours: () => run(join(work, `memory-${fresh++}`)),
      peer: () => {
        if (missing !== undefined) return 0;
        const { ms, stdout } = runProcess([python(), peerScript, dataDir, start, end, ...assets]);
        peerParts.push(JSON.parse(stdout) as (typeof peerParts)[number]);
        return ms;
      },
      inRam: () => run(join(ram, `memory-${fresh++}`)),
      inRamOff: () => run(join(ram, `memory-${fresh++}`), "--no-memory"),
      again: () => run(join(work, "memory-0")),
      disk: () => {
        const dir = join(work, `disk-${fresh}`);
        mkdirSync(dir);
        const files = Array.from({ length: trades }, (_, i) => `outcome_${i}.json`);
        return elapsed(() => files.forEach((name) => writeDurably(dir, name, anOutcome)));
      },
    },
    { rounds },
  );

  const inside = await costOfMemory(await defaultJob({ start, end, dataDir }), { rounds, remembered });
  const direct = await costOfRecall({ rounds, remembered });
  const peer = missing === undefined ? whole.peer : undefined;
  return {
    title: "A whole year",
    notes: [
      `${assets.join(", ")}, hourly, ${start} to ${end}, ${HAS_REAL_BARS ? "real" : "synthetic"} bars; medians of ${rounds}, in turns.`,
      `Ours: run-chunks with memory into a fresh folder, ${trades} outcomes, each durable. Peer: backtesting.py, a crossing of two moving averages, no memory, no files.`,
      `Memory's cost for a decision: the same period in this process, with memory and without, recording outcomes into a storage without a disk, over ${inside.decisions} decisions.`,
    ],
    rows: [
      versus("whole process, on disk", { ours: whole.ours, peer }, { atMost: 0.8, goal: "at most 0.80", missing }),
      versus("whole process, in memory", { ours: whole.inRam, peer }, { atMost: 0.7, goal: "at most 0.70", missing }),
      versus(
        "on disk against in memory",
        { ours: whole.ours, peer: whole.inRam },
        { atMost: 1.3, goal: "at most 1.30", missing: undefined },
      ),
      versus(
        "in memory, with memory against without",
        { ours: whole.inRam, peer: whole.inRamOff },
        { atMost: 1.25, goal: "at most 1.25", missing: undefined },
      ),
      ...(peer === undefined
        ? []
        : [
            {
              what: "of the peer: imports, then bars and backtests",
              peer: (["imports", "without_imports"] as const)
                .map((part) => asMs(median(peerParts.slice(1).map((parts) => parts[part]))))
                .join(", "),
            },
          ]),
      { what: "of ours: that many durable files of 2.4 kB, in a bare loop", ours: asMs(median(whole.disk)) },
      { what: "the same run again, finished: its summary", ours: asMs(median(whole.again)) },
      { what: "in this process, no disk: with memory", ours: asMs(inside.withMs) },
      { what: "in this process, no disk: without memory", ours: asMs(inside.withoutMs) },
      memoryRow("memory, a decision, from nothing remembered", inside.costUs),
      memoryRow(`memory, a decision, from ${remembered} remembered`, inside.fullCostUs),
      memoryRow(`recall and lessons alone, ${remembered} in the window`, direct.recallUs + direct.weightsUs),
      { what: "of that: lessons (once a tick for all assets)", ours: asMs(direct.weightsUs / 1000) },
    ],
  };
}

function memoryRow(what: string, us: number): BenchReport["rows"][number] {
  return { what, ours: asMs(us / 1000), goal: `at most ${GOAL_US} us`, met: us <= GOAL_US };
}

/** Runs a job in this process with memory and without, in turns. */
async function costOfMemory(
  job: InMemoryJob,
  options: { rounds: number; remembered: number },
): Promise<{ withMs: number; withoutMs: number; costUs: number; fullCostUs: number; decisions: number }> {
  const full = outcomesBefore(job.period.startMs, options.remembered);
  let decisions = 0;

  const run = async (remembered: readonly Outcome[], enabled: boolean): Promise<number> => {
    const storage = inMemoryStorage();
    const memory = await openWith(storage, remembered);
    const ms = await elapsed(() => runBacktest({ ...job, memorySettings: { ...job.memorySettings, enabled }, memory }));
    decisions = await countDecisions(storage);
    return ms;
  };
  const times = await takeTurns(
    {
      without: () => run([], false),
      with: () => run([], true),
      withoutButFull: () => run(full, false),
      withFull: () => run(full, true),
    },
    options,
  );
  const cost = (more: readonly number[], less: readonly number[]): number =>
    (1000 * median(more.map((ms, i) => ms - less[i]!))) / decisions;
  return {
    withMs: median(times.with),
    withoutMs: median(times.without),
    costUs: cost(times.with, times.without),
    fullCostUs: cost(times.withFull, times.withoutButFull),
    decisions,
  };
}

/** Outcomes of the year before. */
function outcomesBefore(beforeMs: number, count: number): Outcome[] {
  return outcomesLikeReal(count, { firstMs: beforeMs - 366 * 24 * HOUR_MS });
}

/** Opens a memory with outcomes. */
async function openWith(storage: Storage, outcomes: readonly Outcome[]): Promise<Memory> {
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  for (const outcome of outcomes) await memory.record(outcome);
  await memory.flush();
  return memory;
}

async function countDecisions(storage: Storage): Promise<number> {
  const [run = ""] = (await storage.list("runs")).folders;
  const { files } = await storage.list(`runs/${run}`);
  let lines = 0;
  for (const { name, size } of files.filter((file) => file.name.endsWith(".decisions.ndjson"))) {
    const bytes = await storage.read(`runs/${run}/${name}`, { maxBytes: size });
    lines += bytes?.filter((byte) => byte === 10).length ?? 0;
  }
  return lines;
}

/** The time of a recall and of the lessons with a full window. */
async function costOfRecall(options: {
  rounds: number;
  remembered: number;
}): Promise<{ recallUs: number; weightsUs: number }> {
  const calls = 500;
  const startMs = Date.UTC(2021, 0, 1);
  const memory = await openWith(inMemoryStorage(), outcomesBefore(startMs, options.remembered));
  const config = await defaultConfig();
  const view = new MemoryView(memory, {
    ...toSettings(config).memory,
    market: "bars",
    startMs,
    providers: config.providers.map(({ name }) => name),
  });
  if (view.remembered(startMs + 1) !== options.remembered) throw new Error("The window is not full");
  const situations = Array.from({ length: calls }, (_, i) => situationAt(i, startMs + (i + 1) * HOUR_MS));
  const times = await takeTurns(
    {
      recall: () =>
        elapsed(async () => {
          for (const situation of situations) await view.recall(situation);
        }),
      weights: () =>
        elapsed(() => {
          for (const { timestamp } of situations) view.lessons(timestamp);
        }),
    },
    options,
  );
  return { recallUs: (1000 * median(times.recall)) / calls, weightsUs: (1000 * median(times.weights)) / calls };
}

/** Writes synthetic bars as CSV, which the peer reads, for a machine without real ones. */
function writeBars(dir: string, assets: readonly string[]): string {
  mkdirSync(dir, { recursive: true });
  for (const asset of assets) {
    const all = syntheticBars({ asset, timeframe: "1h", seed: 1, end: Date.UTC(2023, 0, 1) });
    const lines = all.bars
      .filter(({ timestamp }) => timestamp >= Date.UTC(2021, 0, 1))
      .map((bar) => {
        const prices = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        return `${new Date(bar.timestamp).toISOString().replace(".000", "")},${prices.join(",")}\n`;
      });
    writeFileSync(join(dir, `${asset}_1h.csv`), `timestamp,open,high,low,close,volume\n${lines.join("")}`);
  }
  return dir;
}

if (import.meta.main) console.log(renderReport(await year()));
