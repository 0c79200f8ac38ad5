import type { Answer, BarSeries } from "../types.ts";
import { badData, quote } from "../market/bar.ts";
import { commonSpacing, endOfBar } from "../market/spacing.ts";
import { firstIndex } from "../util/sorted.ts";
import { DAY_MS, HOUR_MS, timeframeName } from "../util/time.ts";
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

/** Fewer changes of an asset's vote may fall on the same hour by chance. */
const MIN_CHANGES = 20;
const MIN_SAME_HOUR_SHARE = 0.95;

/** Bars whose votes are often filled to shorter ones, longest first. */
const LONGER_BARS_MS = [24, 12, 8, 6, 4, 2, 1].map((hours) => hours * HOUR_MS);

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
    const ofAsset = votes.get(asset) ?? [];
    const spacing = usualSpacing(ofAsset);
    const isSpaced = spacing !== undefined && spacing !== timeframeMs && spacing % 60_000 === 0;
    const otherMs = isSpaced ? spacing : filledFrom(ofAsset, timeframeMs);
    if (otherMs === undefined) continue;
    const [own, ofRun] = [timeframeName(otherMs), timeframeName(timeframeMs)];
    const apart = isSpaced ? `that are ${own} apart` : `whose changes are nearly all multiples of ${own} apart`;
    const found = `votes on ${quote(asset)} ${apart}, with stamp: bar_start in a run on bars of ${ofRun}`;
    const expected =
      `the length of their bars in the provider's configuration: bar: ${own}, ` +
      `or bar: ${ofRun} if each vote was known ${ofRun} after its time`;
    throw badData({ file }, { found, expected });
  }
}

/** How far apart most rows are, in ms. */
function usualSpacing(votes: readonly FileVote[]): number | undefined {
  if (votes.length < MIN_REGULAR_ROWS) return undefined;
  const common = commonSpacing([votes.map(({ timestamp }) => timestamp)]);
  return common !== undefined && common.share >= MIN_REGULAR_SHARE ? common.spacing : undefined;
}

/** Bars longer than the run's, at whose ends or starts a vote may change. */
interface LongerBar {
  readonly barMs: number;
  /** The most common time of a change after a multiple of `barMs`, and the share of the changes that are then. */
  readonly offsetMs: number;
  readonly share: number;
}

/** The votes on an asset that differ from the one before. */
export function changesOf(votes: readonly FileVote[]): readonly FileVote[] {
  return votes.filter(({ answer: { action, confidence } }, i) => {
    const before = votes[i - 1]?.answer;
    return before !== undefined && (before.action !== action || before.confidence !== confidence);
  });
}

/** The bars that changes may come from, longest first. */
export function longerBarsOf(changes: readonly FileVote[], timeframeMs: number): readonly LongerBar[] {
  if (changes.length === 0) return [];
  return LONGER_BARS_MS.flatMap((barMs) => {
    if (barMs <= timeframeMs || barMs % timeframeMs !== 0) return [];
    const counts = new Map<number, number>();
    for (const { timestamp } of changes) counts.set(timestamp % barMs, (counts.get(timestamp % barMs) ?? 0) + 1);
    const [first] = [...counts].toSorted(([, a], [, b]) => b - a);
    const [offsetMs, count] = first!;
    return [{ barMs, offsetMs, share: count / changes.length }];
  });
}

/**
 * The length of longer bars, in ms, whose votes fill the rows of the run's bars.
 *
 * Changes in the last of the run's bars within a longer one are innocent. They are known when the longer bar ends, like those of decisions every
 * four hours. Bars of a day begin at any midnight of the world, so all other hours are suspect. Shorter bars begin at multiples of their length.
 */
function filledFrom(votes: readonly FileVote[], timeframeMs: number): number | undefined {
  const changes = changesOf(votes);
  if (changes.length < MIN_CHANGES) return undefined;
  return longerBarsOf(changes, timeframeMs).find(
    ({ barMs, offsetMs, share }) =>
      share >= MIN_SAME_HOUR_SHARE && (barMs === DAY_MS ? offsetMs !== barMs - timeframeMs : offsetMs === 0),
  )?.barMs;
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
