/** What JetStream's API refuses. */
import { fail, messageOf } from "../../errors.ts";

/** Codes of the API, by what they mean here. */
export const API_CODES = {
  /** Something was to be created that is there. */
  isThere: 10071,
  /** The subject has a message, and may have one. */
  isQueued: 10077,
  noStream: 10059,
  isStarting: 10008,
} as const;

/** The code of a refusal by JetStream's API; `undefined` for other errors, such as that nobody answers. */
export function codeOf(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  // Smaller ones are those of the line.
  return typeof code === "number" && code >= 10_000 ? code : undefined;
}

/** Whether the server would refuse the same again. It is not so while it starts. */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && code !== API_CODES.isStarting;
}

/** A full disk of the server's is said plainly. */
export function refused(error: unknown): unknown {
  if (!/insufficient|no space|resource/i.test(messageOf(error))) return error;
  const expected = "room on its disk, or a larger max_file_store";
  return fail("IO", "Cannot store on the NATS server", { found: `"${messageOf(error)}"`, expected, cause: error });
}
