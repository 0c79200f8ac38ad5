/** Plain text for a terminal: tables, numbers, trend arrows and the progress line. */
import { fstatSync, writeSync } from "node:fs";
import { dirname, isAbsolute, relative } from "node:path";
import type { ForecastScores } from "../../lib/stats/forecast-scores.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** @default "right" */
  readonly align?: "left" | "right";
}

/** Chunks that a table has columns for at most. */
const SHOWN_CHUNKS = 6;

/** Columns of a line where no terminal says how many. */
const PIPE_COLUMNS = 100;

const COLORS = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

/** Whether a descriptor (1: stdout, 2: stderr) is a terminal. */
export function isTerminal(fd: 1 | 2): boolean {
  try {
    // What is no device is no terminal; Bun takes 10 ms to load what knows about terminals.
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return (fd === 1 ? process.stdout : process.stderr).isTTY;
}

/** Whether a descriptor is a terminal that colours, clears and goes back when told. */
export function obeysCodes(fd: 1 | 2): boolean {
  return process.env["TERM"] !== "dumb" && isTerminal(fd);
}

/** Colours `text` where stdout is a terminal and the environment does not say NO_COLOR (https://no-color.org). */
export function paint(text: string, color: keyof typeof COLORS): string {
  return hasColors() ? `\u001B[${COLORS[color]}m${text}\u001B[0m` : text;
}

function hasColors(): boolean {
  return (process.env["NO_COLOR"] ?? "") === "" && obeysCodes(1);
}

/**
 * Returns text for a person, without what would make a terminal do or show something else: names, reasons and messages may come
 * from a model, a program or a file. Controls but for tab and newline, and those of the direction of writing (Unicode TR 9), become
 * U+FFFD. Text for stdout keeps the colours of `paint()`.
 */
export function stripControls(text: string, fd: 1 | 2 = 1): string {
  return text.replaceAll(fd === 1 && hasColors() ? UNPAINTED_CONTROLS : CONTROLS, "\uFFFD");
}

/* oxlint-disable no-control-regex -- these are what is looked for */
const CONTROLS = /[\0-\x08\x0B-\x1F\x7F-\x9F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
const UNPAINTED_CONTROLS = new RegExp(`(?!\u001B\\[(?:0|1|31|32|33)m)${CONTROLS.source}`, "g");
/* oxlint-enable no-control-regex */

/**
 * Lays out a table: a header, a rule, and rows, two spaces between columns, no space at the ends of lines.
 *
 * @param rows A cell for each column; one that is missing is empty.
 * @returns Lines with a newline after each.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(length(title), ...rows.map((row) => length(row[i] ?? ""))));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? "";
        const space = " ".repeat((widths[i] ?? 0) - length(cell));
        return align === "left" ? cell + space : space + cell;
      })
      .join("  ")
      .trimEnd();
  const header = columns.map(({ title }) => title);
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...rows].map((cells) => `${line(cells)}\n`).join("");
}

/** Characters that are seen: colours take no room. */
function length(text: string): number {
  // oxlint-disable-next-line no-control-regex -- colours are made of control characters
  return [...text.replaceAll(/\u001B\[\d+m/g, "")].length;
}

/** A number with a fixed count of decimals and a comma between thousands, such as `10,250.50`; `-` for what is undefined. */
export function fixed(value: number | null, decimals = 2): string {
  if (value === null || !Number.isFinite(value)) return "-";
  const [whole = "", fraction] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",") + (fraction === undefined ? "" : `.${fraction}`);
  // What rounds to 0 has no sign.
  return value < 0 && /[1-9]/.test(grouped) ? `-${grouped}` : grouped;
}

/** Like `fixed()`, with a plus before what is above 0. */
export function signed(value: number | null, decimals = 2): string {
  const text = fixed(value, decimals);
  return value !== null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** How many of something, such as `1 snapshot` and `1,200 snapshots`. */
export function countOf(number: number, noun: string): string {
  return `${fixed(number, 0)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Account currency, such as `10,250.50`. */
export function money(value: number | null): string {
  return fixed(value, 2);
}

/** A percentage that is 0..100 already, such as `53.1%`. */
export function pct(value: number | null, decimals = 1): string {
  const text = fixed(value, decimals);
  return text === "-" ? text : `${text}%`;
}

/** A signed percentage, such as `+2.4%`. */
export function signedPct(value: number | null, decimals = 1): string {
  const text = signed(value, decimals);
  return text === "-" ? text : `${text}%`;
}

/** A provider's weight against an equal share, such as `1.21x`. */
export function multiplier(value: number | null): string {
  const text = fixed(value, 2);
  return text === "-" ? text : `${text}x`;
}

/** Brier score, log loss and calibration error on a line; what the Brier score is measured against says whether it is good. */
export function scoreLine(scores: ForecastScores | null): string {
  if (scores === null) return "too few trades to score: fewer than 30 say nothing";
  const constant = `always ${pct(scores.win_rate)}: ${fixed(scores.brier_of_win_rate, 3)}`;
  return `Brier ${fixed(scores.brier, 3)} (${constant}), log loss ${fixed(scores.log_loss, 3)}, ECE ${fixed(scores.ece, 3)}`;
}

/** A size, such as `3.2 kB`, in powers of 1,000. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = count;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${fixed(value, unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** A span of time, such as `8s`, `4m 05s` or `2h 03m`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${pad(Math.floor((seconds % 3600) / 60))}m`;
}

/** A path as a person would write it: relative to the current one where it lies inside. */
export function shownPath(path: string): string {
  const here = process.cwd();
  // Everything lies inside the root, and looks wrong without its slash.
  if (dirname(here) === here) return path;
  const inside = relative(here, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside || ".";
}

/**
 * A table of the last chunks that there is room for, and a line that says so where there are more.
 *
 * @param build Makes the table of the last so many chunks, at least one.
 * @param options `width`: columns of a line. @default the terminal's, 100 in a pipe
 */
export function fitChunks(build: (shown: number) => string, options: { count: number; width?: number }): string {
  const { count, width = isTerminal(1) ? process.stdout.columns || 80 : PIPE_COLUMNS } = options;
  let shown = Math.max(1, Math.min(count, SHOWN_CHUNKS));
  let text = build(shown);
  while (shown > 1 && text.split("\n").some((line) => length(line) > width)) text = build(--shown);
  return shown < count ? `${text}The last ${shown} of ${count} chunks; --json has them all\n` : text;
}

/** `↑` or `↓` for a change that is larger than its standard error; `~` for one that may be chance or is unknown. */
export function trendArrow(change: number | null, standardError: number | null): "↑" | "↓" | "~" {
  if (change === null || standardError === null || !(Math.abs(change) > standardError)) return "~";
  return change > 0 ? "↑" : "↓";
}

/** A line that is written over itself. */
export interface ProgressLine {
  /** Shows a text, at most ten times a second; `text` is called only where it is shown. */
  update(text: () => string): void;
  /** Removes the line, so that something else can be written; the next update brings it back. */
  clear(): void;
}

/**
 * Returns a progress line on stderr; without a terminal there, or with a dumb one, it does nothing. Fields are two spaces apart; where
 * the terminal is too narrow the last ones are left out, since half a number is another number.
 *
 * @param terminal For tests: what is asked of the terminal and the clock.
 */
export function progressLine(
  terminal: { isTerminal: boolean; columns: () => number; now: () => number; write: (text: string) => void } = {
    isTerminal: obeysCodes(2),
    columns: () => process.stderr.columns,
    now: () => performance.now(),
    write: writeToTerminal,
  },
): ProgressLine {
  if (!terminal.isTerminal) return { update: () => {}, clear: () => {} };
  let shownAt = -Infinity;
  let isShown = false;
  return {
    update: (text) => {
      if (terminal.now() - shownAt < 100) return;
      shownAt = terminal.now();
      isShown = true;
      // The last column is left free: some terminals go to the next line after it.
      const room = (terminal.columns() || 80) - 1;
      let line = text();
      while (length(line) > room) line = line.slice(0, Math.max(0, line.lastIndexOf("  ")));
      terminal.write(`\r${line}\u001B[K`);
    },
    clear: () => {
      if (isShown) terminal.write("\r\u001B[K");
      isShown = false;
      shownAt = -Infinity;
    },
  };
}

function writeToTerminal(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // A terminal that went away or is busy: progress is not worth a failure.
  }
}
