/** What every foreign format becomes, and the table that most of them are. */

export interface SourceFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A zone that a file does not state, for messages. */
interface NeededZone {
  /** Whose clock shows the times, such as `the broker's server`. */
  readonly clock: string;
  /** What it usually is. */
  readonly timezone: string;
}

/** Bars as a foreign file has them: a column each, in the order of the file. */
export interface ForeignBars {
  /** What the file was recognised as, such as `Binance archive`. */
  readonly format: string;
  /** Epoch ms where `zone` is given; otherwise the wall clock, written as if it were UTC. */
  readonly times: Float64Array;
  /** The zone that the file itself states, such as `UTC` or `-05:00`. */
  readonly zone: string | undefined;
  /** Set where only the user knows the zone: UTC must not be assumed. */
  readonly needsZone: NeededZone | undefined;
  /** Whether a time is that of the bar's start or of its end. */
  readonly stamp: "start" | "end";
  /** Whether nothing says that the times are those of the bars' starts. */
  readonly isStartAssumed: boolean;
  /** NaN stands for an empty cell, here and in the columns below. */
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
  /** The symbol of each row, where the file has such a column. */
  readonly symbols: readonly string[] | undefined;
  /** Where a row is in the file, such as `line 17`. */
  readonly placeOf: (index: number) => string;
}

export interface Table {
  readonly file: string;
  /** Of the first row, or of the schema; a text table without a header has `undefined`. */
  readonly names: readonly string[] | undefined;
  /** Rows below the header. */
  readonly rows: readonly (readonly unknown[])[];
  /** Whether a comma stands before the decimals. */
  readonly decimalComma: boolean;
  /** Lines of a text table above its header. */
  readonly preamble: readonly (readonly string[])[];
  readonly placeOf: (index: number) => string;
}

/**
 * A table of typed cells, as JSON and binary files have it.
 *
 * @param content `unit`: what a row is called in messages.
 */
export function typedTable(
  file: string,
  content: { names: readonly string[]; rows: Table["rows"]; unit: "row" | "item" },
): Table {
  const { unit, ...table } = content;
  return { file, ...table, decimalComma: false, preamble: [], placeOf: (index) => `${unit} ${index + 1}` };
}

/** Where a table has times, prices and volumes. */
export interface Layout {
  readonly format: string;
  /** One column, or the date's and the time's. */
  readonly time: readonly [number] | readonly [number, number];
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume?: number | undefined;
  readonly symbol?: number | undefined;
  /** The zone that the format prescribes. */
  readonly zone?: string;
  readonly needsZone?: NeededZone;
  /** The end of each time that is no part of it, such as the name of a zone. */
  readonly timeSuffix?: string;
  readonly stamp?: "start" | "end";
  /** Set for a table of any origin, whose times may be those of the bars' ends. */
  readonly isStartAssumed?: boolean;
  /** Rows between the header and the bars. */
  readonly skipRows?: number;
  /** What prices are divided by. */
  readonly priceScale?: number;
  /** The day in the file's name, epoch ms: added to times of day. */
  readonly dayMs?: number;
}

/** A family of text tables. */
export interface TextFormat {
  /** As `--format` takes it. */
  readonly name: string;
  /** The columns, those of the asset where a table has several side by side; `undefined` for a table of another family. */
  readonly layoutOf: (table: Table, asset: string) => Layout | undefined;
}
