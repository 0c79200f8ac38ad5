/** Wall clocks and time zones, by the engine's own table (Intl). */
import { CarryoverError } from "../errors.ts";
import { closest } from "./closest.ts";
import { DAY_MS, HOUR_MS } from "./time.ts";

/** Turns wall clock times into epoch times. */
export interface Zone {
  readonly name: string;
  /**
   * @param localMs The wall clock, as if it were UTC.
   * @param afterMs Epoch ms of the time before it: it decides which of two repeated times is meant.
   * @returns Epoch ms; `undefined` for a time that the clock skips.
   */
  toEpoch(localMs: number, afterMs: number): number | undefined;
}

/** Zones that a message may suggest if their change of clocks would explain a repeated hour. */
const COMMON_ZONES = [
  "America/New_York",
  "Europe/London",
  "Europe/Berlin",
  "Europe/Athens",
  "Australia/Sydney",
  "America/Chicago",
];

/**
 * Opens a zone.
 *
 * @param name An offset such as `+02:00`, `UTC`, a name of the IANA database such as `Europe/Athens`, or such a name with an offset: the clocks of
 *   `America/New_York+07:00` are seven hours ahead of New York's all year.
 * @throws {CarryoverError} `BAD_USAGE` for a name that is not known.
 */
export function openZone(name: string): Zone {
  const offset = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$/.exec(name);
  if (offset !== null || /^(?:UTC|GMT|Z)$/i.test(name)) {
    const minutes = Number(offset?.[2] ?? 0) * 60 + Number(offset?.[3] ?? 0);
    const ms = (offset?.[1] === "-" ? -minutes : minutes) * 60_000;
    return { name, toEpoch: (localMs) => localMs - ms };
  }
  // Etc/GMT+7 is a name.
  const ahead = /^(?!Etc\/)(\w+\/.+?)([+-]\d{1,2}(?::?\d{2})?)$/.exec(name);
  if (ahead !== null) {
    const [base, shift] = [openZone(ahead[1]!), openZone(ahead[2]!)];
    return { name, toEpoch: (localMs, afterMs) => base.toEpoch(shift.toEpoch(localMs, afterMs)!, afterMs) };
  }
  const offsetAt = offsetsOf(name);
  return {
    name,
    toEpoch: (localMs, afterMs) => {
      const candidates = [...new Set([offsetAt(localMs - DAY_MS), offsetAt(localMs + DAY_MS)])]
        .map((ms) => ({ epoch: localMs - ms, isReal: offsetAt(localMs - ms) === ms }))
        .filter(({ isReal }) => isReal)
        .map(({ epoch }) => epoch)
        .toSorted((a, b) => a - b);
      return candidates.find((epoch) => epoch > afterMs) ?? candidates.at(-1);
    },
  };
}

/** What a zone's name looks like, for messages. */
export const ZONE_FORM = 'an IANA name such as "Europe/Athens" or an offset such as "+02:00"';

/** Whether `openZone()` opens it. */
export function isZone(name: string): boolean {
  try {
    return openZone(name) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The offset of a zone of the IANA database at an epoch time, in ms.
 *
 * @throws {CarryoverError} `BAD_USAGE` for a name that is not known.
 */
export function offsetsOf(name: string): (epochMs: number) => number {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    const near = closest(name, Intl.supportedValuesOf("timeZone"));
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    const message = `Unknown time zone "${name}", expected ${ZONE_FORM}${hint}`;
    throw new CarryoverError("BAD_USAGE", message, { cause });
  }
  const exact = (atMs: number): number => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const { year, month, day, hour, minute, second } = parts as Record<string, number>;
    return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - atMs;
  };
  // Most days have one offset; on the others it changes at a whole quarter of an hour.
  const byDay = new Map<number, number | undefined>();
  return (epochMs) => {
    const day = Math.floor(epochMs / DAY_MS);
    if (!byDay.has(day)) {
      const first = exact(day * DAY_MS);
      byDay.set(day, first === exact((day + 1) * DAY_MS) ? first : undefined);
    }
    return byDay.get(day) ?? exact(Math.floor(epochMs / (HOUR_MS / 4)) * (HOUR_MS / 4));
  };
}

/** A common zone whose clocks repeat this wall clock time. */
export function zoneThatRepeats(localMs: number): string | undefined {
  return COMMON_ZONES.find((name) => {
    const zone = openZone(name);
    const first = zone.toEpoch(localMs, Number.NEGATIVE_INFINITY);
    return first !== undefined && zone.toEpoch(localMs, first) !== first;
  });
}
