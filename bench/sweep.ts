/**
 * What a sweep costs beside its runs: a cell more, a worker more, and the last cells of a thousand against the first.
 *
 *     bun bench/sweep.ts
 */
import fs from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import { SweepFolder } from "../lib/sweep/folder.ts";
import { diskStorage } from "../lib/storage/disk.node.ts";
import { allCells, type SweepPlan } from "../lib/sweep/plan.ts";
import { CellRunner } from "../lib/sweep/run-cell.node.ts";
import { loadSweep, runCells } from "../lib/sweep/run-sweep.node.ts";
import {
  asMs,
  type BenchReport,
  elapsed,
  median,
  renderReport,
  takeTurns,
  temporaryFolder,
} from "./support/measure.ts";

const WORKER = [process.execPath, join(PROJECT_DIR, "scripts", "cli", "sweep-worker.ts")];

export interface SweepBenchOptions {
  /** Cells of a month that are run by one worker and by two: enough that the start of a worker, a second and a half, does not show. */
  readonly cells?: number;
  readonly rounds?: number;
  /** Cells of a month in one process. */
  readonly manyCells?: number;
}

export async function sweep(options: SweepBenchOptions = {}): Promise<BenchReport> {
  const { cells = 1000, rounds = 3, manyCells = 1000 } = options;
  using folder = temporaryFolder();
  const plan = await planOf(folder.path, cells);
  let outs = 0;
  const work = (jobs: number): Promise<number> =>
    elapsed(() =>
      runCells(
        plan,
        { index: 0, of: 1 },
        {
          out: join(folder.path, `out-${outs++}`),
          jobs,
          keep: "summary",
          worker: WORKER,
          signal: new AbortController().signal,
          onModules: () => {},
          onNote: () => {},
          onProgress: () => {},
        },
      ),
    );
  const cores = await coresTaken(() => runHere(plan, folder.path));
  const times = await takeTurns(
    { itself: () => elapsed(() => runHere(plan, folder.path)), one: () => work(1), two: () => work(2) },
    { rounds },
  );
  const [itself, one, two] = [median(times.itself), median(times.one), median(times.two)];
  const overheadMs = (one - itself) / (cells + 1);
  const many = await measureMany(await planOf(folder.path, manyCells), folder.path);
  return {
    title: "Sweeps",
    notes: [
      `${cells} cells of a month of the sample and the default, summaries kept; medians of ${rounds}, in turns. The runs themselves are made one after the other in one process.`,
      `${manyCells} cells one after the other in one process: the last hundred against the first, and its memory.`,
      "A process compiles and collects garbage in threads of its own, so one alone takes more than a core, and each compiles the same again. Two workers on two cores are therefore less than twice as fast.",
    ],
    rows: [
      { what: "a cell by itself", ours: asMs(itself / (cells + 1)) },
      { what: "cores that a process takes from its start on", ours: cores.toFixed(2) },
      { what: "what a sweep adds to a cell", ours: asMs(overheadMs), goal: "at most 60 ms", met: overheadMs <= 60 },
      {
        what: "two workers against one",
        ours: `${(one / two).toFixed(2)}x`,
        goal: "at least 1.85",
        met: one / two >= 1.85,
      },
      {
        what: "the last cells against the first",
        ours: `${(many.lastMs / many.firstMs).toFixed(2)}x`,
        goal: "at most 1.1",
        met: many.lastMs <= 1.1 * many.firstMs,
      },
      {
        what: "memory at the end, and after a hundred cells",
        ours: `${Math.round(many.lastRss / 1e6)} MB, ${Math.round(many.firstRss / 1e6)} MB`,
        goal: "at most 1.2 times",
        met: many.lastRss <= 1.2 * many.firstRss,
      },
    ],
  };
}

/** A sample of settings, for a month of the bars that come with the project. */
async function planOf(dir: string, cells: number): Promise<SweepPlan> {
  const config = `backtest: { data_dir: ${join(PROJECT_DIR, "data", "sample")}, start: 2021-03-01, end: 2021-04-01, chunks: month }\n`;
  fs.writeFileSync(join(dir, "config.yaml"), config);
  const file = join(dir, "SWEEP.yaml");
  const from = "{ portfolio_memory.learning_rate: { min: 0.01, max: 1 }, backtest.risk.stop_atr: { min: 1, max: 5 } }";
  fs.writeFileSync(file, `sample: { cells: ${cells}, from: ${from} }\n`);
  return loadSweep(file, { label: (path) => path });
}

async function runHere(plan: SweepPlan, dir: string): Promise<void> {
  const runner = new CellRunner(plan, { out: dir, keep: "summary" });
  const { signal } = new AbortController();
  for (const cell of allCells(plan)) await runner.run(cell, { signal });
}

/** CPU time of all threads for each second that work takes. */
async function coresTaken(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  const ms = await elapsed(work);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / ms;
}

interface Many {
  /** Median of the first and of the last hundred. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly firstRss: number;
  readonly lastRss: number;
}

async function measureMany(plan: SweepPlan, dir: string): Promise<Many> {
  const runner = new CellRunner(plan, { out: dir, keep: "summary" });
  const folder = new SweepFolder(diskStorage(join(dir, "many")));
  const { signal } = new AbortController();
  const times: number[] = [];
  const rss: number[] = [];
  for (const cell of allCells(plan)) {
    times.push(await elapsed(async () => folder.writeResult(await runner.run(cell, { signal }))));
    rss.push(process.memoryUsage.rss());
  }
  // The first cells warm the engine up.
  const early = times.slice(Math.min(20, times.length >> 1)).slice(0, 100);
  return {
    firstMs: median(early),
    lastMs: median(times.slice(-100)),
    firstRss: rss[Math.min(100, rss.length - 1)]!,
    lastRss: rss.at(-1)!,
  };
}

if (import.meta.main) console.log(renderReport(await sweep()));
