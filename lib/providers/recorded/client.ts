/** What gives votes that are recorded, and the answers it gives. */
import type { Answer, DecisionContext, Situation } from "../../types.ts";
import { CarryoverError } from "../../errors.ts";
import type { Json } from "../../util/json.ts";

/** A language model or a program of the user's: its answers cost money or cannot be repeated. */
export interface VoteClient {
  readonly name: string;

  /** Whether the price of an answer is known. */
  readonly hasPrice: boolean;

  /**
   * Makes the question of a decision. Nothing is sent yet.
   *
   * @param form How it is asked, if not as configured.
   * @throws {RangeError} If the question is too long to be asked.
   */
  prepare(situation: Situation, context: DecisionContext, form?: QuestionForm): PreparedQuestion;

  /** Ends whatever was started to get answers. */
  close?(): Promise<void>;
}

/** How a question is asked, if not as configured. */
export interface QuestionForm {
  /** Whether names, dates and price levels are hidden. */
  readonly mask?: boolean;
  /** Of several answers to the same question, from 0. */
  readonly sample?: number;
}

/** A question that can be asked. */
export interface PreparedQuestion {
  /** Everything that the answer depends on. */
  readonly request: Json;

  /** Dollars that the answer costs at most, all retries included; 0 without a known price. */
  readonly maxCostUsd: number;

  /**
   * Other requests by which the question may have been asked, because the server does not take it as it is. An answer to one of
   * them counts, and is adopted.
   */
  readonly variants?: () => readonly RequestVariant[];

  /**
   * Asks, with retries.
   *
   * @throws {NoAnswer} If no answer came.
   * @throws {CarryoverError} If no question can be answered: a wrong key, no such model or program. Any error stops the run.
   */
  ask(signals: ClientSignals): Promise<ClientAnswer>;
}

/** Another request by which a question may have been asked. */
export interface RequestVariant {
  readonly request: Json;
  /** Called if its answer is recorded: the client asks further questions in the same way. */
  readonly adopt: () => void;
}

/** A question has no answer: its server is out, or refuses it. Nothing is recorded, as it may be answered another time. */
export class NoAnswer extends CarryoverError {}

/** How a recorder stops a client. Both signals end a question with a rejection. */
export interface ClientSignals {
  /** Start nothing new, and finish what is in flight. */
  readonly drain: AbortSignal;
  /** Give up what is in flight as well. */
  readonly abort: AbortSignal;
  /** Whether a recorded answer of the client was used before. @default false */
  readonly hasAnswered?: boolean;
  /** Called before a rejection with the dollars that the question has cost so far. */
  readonly onLost?: (usd: number) => void;
  /** Called before each wait for a failure to pass. */
  readonly onWait?: (wait: { readonly ms: number; readonly reason: string }) => void;
}

/** What a client answered. */
export interface ClientAnswer {
  /** The request that was answered, if it is not the one that was prepared. */
  readonly request?: Json;
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
