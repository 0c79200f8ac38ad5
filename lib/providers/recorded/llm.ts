import type { Answer, DecisionContext, Situation } from "../../types.ts";
import type { LlmConfig } from "../../config/config.ts";
import { fail } from "../../errors.ts";
import { parseTimeout } from "../../util/time.ts";
import { abstain } from "../provider.ts";
import { answerForm, readVote, type Said } from "./answer.ts";
import type { ClientAnswer, ClientSignals, PreparedQuestion, VoteClient } from "./client.ts";
import { apiInKeys } from "./llm-api.ts";
import { renderPrompt, type Prompt } from "./prompt.ts";
import { RateLimiter } from "./rate-limit.ts";
import { RequestFailure, withRetries, type RetryPolicy } from "./retries.ts";
import { TokenBill, type TokenCounts } from "./token-bill.ts";

/** One turn of a conversation. */
export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** What a model answered. */
export interface Completion extends Said {
  /** Why it stopped, in the server's word, if not because it was done. */
  readonly finish?: string | undefined;
  readonly tokens?: TokenCounts | undefined;
}

/** The way to a model. Neither its answers nor its errors contain the key. */
export interface LlmConnection {
  /** Loads what requests need. @throws {CarryoverError} If something is missing, such as the key. */
  ready(): Promise<void>;

  /** Sends one request. @throws {RequestFailure} If no answer came. */
  complete(messages: readonly Message[], signal: AbortSignal): Promise<Completion>;
}

/** How a model is asked. */
interface LlmOptions {
  readonly connection: LlmConnection;
  /** The prompt, see `renderPrompt`. */
  readonly template: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** How often a model is asked for the same vote, the first time included. */
const MAX_ATTEMPTS = 2;

/** Characters of a bad answer that are sent back to the model. */
const MAX_SHOWN = 20_000;

/** A language model that votes. An answer that is no vote is sent back once, with what is wrong. */
export class LlmClient implements VoteClient {
  readonly name: string;
  readonly hasPrice: boolean;
  readonly #config: LlmConfig;
  readonly #template: string;
  readonly #connection: LlmConnection;
  readonly #retryPolicy: RetryPolicy;

  constructor(config: LlmConfig, { connection, template, now }: LlmOptions) {
    this.name = config.name;
    this.hasPrice = config.price_per_mtok !== undefined;
    this.#config = config;
    this.#template = template;
    this.#connection = connection;
    const { max_concurrency: concurrency, requests_per_minute: perMinute } = config;
    this.#retryPolicy = {
      rateLimiter: new RateLimiter({ concurrency, perMinute, now }),
      // The schema of the configuration has checked it.
      timeoutMs: parseTimeout(config.timeout)!,
      maxRetries: config.max_retries,
    };
  }

  prepare(situation: Situation, context: DecisionContext): PreparedQuestion {
    const { name, model, temperature, max_output_tokens, output, mask, max_retries } = this.#config;
    const { reasoning_effort, headers, extra_body } = this.#config;
    const prompt = renderPrompt(this.#template, { situation, context }, { provider: name, mask });
    const bill = new TokenBill(prompt.text, this.#config);
    let maxUsd = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) maxUsd += bill.maxUsd(attempt);
    return {
      // In this order: the answer's key is a hash of it.
      request: {
        type: "llm",
        api: apiInKeys(this.#config.api),
        model,
        temperature,
        max_output_tokens,
        output,
        ...(reasoning_effort === undefined ? {} : { reasoning_effort }),
        ...(headers === undefined ? {} : { headers }),
        ...(extra_body === undefined ? {} : { extra_body }),
        asset: prompt.asset,
        prompt: prompt.text,
      },
      maxCostUsd: maxUsd * (1 + max_retries),
      ask: (signals) => this.#ask(prompt, signals),
    };
  }

  async #ask({ asset, text: prompt }: Prompt, signals: ClientSignals): Promise<ClientAnswer> {
    const bill = new TokenBill(prompt, this.#config);
    const raw: string[] = [];
    let tookMs = 0;
    const answer = (vote: Answer): ClientAnswer => ({
      vote,
      raw,
      tokens: bill.tokens,
      cost_usd: this.hasPrice ? bill.usd : null,
      took_ms: Math.round(tookMs),
      failed: vote.error !== undefined,
    });

    await this.#connection.ready();
    let messages: readonly Message[] = [{ role: "user", content: prompt }];
    let problem = "";
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const sent = messages;
      let completion: Completion;
      try {
        completion = await withRetries((signal) => this.#connection.complete(sent, signal), {
          ...this.#retryPolicy,
          signals,
          onBilled: () => bill.addFailure(attempt),
          onRan: (ms) => (tookMs += ms),
        });
      } catch (error) {
        if (error instanceof RequestFailure && error.traits.expected === undefined)
          return answer(abstain(error.message));
        signals.onLost?.(bill.usd);
        throw this.#unavailable(error);
      }
      const { tokens, finish } = completion;
      const said = transcript(completion);
      raw.push(said);
      bill.addAnswer(attempt, { sent: sent.map(({ content }) => content), received: said, counted: tokens });
      const read = readVote(completion, asset);
      if ("vote" in read) return answer(read.vote);
      problem = finish === undefined ? read.problem : `${read.problem} (it ended for "${finish}")`;
      messages = [sent[0]!, ...correction(completion.text, { problem: read.problem, asset })];
    }
    return answer(abstain(`no usable answer, asked twice: ${problem}`));
  }

  /** The error that stops the run if no question can be answered. */
  #unavailable(error: unknown): unknown {
    if (!(error instanceof RequestFailure)) return error;
    const { message: found, traits, cause } = error;
    return fail("UNANSWERED", `Cannot ask "${this.name}"`, { found, expected: traits.expected ?? "an answer", cause });
  }
}

/** All that a model said, with thoughts that its server kept apart in `<think>`. */
function transcript({ text, thoughts = "", toolInputs = [] }: Said): string {
  const parts = [thoughts === "" ? "" : `<think>${thoughts}</think>`, text, ...toolInputs];
  return parts.filter((part) => part !== "").join("\n");
}

/** The turns after an answer that is no vote. */
function correction(text: string, { problem, asset }: { problem: string; asset: string }): readonly Message[] {
  return [
    // Servers refuse an empty turn.
    { role: "assistant", content: text.trim() === "" ? "(no answer)" : text.slice(0, MAX_SHOWN) },
    {
      role: "user",
      content: `That is not what was asked for: ${problem}. Answer again, with one JSON object and nothing else. ${answerForm(asset)}`,
    },
  ];
}
