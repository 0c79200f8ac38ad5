import type { Answer, DecisionContext, Situation } from "../../types.ts";
import type { LlmConfig } from "../../config/config.ts";
import { CarryoverError } from "../../errors.ts";
import type { Json } from "../../util/json.ts";
import { parsePatience, parseTimeout } from "../../util/time.ts";
import { abstain } from "../provider.ts";
import { answerForm, readVote, type Said } from "./answer.ts";
import {
  type ClientAnswer,
  type ClientSignals,
  NoAnswer,
  type PreparedQuestion,
  type QuestionForm,
  type RequestVariant,
  type VoteClient,
} from "./client.ts";
import { ContextCut } from "./context-cut.ts";
import { apiInKeys } from "./llm-api.ts";
import { renderPrompt, type Prompt } from "./prompt.ts";
import { RateLimiter } from "./rate-limit.ts";
import {
  adaptationNote,
  adaptations,
  adapted,
  configuredParameters,
  isSame,
  type RequestParameters,
} from "./request-parameters.ts";
import { RequestFailure, type RetryPolicy, ServerState, withRetries } from "./retries.ts";
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
  complete(
    messages: readonly Message[],
    options: { readonly parameters: RequestParameters; readonly signal: AbortSignal },
  ): Promise<Completion>;
}

/** How a model is asked. */
interface LlmOptions {
  readonly connection: LlmConnection;
  /** The prompt, see `renderPrompt`. */
  readonly template: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Called when the server makes the client ask in another way. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** The prompt of one of several answers, from 0. */
type SampledPrompt = Prompt & { readonly sample: number };

/** How often a model is asked for the same vote, the first time included. */
const MAX_ATTEMPTS = 2;

/** Characters of a bad answer that are sent back to the model. */
const MAX_SHOWN = 20_000;

/** Questions without a recorded answer for which answers to its variants are looked for, unless one is found. */
const MAX_LOOKUPS = 20;

/** A language model that votes. An answer that is no vote is sent back once, with what is wrong. */
export class LlmClient implements VoteClient {
  readonly name: string;
  readonly hasPrice: boolean;
  readonly #config: LlmConfig;
  readonly #template: string;
  readonly #connection: LlmConnection;
  readonly #retryPolicy: RetryPolicy;
  readonly #onNote: (note: string) => void;
  /** How it is asked now. */
  #parameters: RequestParameters;
  /** Whether an answer has shown that this is how the server is asked. */
  #isSettled = false;
  #lookups = 0;
  readonly #contextCut = new ContextCut();

  constructor(config: LlmConfig, { connection, template, now, onNote = () => {} }: LlmOptions) {
    this.name = config.name;
    this.hasPrice = config.price_per_mtok !== undefined;
    this.#config = config;
    this.#template = template;
    this.#connection = connection;
    this.#onNote = onNote;
    this.#parameters = configuredParameters(config);
    const { max_concurrency: concurrency, requests_per_minute: perMinute } = config;
    this.#retryPolicy = {
      rateLimiter: new RateLimiter({ concurrency, perMinute, now }),
      // The schema of the configuration has checked them.
      timeoutMs: parseTimeout(config.timeout)!,
      patienceMs: parsePatience(config.patience)!,
      maxRetries: config.max_retries,
      server: new ServerState(),
      now,
    };
  }

