/**
 * How long a report of a year takes as a whole process, and how large it is.
 *
 *     bun bench/report.ts
 */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import {
  asMs,
  type BenchReport,
  type Contender,
  median,
  type ProcessRun,
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
} from "./support/measure.ts";

const PACKAGES = ["@observablehq/plot", "linkedom/worker"];

const GOAL_MS = 1500;
const GOAL_BYTES = 1_500_000;

/** @param options `end`: of the run, which begins with the year 2021. */
export async function report(options: { rounds?: number; end?: string } = {}): Promise<BenchReport> {
  const { rounds = 11, end = "2022-01-01" } = options;
  using folder = temporaryFolder();
  const memory = join(folder.path, "memory");
  const file = join(folder.path, "report.html");
  const run = (script: string, ...args: readonly string[]): ProcessRun =>
    runProcess([process.execPath, join(PROJECT_DIR, "scripts", script), "--memory-dir", memory, ...args], {
      cwd: PROJECT_DIR,
    });
  const period = ["--start", "2021-01-01", "--end", end, "--data-dir", "data/sample"];
  run("run-chunks.ts", ...period);
  run("run-chunks.ts", ...period, "--no-memory");
  const alone = (source: string): Contender => {
    const script = join(folder.path, `${source.length}.ts`);
    writeFileSync(script, source);
    return () => runProcess([process.execPath, script]).ms;
  };
  const times = await takeTurns(
    {
      whole: () => run("report.ts", "--data-dir", "data/sample", "--out", file).ms,
      packages: alone(
        PACKAGES.map((name) => `import ${JSON.stringify(Bun.resolveSync(name, PROJECT_DIR))};\n`).join(""),
      ),
      empty: alone(""),
    },
    { rounds },
  );
  const ms = median(times.whole);
  const bytes = statSync(file).size;
  return {
    title: "Report",
    notes: [
      `Of a run with memory on data/sample from 2021-01-01 to ${end}, beside the one without; medians of ${rounds}.`,
    ],
    rows: [
      { what: "whole process", ours: asMs(ms), goal: "under 1.5 s", met: ms < GOAL_MS },
      { what: "of that, packages that draw", ours: asMs(Math.max(0, median(times.packages) - median(times.empty))) },
      { what: "of that, an empty script", ours: asMs(median(times.empty)) },
      { what: "size", ours: `${(bytes / 1e6).toFixed(2)} MB`, goal: "at most 1.5 MB", met: bytes <= GOAL_BYTES },
    ],
  };
}

if (import.meta.main) console.log(renderReport(await report()));
