/** Times as people's tools write them. */
import { parseEpoch, parseTimestamp, wholeMs } from "../../util/time.ts";

export interface Times {
  /** Epoch ms where the cells state a zone, else the wall clock as if it were UTC. */
  readonly ms: Float64Array;
  /** `UTC` where every cell states when it is. */
  readonly zone: "UTC" | undefined;
}

export interface BadTime {
  readonly row: number;
  readonly expected: string;
}

const EPOCH = /^-?\d{9,19}(?:\.\d+)?$/;
const ZONE = "(Z|UTC|GMT|(?:GMT|UTC)?[+-]\\d{2}(?::?\\d{2})?)?";
const CLOCK = "(\\d{1,2})(?::(\\d{2})(?::(\\d{2})(?:[.,](\\d{1,9}))?)?)?";
const YEAR_FIRST = new RegExp(
  `^(\\d{4})[-./](\\d{1,2})[-./](\\d{1,2})(?:[T ,-]+${CLOCK})?(?:[ -]*(AM|PM))?\\s*${ZONE}$`,
  "i",
);
const YEAR_LAST = new RegExp(
  `^(\\d{1,2})[-./](\\d{1,2})[-./](\\d{4}|\\d{2})(?:[T ,]+${CLOCK})?(?:\\s*(AM|PM))?\\s*${ZONE}$`,
  "i",
);
const COMPACT = /^(\d{4})(\d{2})(\d{2})(?:[ T]*(\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)?)?$/;
const MONTH_NAME = new RegExp(
  `^([A-Z][a-z]{2})[a-z]* (\\d{1,2}),? (\\d{4})(?:[ ,]+${CLOCK})?(?:\\s*(AM|PM))?\\s*${ZONE}$`,
  "i",
);
const DAY_MONTH_NAME = /^(\d{1,2})[- ]([A-Z][a-z]{2})[a-z]*[- ](\d{4})/i;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const TIME_FORM =
  "a time such as 2021-01-31 14:00, 2021-01-31T14:00:00Z, 31.01.2021 14:00, 01/31/2021 2:00 PM or an epoch time";

/**
 * Reads a column of times. Days before months and months before days are told apart by the whole column.
 *
 * @param cells Texts, numbers (epoch), bigints or dates; `null` and blanks become NaN.
 */
export function readTimes(cells: readonly unknown[]): Times | BadTime {
  const ms = new Float64Array(cells.length);
  const order = dayOrderOf(cells);
  if (typeof order === "object") return order;
  let zoned = 0;
  let local = 0;
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    if (cell === null || cell === undefined || cell === "") {
      ms[row] = Number.NaN;
      continue;
    }
    const time = readTime(cell, order);
    if (time === undefined) return { row, expected: TIME_FORM };
    ms[row] = time.ms;
    if (time.isZoned) zoned += 1;
    else local += 1;
    if (zoned > 0 && local > 0) return { row, expected: "a zone in every time, or in none" };
  }
  return { ms, zone: zoned > 0 ? "UTC" : undefined };
}

type DayOrder = "day first" | "month first";

interface Time {
  readonly ms: number;
  readonly isZoned: boolean;
}

function readTime(cell: unknown, order: DayOrder): Time | undefined {
  if (cell instanceof Date) return { ms: cell.getTime(), isZoned: true };
  if (typeof cell === "number" || typeof cell === "bigint") return epochOf(String(cell));
  if (typeof cell !== "string") return undefined;
  const text = cell.trim();
  const plain = readPlainTime(text);
  if (plain !== undefined) return plain;
  if (EPOCH.test(text)) return epochOf(text);
  const yearLast = YEAR_LAST.exec(text);
  if (yearLast !== null) {
    const [a, b] = [yearLast[1]!, yearLast[2]!];
    const year = yearLast[3]!.length === 2 ? `20${yearLast[3]!}` : yearLast[3]!;
    return timeOf([year, ...(order === "day first" ? [b, a] : [a, b]), ...yearLast.slice(4)]);
  }
  const named = MONTH_NAME.exec(text.replace(DAY_MONTH_NAME, "$2 $1 $3"));
  if (named !== null) {
    const month = MONTHS.indexOf(named[1]!.toLowerCase()) + 1;
    return timeOf([named[3]!, String(month), named[2]!, ...named.slice(4)]);
  }
  const yearFirst = YEAR_FIRST.exec(text);
  if (yearFirst !== null) return timeOf(yearFirst.slice(1));
  const compact = COMPACT.exec(text);
  if (compact !== null) return timeOf([...compact.slice(1), undefined, undefined]);
  return undefined;
}

