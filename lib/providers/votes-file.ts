import type { Answer, BarSeries } from "../types.ts";
import { endOfBar } from "../market/spacing.ts";
import { firstIndex } from "../util/sorted.ts";
import { abstain, type Provider } from "./provider.ts";

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
      return ofAsset[later - 1]?.answer ?? abstain("no vote yet");
    },
  };
}
