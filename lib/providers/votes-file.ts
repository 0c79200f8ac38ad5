import type { Answer, BarSeries } from "../types.ts";
import { badData, quote } from "../market/bar.ts";
import { commonSpacing, endOfBar } from "../market/spacing.ts";
import { firstIndex } from "../util/sorted.ts";
import { timeframeName } from "../util/time.ts";
import { abstain, type Provider } from "./provider.ts";

/** The error of an asset's decisions before its first vote. */
export const NO_VOTE_YET = "no vote yet";

/** A vote read from a file. It holds until the asset's next vote. */
export interface FileVote {
  /** Epoch ms UTC. */
  readonly timestamp: number;
  readonly answer: Answer;
}

/** The votes of a file by asset, oldest first; votes of the same time in the order of the file. */
export type FileVotes = ReadonlyMap<string, readonly FileVote[]>;

/**
 * Votes whose timestamps are the starts of bars, as of the ends of these bars.
 *
 * @param series Of each asset; votes on others are left out.
 * @param barMs How long the bars of the votes are. @default as those of `series`
 */
export function knownAtClose(votes: FileVotes, series: ReadonlyMap<string, BarSeries>, barMs?: number): FileVotes {
  const known = [...votes].flatMap(([asset, ofAsset]) => {
    const found = series.get(asset);
    if (found === undefined) return [];
    const { bars, timeframeMs } = found;
    const endOf = (startMs: number): number => {
      if (barMs !== undefined && barMs !== timeframeMs) return startMs + barMs;
      const i = firstIndex(bars.length, (each) => bars[each]!.timestamp >= startMs);
      const nextMs = bars[i]?.timestamp === startMs ? bars[i + 1]?.timestamp : undefined;
      return endOfBar(startMs, nextMs, timeframeMs);
    };
    return [[asset, ofAsset.map((vote) => ({ ...vote, timestamp: endOf(vote.timestamp) }))] as const];
  });
  return new Map(known);
}

/** Fewer rows of an asset do not show how long their bars are. Nor do rows at changes of a position alone, which have no usual distance. */
const MIN_REGULAR_ROWS = 10;
const MIN_REGULAR_SHARE = 0.5;

/**
 * Refuses votes that are stamped with the starts of bars of another length than the run's: from longer ones they would count too early.
 *
 * @param options `file`: its name in messages; `assets`: those of the run; `timeframeMs`: of its bars.
 * @throws {CarryoverError} `BAD_DATA`
 */
export function assertBarsOfRun(
  votes: FileVotes,
  { file, assets, timeframeMs }: { file: string; assets: readonly string[]; timeframeMs: number },
): void {
  for (const asset of assets) {
    const times = (votes.get(asset) ?? []).map(({ timestamp }) => timestamp);
    const { spacing = timeframeMs, share = 0 } = commonSpacing([times]) ?? {};
    if (times.length < MIN_REGULAR_ROWS || share < MIN_REGULAR_SHARE || spacing === timeframeMs) continue;
    if (spacing % 60_000 !== 0) continue;
    const [own, ofRun] = [timeframeName(spacing), timeframeName(timeframeMs)];
    const found = `votes on ${quote(asset)} that are ${own} apart, with stamp: bar_start in a run on bars of ${ofRun}`;
    const expected =
      `the length of their bars in the provider's configuration: bar: ${own}, ` +
      `or bar: ${ofRun} if each vote was known ${ofRun} after its time`;
    throw badData({ file }, { found, expected });
  }
}

/**
 * A provider that votes what a file says: at each decision, the asset's newest vote so far. It abstains before the asset's
 * first vote; the last one holds to the end. It has no `version`: `{ ...votesFile(votes), version }` gives it one.
 */
export function votesFile(votes: FileVotes, name = "file"): Provider {
  return {
    name,
    vote({ asset, timestamp }) {
      const ofAsset = votes.get(asset) ?? [];
      const later = firstIndex(ofAsset.length, (i) => ofAsset[i]!.timestamp > timestamp);
      return ofAsset[later - 1]?.answer ?? abstain(NO_VOTE_YET);
    },
  };
}
