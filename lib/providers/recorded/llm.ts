import type { Answer } from "../../types.ts";
import { CarryoverError, messageOf } from "../../errors.ts";
import { delay, type RateLimiter } from "./rate-limit.ts";
import type { ClientAnswer, ClientSignals, VoteClient } from "./recorder.ts";
import { renderPrompt } from "./prompt.ts";
import { abstain } from "../provider.ts";
import { answerForm, readVote } from "./answer.ts";

/** What a model is, as far as its answers depend on it. */
export interface LlmModel {
  readonly api: "openai" | "google";
  readonly model: string;
  readonly temperature: number;
  readonly max_output_tokens: number;
  readonly output: "json_schema" | "json_object" | "text";
}

/** One turn of a conversation. */
export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** What a server answered. */
export interface Completion {
  readonly text: string;
  /** Why the model stopped, where it did not come to its end: such as `length` or `content-filter`. */
  readonly cutOff?: string | undefined;
  readonly tokens?: { readonly input: number; readonly output: number } | undefined;
}

/** Sends one request. @throws {RequestFailure} In whose words, as in those of an answer, no key is left. */
export type Complete = (messages: readonly Message[], options: { signal: AbortSignal }) => Promise<Completion>;

/** A request that came to nothing. */
export class RequestFailure extends Error {
  /** Whether the same request may do better. */
  readonly isTransient: boolean;
  /** What the server wants waited. */
  readonly retryAfterMs: number | undefined;
  /** Whether the model may have been at work for it. */
  readonly mayBeBilled: boolean;
  /** What there has to be before anything can be asked, where this says nothing of the question: no answer to keep. */
  readonly expected: string | undefined;

