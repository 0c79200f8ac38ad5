export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

const UNIT_MS = { m: 60_000, h: HOUR_MS, d: DAY_MS } as const;

/**
 * Parses a span of time: a whole number above 0 and `m`, `h` or `d`, such as `15m`, `4h`, `5d`.
 *
 * @returns Milliseconds, or `undefined` for any other text.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(text);
  const unit = match?.[2];
  return unit === "m" || unit === "h" || unit === "d" ? Number(match?.[1]) * UNIT_MS[unit] : undefined;
}

/** By the words that people use; pandas writes `t` for minutes. */
const TIMEFRAME_UNITS: ReadonlyMap<string, number> = new Map(
  [
    { words: "t m min minute", ms: 60_000 },
    { words: "h hr hour", ms: HOUR_MS },
    { words: "d day", ms: DAY_MS },
    { words: "w wk week", ms: 7 * DAY_MS },
  ].flatMap(({ words, ms }) => words.split(" ").map((word) => [word, ms] as const)),
);

/** What a timeframe looks like, for messages. */
export const TIMEFRAME_FORM = 'a timeframe such as "15m", "1h", "1d" or "1w"';

/**
 * Parses a timeframe as people write it: `1h`, `1H`, `60min`, `30m`, `1d`, `1w`, `4 hours`, or `M15`, `H4` and `D1` as MetaTrader does.
 *
 * @returns Milliseconds, or `undefined` for any other text. `1M` is a month, and no timeframe.
 */
export function parseTimeframe(text: string): number | undefined {
  const prefixed = /^([MHDW])([1-9]\d{0,3})$/.exec(text);
  const match = prefixed ?? /^([1-9]\d{0,5}) ?([a-z]+?)s?$/i.exec(text);
  if (match === null) return undefined;
  const [number, unit] = prefixed === null ? [match[1]!, match[2]!] : [match[2]!, match[1]!];
  const unitMs = TIMEFRAME_UNITS.get(unit.toLowerCase());
  return unitMs === undefined || (prefixed === null && unit === "M") ? undefined : Number(number) * unitMs;
}

/** The one name of a timeframe, as in files and configurations: `1w`, `1d`, `4h` or `15m`. */
export function timeframeName(ms: number): string {
  if (ms % (7 * DAY_MS) === 0) return `${ms / (7 * DAY_MS)}w`;
  if (ms % DAY_MS === 0) return `${ms / DAY_MS}d`;
  return ms % HOUR_MS === 0 ? `${ms / HOUR_MS}h` : `${ms / 60_000}m`;
}

/** Like `parseTimeframe()`, for what a program wrote. @throws {RangeError} For any other text. */
export function msOfTimeframe(text: string): number {
  const ms = parseTimeframe(text);
  if (ms === undefined) throw new RangeError(`Cannot read a timeframe: found "${text}", expected one such as "1h"`);
  return ms;
}

/** Like `parseDuration()`, for what a program wrote or a schema has checked. @throws {RangeError} For any other text. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new RangeError(`Cannot read a duration: found "${text}", expected one such as "4h"`);
  return ms;
}

/**
 * Parses a time-out: a whole number above 0 and `ms`, `s` or `m`, such as `500ms`, `30s`, `2m`.
 *
 * @returns Milliseconds, or `undefined` for any other text.
 */
export function parseTimeout(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})(ms|s|m)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (match[2] === "ms" ? 1 : match[2] === "s" ? 1000 : 60_000);
}

/** Like `parseTimeout()`, for how long something is waited for: also hours, and `0s`. */
export function parsePatience(text: string): number | undefined {
  if (/^0(?:ms|s|m|h)$/.test(text)) return 0;
  return parseTimeout(text) ?? (text.endsWith("h") ? parseDuration(text) : undefined);
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC|([+-])(\d\d):?(\d\d)?))?)?$/i;

/** The timestamps that `parseTimestamp()` accepts, for messages. */
export const TIMESTAMP_FORM = "a date such as 2021-01-01, a time such as 2021-01-01T00:00:00Z, or epoch milliseconds";

/**
 * Parses a point in time: ISO 8601 (a date, or date and time with `T` or a space, optional seconds, fraction and zone;
 * without a zone it is UTC) or epoch milliseconds as digits.
 *
 * A fraction of a millisecond rounds up, see `wholeMs()`. Numbers other than 0 and those from 1e11
 * (1973) up to 1e14 (5138) are refused: in practice they are epoch seconds, epoch microseconds or compact dates.
 *
 * @param text Such as `2021-01-01`, `2021-01-01T01:00:00Z`, `2021-01-01 02:00+01:00`, `1609462800000`.
 * @returns Epoch milliseconds UTC, or `undefined` for any other text and for days that do not exist (2021-02-30).
 */
