/** Files of other systems, and what readers find in them. */
import { messageOf } from "../errors.ts";
import { decodeText } from "../market/formats/text-table.ts";
import { parseEpoch, parseTimestamp } from "../util/time.ts";
import type { ForeignTrade, System } from "./foreign-trade.ts";

/** A file as readers get it. */
export interface Source {
  /** A path; of a file in an archive, that of the archive and its own. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The text, if the first bytes are those of one. */
  readonly text: string | undefined;
  /** The parsed text, if it is JSON. */
  readonly json: unknown;
  /** Why a text that begins like JSON is none. */
  readonly damage: string | undefined;
}

/** What the user says about the files. */
export interface ReadOptions {
  /** The provider of trades that name none. */
  readonly provider?: string | undefined;
  /** Columns of a CSV. */
  readonly map?: ColumnMap | undefined;
  /** Of the times of a CSV that state none, such as `America/New_York`. @default UTC */
  readonly timezone?: string | undefined;
}

/** Names of columns by the field that they fill. A value `=text` is the same text in every row. */
export interface ColumnMap {
  readonly fields: Readonly<Record<string, string>>;
  /** By the word that the sentence of the situation says. */
  readonly situation: Readonly<Record<string, string>>;
}

/** Reads the files of one system. */
export interface OutcomeReader {
  readonly system: System;
  /** Tells by content whether it reads a file. */
  readonly owns: (source: Source, options: ReadOptions) => boolean;
  readonly read: (sources: readonly Source[], findings: Findings, options: ReadOptions) => void;
}

/** What was left out, and the first place where. */
export interface Skipped {
  readonly reason: string;
  readonly count: number;
  readonly first: string;
}

/** A file that is kept beside the outcomes as it is. */
export interface KeptFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A trade, and where it was found. */
export interface FoundTrade {
  readonly trade: ForeignTrade;
  readonly system: System;
  readonly place: string;
}

/** Collects what is found. */
export class Findings {
  readonly trades: FoundTrade[] = [];
  readonly kept: KeptFile[] = [];
  /** Whether times were read that state no zone, and the user names none. */
  isUtcAssumed = false;
  readonly #skipped = new Map<string, { count: number; first: string }>();

  /** @param reason Says what is left out, such as `trades that are still open`. */
  skip(reason: string, place: string): void {
    const known = this.#skipped.get(reason);
    if (known === undefined) this.#skipped.set(reason, { count: 1, first: place });
    else known.count += 1;
  }

  get skipped(): readonly Skipped[] {
    return [...this.#skipped].map(([reason, { count, first }]) => ({ reason, count, first }));
  }
}

/** Numbers that Python writes into JSON and JSON does not have. */
const PYTHON_NUMBERS = /(?<=[:[,]\s*)(?:NaN|-?Infinity)(?=\s*[,\]}])/g;

/** A file, parsed as far as its content allows. */
export function sourceOf({ name, bytes }: { name: string; bytes: Uint8Array }): Source {
  const isText = bytes.length > 0 && !bytes.subarray(0, 512).includes(0);
  const text = isText || bytes[0] === 0xff || bytes[0] === 0xfe ? decodeText(bytes) : undefined;
  const nothing = { name, bytes, text, json: undefined, damage: undefined };
  if (text === undefined || !/^\s*(?:\{|\[\s*[[{])/.test(text)) return nothing;
  try {
    return { ...nothing, json: parsePython(text) };
  } catch (error) {
    return { ...nothing, damage: messageOf(error) };
  }
}

/** Parses JSON as Python writes it. Only a text that is no JSON is changed: also a note may say "x: NaN, y". */
function parsePython(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replaceAll(PYTHON_NUMBERS, "null");
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** The last part of a path. */
export function baseName(name: string): string {
  return name.split(/[\\/]/).at(-1)!;
}

/** A time of a JSON document, epoch ms: ISO 8601, without a zone in UTC, or an epoch time. */
export function timeIn(fields: Readonly<Record<string, unknown>>, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const value = fields[key];
    const ms =
      typeof value === "number"
        ? parseEpoch(String(value))
        : typeof value === "string"
          ? parseTimestamp(value)
          : undefined;
    if (ms !== undefined) return ms;
  }
  return undefined;
}
