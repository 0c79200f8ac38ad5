import type { ConfidenceScale, VotesFileConfig } from "../config/config.ts";
import { badData, type FilePosition, quote, TIMESTAMP_ALIASES } from "../market/bar.ts";
import { CsvReader } from "../market/csv-reader.ts";
import type { RowReader, WantedColumns } from "../market/find-columns.ts";
import { isParquet, readParquetTable } from "../market/formats/parquet.ts";
import { RowTimes } from "../market/row-times.ts";
import { TableReader } from "../market/table-reader.ts";
import { VOTE_CONFIDENCE } from "../settings.ts";
import { gunzip } from "../util/gunzip.ts";
import { shareToPercent } from "./first-answers.ts";
import { ACTION_FORM, actionOf, isConfidence } from "./provider.ts";
import type { FileVote, FileVotes } from "./votes-file.ts";

/** Size limit of a file of votes, also unpacked: some two million. */
export const MAX_VOTES_BYTES: number = 1 << 27;

const ALIASES = {
  timestamp: TIMESTAMP_ALIASES,
  action: [["signal", "position", "side", "direction"]],
  asset: [["symbol", "ticker", "pair", "instrument"]],
} as const;

const STAMPS =
  "stamp: bar_start for starts of bars, as pandas labels them, or stamp: known_at for when each vote was known";

/** The columns of a file of votes: a row for each vote, or a column for each asset. */
function columnsOf(options: VotesFileOptions): WantedColumns {
  const { column, stamp, assets = [] } = options;
  return {
    columns: ["timestamp", column?.toLowerCase() ?? "action"],
    optional: ["asset", "confidence"],
    otherForm: (names) => {
      const ofAssets = assetColumns(names, options);
      return ofAssets.length === 0 ? undefined : ["timestamp", ...ofAssets.map((name) => name.toLowerCase())];
    },
    aliases: ALIASES,
    advice: (missing, names) => {
      if (missing !== "action") return "";
      const needsStamp = stamp === undefined && !names.some((name) => name.toLowerCase() === "timestamp");
      const ofAssets =
        assets.length === 0 ? "" : `, or a column for each asset, with its name in the run, such as ${assets[0]!}`;
      const named = ", or the one that column: names in the provider's configuration";
      return `${named}${ofAssets}${needsStamp ? `; its times need ${STAMPS}` : ""}`;
    },
  };
}

/** The columns that are called like assets of the run, in a file that has neither a column of actions nor one of assets. */
function assetColumns(names: readonly string[], { column, assets = [] }: VotesFileOptions): readonly string[] {
  const others = [column?.toLowerCase() ?? "action", "asset", ...ALIASES.action.flat(), ...ALIASES.asset.flat()];
  if (names.some((name) => others.includes(name.toLowerCase()))) return [];
  return names.filter((name) => assets.includes(name));
}

/** The columns by their index. */
const [TIMESTAMP, ACTION, ASSET, CONFIDENCE] = [0, 1, 2, 3] as const;

