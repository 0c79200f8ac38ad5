import type { Answer } from "../../types.ts";
import { messageOf } from "../../errors.ts";
import { isRecord, type Json } from "../../util/json.ts";
import type { RateLimiter } from "./rate-limit.ts";
import type { ClientAnswer, VoteClient } from "./recorder.ts";
import { abstain } from "../provider.ts";

/** A program that answers lines. */
export interface LineProgram {
  /**
   * Sends one object as a line, with an `id` that the program echoes, and waits for the line that has it.
   *
   * @returns The line.
   * @throws {CarryoverError} If there is no such program. {Error} If no answer came: too late, or the program ended.
   */
  exchange(request: Readonly<Record<string, unknown>>, options: { abort: AbortSignal }): Promise<string>;

  close(): Promise<void>;
}

/** How a program is asked. */
export interface CommandOptions {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** SHA-256 of each argument that is a file. */
  readonly files: Readonly<Record<string, string>>;
  readonly program: LineProgram;
  readonly pace: RateLimiter;
}

/** A client that is a program of the user's: it gets `{ id, situation, context }` and answers `{ id, action, confidence }`. */
export function commandVoteClient(options: CommandOptions): VoteClient {
  const { name, command, files, program, pace } = options;
  return {
    name,
    hasPrice: false,
    request: (situation, { similar, ...context }) => {
      // Ids are a run's own; without them another run that comes to the same past asks the same question.
      const trades = similar.map(({ decision_id: _id, ...trade }) => trade);
      return {
        type: "command",
        command,
        files,
        situation,
        context: { ...context, similar: trades },
      } as unknown as Json;
    },
    maxCostUsd: () => 0,
    close: () => program.close(),
    ask: async (request, { drain, abort }) => {
      const { situation, context } = request as unknown as Record<string, unknown>;
      let tookMs = 0;
      const asked = (raw: readonly string[], rest: { vote: Answer; failed: boolean }): ClientAnswer => {
        return { ...rest, raw, tokens: null, cost_usd: null, took_ms: Math.round(tookMs) };
      };
      let line: string;
      try {
        line = await pace.run(() => program.exchange({ situation, context }, { abort }), drain, {
          onRan: (ms) => (tookMs = ms),
        });
      } catch (error) {
        if (drain.aborted || !(error instanceof ProgramFailure)) throw error;
        return asked([], { vote: abstain(messageOf(error)), failed: true });
      }
      return asked([line], readAnswer(line));
    },
  };
}

/** No answer came of a program that was there. */
export class ProgramFailure extends Error {}

/** Reads an answer. `error` is an abstention that the program chose. */
function readAnswer(line: string): { vote: Answer; failed: boolean } {
  const value: unknown = JSON.parse(line);
  const { action, confidence, reason, error } = isRecord(value) ? value : {};
  if (typeof error === "string" && error !== "") return { vote: abstain(error), failed: false };
  const refuse = (found: unknown, expected: string): { vote: Answer; failed: boolean } => {
    const shown = (JSON.stringify(found) ?? "nothing").slice(0, 80);
    return { vote: abstain(`found ${shown}, expected ${expected}`), failed: true };
  };
  if (action !== "BUY" && action !== "SELL" && action !== "HOLD")
    return refuse(action, 'the action "BUY", "SELL" or "HOLD"');
  if (typeof confidence !== "number" || !(confidence >= 0 && confidence <= 100)) {
    return refuse(confidence, "a confidence from 0 to 100");
  }
  return { vote: { action, confidence, ...(typeof reason === "string" ? { reason } : {}) }, failed: false };
}
