/** What went wrong, as a word that a caller can branch on. */
export type ErrorCode =
  /** The command line, or an argument of a call, asks for something impossible. */
  | "BAD_USAGE"
  /** `config.yaml` has an unknown key, a wrong type or a bad value. */
  | "BAD_CONFIG"
  /** Bars or votes that were handed in are malformed. */
  | "BAD_DATA"
  /** An id, asset or number cannot be remembered as it is. */
  | "BAD_OUTCOME"
  /** Something that was asked for by name is not there. */
  | "NOT_FOUND"
  /** A stored file is not what was once written. */
  | "CORRUPT"
  /** The name is taken by other content; the first stays. */
  | "CONFLICT"
  /** The next answer may cost more than is left of the budget. */
  | "BUDGET"
  /** Whoever is to be asked gives no usable answer. */
  | "UNANSWERED"
  /** Another process writes to this memory folder. */
  | "LOCKED"
  /** The store refuses writes: after a failed sync, or because it was opened for reading. */
  | "READ_ONLY"
  /** The operating system refused a read or a write. */
  | "IO";

/**
 * An expected failure. Its message says what was tried, what was found and what is expected; the operating system's
 * or a library's own error is kept as `cause`.
 */
export class CarryoverError extends Error {
  readonly code: ErrorCode;

  /**
   * @param code What went wrong.
   * @param message `Cannot <do what>: <what was found>, expected <what>`, without a final period.
   * @param options `cause`: the error underneath, if there is one.
   */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "CarryoverError";
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What is known of a failure beside what was tried. */
export interface FailureDetails {
  readonly found: string;
  readonly expected: string;
  /** The error underneath, if there is one. */
  readonly cause?: unknown;
}

/**
 * An expected failure in its usual form.
 *
 * @param tried Such as `Cannot read "vectors.f32"`.
 * @returns The error to throw: `<tried>: found <found>, expected <expected>`.
 */
export function fail(code: ErrorCode, tried: string, details: FailureDetails): CarryoverError {
  const { found, expected, cause } = details;
  return new CarryoverError(code, `${tried}: found ${found}, expected ${expected}`, { cause });
}

/** Whether a stored file was not what was once written, as opposed to a failure to read it. */
export function isCorrupt(thrown: unknown): thrown is CarryoverError {
  return thrown instanceof CarryoverError && thrown.code === "CORRUPT";
}
