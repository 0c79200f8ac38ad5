import { parseConfig } from "../../lib/config/parse.ts";
import { runConfig } from "../../lib/job/run.node.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { PROJECT_DIR } from "../samples.ts";

/** Runs a configuration in this process, where a second run is quicker than in a process of its own. */
export async function runHere(yaml: string): Promise<Summary> {
  const config = await parseConfig(yaml, { file: "config.yaml" });
  const { summary } = await runConfig({ config, baseDir: PROJECT_DIR });
  return JSON.parse(JSON.stringify(summary)) as Summary;
}
