/**
 * How long it takes to say whether memory helped, beside the runs themselves.
 *
 *     bun bench/compare.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import {
  asMs,
  median,
  renderReport,
  runProcess,
  takeTurns,
  type BenchReport,
  type Contender,
} from "./support/measure.ts";

const GOAL_MS = 10_000;

/** Measures it. */
export async function compare(options: { rounds?: number; start?: string; end?: string } = {}): Promise<BenchReport> {
  const { rounds = 5, start = "2021-01-01", end = "2022-01-01" } = options;
  const work = mkdtempSync(join(tmpdir(), "carryover-bench-"));
  const data = HAS_REAL_BARS ? ["--data-dir", REAL_BARS_DIR] : [];
  let runs = 0;
  const run = (script: string, ...args: readonly string[]): Contender => {
    const file = join(PROJECT_DIR, "scripts", script);
    // A folder of its own each time: a run that is finished would not be run again.
    return () => {
      const memory = join(work, String(runs++));
      const command = [
        process.execPath,
        file,
        "--start",
        start,
        "--end",
        end,
        ...data,
        "--memory-dir",
        memory,
        ...args,
      ];
      return runProcess(command, { cwd: PROJECT_DIR }).ms;
    };
  };
  try {
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
        "It makes five runs (one with memory, one without, three with shuffled outcomes) and 2,000 resamples for every interval.",
      ],
      rows: [
        { what: "compare-memory", ours: asMs(ms("compared")), goal: "under 10 s", met: ms("compared") < GOAL_MS },
        { what: "compare-memory --shuffles 1", ours: asMs(ms("once")) },
        { what: "run-chunks, durable", ours: asMs(ms("on")) },
        { what: "run-chunks --no-memory, durable", ours: asMs(ms("off")) },
      ],
    };
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (import.meta.main) console.log(renderReport(await compare()));
