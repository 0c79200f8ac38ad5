/** The run that resume tests stop and start again: six weeks of rough markets, in chunks of ten days. */
import { parseVotesCsv } from "../../lib/providers/read-votes.ts";
import { votesFile } from "../../lib/providers/votes-file.ts";
import { defaultProviders, randomVotesCsv, roughSeries } from "./market-samples.ts";
import { at, makeSettings, type JobParts } from "./world-samples.ts";

const ASSETS = ["AAA", "BBB", "CCC"];
const period = { startMs: at("2018-02-08"), endMs: at("2018-03-15") };

/** Some 60 trades; learning, recall and random votes all have a say. */
export function resumeJob(overrides: Partial<JobParts> = {}): JobParts {
  const csv = randomVotesCsv({ assets: ASSETS, ...period, seed: 9 });
  const votes = votesFile(parseVotesCsv(new TextEncoder().encode(csv), { file: "votes.csv" }), "votes");
  return {
    settings: makeSettings({ assets: ASSETS }),
    period,
    chunkKind: "10d",
    series: roughSeries({ startMs: at("2018-02-01"), endMs: period.endMs, seed: 9 }),
    providers: [...defaultProviders(), votes],
    ...overrides,
  };
}