  prepare(situation: Situation, context: DecisionContext, form: QuestionForm = {}): PreparedQuestion {
    const { name, max_retries } = this.#config;
    const { mask = this.#config.mask, sample = 0 } = form;
    const prompt = { ...renderPrompt(this.#template, { situation, context }, { provider: name, mask }), sample };
    const bill = new TokenBill(prompt.text, this.#config);
    let maxUsd = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) maxUsd += bill.maxUsd(attempt);
    return {
      request: this.#requestOf(prompt, configuredParameters(this.#config)),
      variants: () => this.#variantsOf(prompt),
      maxCostUsd: maxUsd * (1 + max_retries),
      ask: (signals) => this.#ask(prompt, signals),
    };
  }

  #requestOf({ asset, text, sample }: SampledPrompt, { temperature, output, token_limit }: RequestParameters): Json {
    const { api, model, max_output_tokens, reasoning_effort, headers, extra_body } = this.#config;
    const isLimitAdapted = token_limit !== configuredParameters(this.#config).token_limit;
    // In this order: the answer's key is a hash of it.
    return {
      type: "llm",
      api: apiInKeys(api),
      model,
      temperature,
      max_output_tokens,
      ...(isLimitAdapted ? { token_limit } : {}),
      output,
      ...(reasoning_effort === undefined ? {} : { reasoning_effort }),
      ...(headers === undefined ? {} : { headers }),
      ...(extra_body === undefined ? {} : { extra_body }),
      asset,
      prompt: text,
      // The first one is the answer of those who ask only once.
      ...(sample === 0 ? {} : { sample }),
    };
  }

  /** The requests to which the server may have brought an earlier run, or has brought this one. */
  #variantsOf(prompt: SampledPrompt): readonly RequestVariant[] {
    const configured = configuredParameters(this.#config);
    if (!this.#isSettled && ++this.#lookups > MAX_LOOKUPS) return [];
    const others = this.#isSettled ? [this.#parameters] : adaptations(configured);
    return others
      .filter((parameters) => !isSame(parameters, configured))
      .map((parameters) => ({
        request: this.#requestOf(prompt, parameters),
        adopt: () => {
          if (!this.#isSettled) this.#parameters = parameters;
          this.#isSettled = true;
        },
      }));
  }

  async #ask(prompt: SampledPrompt, signals: ClientSignals): Promise<ClientAnswer> {
    const bill = new TokenBill(prompt.text, this.#config);
    const raw: string[] = [];
    let tookMs = 0;
    let parameters = this.#parameters;
    const answer = (vote: Answer): ClientAnswer => ({
      request: this.#requestOf(prompt, parameters),
      vote,
      raw,
      tokens: bill.tokens,
      cost_usd: this.hasPrice ? bill.usd : null,
      took_ms: Math.round(tookMs),
      failed: vote.error !== undefined,
    });

    await this.#connection.ready();
    let messages: readonly Message[] = [{ role: "user", content: prompt.text }];
    let problem = "";
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const sent = messages;
      let completion: Completion;
      try {
        ({ completion, parameters } = await this.#send(sent, {
          ...this.#retryPolicy,
          signals,
          onBilled: () => bill.addFailure(attempt),
          onRan: (ms) => (tookMs += ms),
        }));
      } catch (error) {
        signals.onLost?.(bill.usd);
        throw this.#noAnswer(error);
      }
      const { tokens, finish } = completion;
      if (attempt === 0) this.#noteCut(prompt.text, tokens);
      const said = transcript(completion);
      raw.push(said);
      bill.addAnswer(attempt, { sent: sent.map(({ content }) => content), received: said, counted: tokens });
      const read = readVote(completion, prompt.asset);
      if ("vote" in read) return answer(read.vote);
      problem = finish === undefined ? read.problem : `${read.problem} (it ended for "${finish}")`;
      messages = [sent[0]!, ...correction(completion.text, { problem: read.problem, asset: prompt.asset })];
    }
    return answer(abstain(`no usable answer, asked twice: ${problem}`));
  }

  #noteCut({ length }: string, tokens: TokenCounts | undefined): void {
    const context = tokens === undefined ? undefined : this.#contextCut.see({ length, tokens: tokens.input });
    if (context === undefined) return;
    this.#onNote(
      `"${this.name}" counts ${context} tokens in every prompt, however long: its server seems to cut prompts to its context. ` +
        "For Ollama, set a larger num_ctx (OLLAMA_CONTEXT_LENGTH), and ask again with --refresh-provider",
    );
  }

  /** Sends messages, and again with other parameters where the server does not take the configured ones. */
  async #send(
    messages: readonly Message[],
    options: Parameters<typeof withRetries>[1],
  ): Promise<{ completion: Completion; parameters: RequestParameters }> {
    for (;;) {
      const parameters = this.#parameters;
      try {
        const send = (signal: AbortSignal): Promise<Completion> =>
          this.#connection.complete(messages, { parameters, signal });
        const completion = await withRetries(send, options);
        this.#isSettled = true;
        return { completion, parameters };
      } catch (error) {
        if (!this.#canAdapt(parameters, error)) throw error;
      }
    }
  }

  /** Whether a request can be sent again with other parameters. */
  #canAdapt(sent: RequestParameters, error: unknown): boolean {
    if (!(error instanceof RequestFailure) || error.traits.cure === undefined) return false;
    // Another question may have met the same error before.
    if (!isSame(sent, this.#parameters)) return true;
    const next = adapted(sent, error.traits.cure);
    if (next === undefined) return false;
    this.#parameters = next;
    this.#isSettled = false;
    const what = adaptationNote(error.traits.cure, next);
    this.#onNote(`"${this.name}" is asked with ${what}: ${error.message}`);
    return true;
  }

  /** The error that says why a question has no answer. */
  #noAnswer(error: unknown): unknown {
    if (!(error instanceof RequestFailure)) return error;
    const { message: found, traits, cause } = error;
    const message = `Cannot ask "${this.name}": found ${found}, expected ${traits.expected ?? "an answer"}`;
    return traits.isFatal === true
      ? new CarryoverError("UNANSWERED", message, { cause })
      : new NoAnswer("UNANSWERED", message, { cause });
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