/** The two forms of nearly all rows, without a regular expression: `2021-01-31 14:00:00` and, with `Z`, `2021-01-31T14:00:00.000Z`. */
function readPlainTime(text: string): Time | undefined {
  const { length } = text;
  const isZoned = text.charCodeAt(length - 1) === 90;
  const end = isZoned ? length - 1 : length;
  if ((end !== 19 && !(end === 23 && text.endsWith(".000", end))) || text.charCodeAt(4) !== 45) return undefined;
  const separator = text.charCodeAt(10);
  if (separator !== 32 && separator !== 84) return undefined;
  const ms = parseTimestamp(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
  return ms === undefined ? undefined : { ms, isZoned };
}

/** An epoch time in whole milliseconds. Of times before 1970, what is finer is cut off. */
function epochOf(text: string): Time | undefined {
  // Nearly all are milliseconds.
  const value = text.length === 13 ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= 1e12) return { ms: value, isZoned: true };
  const ms = parseEpoch(text.replace("-", ""));
  return ms === undefined ? undefined : { ms: text.startsWith("-") ? -ms : ms, isZoned: true };
}

/** @param fields Year, month, day, hour, minute, second, fraction, AM or PM, zone. */
function timeOf(fields: readonly (string | undefined)[]): Time | undefined {
  const [year, month, day, hour, minute, second] = fields.slice(0, 6).map((field) => Number(field ?? 0)) as number[];
  const [fraction = "", half, zone] = [fields[6], fields[7]?.toUpperCase(), fields[8]];
  const hours = half === undefined ? hour! : (hour! % 12) + (half === "PM" ? 12 : 0);
  // A bar that ends with the day may be written as 24:00.
  if (month! < 1 || month! > 12 || hours > 24 || minute! > 59 || second! > 59) return undefined;
  const dayMs = Date.UTC(year!, month! - 1, day!);
  if (day! < 1 || new Date(dayMs).getUTCDate() !== day!) return undefined;
  const digits = fraction.padEnd(3, "0");
  const fractionMs = wholeMs(Number(digits.slice(0, 3)), digits.slice(3));
  const local = dayMs + ((hours * 60 + minute!) * 60 + second!) * 1000 + fractionMs;
  if (zone === undefined || zone === "") return { ms: local, isZoned: false };
  return { ms: local - offsetMs(zone), isZoned: true };
}

/** Of `Z`, `+02:00`, `+0200`, `+02` or `GMT+0200`. */
function offsetMs(zone: string): number {
  const match = /([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}

/** Dots mean the day first. With slashes and dashes a number above 12 decides, or which order gives regular times. */
function dayOrderOf(cells: readonly unknown[]): DayOrder | BadTime {
  let isFirstAbove12 = false;
  let isSecondAbove12 = false;
  let firstRow = -1;
  for (let row = 0; row < cells.length; row++) {
    const cell = cells[row];
    const match = typeof cell === "string" ? YEAR_LAST.exec(cell.trim()) : null;
    if (match === null) {
      if (row > 8 && firstRow === -1) return "day first";
      continue;
    }
    if (firstRow === -1) firstRow = row;
    if ((cell as string).includes(".") && /^\d+\.\d+\.\d+/.test((cell as string).trim())) return "day first";
    isFirstAbove12 ||= Number(match[1]) > 12;
    isSecondAbove12 ||= Number(match[2]) > 12;
  }
  if (firstRow === -1) return "day first";
  if (isFirstAbove12 !== isSecondAbove12) return isFirstAbove12 ? "day first" : "month first";
  const [dayFirst, monthFirst] = (["day first", "month first"] as const).map((order) => regularity(cells, order));
  if (dayFirst! !== monthFirst!) return dayFirst! > monthFirst! ? "day first" : "month first";
  return {
    row: firstRow,
    expected: "days that tell whether the day or the month comes first, or dates such as 2021-01-31",
  };
}

/** The share of the most common step, over at most 2,000 rows. */
function regularity(cells: readonly unknown[], order: DayOrder): number {
  const steps = new Map<number, number>();
  let previous: number | undefined;
  for (const cell of cells.slice(0, 2000)) {
    const time = readTime(cell, order);
    if (time === undefined) return 0;
    if (previous !== undefined) steps.set(time.ms - previous, (steps.get(time.ms - previous) ?? 0) + 1);
    previous = time.ms;
  }
  return Math.max(0, ...steps.values()) / Math.max(1, cells.length - 1);
}
