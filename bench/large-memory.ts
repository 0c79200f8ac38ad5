/**
 * Time and memory of the commands that read a whole large memory.
 *
 *     bun bench/large-memory.ts [OUTCOMES]
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { CACHES } from "../test/memory/folder-samples.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  median,
  renderReport,
  runMeasured,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory } from "./support/memory-folders.ts";

/** Goals by number of outcomes, in MB. */
const MAX_MB: Readonly<Record<number, { readonly open: number; readonly all: number }>> = {
  100_000: { open: 150, all: 300 },
  300_000: { open: 450, all: 700 },
};
const MAX_OPEN_MS = 200;

export async function largeMemory(options: { outcomes?: number; rounds?: number } = {}): Promise<BenchReport> {
  const { outcomes = 100_000, rounds = 3 } = options;
  using folder = temporaryFolder();
  const dir = join(folder.path, "memory");
  await makeMemory(dir, { outcomes, embedder: embedderOf(128) });
  const goals = MAX_MB[outcomes];
  const bars = ["--data-dir", HAS_REAL_BARS ? REAL_BARS_DIR : join(PROJECT_DIR, "data", "sample")];
  const month = ["--start", "2021-03-01", "--end", "2021-04-01"];
  const rows = [
    await openRow(dir, { rounds, goals }),
    await row("memory-stats", ["memory-stats.ts", "--json"], { dir, rounds, goals }),
    await row("memory-stats --check", ["memory-stats.ts", "--check", "--json"], { dir, rounds, goals }),
    await row("rebuild-vectors --all", ["rebuild-vectors.ts", "--all", "--json"], { dir, rounds, goals }),
    await row("run-chunks, a month, without caches", ["run-chunks.ts", ...bars, ...month, "--restart", "--json"], {
      dir,
      rounds,
      goals,
      before: () => CACHES.forEach((name) => rmSync(join(dir, name), { force: true })),
    }),
  ];
  return {
    title: `A memory of ${outcomes.toLocaleString("en")} outcomes`,
    notes: [
      `Vectors of 128 numbers; whole processes, medians of ${rounds}; the most memory that a process had at a time.`,
    ],
    rows,
  };
}

type Goals = (typeof MAX_MB)[number] | undefined;

async function openRow(dir: string, { rounds, goals }: { rounds: number; goals: Goals }): Promise<BenchRow> {
  const script = join(PROJECT_DIR, "bench/processes/open-memory.ts");
  const runs = [];
  for (let i = 0; i < rounds; i++) runs.push(await runMeasured([process.execPath, script, dir, "128"]));
  const openMs = median(runs.map(({ stdout }) => (JSON.parse(stdout) as { readonly open: number }).open));
  const peakMb = median(runs.map((run) => run.peakMb));
  return {
    what: "open for writing, without imports",
    ours: `${asMs(openMs)}, ${peakMb.toFixed(0)} MB`,
    ...(goals !== undefined && {
      goal: `at most ${MAX_OPEN_MS} ms, ${goals.open} MB`,
      met: openMs <= MAX_OPEN_MS && peakMb <= goals.open,
    }),
  };
}

async function row(
  what: string,
  [script = "", ...flags]: readonly string[],
  options: { dir: string; rounds: number; goals: Goals; before?: () => void },
): Promise<BenchRow> {
  const { dir, rounds, goals, before } = options;
  const command = [process.execPath, join(PROJECT_DIR, "scripts", script), "--memory-dir", dir, ...flags];
  const runs = [];
  for (let i = 0; i < rounds; i++) {
    before?.();
    runs.push(await runMeasured(command, { cwd: PROJECT_DIR }));
  }
  const peakMb = median(runs.map((run) => run.peakMb));
  return {
    what,
    ours: `${asMs(median(runs.map(({ ms }) => ms)))}, ${peakMb.toFixed(0)} MB`,
    ...(goals !== undefined && { goal: `at most ${goals.all} MB`, met: peakMb <= goals.all }),
  };
}

if (import.meta.main) {
  const outcomes = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
  console.log(renderReport(await largeMemory(outcomes === undefined ? {} : { outcomes })));
}
