/**
 * Whether votes know bars that had not begun when they count, as votes that are labelled with the start of their bar do.
 *
 * A bar's surprise is how far it moved beyond what the bar before says. Votes that know only the past go with as many surprises as
 * against them, whatever their strategy is: the sum of vote x surprise is a martingale. So its sum divided by the root of its sum of
 * squares is near a standard normal number (de la Peña, Lai and Shao 2009, "Self-Normalized Processes").
 */
import type { Bar, BarSeries } from "../types.ts";
import { commonSpacing } from "../market/spacing.ts";
import { changesOf, type FileVote, type FileVotes, longerBarsOf } from "./votes-file.ts";

/** Votes leak from this z score and this share of the moves on. Honest votes stay far below (docs/RESULTS.md). */
export const MIN_LEAK_Z = 4.5;
export const MIN_LEAK_SHARE = 0.08;

/** Of votes that change less often, a leak may stay below the z score of one (docs/RESULTS.md). */
export const MIN_TELLING_CHANGES = 500;

/** A leak is this many times as strong as what the same votes show of bars that begin a day of bars later. */
const MIN_RATIO = 1.5;
const LATER_BARS: readonly number[] = [24, 25, 26];

/** Bars after a vote that are looked at, so that votes that are two or three bars early are found. */
const LAGS: readonly number[] = [0, 1, 2, 3];

/** The newest bars of an asset that count: enough for any leak that matters, and read in a moment. */
const MAX_BARS = 100_000;

/** Votes come from longer bars if this share of their changes is multiples of these apart. The week of a market may open at another hour. */
const MIN_CHANGE_SHARE = 0.7;

/** Moves are in deviations of the moves before, at most this many: one crash must not decide. */
const MAX_MOVE = 3;
/** Bars over which the deviation is averaged. */
const DEVIATION_BARS = 50;

/** The votes of a file against the bars that begin under them. */
export interface VoteLeak {
  /** `change`: where votes change; `window`: over as many bars as usually lie between two votes, or two changes; `level`: all votes. */
  readonly kind: "change" | "window" | "level";
  /** Bars between a vote and the bar that it is compared with; 0 for the first that starts when it counts. */
  readonly lag: number;
  /** `null` for all assets together. */
  readonly asset: string | null;
  /** The bars that were compared. */
  readonly bars: number;
  /** Positive where votes go with the moves, negative where they go against them. */
  readonly z: number;
  /** Of all moves, the share with the votes less the share against them, -1..1. */
  readonly share: number;
  /** The greatest absolute z against bars that begin a day of bars later. */
  readonly later_z: number;
}

/** An asset's bars and votes, as columns. */
interface Columns {
  readonly asset: string;
  /** Of each bar: a place among the starts of all assets' bars, its surprise, and the vote that counts at its start, -1..1. */
  readonly slots: Int32Array;
  readonly surprises: Float64Array;
  /** NaN before the first vote. */
  readonly votes: Float64Array;
}

/** What a vote says of bar `i`; NaN or 0 for nothing. */
type Claim = (votes: Float64Array, i: number) => number;

/**
 * Looks for the clearest leak in votes, over all bars that there are.
 *
 * @param votes By the time from which they count.
 * @param bounds From which a figure is that of a leak.
 * @returns `undefined` where no figure is that of a leak.
 */
export function findVoteLeak(
  votes: FileVotes,
  series: ReadonlyMap<string, BarSeries>,
  { minZ = MIN_LEAK_Z, minShare = MIN_LEAK_SHARE }: { minZ?: number; minShare?: number } = {},
): VoteLeak | undefined {
  return voteLeakFigures(votes, series)
    .filter(({ kind, z, share, later_z: later }) => {
      // Votes that always lose do not know the future.
      if (kind === "level" && z < 0) return false;
      return Math.abs(z) >= minZ && Math.abs(share) >= minShare && Math.abs(z) >= MIN_RATIO * later;
    })
    .toSorted((a, b) => Math.abs(b.z) - Math.abs(a.z))[0];
}

/** How often votes of all assets change, as the bars have it. */
export function countVoteChanges(votes: FileVotes, series: ReadonlyMap<string, BarSeries>): number {
  return columnsOf(votes, series).reduce((sum, { votes: ofAsset }) => {
    return sum + ofAsset.filter((vote, i) => Math.abs(vote - (ofAsset[i - 1] ?? Number.NaN)) > 0).length;
  }, 0);
}

/** All figures that `findVoteLeak()` looks at: of all assets together, and of each. */
export function voteLeakFigures(votes: FileVotes, series: ReadonlyMap<string, BarSeries>): readonly VoteLeak[] {
  const columns = columnsOf(votes, series);
  if (columns.length === 0) return [];
  const groups = columns.length > 1 ? [columns, ...columns.map((each) => [each])] : [columns];
  const claims: { kind: VoteLeak["kind"]; lag: number; claimAt: (lag: number) => Claim }[] = LAGS.map((lag) => {
    return { kind: "change", lag, claimAt: (bars) => changeWithin(1, bars) };
  });
  for (const spacing of spacingsOf(votes, series)) {
    claims.push({ kind: "window", lag: 0, claimAt: (bars) => changeWithin(spacing, bars) });
  }
  claims.push({ kind: "level", lag: 0, claimAt: (bars) => (ofBars, i) => ofBars[i - bars] ?? Number.NaN });
  return groups.flatMap((group) =>
    claims.map(({ kind, lag, claimAt }) => {
      const figures = compare(group, claimAt(lag));
      const later = LATER_BARS.map((bars) => Math.abs(compare(group, claimAt(lag + bars)).z));
      return { kind, lag, asset: group.length > 1 ? null : group[0]!.asset, ...figures, later_z: Math.max(...later) };
    }),
  );
}

