import { badData, quote } from "./bar.ts";

/** A walk over the rows of a CSV file. Columns are numbered as they were asked for, not as they stand in the file. */
export interface CsvRows {
  /** Goes to the next row that is not blank; false at the end. */
  next(): boolean;
  /** Line of the current row; the header is line 1. */
  line(): number;
  /** Whether the file has the column. */
  has(column: number): boolean;
  /** A field of the current row, without surrounding blanks and quotes. */
  text(column: number): string;
  /** A field as a number: digits, sign, `.` and exponent; NaN for anything else. */
  number(column: number): number;
}

const COMMA = 44;
const SEMICOLON = 59;
const QUOTE = 34;
const SPACE = 32;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`));

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Opens a CSV file: header by name in any order and case, `,` or `;` between fields, LF or CRLF, with or without a byte
 * order mark and double quotes around a field. Other columns are ignored.
 *
 * @param bytes The whole file, UTF-8.
 * @param options `file` for messages; `columns` that must be there, then `optional` ones.
 * @throws {CarryoverError} `BAD_DATA` if a column is missing or there twice, and from `next()` if a row has more or
 * fewer fields than the header.
 */
export function openCsv(
  bytes: Uint8Array,
  options: { file: string; columns: readonly string[]; optional?: readonly string[] },
): CsvRows {
  const { file, columns, optional = [] } = options;
  const text = new TextDecoder().decode(bytes);
  let line = 0;
  let lineStart = 0;
  let lineEnd = -1;
  let separator = COMMA;
  let starts = new Int32Array(0);
  let ends = new Int32Array(0);

  /** Goes to the next line that is not blank. */
  function nextLine(): boolean {
    while (lineEnd < text.length) {
      lineStart = lineEnd + 1;
      const newline = text.indexOf("\n", lineStart);
      lineEnd = newline === -1 ? text.length : newline;
      line++;
      let at = lineStart;
      while (at < lineEnd && text.charCodeAt(at) <= SPACE) at++;
      if (at < lineEnd) return true;
    }
    return false;
  }

  /** Sets the bounds of the line's fields; returns how many there are. */
  function split(): number {
    let fields = 0;
    let start = lineStart;
    let isQuoted = false;
    for (let at = lineStart; at <= lineEnd; at++) {
      if (at < lineEnd) {
        const code = text.charCodeAt(at);
        if (code === QUOTE) isQuoted = !isQuoted;
        if (code !== separator || isQuoted) continue;
      }
      let end = at;
      while (start < end && text.charCodeAt(start) <= SPACE) start++;
      while (start < end && text.charCodeAt(end - 1) <= SPACE) end--;
      const isInQuotes = end - start > 1 && text.charCodeAt(start) === QUOTE && text.charCodeAt(end - 1) === QUOTE;
      starts[fields] = isInQuotes ? start + 1 : start;
      ends[fields] = isInQuotes ? end - 1 : end;
      fields++;
      start = at + 1;
    }
    return fields;
  }

  if (!nextLine()) {
    throw badData({ file }, { found: "an empty file", expected: `the columns ${quote(columns.join(","))}` });
  }
  const header = text.slice(lineStart, lineEnd);
  if (header.includes(";")) separator = SEMICOLON;
  starts = new Int32Array(header.length + 1);
  ends = new Int32Array(header.length + 1);
  const width = split();
  const names = Array.from({ length: width }, (_, at) => text.slice(starts[at], ends[at]).toLowerCase());
  const wanted = [...columns, ...optional];
  const place = wanted.map((name) => names.indexOf(name));
  wanted.forEach((name, column) => {
    const row = `line ${line}`;
    if (place[column] === -1 && column < columns.length) {
      throw badData(
        { file, row },
        { found: `the columns ${quote(header.trim())}`, expected: `a column ${quote(name)}` },
      );
    }
    if (place[column] !== names.lastIndexOf(name)) {
      throw badData({ file, row, column: name }, { found: "the column twice", expected: "it once" });
    }
  });

  function fieldText(column: number): string {
    const at = place[column] ?? -1;
    return text.slice(starts[at], ends[at]);
  }

  return {
    next() {
      if (!nextLine()) return false;
      const fields = split();
      if (fields !== width) {
        const row = `line ${line}`;
        throw badData(
          { file, row },
          { found: fields === 1 ? "1 field" : `${fields} fields`, expected: `${width} as in the header` },
        );
      }
      return true;
    },
    line: () => line,
    has: (column) => place[column] !== -1,
    text: fieldText,
    number(column) {
      const at = place[column] ?? -1;
      const start = starts[at] ?? 0;
      const end = ends[at] ?? 0;
      // Up to 15 digits are a whole number that a double holds exactly, as is the power of ten: one division of the
      // two is rounded correctly (Clinger 1990), so this is what Number() gives, without making a string.
      if (start < end && end - start <= 16) {
        let digits = 0;
        let point = -1;
        let position = start;
        for (; position < end; position++) {
          const code = text.charCodeAt(position);
          if (code >= 48 && code <= 57) digits = digits * 10 + (code - 48);
          else if (code === 46 && point === -1) point = position;
          else break;
        }
        const count = end - start - (point === -1 ? 0 : 1);
        if (position === end && count > 0 && count <= 15) {
          return point === -1 ? digits : digits / (POWERS[end - point - 1] ?? NaN);
        }
      }
      const found = fieldText(column);
      return NUMBER.test(found) ? Number(found) : NaN;
    },
  };
}
