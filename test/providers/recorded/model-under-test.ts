/** A language model's client as a run has it, and a server on the loopback that it asks. */
import { expect } from "bun:test";
import type { LlmConfig } from "../../../lib/config/config.ts";
import { CarryoverError } from "../../../lib/errors.ts";
import { type ClientAnswer, type ClientSignals, NoAnswer } from "../../../lib/providers/recorded/client.ts";
import type { Fetch } from "../../../lib/providers/recorded/guarded-fetch.ts";
import { LlmClient, type LlmConnection } from "../../../lib/providers/recorded/llm.ts";
import { llmHttp } from "../../../lib/providers/recorded/llm-http.ts";
import { Secrets } from "../../../lib/providers/recorded/redact.ts";
import { DEFAULT_PROMPT } from "../../../lib/providers/recorded/prompt.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { startModelServer, type ModelRequest, type ModelServer, type Respond } from "./model-server.ts";

export const KEY = "sk-test-0123456789abcdef";

/** A signal that is never aborted. */
export const NEVER: AbortSignal = new AbortController().signal;

/** A usable answer, as a model writes it. */
export const GOOD: string = JSON.stringify({ asset: "AAA", action: "BUY", confidence: 70, reason: "it rises" });

/** What differs from the usual configuration. */
export type AskOptions = Partial<LlmConfig> & {
  /** @default KEY */
  readonly key?: string | undefined;
  readonly onLost?: (usd: number) => void;
  readonly onNote?: (note: string) => void;
};

/** A client and the server that it asks. */
export class ModelUnderTest {
  readonly server: ModelServer;
  /** How the server answers. */
  respond: Respond = () => GOOD;

  constructor() {
    this.server = startModelServer((request) => this.respond(request));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  config(overrides: Partial<LlmConfig> = {}): LlmConfig {
    const { openaiUrl, googleUrl } = this.server;
    return {
      name: "llama",
      type: "llm",
      api: "openai-compatible",
      model: "llama3.2",
      ...(isMakers(overrides.api) ? {} : { base_url: overrides.api === "google" ? googleUrl : openaiUrl }),
      temperature: 0,
      max_output_tokens: 200,
      output: "json_schema",
      mask: false,
      timeout: "5s",
      max_retries: 2,
      patience: "2s",
      max_concurrency: 4,
      ...overrides,
    };
  }

  connect(options: AskOptions = {}): LlmConnection {
    const key = "key" in options ? options.key : KEY;
    return llmHttp(this.config(options), {
      fetch: this.#fetch,
      key: () => key,
      readSecret: (variable) => process.env[variable] ?? "",
      secrets: new Secrets([KEY]),
      importPackage: (name) => import(name),
      now: () => Date.now(),
    });
  }

  /** Takes the loopback for the servers of those who make models. */
  readonly #fetch: Fetch = (input, init) => {
    const { origin } = new URL(this.server.openaiUrl);
    const url = String(input instanceof Request ? input.url : input);
    return fetch(url.replace(/^https:\/\/api\.(?:openai\.com|anthropic\.com|mistral\.ai)/, origin), init);
  };

  client(options: AskOptions = {}): LlmClient {
    return new LlmClient(this.config(options), {
      connection: this.connect(options),
      template: DEFAULT_PROMPT,
      now: () => performance.now(),
      onNote: options.onNote,
    });
  }

  /** Asks one question. Returns the answer, and the requests that it took. */
  async ask(
    respond: Respond,
    options: AskOptions = {},
  ): Promise<{ answer: ClientAnswer; requests: readonly ModelRequest[] }> {
    const { requests } = this.server;
    const before = requests.length;
    this.respond = respond;
    const answer = await askOnce(this.client(options), { onLost: options.onLost ?? (() => {}) });
    // Neither what is recorded nor what is reported may contain the key.
    expect(JSON.stringify(answer)).not.toContain(KEY);
    return { answer, requests: requests.slice(before) };
  }

  /** Asks one question. Returns the error that stops the run, which is no failure of the line, after one request at most. */
  async refusal(respond: Respond, options: AskOptions = {}): Promise<CarryoverError> {
    const before = this.server.requests.length;
    const error = await this.failure(respond, options);
    expect(error).not.toBeInstanceOf(NoAnswer);
    expect(this.server.requests.length - before).toBeLessThanOrEqual(1);
    return error;
  }

  /** Asks one question. Returns the error that stops the run. */
  async failure(respond: Respond, options: AskOptions = {}): Promise<CarryoverError> {
    const error = await this.ask(respond, options).then(
      ({ answer }) => new Error(`was answered with ${JSON.stringify(answer)}`),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CarryoverError)) throw error;
    // The messages of causes are reported as well.
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      expect(at.message.toLowerCase()).not.toContain(KEY);
    expect(error.code).toBe("UNANSWERED");
    return error;
  }
}

/** Whether an API has an address of its own. */
function isMakers(api: LlmConfig["api"] | undefined): boolean {
  return typeof api === "object" || api === "openai" || api === "anthropic";
}

/** Asks a client one question about a market with this RSI. */
export function askOnce(
  client: LlmClient,
  { rsi = 50, ...signals }: Partial<ClientSignals> & { rsi?: number } = {},
): Promise<ClientAnswer> {
  return client.prepare(makeSituation({ rsi }), makeContext(0)).ask({ drain: NEVER, abort: NEVER, ...signals });
}

/** Answers each request with the next of these, and further ones with the last. */
export function inTurn(...answers: readonly (string | (() => Response))[]): Respond {
  let n = 0;
  return () => {
    const answer = answers[Math.min(n++, answers.length - 1)]!;
    return typeof answer === "string" ? answer : answer();
  };
}
