import type { InMemoryJob } from "../../lib/backtest/job.ts";
import { toSettings } from "../../lib/config/config.ts";
import type { Embedder } from "../../lib/embed/embedder.ts";
import { votesFile } from "../../lib/providers/votes-file.ts";
import { DAY_MS } from "../../lib/util/time.ts";
import { defaultConfig } from "../support/default-job.ts";
import { splitMix32 } from "../support/statistics.ts";
import { ASSETS, drawVotes, makeMarket, START_MS, type Climate, type Market, type World } from "./worlds.ts";

export const CLEAR: Climate = { drift: 0.3, pull: 0.15 };

/** No provider here uses recall. */
const NO_EMBEDDER: Embedder = { id: "none", fingerprint: "none", dim: 1, embed: () => Float32Array.of(1) };

/**
 * The job of a planted world with one seed, in four chunks.
 *
 * @param options `feeBps`: the cost of a side. @default 1
 */
export async function plantedJob(
  world: World,
  options: { seed: number; days: number; climate: Climate; feeBps?: number },
): Promise<{ job: InMemoryJob; markets: readonly Market[] }> {
  const { seed, days, feeBps = 1 } = options;
  const markets = ASSETS.map((asset) => makeMarket(asset, options));
  const random = splitMix32(seed * 65_537 + world.name.length);
  const providers = world.voters.map((voter, i) => votesFile(drawVotes(voter, markets, random), `p${i}`));
  const settings = toSettings(await defaultConfig());
  const costs = { feeBps, spreadBps: 0, slippageBps: 0 };
  const job: InMemoryJob = {
    settings: { ...settings.backtest, assets: ASSETS, costs: new Map(ASSETS.map((asset) => [asset, costs])) },
    memorySettings: settings.memory,
    period: { startMs: START_MS, endMs: START_MS + days * DAY_MS },
    chunkKind: `${Math.ceil(days / 4)}d`,
    series: new Map(markets.map(({ series }) => [series.asset, series])),
    market: "bars",
    providers,
    remembered: { embedder: NO_EMBEDDER, trades: [], marks: [] },
    key: { version: "bench", seed, files: {} },
  };
  return { job, markets };
}
