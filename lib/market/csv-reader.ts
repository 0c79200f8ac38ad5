import { badData, quote } from "./bar.ts";
import { findColumns, type RowReader, type WantedColumns } from "./find-columns.ts";

const COMMA = 44;
const SEMICOLON = 59;
const QUOTE = 34;
const SPACE = 32;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`));

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Reads a CSV file row by row. Columns are found by the header's names, in any order and case, and other columns are ignored.
 * Fields are separated by `,` or `;`, lines end with LF or CRLF; a byte order mark, double quotes around a field and blank
 * lines are allowed.
 */
export class CsvReader implements RowReader {
  readonly #file: string;
  readonly #text: string;
  readonly names: readonly string[];
  /** The position in a row of each column that is wanted; -1 for an optional one that is missing. */
  readonly #positions: readonly number[];
  /** Fields of every row. */
  readonly #width: number;
  readonly #separator: number;
  /** Bounds of the current row's fields in the text. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #line = 0;
  #lineStart = 0;
  #lineEnd = -1;

  /**
   * Reads the header.
   *
   * @param bytes The whole file, UTF-8.
   * @param options `file` is for messages.
   * @throws {CarryoverError} `BAD_DATA` if a column is missing or occurs twice.
   */
  constructor(bytes: Uint8Array, options: WantedColumns & { file: string }) {
    const { file, columns } = options;
    this.#file = file;
    this.#text = new TextDecoder().decode(bytes);
    if (!this.#nextLine()) {
      throw badData({ file }, { found: "an empty file", expected: `the columns ${quote(columns.join(","))}` });
    }
    const header = this.#text.slice(this.#lineStart, this.#lineEnd);
    this.#separator = header.includes(";") ? SEMICOLON : COMMA;
    this.#starts = new Int32Array(header.length + 1);
    this.#ends = new Int32Array(header.length + 1);
    this.#width = this.#splitLine();
    this.names = Array.from({ length: this.#width }, (_, position) => this.#fieldAt(position));
    this.#positions = findColumns(this.names, options, { file, row: this.place });
  }

  /** Line of the current row; the header is line 1. */
  get line(): number {
    return this.#line;
  }

  get place(): string {
    return `line ${this.#line}`;
  }

  /**
   * Goes to the next row that is not blank; false at the end.
   *
   * @throws {CarryoverError} `BAD_DATA` if the row has more or fewer fields than the header.
   */
  next(): boolean {
    if (!this.#nextLine()) return false;
    const fields = this.#splitLine();
    if (fields !== this.#width) {
      const found = fields === 1 ? "1 field" : `${fields} fields`;
      const position = { file: this.#file, row: this.place };
      throw badData(position, { found, expected: `${this.#width} as in the header` });
    }
    return true;
  }

  has(column: number): boolean {
    return this.#positions[column] !== -1;
  }

  nameOf(column: number): string {
    return this.names[this.#positions[column]!]!;
  }

  isBlank(column: number): boolean {
    const position = this.#positions[column]!;
    return this.#starts[position] === this.#ends[position];
  }

  /** A field of the current row, without surrounding blanks and quotes. */
  text(column: number): string {
    return this.#fieldAt(this.#positions[column]!);
  }

  /** A field as a number: digits, sign, `.` and exponent; NaN for anything else. */
  number(column: number): number {
    const text = this.#text;
    const start = this.#starts[this.#positions[column]!]!;
    const end = this.#ends[this.#positions[column]!]!;
    // Up to 15 digits are a whole number that a double holds exactly, and so is the power of ten: dividing one by the other
    // rounds correctly (Clinger 1990). This is what Number() gives, without making a string.
    if (start < end && end - start <= 16) {
      let digits = 0;
      let point = -1;
      let at = start;
      for (; at < end; at++) {
        const code = text.charCodeAt(at);
        if (code >= 48 && code <= 57) digits = digits * 10 + (code - 48);
        else if (code === 46 && point === -1) point = at;
        else break;
      }
      const count = end - start - (point === -1 ? 0 : 1);
      if (at === end && count > 0 && count <= 15) return point === -1 ? digits : digits / POWERS[end - point - 1]!;
    }
    const found = this.text(column);
    return NUMBER.test(found) ? Number(found) : NaN;
  }

  refuse(column: number, expected: string): never {
    const text = this.text(column);
    const position = { file: this.#file, row: this.place, column: this.nameOf(column) };
    throw badData(position, { found: text === "" ? "nothing" : quote(text), expected });
  }

  /** Goes to the next line that is not blank. */
  #nextLine(): boolean {
    const text = this.#text;
    while (this.#lineEnd < text.length) {
      const start = this.#lineEnd + 1;
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline;
      this.#lineStart = start;
      this.#lineEnd = end;
      this.#line++;
      let at = start;
      while (at < end && text.charCodeAt(at) <= SPACE) at++;
      if (at < end) return true;
    }
    return false;
  }

  /** Sets the bounds of the line's fields; returns how many fields there are. */
  #splitLine(): number {
    const text = this.#text;
    const separator = this.#separator;
    const starts = this.#starts;
    const ends = this.#ends;
    const lineEnd = this.#lineEnd;
    let fields = 0;
    let start = this.#lineStart;
    let isQuoted = false;
    for (let at = start; at <= lineEnd; at++) {
      if (at < lineEnd) {
        const code = text.charCodeAt(at);
        if (code === QUOTE) isQuoted = !isQuoted;
        if (code !== separator || isQuoted) continue;
      }
      let end = at;
      while (start < end && text.charCodeAt(start) <= SPACE) start++;
      while (start < end && text.charCodeAt(end - 1) <= SPACE) end--;
      const hasQuotes = end - start > 1 && text.charCodeAt(start) === QUOTE && text.charCodeAt(end - 1) === QUOTE;
      starts[fields] = hasQuotes ? start + 1 : start;
      ends[fields] = hasQuotes ? end - 1 : end;
      fields++;
      start = at + 1;
    }
    return fields;
  }

  #fieldAt(position: number): string {
    return this.#text.slice(this.#starts[position], this.#ends[position]);
  }
}
