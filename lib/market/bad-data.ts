import { CarryoverError } from "../errors.ts";

/** Where in a file a fault is. */
export interface FaultPlace {
  readonly file: string;
  /** Such as `line 17`, the header being line 1, or `row 3`. */
  readonly row?: string;
  readonly column?: string;
}

/**
 * The error for bars or votes that are malformed.
 *
 * @param place File, row and column.
 * @param what `found` and `expected`, values in it already quoted; `cause`: an error underneath.
 * @returns A `BAD_DATA` error, for the caller to throw.
 */
export function badData(place: FaultPlace, what: { found: string; expected: string; cause?: unknown }): CarryoverError {
  const at = [place.row, place.column === undefined ? undefined : `column ${quote(place.column)}`];
  const where = at.filter((part) => part !== undefined).join(", ");
  return new CarryoverError(
    "BAD_DATA",
    `Cannot read ${quote(place.file)}: found ${what.found}${where === "" ? "" : ` in ${where}`}, expected ${what.expected}`,
    what.cause === undefined ? {} : { cause: what.cause },
  );
}

/** A value for a message: quoted, control characters escaped, cut at 60 characters. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
}
