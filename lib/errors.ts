/** What went wrong, for callers to branch on. */
export type ErrorCode =
  /** A flag or an argument is wrong. */
  | "BAD_USAGE"
  /** `config.yaml` has an unknown key, a wrong type or a bad value. */
  | "BAD_CONFIG"
  /** Bars or votes of the user's are malformed. */
  | "BAD_DATA"
  /** An outcome has an id, asset or number that cannot be stored. */
  | "BAD_OUTCOME"
  /** Something that was named does not exist. */
  | "NOT_FOUND"
  /** A stored file is not as it was written. */
  | "CORRUPT"
  /** The name is taken by other content, which stays. */
  | "CONFLICT"
  /** The next answer may cost more than the budget has left. */
  | "BUDGET"
  /** A language model or a program gives no usable answer. */
  | "UNANSWERED"
  /** Another process writes to this memory folder. */
  | "LOCKED"
  /** The storage refuses writes after a failed sync. */
  | "READ_ONLY"
  /** The operating system refused a read or a write. */
  | "IO";

/**
 * An expected failure. Its message says what was tried, what was found and what is expected. The error underneath, of the
 * operating system or a package, is its `cause`.
 */
export class CarryoverError extends Error {
  readonly code: ErrorCode;

  /** @param message `Cannot <do what>: found <what>, expected <what>`, without a final period. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "CarryoverError";
    this.code = code;
  }
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The parts of a failure's message, besides what was tried. */
export interface FailureDetails {
  readonly found: string;
  readonly expected: string;
  readonly cause?: unknown;
}

/** The error to throw: `<tried>: found <found>, expected <expected>`, where `tried` is such as `Cannot read "vectors.f32"`. */
export function fail(code: ErrorCode, tried: string, details: FailureDetails): CarryoverError {
  const { found, expected, cause } = details;
  return new CarryoverError(code, `${tried}: found ${found}, expected ${expected}`, { cause });
}

/** The error for a stored file that is not as it was written. */
export function corruptFile(name: string, details: FailureDetails): CarryoverError {
  return fail("CORRUPT", `Cannot read "${name}"`, details);
}

/** Whether a stored file is damaged, as opposed to a failure to read it. */
export function isCorrupt(thrown: unknown): thrown is CarryoverError {
  return thrown instanceof CarryoverError && thrown.code === "CORRUPT";
}

/** What `read` returns; `undefined` if the stored file is damaged. */
export async function undefinedIfCorrupt<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
}
