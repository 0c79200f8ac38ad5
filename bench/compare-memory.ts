/**
 * How long compare-memory takes, compared with single runs.
 *
 *     bun bench/compare-memory.ts
 */
import { join } from "node:path";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import {
  asMs,
  median,
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
  versus,
  type BenchReport,
  type Contender,
} from "./support/measure.ts";

/** The goal against one run without memory. */
const MAX_RATIO = 4;

export async function compareMemory(
  options: { rounds?: number; start?: string; end?: string } = {},
): Promise<BenchReport> {
  const { rounds = 5, start = "2021-01-01", end = "2022-01-01" } = options;
  using folder = temporaryFolder();
  const data = HAS_REAL_BARS ? ["--data-dir", REAL_BARS_DIR] : ["--synthetic"];
  let runs = 0;
  const run = (script: string, ...args: readonly string[]): Contender => {
    const file = join(PROJECT_DIR, "scripts", script);
    // A new folder each time, as a finished run would not be run again.
    return () => {
      const memory = join(folder.path, String(runs++));
      const flags = ["--start", start, "--end", end, ...data, "--memory-dir", memory, ...args];
      return runProcess([process.execPath, file, ...flags], { cwd: PROJECT_DIR }).ms;
    };
  };
  const times = await takeTurns(
    {
      compared: run("compare-memory.ts"),
      once: run("compare-memory.ts", "--shuffles", "1"),
      on: run("run-chunks.ts"),
      off: run("run-chunks.ts", "--no-memory"),
    },
    { rounds },
  );
  const ms = (name: keyof typeof times): number => median(times[name]);
  return {
    title: "compare-memory",
    notes: [
      `Three assets, hourly ${HAS_REAL_BARS ? "" : "synthetic "}bars, ${start} to ${end}, rule providers; whole processes, medians of ${rounds}, in turns.`,
      "It makes six runs (with memory, without, without at the sizes of memory, three with shuffled results) and 2,000 resamples for every interval.",
    ],
    rows: [
      versus(
        "compare-memory against run-chunks --no-memory",
        { ours: times.compared, peer: times.off },
        { atMost: MAX_RATIO, goal: `at most ${MAX_RATIO}`, missing: undefined },
      ),
      { what: "compare-memory --shuffles 1", ours: asMs(ms("once")) },
      { what: "run-chunks, durable", ours: asMs(ms("on")) },
      { what: "run-chunks --no-memory, durable", ours: asMs(ms("off")) },
    ],
  };
}

if (import.meta.main) console.log(renderReport(await compareMemory()));
