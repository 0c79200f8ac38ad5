import type { Config } from "../config/config.ts";
import { isoMinute } from "../market/coverage.ts";
import type { FileVotes } from "../providers/votes-file.ts";
import { msOfTimeframe } from "../util/time.ts";
import { failureOf, type HealthCheck, ok } from "./health.ts";

/** Reads the files of votes as a run does, and looks for those of modules: to load one would run it. */
export async function checkProviderFiles(options: { config: Config; baseDir: string }): Promise<HealthCheck> {
  const { config, baseDir } = options;
  const name = "files";
  const { readProviderFile, votesIn } = await import("../providers/load.node.ts");
  const { assets, timeframe } = config.backtest;
  const timeframeMs = msOfTimeframe(timeframe);
  const read: string[] = [];
  const failures: HealthCheck[] = [];
  for (const provider of config.providers.filter((each) => "path" in each)) {
    try {
      const { path, bytes } = readProviderFile(provider, { baseDir });
      const votes =
        provider.type === "file" ? await votesIn(bytes, provider, { path, assets, timeframeMs }) : undefined;
      read.push(votes === undefined ? provider.path : `${provider.path} (last vote ${isoMinute(lastOf(votes))})`);
    } catch (error) {
      failures.push(failureOf(name, error, undefined));
    }
  }
  if (failures.length === 0) return ok(name, read.length === 0 ? "none that a provider needs" : read.join(", "));
  const worst = failures.find(({ state }) => state === "damaged") ?? failures[0]!;
  return { ...worst, found: failures.map(({ found }) => found).join("; ") };
}

/** The time of the newest vote: a file that its writer has stopped to write is sound, and its last vote holds on. */
function lastOf(votes: FileVotes): number {
  return Math.max(...[...votes.values()].map((ofAsset) => ofAsset.at(-1)!.timestamp));
}
