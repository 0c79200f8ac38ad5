import { CarryoverError, type ErrorCode } from "../errors.ts";

/** A parameter that is refused. */
export class ParamError extends CarryoverError {
  /** Such as `votes[1].confidence`; empty if it is none in particular. */
  readonly field: string;

  constructor(message: string, options: { field: string; code?: ErrorCode; cause?: unknown }) {
    super(options.code ?? "BAD_USAGE", message, { cause: options.cause });
    this.field = options.field;
  }
}

/** The error for a parameter: `Cannot <method>: found <found> for <field>, expected <expected>`. */
export function refuseParam(
  method: string,
  field: string,
  details: { found: string; expected: string; code?: ErrorCode },
): ParamError {
  const { found, expected, code } = details;
  const message = `Cannot ${method}: found ${found} for ${field}, expected ${expected}`;
  return new ParamError(message, code === undefined ? { field } : { field, code });
}
