/** What a recorder reports while it works. */
import type { Json } from "../../util/json.ts";
import type { RecordedAnswer } from "./answer-file.ts";

/** How many questions were answered, and how. */
export interface QuestionCounts {
  /** Sent now. */
  readonly asked: number;
  /** Answered from a recording. */
  readonly cached: number;
  /** Of those sent now, the ones without a usable answer; the one that stopped the run; and all that were too long to be sent. */
  readonly failed: number;
  /** The commonest reason of these, with the numbers of its first case; not there without any. */
  readonly commonestFailure?: { readonly reason: string; readonly times: number };
  /** Neither recorded nor sent. */
  readonly missing: number;
  /** Abstentions because nobody answered, now or when the run or an earlier version asked before. `--retry-failed` asks again. */
  readonly unanswered: number;
  /** Dollars, including earlier starts of the run if it has a budget; `null` if no client has a price. */
  readonly costUsd: number | null;
  /** Dollars of what was sent now; `null` if no client has a price. */
  readonly costNowUsd: number | null;
}

/** Why answers could not be used. Numbers aside, since every answer has others. */
export class FailureReasons {
  readonly #kinds = new Map<string, { readonly reason: string; times: number }>();
  #failed = 0;

  add(reason: string): void {
    this.#failed += 1;
    const kind = reason.replaceAll(/\d+(?:\.\d+)?/g, "#");
    const found = this.#kinds.get(kind);
    if (found === undefined) this.#kinds.set(kind, { reason, times: 1 });
    else found.times += 1;
  }

  counts(): Pick<QuestionCounts, "failed" | "commonestFailure"> {
    const [most] = [...this.#kinds.values()].toSorted((a, b) => b.times - a.times);
    return { failed: this.#failed, ...(most && { commonestFailure: { ...most } }) };
  }
}

/** A question that is about to be answered. */
export interface SeenQuestion {
  readonly provider: string;
  readonly request: Json;
  /** When the decision is made, epoch ms. */
  readonly timestamp: number;
  /** Its recorded answer, if there is one. */
  readonly found: RecordedAnswer | undefined;
  /** Dollars that an answer costs at most; 0 without a known price. */
  readonly maxCostUsd: number;
}

/** A wait for a server. */
export interface ServerWait {
  readonly provider: string;
  /** Wall-clock time, epoch ms. */
  readonly untilMs: number;
  readonly reason: string;
}
