import type * as Ai from "ai";
import type { LlmConfig } from "../config.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import { RequestFailure, type Completion, type LlmOptions } from "../providers/llm.ts";
import { VOTE_JSON_SCHEMA } from "../providers/vote-text.ts";
import { guardedFetch } from "./_guarded-fetch.ts";
import { statusFailure, wayFailure } from "./_request-failures.ts";
import { hiderOf } from "./_secrets.ts";
import { withSoundUsage } from "./_usage.ts";

/** Characters of a message about a failure. */
const MAX_MESSAGE = 400;

/**
 * Returns the key of an API, from the environment.
 *
 * @throws {CarryoverError} `NOT_FOUND`.
 */
function keyOf({ name, api_key_env: variable }: LlmConfig): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable]?.trim();
  if (key === undefined || key === "") {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot ask "${name}": found no environment variable "${variable}", expected the key in it`,
    );
  }
  if (!/^[ -~]+$/.test(key)) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot ask "${name}": found characters that no header can have in the environment variable "${variable}", ` +
        "expected a key of printable ASCII characters",
    );
  }
  return key;
}

/**
 * Makes what sends requests to a model, through the AI SDK. The SDK takes a fifth of a second to load, and does so with the
 * first question, which is also the first to need the key: a run whose answers are all recorded does without either. The key is
 * sent to the host of `base_url`, through the proxy that `http_proxy` or `https_proxy` of the environment names, and leaves here
 * neither in an answer nor in a message.
 */
export function llmClient(config: LlmConfig): Pick<LlmOptions, "ready" | "complete"> {
  let loading: Promise<Sdk> | undefined;
  const load = (): Promise<Sdk> => (loading ??= loadSdk(config));

  return {
    ready: async () => void (await load()),

    complete: async (messages, { signal }) => {
      const { ai, model, hide } = await load();
      const completion = ({ text, usage, finishReason }: Generated): Completion => {
        const { inputTokens: input, outputTokens: output } = usage ?? {};
        return {
          text: hide(text),
          cutOff: finishReason === "stop" ? undefined : finishReason,
          tokens: input === undefined || output === undefined ? undefined : { input, output },
        };
      };
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
        return completion(result);
      } catch (error) {
        // An answer that is no JSON: what it is gets looked at by whoever asked.
        if (ai.NoObjectGeneratedError.isInstance(error)) {
          const { text = "", usage, finishReason } = error;
          return completion({ text, usage, finishReason });
        }
        const failure = ai.APICallError.isInstance(error) ? statusFailure(config, error) : wayFailure(config, error);
        // Without a cause: its words may have the key.
        throw new RequestFailure(hide(failure.message).slice(0, MAX_MESSAGE), failure);
      }
    },
  };
}

interface Sdk {
  readonly ai: Pick<typeof Ai, "APICallError" | "generateText" | "jsonSchema" | "NoObjectGeneratedError" | "Output">;
  readonly model: Ai.LanguageModel;
  /** Takes the key out of a text. */
  readonly hide: (text: string) => string;
}

/** @throws {CarryoverError} `NOT_FOUND` for the key, or for the packages. */
async function loadSdk(config: LlmConfig): Promise<Sdk> {
  const key = keyOf(config);
  // The SDK would log to stdout, which is the result's.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  const soundFetch: typeof fetch = Object.assign(
    async (input: string | URL | Request, init?: RequestInit) =>
      withSoundUsage(await guardedFetch(input, init), config.api),
    { preconnect: fetch.preconnect },
  );
  const settings = { fetch: soundFetch, ...(key === undefined ? {} : { apiKey: key }) };
  try {
    return { ...(await importModel(config, settings)), hide: hiderOf(key) };
  } catch (cause) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot ask "${config.name}": found ${hiderOf(key)(messageOf(cause))}, expected the packages that bun install brings`,
    );
  }
}

async function importModel(
  config: LlmConfig,
  settings: { readonly fetch: typeof fetch; readonly apiKey?: string },
): Promise<Omit<Sdk, "hide">> {
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
