/** Features of the user's own: any named figures of an asset, such as funding, sentiment or counts of news. */
import type { Situation } from "../types.ts";
import { firstIndex } from "../util/sorted.ts";
import { badData, quote } from "./bar.ts";
import { CsvReader } from "./csv-reader.ts";
import { RowTimes } from "./row-times.ts";

/** A number or a text; `null` for an empty cell. */
export type FeatureValue = number | string | null;

/** An asset's features, oldest first; rows of the same time in the order of the file. */
export interface Features {
  readonly names: readonly string[];
  readonly rows: readonly {
    /** When its values were known, epoch ms UTC. */
    readonly timestamp: number;
    /** In the order of `names`. */
    readonly values: readonly FeatureValue[];
  }[];
}

/** What a feature's name looks like. */
export const FEATURE_NAME: RegExp = /^[A-Za-z_][\w.-]{0,59}$/;
const MAX_TEXT = 200;
/** The newest rows among which a value has its rank. */
export const RANK_ROWS = 500;

/**
 * Reads features from a CSV file with the column `timestamp` and any others, its lines in any order. A column whose first value is a
 * number has numbers only. See `CsvReader` for the dialects.
 *
 * @param options `file`: names it in messages; `timezone`: of times that state no zone, an IANA name or an offset; `onUtcAssumed`: called if there are some and it is missing.
 * @throws {CarryoverError} `BAD_DATA` with line and column.
 * @throws {TypeError} For text in place of bytes, which JavaScript may pass in spite of the types.
 */
export function parseFeaturesCsv(
  bytes: Uint8Array,
  options: { file: string; timezone?: string | undefined; onUtcAssumed?: () => void },
): Features {
  if (!(bytes instanceof Uint8Array)) {
    const expected = 'parseFeaturesCsv(new TextEncoder().encode(text), { file: "BTCUSD.csv" })';
    throw new TypeError(`Cannot read features: found a ${typeof bytes}, expected bytes: ${expected}`);
  }
  const { file, timezone, onUtcAssumed } = options;
  const names = featureNames(bytes, file);
  const csv = new CsvReader(bytes, { file, columns: ["timestamp", ...names.map((name) => name.toLowerCase())] });
  const areNumbers: (boolean | undefined)[] = names.map(() => undefined);
  const times = new RowTimes(timezone);
  const rows: Features["rows"][number][] = [];
  while (csv.next()) {
    const timestamp = times.read(csv, 0);
    const values = names.map((_, i): FeatureValue => {
      if (csv.isBlank(i + 1)) return null;
      const [number, text] = [csv.number(i + 1), csv.text(i + 1)];
      areNumbers[i] ??= !Number.isNaN(number);
      if (areNumbers[i] === false)
        return text.length <= MAX_TEXT ? text : csv.refuse(i + 1, `at most ${MAX_TEXT} characters`);
      return Number.isFinite(number) ? number : csv.refuse(i + 1, "a number, as in the lines before");
    });
    rows.push({ timestamp, values });
  }
  if (rows.length === 0) throw badData({ file }, { found: "no rows", expected: "at least one" });
  if (times.isUtcAssumed) onUtcAssumed?.();
  // The sort is stable, so rows of the same time keep the order of their lines.
  return { names, rows: rows.toSorted((a, b) => a.timestamp - b.timestamp) };
}

/** The names in the header, but for the time's. */
function featureNames(bytes: Uint8Array, file: string): readonly string[] {
  const lines = new TextDecoder().decode(bytes.subarray(0, 65_536)).split(/\r?\n/);
  // Blank lines are allowed, as in all files of CSV.
  const at = Math.max(
    0,
    lines.findIndex((line) => line.trim() !== ""),
  );
  const header = lines[at]!;
  const cells = header.split(header.includes(";") ? ";" : ",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const names = cells.filter((name) => name.toLowerCase() !== "timestamp");
  const wrong = names.find((name) => !FEATURE_NAME.test(name));
  const row = `line ${at + 1}`;
  if (wrong !== undefined) {
    const expected = "a name of letters, digits, _ . and -, at most 60, that begins with a letter";
    throw badData({ file, row }, { found: `the column ${quote(wrong)}`, expected });
  }
  if (names.length > 0) return names;
  throw badData(
    { file, row },
    { found: `the columns ${quote(header)}`, expected: '"timestamp" and one or more features' },
  );
}

/** What a situation has of an asset's features. */
type KnownFeatures = Required<Pick<Situation, "features" | "feature_ranks">>;

/**
 * The newest row that was known at a time. Before the first row all values are `null`.
 *
 * A rank is the share of the asset's last 500 rows, this one included, whose value is below this one.
 */
export function featuresAt({ names, rows }: Features, asOfMs: number): KnownFeatures {
  const end = firstIndex(rows.length, (i) => rows[i]!.timestamp > asOfMs);
  const values = rows[end - 1]?.values ?? names.map(() => null);
  const recent = rows.slice(Math.max(0, end - RANK_ROWS), end);
  const ranks = values.flatMap((value, i) => {
    if (typeof value !== "number") return [];
    const numbers = recent.map((row) => row.values[i]).filter((each) => typeof each === "number");
    return [[names[i]!, numbers.filter((each) => each < value).length / numbers.length] as const];
  });
  return {
    features: Object.fromEntries(names.map((name, i) => [name, values[i]!])),
    feature_ranks: Object.fromEntries(ranks),
  };
}