export function parseTimestamp(text: string): number | undefined {
  if (text.length === 20) {
    const fast = parsePlainUtc(text);
    if (fast !== undefined) return fast;
  }
  if (/^\d{1,16}$/.test(text)) {
    const ms = Number(text);
    return ms === 0 || (ms >= 1e11 && ms < 1e14) ? ms : undefined;
  }
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const field = (index: number): number => Number(match[index] ?? 0);
  const offsetMinutes = field(10) * 60 + field(11);
  if (field(10) > 23 || field(11) > 59) return undefined;
  const local = utc(field(1), field(2), field(3), field(4) * 3600 + field(5) * 60 + field(6));
  if (local === undefined || field(4) > 23 || field(5) > 59 || field(6) > 59) return undefined;
  const fraction = (match[7] ?? "").padEnd(3, "0");
  const ms = wholeMs(Number(fraction.slice(0, 3)), fraction.slice(3));
  return local + ms - (match[9] === "-" ? -offsetMinutes : offsetMinutes) * 60_000;
}

/** Whether a time that `parseTimestamp()` accepts states no zone. */
export function isLocalTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\d(?:[T ][\d:.,]+)?$/i.test(text);
}

/**
 * Parses an epoch time of any unit, told by its number of digits: seconds (9 or 10 digits), milliseconds (to 13), microseconds (to
 * 16) or nanoseconds (to 19). A fraction of a millisecond rounds up, see `wholeMs()`.
 *
 * @param text Digits, with a fraction where a tool wrote a float.
 * @returns Epoch milliseconds, or `undefined` for any other text.
 */
export function parseEpoch(text: string): number | undefined {
  const match = /^(\d{9,19})(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = "", fraction = ""] = match;
  const { length } = whole;
  // Cut off as text: a double does not hold today's nanoseconds exactly.
  const finerDigits = length <= 10 ? -3 : length <= 13 ? 0 : length <= 16 ? 3 : 6;
  if (finerDigits < 0) {
    const ms = fraction.padEnd(3, "0");
    return Number(whole) * 1000 + wholeMs(Number(ms.slice(0, 3)), ms.slice(3));
  }
  return wholeMs(Number(whole.slice(0, length - finerDigits)), whole.slice(length - finerDigits) + fraction);
}

/**
 * Milliseconds without their fraction. It rounds up, as nothing may be known before its time. But the last moment of a second, such as
 * `.999999`, stays in its last millisecond, by which the end of a bar is known.
 *
 * @param finer The digits of the fraction.
 */
export function wholeMs(ms: number, finer: string): number {
  const isLastMoment = ms % 1000 === 999 && !/[^9]/.test(finer.replace(/0+$/, ""));
  return ms + (/[1-9]/.test(finer) && !isLastMoment ? 1 : 0);
}

/**
 * Milliseconds of an epoch time in a finer unit, rounded as `wholeMs()` does.
 *
 * @param perMs Units in a millisecond, a power of ten.
 */
export function msOfUnits(time: bigint, perMs: bigint): number {
  const finer = ((time % perMs) + perMs) % perMs;
  const ms = Number((time - finer) / perMs);
  return finer === 0n ? ms : wholeMs(ms, String(finer).padStart(String(perMs).length - 1, "0"));
}

/** Parses the most frequent form, `YYYY-MM-DDTHH:MM:SSZ`, without a regular expression. */
function parsePlainUtc(text: string): number | undefined {
  if (
    text.charCodeAt(4) !== 45 ||
    text.charCodeAt(7) !== 45 ||
    text.charCodeAt(10) !== 84 ||
    text.charCodeAt(13) !== 58 ||
    text.charCodeAt(16) !== 58 ||
    text.charCodeAt(19) !== 90
  ) {
    return undefined;
  }
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  return utc(year, twoDigits(text, 5), twoDigits(text, 8), hour * 3600 + minute * 60 + second);
}

/** The number in two characters; NaN where one of them is not a digit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const units = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && units >= 0 && units <= 9 ? tens * 10 + units : NaN;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/**
 * Epoch ms of a date and a second in it; `undefined` if the date does not exist.
 *
 * Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil, for years from 0 on. Twice as fast as
 * `Date.UTC`, which would also turn 30 February into 2 March.
 */
export function utc(year: number, month: number, day: number, seconds: number): number | undefined {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : MONTH_DAYS[month - 1];
  if (days === undefined || !(day >= 1 && day <= days) || !(year >= 0)) return undefined;
  // Years begin in March, so that the leap day comes last.
  const marchYear = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return ((marchYear * 365 + leapDays + dayOfYear - 719_468) * 86_400 + seconds) * 1000;
}

/** `YYYY-MM-DD` of a time, UTC. */
export function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
