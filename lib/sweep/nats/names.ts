/** What the parts of a sweep are called on a NATS server. */
import { canonicalJson } from "../../util/json.ts";
import { sha256OfText } from "../../util/sha256.ts";

/** Names of the parts that all sweeps of a server share. */
export const SHARED = {
  /** Object store: what a sweep is, by its id. */
  sweeps: "carryover-sweeps",
  /** Object store: bars, votes and models, by the SHA-256 of their content. */
  files: "carryover-files",
  /** Object store: what became of runs, by run id. */
  results: "carryover-results",
  /** Key-value store: recorded answers, by the name of their file. */
  answers: "carryover-answers",
  /** Key-value store: questions that somebody is asking, by key. */
  questions: "carryover-questions",
} as const;

const STREAM_PREFIX = "CARRYOVER_";

/**
 * Identifies a sweep on a server by the runs that it is made of: with other bars, or another version, it is another one.
 *
 * @param runs The run id of each cell, the default first.
 * @returns 16 hexadecimal digits.
 */
export function queueIdOf(sweep: string, runs: readonly string[]): string {
  return sha256OfText(canonicalJson({ sweep, runs: [...runs] })).slice(0, 16);
}

/** The work queue of a sweep. */
export function streamOf(id: string): string {
  return `${STREAM_PREFIX}${id}`;
}

/** The sweep of a stream; `undefined` if it is none of ours. */
export function queueIdOfStream(stream: string): string | undefined {
  return new RegExp(`^${STREAM_PREFIX}([0-9a-f]{16})$`).exec(stream)?.[1];
}

/** The subject of a run that is to be made. */
export function subjectOf(id: string, run: string): string {
  return `carryover.cells.${id}.${run}`;
}
