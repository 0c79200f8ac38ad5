/** Row 21: runs in separate folders do not affect each other. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { filesOf, runScript } from "../scripts/run-script.ts";
import type { Fault } from "./fault.ts";

const RUNS = ["1", "2", "3", "4"];

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-side-by-side-"));
  const run = async (name: string, seed: string): Promise<Record<string, string>> => {
    const folder = join(root, `${name}-${seed}`);
    mkdirSync(folder);
    const period = ["--synthetic", "--start", "2021-01-01", "--end", "2021-04-01", "--chunks", "month", "--seed", seed];
    const { code, stderr } = await runScript("run-chunks.ts", [...period, "--memory-dir", folder], { cwd: folder });
    if (code !== 0) throw new Error(`the run of seed ${seed} ended with ${code}: ${stderr}`);
    return filesOf(folder);
  };
  try {
    const atOnce = await Promise.all(RUNS.map((seed) => run("at-once", seed)));
    let files = 0;
    for (const [i, seed] of RUNS.entries()) {
      const alone = await run("alone", seed);
      if (!isDeepStrictEqual(atOnce[i], alone))
        throw new Error(`the run of seed ${seed} differs from the same run alone`);
      files += Object.keys(alone).length;
    }
    return { injected: RUNS.length, found: `all ${files} files equal those of the same runs one after the other` };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const sideBySide: readonly Fault[] = [
  { rows: [21], name: "four runs side by side", how: "processes of `run-chunks`", missing: () => undefined, inject },
];
