import type * as Ai from "ai";
import type { LlmConfig } from "../../config/config.ts";
import { fail, messageOf } from "../../errors.ts";
import { VOTE_JSON_SCHEMA } from "./answer.ts";
import { guardedFetch, withSoundUsage, type Fetch } from "./guarded-fetch.ts";
import type { Completion, LlmConnection } from "./llm.ts";
import { redactor } from "./redact.ts";
import { statusFailure, transportFailure } from "./request-failures.ts";
import { RequestFailure } from "./retries.ts";

/** Characters of a failure's message. */
const MAX_MESSAGE = 400;

/** What a connection takes from its surroundings. */
interface HttpEnvironment {
  readonly fetch: Fetch;
  /** Returns the API key, if the server wants one. Called with the first question. May throw a `CarryoverError`. */
  readonly key: () => string | undefined;
  /** Wall-clock time, epoch ms. */
  readonly now: () => number;
}

/**
 * Connects to a model through the AI SDK. The key goes to the host of `base_url` only.
 *
 * The SDK takes a fifth of a second to load. It is loaded with the first question, and the key is read then: a run whose answers
 * are all recorded needs neither.
 */
export function llmHttp(config: LlmConfig, environment: HttpEnvironment): LlmConnection {
  const server = { address: config.base_url ?? "Gemini", model: config.model, now: environment.now };
  let loading: Promise<LoadedSdk> | undefined;
  const load = (): Promise<LoadedSdk> => (loading ??= loadSdk(config, environment));

  return {
    ready: async () => void (await load()),

    complete: async (messages, signal) => {
      const { ai, model, hide } = await load();
      const format =
        config.output === "text"
          ? {}
          : { output: ai.Output.object({ schema: ai.jsonSchema(VOTE_JSON_SCHEMA), name: "vote" }) };
      try {
        const result = await ai.generateText({
          model,
          messages: [...messages],
          temperature: config.temperature,
          maxOutputTokens: config.max_output_tokens,
          maxRetries: 0,
          abortSignal: signal,
          ...format,
        });
        return toCompletion(result, hide);
      } catch (error) {
        // An answer that is no JSON is an answer all the same: the client says what is wrong with it.
        if (ai.NoObjectGeneratedError.isInstance(error)) return toCompletion(error, hide);
        const failure = ai.APICallError.isInstance(error)
          ? statusFailure(error, server)
          : transportFailure(error, server);
        // Without a cause, whose words may contain the key.
        throw new RequestFailure(hide(failure.message).slice(0, MAX_MESSAGE), failure.traits);
      }
    },
  };
}

interface LoadedSdk {
  readonly ai: typeof Ai;
  readonly model: Ai.LanguageModel;
  /** Removes the key from a text. */
  readonly hide: (text: string) => string;
}

/** @throws {CarryoverError} `NOT_FOUND` for the key or the SDK's packages. */
async function loadSdk(config: LlmConfig, { fetch, key: readKey }: HttpEnvironment): Promise<LoadedSdk> {
  const key = readKey();
  const hide = redactor(key);
  // The SDK would write warnings to stdout, where the result goes.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  const settings = {
    // The SDK calls it and uses nothing else of it.
    fetch: withSoundUsage(guardedFetch(fetch), config.api) as typeof globalThis.fetch,
    ...(key === undefined ? {} : { apiKey: key }),
  };
  try {
    const [ai, model] = await Promise.all([import("ai"), MODELS[config.api](config, settings)]);
    return { ai, model, hide };
  } catch (error) {
    throw fail("NOT_FOUND", `Cannot ask "${config.name}"`, {
      found: hide(messageOf(error)),
      expected: "the packages that bun install brings",
    });
  }
}

type LoadModel = (
  config: LlmConfig,
  settings: { readonly fetch: typeof globalThis.fetch; readonly apiKey?: string },
) => Promise<Ai.LanguageModel>;

/** The SDK's package for each protocol. */
const MODELS: Readonly<Record<LlmConfig["api"], LoadModel>> = {
  google: async ({ model, base_url: baseURL }, settings) => {
    const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
    return createGoogleGenerativeAI({ ...settings, ...(baseURL === undefined ? {} : { baseURL }) })(model);
  },
  openai: async ({ model, base_url: baseURL = "", output }, settings) => {
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    const supportsStructuredOutputs = output === "json_schema";
    return createOpenAICompatible({ ...settings, name: "server", baseURL, supportsStructuredOutputs })(model);
  },
};

/** What is used of the SDK's result, or of its error for an answer that is no JSON. */
type Generated = Pick<Ai.NoObjectGeneratedError, "text" | "usage" | "finishReason">;

function toCompletion({ text = "", usage, finishReason }: Generated, hide: (text: string) => string): Completion {
  const { inputTokens: input, outputTokens: output } = usage ?? {};
  return {
    text: hide(text),
    cutOff: finishReason === "stop" ? undefined : finishReason,
    tokens: input === undefined || output === undefined ? undefined : { input, output },
  };
}
