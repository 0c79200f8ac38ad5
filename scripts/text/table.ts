/** Layout of plain text: tables and sections. */
import { isTerminal, lineColumns, paint, visibleLength } from "../cli/terminal.ts";

export interface Column {
  readonly title: string;
  /** @default "right" */
  readonly align?: "left" | "right";
}

/** Maximum chunks that a table has columns for. */
const MAX_CHUNKS = 12;

/** Columns of a terminal that shows help and summaries without wrapping them itself. */
export const SCREEN_COLUMNS = 80;

/** Columns of a label and the space after it. */
const LABEL_COLUMNS = 11;

/** Columns of numbers, which are aligned right. */
export function columns(...titles: readonly string[]): Column[] {
  return titles.map((title) => ({ title }));
}

/** A column of words, which are aligned left. */
export function words(title: string): Column {
  return { title, align: "left" };
}

/**
 * A header, a rule, and rows of cells, two spaces apart, in lines that end with a newline. A missing cell is empty.
 *
 * @param options `rule`: whether a line of dashes is below the header. @default true
 */
export function table(
  heads: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { rule?: boolean } = {},
): string {
  const widths = heads.map(({ title }, i) =>
    Math.max(visibleLength(title), ...rows.map((row) => visibleLength(row[i] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    heads
      .map(({ align }, i) => {
        const cell = cells[i] ?? "";
        const space = " ".repeat(widths[i]! - visibleLength(cell));
        return align === "left" ? cell + space : space + cell;
      })
      .join("  ")
      .trimEnd();
  const header = heads.map(({ title }) => title);
  const rule = options.rule === false ? [] : [widths.map((width) => "-".repeat(width))];
  return [header, ...rule, ...rows].map((cells) => `${line(cells)}\n`).join("");
}

/** A row of a table by chunk: a cell for each chunk, then others. */
export interface ChunkRow {
  readonly name: string;
  readonly cells: readonly string[];
  readonly last?: readonly string[];
}

/**
 * A table with a column for each chunk, as many of the last ones as a line has room for.
 *
 * @param options `corner`: title of the names; `last`: titles of the columns after the chunks; `width`: columns of a
 *   line. @default those of the terminal, else any number
 */
export function chunkTable(
  chunks: readonly string[],
  rows: readonly ChunkRow[],
  options: { corner?: string; last?: readonly string[]; width?: number } = {},
): string {
  const { corner = "", last = [], width = isTerminal(1) ? lineColumns() : Infinity } = options;
  const build = (shown: number): string =>
    table(
      [words(corner), ...columns(...chunks.slice(-shown), ...last)],
      rows.map((row) => [row.name, ...row.cells.slice(-shown), ...(row.last ?? [])]),
    );
  let shown = Math.max(1, Math.min(chunks.length, MAX_CHUNKS));
  let text = build(shown);
  while (shown > 1 && text.split("\n").some((line) => visibleLength(line) > width)) text = build(--shown);
  return shown < chunks.length ? `${text}The last ${shown} of ${chunks.length} chunks; --json has all\n` : text;
}

/** Lines that begin with a label, the texts below each other. A text that is too long goes on in the next line. */
export function labelled(lines: readonly (readonly [label: string, text: string])[]): string[] {
  return lines.flatMap(([label, text]) =>
    wrap(text, SCREEN_COLUMNS - LABEL_COLUMNS).map(
      (part, i) => `${(i === 0 ? label : "").padEnd(LABEL_COLUMNS)}${part}\n`,
    ),
  );
}

/** Breaks a text between words into lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && visibleLength(last) + 1 + visibleLength(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

export function section(title: string, body: string): string {
  return `${paint(title, "bold")}\n${body}`;
}
