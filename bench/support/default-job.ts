import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InMemoryJob } from "../../lib/backtest/job.ts";
import { type Config, SYNTHETIC } from "../../lib/config/config.ts";
import { overrideConfig, parseConfig } from "../../lib/config/parse.ts";
import { openInMemoryJob } from "../../lib/job/open.node.ts";
import { PROJECT_DIR } from "../../test/samples.ts";

/** A folder that does not exist. */
const NOWHERE = join(tmpdir(), "carryover-bench-nowhere");

/** The configuration in the project's config.yaml. */
export function defaultConfig(): Promise<Config> {
  return parseConfig(readFileSync(join(PROJECT_DIR, "config.yaml"), "utf8"), { file: "config.yaml" });
}

/**
 * The job of the default configuration, with nothing remembered.
 *
 * @param options `dataDir`: the folder of bars; without it they are synthetic.
 */
export async function defaultJob(options: {
  start: string;
  end: string;
  dataDir?: string | undefined;
  seed?: number;
}): Promise<InMemoryJob> {
  const { dataDir, ...overrides } = options;
  const folders = { data_dir: dataDir ?? SYNTHETIC, memory_dir: NOWHERE };
  const config = await overrideConfig(await defaultConfig(), { ...overrides, ...folders });
  const { job } = await openInMemoryJob({ config, baseDir: PROJECT_DIR });
  return job;
}
