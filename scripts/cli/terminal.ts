/** What a terminal can do: colours, control codes, and a progress line. */
import { fstatSync, writeSync } from "node:fs";
import { CONTROLS_SOURCE, withoutControls } from "../../lib/util/controls.ts";

/** Columns of a line if stdout is not a terminal, or does not tell. */
const USUAL_COLUMNS = 80;
/** Stands at the end of a text that is cut off. */
const ELLIPSIS = "...";

const COLORS = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

/** Whether a descriptor (1: stdout, 2: stderr) is a terminal. */
export function isTerminal(fd: 1 | 2): boolean {
  try {
    // Only a character device can be a terminal. Bun takes 10 ms to load its own test.
    if (!fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return (fd === 1 ? process.stdout : process.stderr).isTTY;
}

/** Whether a descriptor is a terminal that understands colours and cursor movement. */
export function understandsCodes(fd: 1 | 2): boolean {
  return process.env["TERM"] !== "dumb" && isTerminal(fd);
}

/** Colours `text` if stdout is a terminal and NO_COLOR is not set (https://no-color.org). */
export function paint(text: string, color: keyof typeof COLORS): string {
  return hasColors() ? `\u001B[${COLORS[color]}m${text}\u001B[0m` : text;
}

function hasColors(): boolean {
  return (process.env["NO_COLOR"] ?? "") === "" && understandsCodes(1);
}

/** As `withoutControls()`, but text for stdout keeps the colours of `paint()`. */
export function stripControls(text: string, fd: 1 | 2 = 1): string {
  return fd === 1 && hasColors() ? text.replaceAll(UNPAINTED_CONTROLS, "\uFFFD") : withoutControls(text);
}

const UNPAINTED_CONTROLS = new RegExp(`(?!\u001B\\[(?:0|1|31|32|33)m)${CONTROLS_SOURCE}`, "g");
/* oxlint-disable-next-line no-control-regex -- what paint() wrote */
const PAINT = /\u001B\[\d+m/g;

/** How many characters of a line are visible: colours take no room. */
export function visibleLength(text: string): number {
  return [...text.replaceAll(PAINT, "")].length;
}

/** A text of at most `columns` visible characters. Colours stay whole: what is cut off is of the text between them. */
export function shortened(text: string, columns: number): string {
  if (visibleLength(text) <= columns) return text;
  let room = Math.max(0, columns - ELLIPSIS.length);
  const kept = text.split(PAINT).map((part) => {
    const shown = [...part].slice(0, room);
    room -= shown.length;
    return shown.join("");
  });
  const codes = text.match(PAINT) ?? [];
  return kept.map((part, i) => part + (codes[i] ?? "")).join("") + ELLIPSIS;
}

/** Columns of a line on stdout. */
export function lineColumns(): number {
  return (isTerminal(1) && process.stdout.columns) || USUAL_COLUMNS;
}

/** A line on stderr that is overwritten by the next. */
export interface ProgressLine {
  /** Shows a text, at most ten times a second. `text` is called only when it is shown. */
  update(text: () => string): void;
  /** Removes the line so that something else can be written. The next update brings it back. */
  clear(): void;
}

/**
 * Returns a progress line on stderr. It does nothing without a terminal there, or on a dumb one. Fields are two spaces
 * apart. If the terminal is too narrow the last fields are left out, because half a number is a wrong number.
 *
 * @param terminal For tests: the terminal and the clock.
 */
export function progressLine(
  terminal: { isTerminal: boolean; columns: () => number; now: () => number; write: (text: string) => void } = {
    isTerminal: understandsCodes(2),
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
      // The last column stays free: some terminals wrap after it.
      const room = (terminal.columns() || 80) - 1;
      let line = text();
      while (visibleLength(line) > room) line = line.slice(0, Math.max(0, line.lastIndexOf("  ")));
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
    // The terminal is gone or busy. Progress is not worth a failure.
  }
}