/** How a file of votes is read. */
export interface VotesFileOptions {
  /** Names it in messages. */
  readonly file: string;
  /** What the greatest confidence is. @default 100, and confidences of at most 1 throughout are refused */
  readonly confidenceScale?: ConfidenceScale | undefined;
  /** The assets of the run. A file without a column of assets is that of the only one. */
  readonly assets?: readonly string[] | undefined;
  /** What the times are. It is needed where their column is not called `timestamp`, and changes nothing here. */
  readonly stamp?: VotesFileConfig["stamp"];
  /** The column of the actions. @default `action` or one of its other names */
  readonly column?: string | undefined;
  /** The zone of times that state none: an IANA name or an offset. @default UTC, and a note says so */
  readonly timezone?: string | undefined;
  /** Whether a HOLD closes an open position. @default false, and a note says so of a file that has a 0 or `flat` */
  readonly closeOnHold?: boolean | undefined;
  /** Says what the file lacks and what is taken in its place. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Reads votes from a CSV file, which may be packed by gzip, or from a Parquet file. Which one it is, its first bytes say.
 *
 * @throws {CarryoverError} `BAD_DATA` naming file, line or row, and column.
 */
export async function parseVotes(bytes: Uint8Array<ArrayBuffer>, options: VotesFileOptions): Promise<FileVotes> {
  const { file } = options;
  if (isParquet(bytes))
    return votesOf(new TableReader(await readParquetTable(bytes, file), columnsOf(options)), options);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return parseVotesCsv(bytes, options);
  const unpacked = await gunzip(bytes, { maxBytes: MAX_VOTES_BYTES, refuse: (details) => badData({ file }, details) });
  return parseVotesCsv(unpacked, options);
}

/**
 * Reads votes from a CSV file with the columns `timestamp`, `asset`, `action` and `confidence`, its lines in any order. See
 * `CsvReader` for the dialects, `parseBarTime` for times, and docs/FORMATS.md for other names and what may be missing.
 *
 * @throws {CarryoverError} `BAD_DATA` with line and column.
 */
export function parseVotesCsv(bytes: Uint8Array, options: VotesFileOptions): FileVotes {
  return votesOf(new CsvReader(bytes, { file: options.file, ...columnsOf(options) }), options);
}

function votesOf(rows: RowReader, options: VotesFileOptions): FileVotes {
  const { file, onNote } = options;
  assertTimesAreKnown(rows, options);
  const ofAssets = assetColumns(rows.names, options);
  const isWide = ofAssets.length > 0;
  const onlyAsset = isWide || rows.has(ASSET) ? undefined : assetOfRun(options);
  const confidences = !isWide && rows.has(CONFIDENCE) ? new Confidences(rows, options) : undefined;
  const times = new RowTimes(options.timezone);
  const votes = new Map<string, FileVote[]>();
  let flat: string | undefined;
  let hasSell = false;
  const blanks: { readonly asset: string; readonly timestamp: number; readonly at: FilePosition }[] = [];
  const readVote = (timestamp: number, asset: string, column: number): void => {
    if (rows.isBlank(column)) {
      blanks.push({ asset, timestamp, at: { file, row: rows.place, column: rows.nameOf(column) } });
      return;
    }
    const written = rows.text(column);
    const action = actionOf(written) ?? rows.refuse(column, `${ACTION_FORM}${adviceOn(written)}`);
    if (action === "HOLD" && !/^hold$/i.test(written)) flat ??= written;
    hasSell ||= action === "SELL";
    const vote = { timestamp, answer: { action, confidence: confidences?.next() ?? VOTE_CONFIDENCE } };
    const ofAsset = votes.get(asset);
    if (ofAsset === undefined) votes.set(asset, [vote]);
    else ofAsset.push(vote);
  };
  while (rows.next()) {
    const timestamp = times.read(rows, TIMESTAMP);
    if (isWide) ofAssets.forEach((asset, i) => readVote(timestamp, asset, ACTION + i));
    else readVote(timestamp, onlyAsset ?? (rows.text(ASSET) || rows.refuse(ASSET, "an asset such as BTCUSD")), ACTION);
  }
  if (votes.size === 0) throw badData({ file }, { found: "no votes", expected: "at least one" });
  confidences?.assertScale();
  if (isWide && rows.names.some((name) => name.toLowerCase() === "confidence"))
    onNote?.(
      `has a column "confidence", which is ignored beside a column for each asset: each vote has ${VOTE_CONFIDENCE}`,
    );
  if (times.isUtcAssumed) onNote?.("has times that state no zone, taken as UTC: timezone names another");
  if (flat !== undefined && options.closeOnHold !== true) {
    const label = Number(flat) === 0 && !hasSell ? ". It has no -1: if 0 is a label that means down, write -1" : "";
    onNote?.(`has ${quote(flat)}, which closes no position; with backtest.risk.close_on_hold: true it does${label}`);
  }
  // The sort is stable, so votes of the same time keep the order of their lines.
  for (const ofAsset of votes.values()) ofAsset.sort((a, b) => a.timestamp - b.timestamp);
  const differing = [...votes.values()].reduce((sum, ofAsset) => sum + countDiffering(ofAsset), 0);
  if (differing > 0)
    onNote?.(`has votes that differ from another of the same asset and time (${differing}): the later line counts`);
  // Indicators begin with blanks. A later one may stand for the vote before it, for a HOLD, or for none.
  const late = blanks.find(({ asset, timestamp }) => timestamp >= (votes.get(asset)?.[0]!.timestamp ?? Infinity));
  if (late === undefined) return votes;
  throw badData(late.at, {
    found: "nothing",
    expected: `${ACTION_FORM}: only before its first vote may an asset have none`,
  });
}

/** False may mean flat or short. */
function adviceOn(written: string): string {
  return /^(?:true|false)$/i.test(written)
    ? "; in pandas, .astype(int) turns True and False into 1 and 0, long and flat"
    : "";
}

/** Votes after another one of the same time, such as those of overlapping files, that are not the same. */
function countDiffering(votes: readonly FileVote[]): number {
  return votes.filter(({ timestamp, answer }, i) => {
    const before = votes[i - 1];
    if (before?.timestamp !== timestamp) return false;
    return before.answer.action !== answer.action || before.answer.confidence !== answer.confidence;
  }).length;
}

/** A column under another name than `timestamp`, such as the index of a data frame of bars, does not say when votes were known. */
function assertTimesAreKnown(rows: RowReader, { file, stamp }: VotesFileOptions): void {
  const name = rows.nameOf(TIMESTAMP);
  if (stamp !== undefined || name.toLowerCase() === "timestamp") return;
  const found = `times in ${name === "" ? "a column without a name" : `the column ${quote(name)}`}`;
  const expected = `a column "timestamp", or what they are in the provider's configuration: ${STAMPS}`;
  throw badData({ file }, { found, expected });
}

function assetOfRun({ file, assets = [] }: VotesFileOptions): string {
  const [asset, second] = assets;
  if (asset !== undefined && second === undefined) return asset;
  const expected =
    asset === undefined
      ? "one"
      : `one, or a column of actions for each asset: the run has ${assets.length} assets: ${assets.join(", ")}. ` +
        `pandas makes such columns of a Series for each: pd.concat({"${asset}": a, "${second}": b}, axis=1).ffill()`;
  throw badData({ file }, { found: 'no column "asset"', expected });
}

/** The column of confidences, which must be of the scale that is configured. */
class Confidences {
  readonly #rows: RowReader;
  readonly #file: string;
  readonly #scale: ConfidenceScale | undefined;
  #highest = 0;
  #place = "";

  constructor(rows: RowReader, { file, confidenceScale }: VotesFileOptions) {
    this.#rows = rows;
    this.#file = file;
    this.#scale = confidenceScale;
  }

  /** That of the current row, 0 to 100. */
  next(): number {
    const number = this.#rows.number(CONFIDENCE);
    const confidence = this.#scale === 1 ? shareToPercent(number) : number;
    if (!isConfidence(confidence)) this.#rows.refuse(CONFIDENCE, `a number from 0 to ${this.#scale ?? 100}`);
    if (confidence > this.#highest) [this.#highest, this.#place] = [confidence, this.#rows.place];
    return confidence;
  }

  assertScale(): void {
    if (this.#scale !== undefined || this.#highest === 0 || this.#highest > 1) return;
    const expected =
      "0 to 100; in the provider's configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are out of 100";
    const position = { file: this.#file, row: this.#place, column: this.#rows.nameOf(CONFIDENCE) };
    throw badData(position, { found: `"${this.#highest}", the highest of all confidences,`, expected });
  }
}
