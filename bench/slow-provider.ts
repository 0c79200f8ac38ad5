/**
 * What memory adds to a run whose providers take their time: 2 ms a decision, as a small model of the user's own does.
 *
 *     bun bench/slow-provider.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR, HAS_REAL_BARS, REAL_BARS_DIR } from "../test/samples.ts";
import { defaultConfig } from "./support/default-job.ts";
import {
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
  temporaryRamFolder,
  versus,
  type BenchReport,
} from "./support/measure.ts";

/** The goal of a run with memory against one without. */
const MAX_RATIO = 1.05;

export async function slowProvider(
  options: { rounds?: number; start?: string; end?: string } = {},
): Promise<BenchReport> {
  const { rounds = 5, start = "2021-01-01", end = "2022-01-01" } = options;
  using folder = temporaryFolder();
  using ram = temporaryRamFolder();
  const { providers } = await defaultConfig();
  const slow = { name: "slow", type: "module", path: join(PROJECT_DIR, "bench/processes/slow-provider.ts") };
  const config = join(folder.path, "config.yaml");
  writeFileSync(config, JSON.stringify({ providers: [...providers, slow] }));
  const dataDir = HAS_REAL_BARS ? REAL_BARS_DIR : join(PROJECT_DIR, "data", "sample");
  const period = ["--start", start, "--end", end, "--data-dir", dataDir];
  const script = join(PROJECT_DIR, "scripts", "run-chunks.ts");
  let runs = 0;
  const run = (...flags: readonly string[]): number => {
    const memoryDir = join(ram.path, String(runs++));
    const command = [process.execPath, script, "--config", config, "--memory-dir", memoryDir, ...period, ...flags];
    return runProcess(command, { cwd: PROJECT_DIR }).ms;
  };
  const times = await takeTurns({ on: () => run(), off: () => run("--no-memory") }, { rounds });
  return {
    title: "Memory beside slow providers",
    notes: [
      `Three assets, hourly bars, ${start} to ${end}, the default providers and a module that computes for 2 ms a decision; whole processes into a folder without a disk, medians of ${rounds}, in turns.`,
    ],
    rows: [
      versus(
        "with memory against without",
        { ours: times.on, peer: times.off },
        { atMost: MAX_RATIO, goal: `at most ${MAX_RATIO}`, missing: undefined },
      ),
    ],
  };
}

if (import.meta.main) console.log(renderReport(await slowProvider()));
