/**
 * Whether the votes of a run's decisions know later bars: a module may read a file of its own that has the future, which no change of the
 * bars shows.
 */
import type { InMemoryJob } from "../backtest/job.ts";
import type { ProviderConfig } from "../config/config.ts";
import { findVoteLeak } from "../providers/vote-leak.ts";
import type { FileVote } from "../providers/votes-file.ts";
import type { DecisionRecord } from "../types.ts";
import type { ProviderLeak } from "./notes.ts";

/**
 * Stricter than for files, whose stamps are often wrong. Honest modules stay below: z up to 4.5 on real bars, and where the synthetic
 * market gives rules an edge, a share up to 0.07.
 */
const MIN_Z = 6;
const MIN_SHARE = 0.1;

/** Fewer votes of one action are nothing unusual. */
const MIN_VOTES = 100;

/** Bars before the run, from which the first moves have their deviation. */
const BARS_BEFORE = 100;

/** The providers that are programs of the user's. */
export function ownPrograms(providers: readonly ProviderConfig[]): readonly string[] {
  return providers.flatMap(({ type, name }) => (type === "module" || type === "command" ? [name] : []));
}

/** Looks at the votes of providers in the decisions of a run, above all whether they know the bars that begin after them. */
export class DecisionLeaks {
  readonly #votes: ReadonlyMap<string, Map<string, FileVote[]>>;

  /** @param names Of the providers. */
  constructor(names: readonly string[]) {
    this.#votes = new Map(names.map((name) => [name, new Map()]));
  }

  /** Adds decisions, oldest first, as lines of their file. */
  add(lines: readonly string[]): void {
    for (const line of lines) {
      const { timestamp, asset, votes } = JSON.parse(line) as Pick<DecisionRecord, "timestamp" | "asset" | "votes">;
      for (const { provider, action, confidence } of votes) {
        const ofProvider = this.#votes.get(provider);
        const vote = { timestamp: Date.parse(timestamp), answer: { action, confidence } };
        const ofAsset = ofProvider?.get(asset);
        if (ofAsset === undefined) ofProvider?.set(asset, [vote]);
        else ofAsset.push(vote);
      }
    }
  }

  /** A sentence on each provider that always voted BUY, or always SELL: often it compares with a value that is not there. */
  oneSided(): readonly string[] {
    return [...this.#votes].flatMap(([provider, byAsset]) => {
      const votes = [...byAsset.values()].flat();
      const [first] = votes;
      const isOneSided = first !== undefined && votes.every(({ answer: { action } }) => action === first.answer.action);
      if (!isOneSided || first.answer.action === "HOLD" || votes.length < MIN_VOTES) return [];
      return [
        `"${provider}" voted ${first.answer.action} at all ${votes.length} decisions. If that is not meant, print what it gets: ` +
          "a comparison with undefined or NaN is never true, and `bars: N` asks for more bars",
      ];
    });
  }

  find({ series, period: { startMs, endMs } }: Pick<InMemoryJob, "series" | "period">): readonly ProviderLeak[] {
    const ofRun = [...series].map(([asset, each]) => {
      const fromMs = startMs - BARS_BEFORE * each.timeframeMs;
      const bars = each.bars.filter(({ timestamp }) => timestamp >= fromMs && timestamp < endMs);
      return [asset, { ...each, bars }] as const;
    });
    const within = new Map(ofRun);
    return [...this.#votes].flatMap(([provider, votes]) => {
      const leak = findVoteLeak(votes, within, { minZ: MIN_Z, minShare: MIN_SHARE });
      return leak === undefined ? [] : [{ provider, ...leak }];
    });
  }
}
