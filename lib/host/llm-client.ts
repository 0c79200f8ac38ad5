import type * as Ai from "ai";
import type { LlmConfig } from "../config.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import { RequestFailure, type Complete } from "../providers/llm.ts";
import { VOTE_JSON_SCHEMA } from "../providers/vote-text.ts";
import { guardedFetch } from "./_guarded-fetch.ts";

/** Statuses that no second try and no other question changes. */
const HOPELESS: Readonly<Record<number, string>> = {
  401: "a key that the server takes",
  403: "a key that may use this model",
  404: "a base_url and a model that the server has",
};

const TRANSIENT = [408, 409, 425, 429];

/** Too many questions, or a server that loads its model or is overloaded: whatever was asked. */
const AWAY = [429, 503, 529];

/** What the system says of a server that cannot be reached. */
const UNREACHABLE: readonly unknown[] = ["EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"];

/**
 * Returns the key of an API, from the environment.
 *
 * @throws {CarryoverError} `NOT_FOUND`.
 */
function keyOf({ name, api_key_env: variable }: LlmConfig): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable]?.trim();
  if (key !== undefined && key !== "") return key;
  throw new CarryoverError(
    "NOT_FOUND",
    `Cannot ask "${name}": found no environment variable "${variable}", expected the key in it`,
  );
}

/**
 * Makes what sends requests to a model, through the AI SDK. The SDK takes a fifth of a second to load, and does so with the
 * first request, which is also the first to need the key: a run whose answers are all recorded does without either. The key
 * reaches the host of `base_url` and nothing else.
 */
export function llmClient(config: LlmConfig): Complete {
  let loaded: Promise<Sdk> | undefined;

  return async (messages, { signal }) => {
    const key = keyOf(config);
    const hidden = (text: string): string => (key === undefined ? text : text.replaceAll(key, "[key]"));
    loaded ??= loadSdk(config, key);
    const { ai, model } = await loaded.catch((cause: unknown) => {
      throw new CarryoverError(
        "NOT_FOUND",
        `Cannot ask "${config.name}": found ${hidden(messageOf(cause))}, expected the packages that bun install brings`,
        { cause },
      );
    });
    try {
      const result = await ai.generateText({
        model,
        messages: [...messages],
        temperature: config.temperature,
        maxOutputTokens: config.max_output_tokens,
        maxRetries: 0,
        abortSignal: signal,
        ...(config.output === "text"
          ? {}
          : { output: ai.Output.object({ schema: ai.jsonSchema(VOTE_JSON_SCHEMA), name: "vote" }) }),
      });
      return completion(result, hidden);
    } catch (error) {
      // An answer that is no JSON: what it is gets looked at by whoever asked.
      if (ai.NoObjectGeneratedError.isInstance(error)) {
        return completion({ text: error.text ?? "", usage: error.usage, finishReason: error.finishReason }, hidden);
      }
      if (!ai.APICallError.isInstance(error)) throw failureOf(error, { config, hidden });
      throw statusFailure(config, error, hidden);
    }
  };
}

interface Sdk {
  readonly ai: Pick<typeof Ai, "APICallError" | "generateText" | "jsonSchema" | "NoObjectGeneratedError" | "Output">;
  readonly model: Ai.LanguageModel;
}

async function loadSdk(config: LlmConfig, key: string | undefined): Promise<Sdk> {
  // The SDK would log to stdout, which is the result's.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  const settings = { fetch: guardedFetch, ...(key === undefined ? {} : { apiKey: key }) };
  if (config.api === "google") {
    const [ai, { createGoogleGenerativeAI }] = await Promise.all([import("ai"), import("@ai-sdk/google")]);
    const at = config.base_url === undefined ? {} : { baseURL: config.base_url };
    return { ai, model: createGoogleGenerativeAI({ ...settings, ...at })(config.model) };
  }
  const [ai, { createOpenAICompatible }] = await Promise.all([import("ai"), import("@ai-sdk/openai-compatible")]);
  const provider = createOpenAICompatible({
    ...settings,
    name: "server",
    baseURL: config.base_url ?? "",
    supportsStructuredOutputs: config.output === "json_schema",
  });
  return { ai, model: provider(config.model) };
}

interface Generated {
  readonly text: string;
  readonly usage?:
    | { readonly inputTokens?: number | undefined; readonly outputTokens?: number | undefined }
    | undefined;
  readonly finishReason?: string | undefined;
}

function completion(
  { text, usage, finishReason }: Generated,
  hidden: (text: string) => string,
): Awaited<ReturnType<Complete>> {
  const { inputTokens: input, outputTokens: output } = usage ?? {};
  return {
    text: hidden(text),
    cutOff: finishReason === "stop" ? undefined : finishReason,
    tokens: input === undefined || output === undefined ? undefined : { input, output },
  };
}

function statusFailure(
  config: LlmConfig,
  error: {
    statusCode?: number | undefined;
    responseHeaders?: Record<string, string> | undefined;
    message: string;
    cause?: unknown;
  },
  hidden: (text: string) => string,
): Error {
  const { statusCode: status, responseHeaders = {} } = error;
  if (status === undefined || (status >= 200 && status < 300)) {
    return failureOf(error.cause ?? error, { config, hidden });
  }
  const expected = HOPELESS[status];
  if (expected !== undefined) {
    return new CarryoverError(
      "UNANSWERED",
      `Cannot ask "${config.name}": found status ${status} from "${placeOf(config)}" for the model "${config.model}", expected ${expected}`,
    );
  }
  const said = oneLine(hidden(error.message));
  return new RequestFailure(`status ${status} from the server${said === "" ? "" : `: ${said}`}`, {
    isTransient: status >= 500 || TRANSIENT.includes(status),
    retryAfterMs: retryAfter(responseHeaders),
    mayBeBilled: false,
    isServerAway: AWAY.includes(status),
  });
}

function placeOf({ base_url: url = "Gemini" }: LlmConfig): string {
  return url;
}

/** What went wrong on the way: no connection, one that was cut, an answer that is no JSON of the protocol. */
function failureOf(error: unknown, { config, hidden }: { config: LlmConfig; hidden: (text: string) => string }): Error {
  if (error instanceof RequestFailure || error instanceof CarryoverError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof RequestFailure) return cause;
  if (cause instanceof Error && "code" in cause && UNREACHABLE.includes(cause.code)) {
    return new RequestFailure(`no server at "${placeOf(config)}": ${cause.code}`, {
      isTransient: true,
      mayBeBilled: false,
      isServerAway: true,
      cause,
    });
  }
  // Bun adds advice that is none to a user.
  const found = oneLine(hidden(messageOf(cause)).replace(/\.? For more information.*/s, ""));
  return new RequestFailure(`no answer from the server: ${found}`, { isTransient: true, mayBeBilled: true, cause });
}

/** What is said over many lines, such as the SDK's list of what is wrong with an answer, as a part of a message. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 200);
}

/** Milliseconds that the server wants waited (RFC 9110, 10.2.3: seconds, or a date). */
function retryAfter(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