/** How the vote changed within some bars, which ended `lag` bars ago. */
function changeWithin(bars: number, lag: number): Claim {
  return (votes, i) => (votes[i - lag] ?? Number.NaN) - (votes[i - lag - bars] ?? Number.NaN);
}

/** Sums claims x surprises. Those of one time are one: assets that move together are no independent witnesses. */
function compare(group: readonly Columns[], claim: Claim): { bars: number; z: number; share: number } {
  const size = 1 + Math.max(-1, ...group.map(({ slots }) => slots.at(-1) ?? -1));
  const sums = new Float64Array(size);
  let [sum, moved, bars] = [0, 0, 0];
  for (const { slots, surprises, votes } of group) {
    for (let i = 0; i < slots.length; i++) {
      const claimed = claim(votes, i);
      if (Number.isNaN(claimed) || claimed === 0) continue;
      const product = claimed * surprises[i]!;
      sums[slots[i]!]! += product;
      sum += product;
      moved += Math.abs(product);
      bars += 1;
    }
  }
  let squares = 0;
  for (const each of sums) squares += each * each;
  return { bars, z: squares === 0 ? 0 : sum / Math.sqrt(squares), share: moved === 0 ? 0 : sum / moved };
}

function columnsOf(votes: FileVotes, series: ReadonlyMap<string, BarSeries>): readonly Columns[] {
  const used = [...series].flatMap(([asset, { bars }]) => {
    const ofAsset = votes.get(asset);
    if (ofAsset === undefined) return [];
    return [{ asset, bars: bars.slice(-MAX_BARS), votes: ofAsset }];
  });
  const starts = [...new Set(used.flatMap(({ bars }) => bars.map(({ timestamp }) => timestamp)))].toSorted(
    (a, b) => a - b,
  );
  const slots = new Map(starts.map((ms, i) => [ms, i]));
  return used.map(({ asset, bars, votes: ofAsset }) => ({
    asset,
    slots: Int32Array.from(bars, ({ timestamp }) => slots.get(timestamp)!),
    surprises: surprisesOf(bars),
    votes: votesAtStarts(bars, ofAsset),
  }));
}

/** The moves of bars from open to close, less what the move before says of them by linear regression. */
function surprisesOf(bars: readonly Bar[]): Float64Array {
  const moves = new Float64Array(bars.length);
  let variance = 0;
  bars.forEach(({ open, close }, i) => {
    const change = close / open - 1;
    // The first moves have nothing to be compared with, and count as 0.
    const deviations = variance > 0 && i >= DEVIATION_BARS ? change / Math.sqrt(variance) : 0;
    moves[i] = Math.max(-MAX_MOVE, Math.min(MAX_MOVE, deviations));
    variance += (change * change - variance) / Math.min(i + 1, DEVIATION_BARS);
  });
  let [products, squares] = [0, 0];
  for (let i = 1; i < moves.length; i++) {
    products += moves[i]! * moves[i - 1]!;
    squares += moves[i - 1]! * moves[i - 1]!;
  }
  const slope = squares === 0 ? 0 : products / squares;
  return moves.map((move, i) => (i === 0 ? 0 : move - slope * moves[i - 1]!));
}

/** The vote that counts when each bar starts: direction x confidence, -1..1. */
function votesAtStarts(bars: readonly Bar[], votes: readonly FileVote[]): Float64Array {
  let next = 0;
  return Float64Array.from(bars, ({ timestamp }) => {
    while (next < votes.length && votes[next]!.timestamp <= timestamp) next += 1;
    if (next === 0) return Number.NaN;
    const { action, confidence } = votes[next - 1]!.answer;
    return (action === "BUY" ? confidence : action === "SELL" ? -confidence : 0) / 100;
  });
}

/** The most common distance of two votes on an asset, and of the changes of each asset's vote, in bars: those above 1. */
function spacingsOf(votes: FileVotes, series: ReadonlyMap<string, BarSeries>): ReadonlySet<number> {
  const used = [...series].map(([asset, { timeframeMs }]) => ({ timeframeMs, ofAsset: votes.get(asset) ?? [] }));
  const places = used.map(({ timeframeMs, ofAsset }) =>
    ofAsset.map(({ timestamp }) => Math.round(timestamp / timeframeMs)),
  );
  const ofChanges = used.map(({ timeframeMs, ofAsset }) => {
    const longer = longerBarsOf(changesOf(ofAsset), timeframeMs).find(({ share }) => share >= MIN_CHANGE_SHARE);
    return longer === undefined ? 1 : longer.barMs / timeframeMs;
  });
  return new Set([commonSpacing(places)?.spacing ?? 1, ...ofChanges].filter((spacing) => spacing > 1));
}
