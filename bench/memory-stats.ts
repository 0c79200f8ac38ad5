/**
 * How long `memory-stats` takes as a whole process, and what each import costs.
 *
 *     bun bench/memory-stats.ts
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../test/samples.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  median,
  renderReport,
  runProcess,
  takeTurns,
  temporaryFolder,
  type BenchReport,
  type Contender,
} from "./support/measure.ts";
import { makeMemory } from "./support/memory-folders.ts";

const GOAL_MS = 40;
const GOAL = "at most 40 ms";

/** Modules whose import is timed. */
const MODULES = [
  "lib/errors.ts",
  "scripts/cli/main.ts",
  "scripts/text/memory.ts",
  "lib/storage/disk.node.ts",
  "lib/maintenance/memory-report.ts",
  "lib/config/parse.ts",
  "fflate/browser",
  "zod",
  "yaml",
  "node:sqlite",
] as const;

export async function memoryStats(options: { rounds?: number; outcomes?: number } = {}): Promise<BenchReport> {
  const { rounds = 21, outcomes = 1000 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
  const memory = join(work, "memory");
  await makeMemory(memory, { outcomes, snapshots: 100, embedder: embedderOf(384) });
  writeFileSync(join(work, "config.yaml"), "memory:\n  dir: memory\n");
  const script = join(PROJECT_DIR, "scripts", "memory-stats.ts");
  const run = (file: string, ...args: readonly string[]): Contender => {
    return () => runProcess([process.execPath, file, ...args], { cwd: work }).ms;
  };
  const importing = (module: string): Contender => {
    // Resolved here, as the temporary folder has no packages.
    const path = module.startsWith("node:")
      ? module
      : Bun.resolveSync(module.replace(/^(?=lib|scripts)/, "./"), PROJECT_DIR);
    const file = join(work, `${module.replaceAll(/\W/g, "_")}.ts`);
    writeFileSync(file, `import ${JSON.stringify(path)};\n`);
    return run(file);
  };
  writeFileSync(join(work, "empty.ts"), "");
  const commands = {
    "--memory-dir": run(script, "--memory-dir", memory),
    "--memory-dir --json": run(script, "--memory-dir", memory, "--json"),
    "by the implied config.yaml": run(script),
    "an empty script": run(join(work, "empty.ts")),
  };
  const modules = Object.fromEntries(MODULES.map((module) => [module, importing(module)]));
  const times = await takeTurns({ ...commands, ...modules } as Record<string, Contender>, { rounds });
  const medianOf = (name: string): number => median(times[name] ?? []);
  const bare = medianOf("an empty script");
  return {
    title: "memory-stats",
    notes: [
      `On a memory of ${outcomes} outcomes, ${outcomes} vectors x 384 and 100 snapshots; whole processes, medians of ${rounds}, in turns.`,
      "The cost of a module is a process that imports it and ends, less one with an empty script. Modules share what they import.",
    ],
    rows: [
      ...Object.keys(commands).map((what) => {
        const ms = medianOf(what);
        return { what, ours: asMs(ms), ...(what === "an empty script" ? {} : { goal: GOAL, met: ms <= GOAL_MS }) };
      }),
      ...MODULES.map((module) => {
        return { what: `importing ${module}`, ours: `+ ${asMs(Math.max(0, medianOf(module) - bare))}` };
      }),
    ],
  };
}

if (import.meta.main) console.log(renderReport(await memoryStats()));
