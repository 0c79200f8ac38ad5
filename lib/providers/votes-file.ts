import type { ConfidenceScale } from "../config/config.ts";
import type { Answer, BarSeries } from "../types.ts";
import { badData } from "../market/bar.ts";
import { CsvReader } from "../market/csv-reader.ts";
import { endOfBar } from "../market/spacing.ts";
import { firstIndex } from "../util/sorted.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../util/time.ts";
import { shareToPercent } from "./first-answers.ts";
import { abstain, isAction, isConfidence, type Provider } from "./provider.ts";

/** A vote read from a file. It holds until the asset's next vote. */
export interface FileVote {
  /** Epoch ms UTC. */
  readonly timestamp: number;
  readonly answer: Answer;
}

/** The votes of a file by asset, oldest first; votes of the same time in the order of the file. */
export type FileVotes = ReadonlyMap<string, readonly FileVote[]>;

const COLUMNS = ["timestamp", "asset", "action", "confidence"] as const;

/** How a file of votes is read. */
interface VotesFileOptions {
  /** Names it in messages. */
  readonly file: string;
  /** What the greatest confidence is. @default 100, and confidences of at most 1 throughout are refused */
  readonly confidenceScale?: ConfidenceScale | undefined;
}

/**
 * Reads votes from a CSV file with the columns `timestamp`, `asset`, `action` and `confidence`, its lines in any order. See
 * `CsvReader` for the dialects it accepts and `parseTimestamp` for times.
 *
 * @throws {CarryoverError} `BAD_DATA` with line and column.
 */
export function parseVotesCsv(bytes: Uint8Array, options: VotesFileOptions): FileVotes {
  const { file, confidenceScale } = options;
  const csv = new CsvReader(bytes, { file, columns: COLUMNS });
  const votes = new Map<string, FileVote[]>();
  const highest = { confidence: 0, line: 0 };

  while (csv.next()) {
    const timestamp = parseTimestamp(csv.text(0)) ?? csv.refuse(0, TIMESTAMP_FORM);
    const asset = csv.text(1);
    if (asset === "") csv.refuse(1, "an asset such as BTCUSD");
    const action = csv.text(2).toUpperCase();
    if (!isAction(action)) return csv.refuse(2, "BUY, SELL or HOLD");
    const confidence = confidenceScale === 1 ? shareToPercent(csv.number(3)) : csv.number(3);
    if (!isConfidence(confidence)) csv.refuse(3, `a number from 0 to ${confidenceScale ?? 100}`);
    if (confidence > highest.confidence) Object.assign(highest, { confidence, line: csv.line });
    const vote = { timestamp, answer: { action, confidence } };
    const ofAsset = votes.get(asset);
    if (ofAsset === undefined) votes.set(asset, [vote]);
    else ofAsset.push(vote);
  }
  if (votes.size === 0) throw badData({ file }, { found: "no votes", expected: "at least one" });
  if (confidenceScale === undefined && highest.confidence > 0 && highest.confidence <= 1) {
    const expected =
      "0 to 100; in the provider's configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are meant so";
    const position = { file, row: `line ${highest.line}`, column: "confidence" };
    throw badData(position, { found: `"${highest.confidence}", the highest of all confidences,`, expected });
  }
  // The sort is stable, so votes of the same time keep the order of their lines.
  for (const ofAsset of votes.values()) ofAsset.sort((a, b) => a.timestamp - b.timestamp);
  return votes;
}

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
 * first vote; the last one holds to the end.
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
