/** Text files as tables: encoding, separator and header are found in the text. */
import Papa from "papaparse";
import { badData, quote } from "../bar.ts";
import type { Table } from "./foreign-bars.ts";

const SEPARATORS = [",", ";", "\t", "|"];

/** Lines that show the shape. */
const SAMPLE_LINES = 20;

/** Decodes UTF-8 or UTF-16, with or without a byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  // ASCII in UTF-16 without a mark: every other byte is 0.
  if (bytes.length >= 4 && second === 0 && bytes[3] === 0) return new TextDecoder("utf-16le").decode(bytes);
  return new TextDecoder().decode(bytes);
}

/**
 * Reads a text as a table; `undefined` if no line has five fields.
 *
 * @throws {CarryoverError} `BAD_DATA` for a row with fewer fields than the first, as where a file was cut off.
 */
export function readTextTable(bytes: Uint8Array, file: string): Table | undefined {
  const text = decodeText(bytes);
  const sample = text
    .slice(0, 65_536)
    .split(/\r?\n|\r/)
    .filter((line) => line.trim() !== "")
    .slice(0, SAMPLE_LINES);
  const separator = separatorOf(sample);
  if (separator === undefined) return undefined;
  const { data } = Papa.parse<string[]>(text, { delimiter: separator, skipEmptyLines: false });
  const lines: { readonly fields: readonly string[]; readonly line: number }[] = [];
  data.forEach((fields, i) => {
    if (fields.length > 1 || (fields[0] ?? "").trim() !== "") lines.push({ fields, line: i + 1 });
  });
  const start = Math.max(
    0,
    lines.findIndex(({ fields }) => fields.length >= 5),
  );
  const head = lines[start]!.fields;
  // Barchart's last line says when the file was made.
  const last = lines.at(-1)!.fields;
  if (last.length < head.length && /^[a-z]+ [a-z]+ /i.test(last.join())) lines.pop();
  const hasHeader = !head.slice(1).some((field) => /^[-+]?[\d.,]+(?:e[-+]?\d+)?$/i.test(field.trim()));
  const body = lines.slice(start + (hasHeader ? 1 : 0));
  const short = body.find(({ fields }) => fields.length < head.length);
  if (short !== undefined) {
    const found = short.fields.length === 1 ? quote(short.fields[0]!) : `${short.fields.length} fields`;
    throw badData(
      { file, row: `line ${short.line}` },
      { found, expected: `${head.length} fields as in the lines before` },
    );
  }
  return {
    file,
    names: hasHeader ? head.map((name) => name.trim()) : undefined,
    rows: body.map(({ fields }) => fields),
    decimalComma: hasDecimalCommas(
      body.slice(0, SAMPLE_LINES).map(({ fields }) => fields),
      separator,
    ),
    preamble: lines.slice(0, start).map(({ fields }) => fields),
    placeOf: (index) => `line ${body[index]?.line ?? 1}`,
  };
}

/** The separator that gives most lines the same number of fields, at least five. */
function separatorOf(sample: readonly string[]): string | undefined {
  let best: { separator: string; fields: number; lines: number } | undefined;
  for (const separator of SEPARATORS) {
    const counts = sample.map((line) => Papa.parse<string[]>(line, { delimiter: separator }).data[0]?.length ?? 0);
    const lineCount = (fields: number): number => counts.filter((count) => count === fields).length;
    const [fields] = counts.filter((count) => count >= 5).toSorted((a, b) => lineCount(b) - lineCount(a));
    if (fields === undefined) continue;
    const lines = lineCount(fields);
    // Decimal commas look like separators. Of two that fit as many lines, the one with fewer fields is the real one.
    if (best === undefined || lines > best.lines || (lines === best.lines && fields < best.fields)) {
      best = { separator, fields, lines };
    }
  }
  return best?.separator;
}

/** If commas also separate fields, one before three digits groups thousands. */
function hasDecimalCommas(rows: readonly (readonly string[])[], separator: string): boolean {
  const decimals = separator === "," ? /^-?\d+,(?:\d{1,2}|\d{4,})$/ : /^-?\d{1,3}(?:\.\d{3})*,\d+$|^-?\d+,\d+$/;
  let commas = 0;
  for (const field of rows.flat()) {
    if (/^-?(?:\d+|\d{1,3}(?:,\d{3})*)\.\d+$/.test(field.trim())) return false;
    if (decimals.test(field.trim())) commas += 1;
  }
  return commas > 0;
}
