/** What gives votes that are recorded, and the answers it gives. */
import type { Answer, DecisionContext, Situation } from "../../types.ts";
import type { Json } from "../../util/json.ts";

/** A language model or a program of the user's: its answers cost money or cannot be repeated. */
export interface VoteClient {
  readonly name: string;

  /** Whether the price of an answer is known. */
  readonly hasPrice: boolean;

  /**
   * Makes the question of a decision. Nothing is sent yet.
   *
   * @throws {RangeError} If the question is too long to be asked.
   */
  prepare(situation: Situation, context: DecisionContext): PreparedQuestion;

  /** Ends whatever was started to get answers. */
  close?(): Promise<void>;
}

/** A question that can be asked. */
export interface PreparedQuestion {
  /** Everything that the answer depends on. */
  readonly request: Json;

  /** Dollars that the answer costs at most, all retries included; 0 without a known price. */
  readonly maxCostUsd: number;

  /**
   * Asks, with retries.
   *
   * @throws {CarryoverError} If no question can be answered: a wrong key, no such model or program. Any error stops the run.
   */
  ask(signals: ClientSignals): Promise<ClientAnswer>;
}

/** How a recorder stops a client. Both signals end a question with a rejection. */
export interface ClientSignals {
  /** Start nothing new, and finish what is in flight. */
  readonly drain: AbortSignal;
  /** Give up what is in flight as well. */
  readonly abort: AbortSignal;
  /** Called before a rejection with the dollars that the question has cost so far. */
  readonly onLost?: (usd: number) => void;
}

/** What a client answered. */
export interface ClientAnswer {
  readonly vote: Answer;
  /** What the model or program said, one text an attempt; empty where nothing came. */
  readonly raw: readonly string[];
  readonly tokens: { readonly input: number; readonly output: number } | null;
  readonly cost_usd: number | null;
  /** Milliseconds of all requests, without waits for a free slot or before a retry. */
  readonly took_ms: number;
  /** Whether the vote is an abstention because no usable answer came. */
  readonly failed: boolean;
}
