import type { DecisionContext, Situation } from "../../types.ts";
import type { CommandConfig } from "../../config/config.ts";
import { isRecord, type Json } from "../../util/json.ts";
import { abstain, ACTION_FORM, actionOf, isConfidence } from "../provider.ts";
import type { ClientAnswer, ClientSignals, PreparedQuestion, VoteClient } from "./client.ts";
import { ProgramFailure, type LineProgram } from "./line-program.ts";
import { RateLimiter } from "./rate-limit.ts";

/** How a program is asked. */
interface CommandOptions {
  readonly program: LineProgram;
  /** SHA-256 of each argument that is a file. */
  readonly files: Readonly<Record<string, string>>;
  /** Removes keys from a text. */
  readonly hide: (text: string) => string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A program that votes: it reads `{ id, situation, context }` and writes `{ id, action, confidence }`. */
export class CommandClient implements VoteClient {
  readonly name: string;
  readonly hasPrice = false;
  readonly #command: readonly string[];
  readonly #files: Readonly<Record<string, string>>;
  readonly #seesBars: boolean;
  readonly #program: LineProgram;
  readonly #hide: (text: string) => string;
  readonly #rateLimiter: RateLimiter;

  constructor(config: CommandConfig, { program, files, hide, now }: CommandOptions) {
    const { name, command, max_concurrency: concurrency, bars } = config;
    this.name = name;
    this.#command = command;
    this.#seesBars = bars !== undefined;
    this.#files = files;
    this.#program = program;
    this.#hide = hide;
    this.#rateLimiter = new RateLimiter({ concurrency, now });
  }

  prepare(situation: Situation, context: DecisionContext): PreparedQuestion {
    // Without decision ids, which are a run's own: runs with the same past ask the same question.
    const { remembered, similar, recent, records, positions } = context;
    const trades = similar.map(({ decision_id: _id, ...trade }) => trade);
    const bars = this.#seesBars ? { bars: context.bars } : {};
    const question = { situation, context: { remembered, recent, records, positions, similar: trades, ...bars } };
    return {
      request: { type: "command", command: this.#command, files: this.#files, ...question } as unknown as Json,
      maxCostUsd: 0,
      ask: (signals) => this.#ask(question, signals),
    };
  }

  close(): Promise<void> {
    return this.#program.close();
  }

  async #ask(question: Readonly<Record<string, unknown>>, signals: ClientSignals): Promise<ClientAnswer> {
    const { drain } = signals;
    let tookMs = 0;
    const onRan = (ms: number): void => void (tookMs = ms);
    let raw: readonly string[] = [];
    let read: ProgramVote;
    try {
      const exchange = (): Promise<string> => this.#program.exchange(question, signals);
      const line = this.#hide(await this.#rateLimiter.run(exchange, { signal: drain, onRan }));
      raw = [line];
      read = readVote(line);
    } catch (error) {
      if (drain.aborted || !(error instanceof ProgramFailure)) throw error;
      read = { vote: abstain(error.message), failed: true };
    }
    return { ...read, raw, tokens: null, cost_usd: null, took_ms: Math.round(tookMs) };
  }
}

type ProgramVote = Pick<ClientAnswer, "vote" | "failed">;

/** Reads an answer. An `error` in it is an abstention that the program chose, and no failure. */
function readVote(line: string): ProgramVote {
  const value: unknown = JSON.parse(line);
  const { action, confidence, reason, error } = isRecord(value) ? value : {};
  if (typeof error === "string" && error !== "") return { vote: abstain(error), failed: false };
  const unusable = (found: unknown, expected: string): ProgramVote => {
    const shown = (JSON.stringify(found) ?? "nothing").slice(0, 80);
    return { vote: abstain(`found ${shown}, expected ${expected}`), failed: true };
  };
  const known = actionOf(action);
  if (known === undefined) return unusable(action, `the action ${ACTION_FORM}`);
  if (!isConfidence(confidence)) return unusable(confidence, "a confidence from 0 to 100");
  return { vote: { action: known, confidence, ...(typeof reason === "string" ? { reason } : {}) }, failed: false };
}