  constructor(
    message: string,
    options: {
      isTransient: boolean;
      retryAfterMs?: number | undefined;
      mayBeBilled: boolean;
      expected?: string | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.name = "RequestFailure";
    this.isTransient = options.isTransient;
    this.expected = options.expected;
    this.retryAfterMs = options.retryAfterMs;
    this.mayBeBilled = options.mayBeBilled;
  }
}

/** How a model is asked. */
export interface LlmOptions {
  readonly name: string;
  readonly model: LlmModel;
  readonly template: string;
  readonly mask: boolean;
  /** Loads what requests need. @throws {CarryoverError} If there is no such thing, or no key. */
  readonly ready: () => Promise<void>;
  readonly complete: Complete;
  readonly pace: RateLimiter;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly pricePerMtok?: { readonly input: number; readonly output: number } | undefined;
}

/** What is part of an answer's key. */
type LlmRequest = { readonly type: "llm"; readonly asset: string; readonly prompt: string } & LlmModel;

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

/** A server that wants more patience than this is not there. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Characters of an answer that the model is shown again. */
const MAX_SHOWN = 20_000;

/** Bytes of a token where no server counted: the prompt has 3.2 by OpenAI's o200k_base, 2.3 by SmolLM2, which splits numbers. */
export const BYTES_PER_TOKEN = 3;

/** Tokens that a server's own frame around a prompt may have. */
const FRAME_TOKENS = 200;

const encoder = new TextEncoder();

/** A client that is a language model. */
export function llmVoteClient(options: LlmOptions): VoteClient {
  const { name, model, template, mask, pricePerMtok: price } = options;
  const costOf = (tokens: { input: number; output: number }): number =>
    price === undefined ? 0 : (tokens.input * price.input + tokens.output * price.output) / 1e6;

  /** A token is at least a byte, and the second request repeats the first with its answer. */
  const mostTokens = (prompt: string, attempt: number): { input: number; output: number } => {
    const output = model.max_output_tokens;
    return { input: bytesOf(prompt) + FRAME_TOKENS + attempt * (output + FRAME_TOKENS), output };
  };

  return {
    name,
    hasPrice: price !== undefined,

    request: (situation, context) => {
      const { text, asset } = renderPrompt(template, { situation, context }, { provider: name, mask });
      return { type: "llm", ...model, asset, prompt: text } satisfies LlmRequest;
    },

    maxCostUsd: (request) => {
      const { prompt } = request as unknown as LlmRequest;
      const once = costOf(mostTokens(prompt, 0)) + costOf(mostTokens(prompt, 1));
      return once * (1 + options.maxRetries);
    },

    ask: async (request, signals) => {
      const { asset, prompt } = request as unknown as LlmRequest;
      const raw: string[] = [];
      const spent = { usd: 0, input: 0, output: 0, isCounted: true, ms: 0 };
      const end = (vote: Answer): ClientAnswer => ({
        vote,
        raw,
        tokens: raw.length > 0 && spent.isCounted ? { input: spent.input, output: spent.output } : null,
        cost_usd: price === undefined ? null : spent.usd,
        took_ms: Math.round(spent.ms),
        failed: vote.error !== undefined,
      });

      await options.ready();
      let messages: readonly Message[] = [{ role: "user", content: prompt }];
      let problem = "";
      for (let attempt = 0; attempt < 2; attempt++) {
        let completion: Completion;
        try {
          completion = await withRetries(messages, {
            ...options,
            signals,
            // It may have been at work for as long as it could.
            onBilled: () => (spent.usd += costOf(mostTokens(prompt, attempt))),
            onRan: (ms) => (spent.ms += ms),
          });
        } catch (error) {
          if (error instanceof RequestFailure) return end(abstain(error.message));
          signals.onLost?.(spent.usd);
          throw error;
        }
        const { text, tokens, cutOff } = completion;
        const most = mostTokens(prompt, attempt);
        const charged = {
          input: chargedTokens(tokens?.input, { most: most.input, shown: messages.map(({ content }) => content) }),
          output: chargedTokens(tokens?.output, { most: most.output, shown: [text] }),
        };
        spent.isCounted &&= tokens?.input === charged.input && tokens.output === charged.output;
        spent.input += charged.input;
        spent.output += charged.output;
        spent.usd += costOf(charged);
        raw.push(text);
        const read = readVote(text, asset);
        if ("vote" in read) return end(read.vote);
        problem = cutOff === undefined ? read.problem : `${read.problem} (it ended for "${cutOff}")`;
        messages = [
          { role: "user", content: prompt },
          // Servers refuse an empty turn.
          { role: "assistant", content: text.trim() === "" ? "(no answer)" : text.slice(0, MAX_SHOWN) },
          {
            role: "user",
            content: `That is not what was asked for: ${read.problem}. Answer again, with one JSON object and nothing else. ${answerForm(asset)}`,
          },
        ];
      }
      return end(abstain(`no usable answer, asked twice: ${problem}`));
    },
  };
}

/**
 * Sends a request again where that may help.
 *
 * @throws {RequestFailure} When it does not.
 * @throws {CarryoverError} `UNANSWERED` if the server takes no questions.
 */
async function withRetries(
  messages: readonly Message[],
  options: LlmOptions & {
    signals: ClientSignals;
    /** Of a failure, that the model may have been at work for it. */
    onBilled: () => void;
    onRan: (ms: number) => void;
  },
): Promise<Completion> {
  const { complete, pace, signals, timeoutMs, maxRetries, onBilled, onRan } = options;
  const once = (): Promise<Completion> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    return complete(messages, { signal: AbortSignal.any([signals.abort, timeout]) }).catch((error: unknown) => {
      signals.abort.throwIfAborted();
      if (timeout.aborted) {
        throw new RequestFailure(`no answer within ${timeoutMs / 1000} s`, { isTransient: true, mayBeBilled: true });
      }
      // Here, where this still has its place: whoever gets it next has to wait as well.
      if (error instanceof RequestFailure && shouldWait(error)) pace.pause(error.retryAfterMs ?? 0);
      throw error;
    });
  };
  for (let attempt = 0; ; attempt++) {
    try {
      return await pace.run(once, signals.drain, { onRan });
    } catch (error) {
      if (signals.drain.aborted && !(error instanceof RequestFailure)) throw error;
      if (error instanceof CarryoverError) throw error;
      const failure = asFailure(error);
      if (failure.mayBeBilled) onBilled();
      const { retryAfterMs, expected } = failure;
      if (!failure.isTransient || !shouldWait(failure) || attempt >= maxRetries) {
        const found = `${failure.message}${attempt === 0 ? "" : ` (${attempt + 1} tries)`}`;
        if (expected !== undefined) {
          throw new CarryoverError("UNANSWERED", `Cannot ask "${options.name}": found ${found}, expected ${expected}`, {
            cause: error,
          });
        }
        throw new RequestFailure(found, { isTransient: false, mayBeBilled: false, cause: error });
      }
      const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * (1 << attempt));
      await delay(Math.max(retryAfterMs ?? 0, backoffMs), signals.drain);
    }
  }
}

/** Whether what the server wants waited is little enough to be waited. */
function shouldWait({ retryAfterMs = 0 }: RequestFailure): boolean {
  return retryAfterMs <= LONGEST_RETRY_AFTER_MS;
}

function asFailure(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  return new RequestFailure(messageOf(error), { isTransient: true, mayBeBilled: true, cause: error });
}

/**
 * Tokens that are charged: as many as the server counted, or, where it did not count or counted what cannot be, by the bytes of what is
 * `shown`; never more than was put aside, with which a budget is kept whatever a server says.
 */
function chargedTokens(count: number | undefined, { most, shown }: { most: number; shown: readonly string[] }): number {
  if (count !== undefined && Number.isInteger(count) && count >= 0) return Math.min(count, most);
  const bytes = shown.reduce((sum, text) => sum + bytesOf(text), 0);
  return Math.min(Math.ceil(bytes / BYTES_PER_TOKEN), most);
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
