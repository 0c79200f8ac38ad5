import type { LlmConfig } from "../config/config.ts";
import { parseProvider } from "../config/parse.ts";
import { fail } from "../errors.ts";
import type { Provider } from "../providers/provider.ts";
import type { Fetch } from "../providers/recorded/guarded-fetch.ts";
import { LlmClient } from "../providers/recorded/llm.ts";
import { llmHttp, loadAi } from "../providers/recorded/llm-http.ts";
import { checkTemplate, DEFAULT_PROMPT } from "../providers/recorded/prompt.ts";
import { type RecordingContext, recordedProvider } from "../providers/recorded/recording.ts";
import { Secrets } from "../providers/recorded/redact.ts";
import { sha256OfText } from "../util/sha256.ts";
import { providerVersion } from "./key.ts";

/** A language model as config.yaml describes it; all but its name and what it is called have defaults. */
export type LanguageModelOptions = Pick<LlmConfig, "name" | "model"> &
  Partial<Omit<LlmConfig, "type" | "prompt_file" | "api_key_env">>;

/** What a model is asked with. */
export interface LanguageModelEnvironment {
  readonly fetch: Fetch;
  /** It goes to the host of `base_url` only, and no text shows it. @default none, as local servers need none */
  readonly apiKey?: string | undefined;
  /** @default the built-in prompt */
  readonly prompt?: string | undefined;
  /** Wall-clock time, epoch ms. */
  readonly now: () => number;
}

/**
 * A provider that asks a language model through `fetch`, on any engine. The packages `ai` and `@ai-sdk/openai-compatible` must be
 * installed, or `@ai-sdk/anthropic` and its like for another `api`.
 *
 * @throws {CarryoverError} `BAD_CONFIG` for a wrong or missing option or an unusable prompt; `NOT_FOUND` if `ai` is not installed,
 * unless the recording is offline.
 *
 * @example
 * ```ts
 * const recording = recordAnswers(storage, { now: Date.now, budgetUsd: 5 });
 * const model = { name: "llama", model: "llama3.2", base_url: "http://localhost:11434/v1" };
 * const llama = await languageModel(model, recording, { fetch, now: Date.now });
 * const { summary } = await backtest({ bars, memory, providers: [trend(), llama], onStart: recording.begin });
 * await recording.close();
 * ```
 */
export async function languageModel(
  options: LanguageModelOptions,
  recording: RecordingContext,
  { fetch, apiKey, prompt = DEFAULT_PROMPT, now }: LanguageModelEnvironment,
): Promise<Provider> {
  // Of the type that it was given.
  const config = (await parseProvider({ ...options, type: "llm" })) as LlmConfig;
  const { name } = config;
  checkTemplate(prompt, name);
  // Now rather than in the middle of a run.
  if (recording.isAsking) await loadAi(config);
  const refuse = (found: string, expected: string): never => {
    throw fail("BAD_CONFIG", `Cannot ask "${name}"`, { found, expected });
  };
  const connection = llmHttp(config, {
    fetch,
    key: () => apiKey,
    readSecret: (variable) => refuse(`the environment variable "${variable}"`, "the value itself"),
    secrets: new Secrets([]),
    importPackage: async (from) => refuse(`the package "${from}"`, 'an "api" by its name, such as "openai"'),
    now,
  });
  const client = new LlmClient(config, { connection, template: prompt, now, onNote: recording.onNote });
  const { provider, refresh } = await recordedProvider(config, client, recording);
  return { ...provider, version: providerVersion(config, { refresh, files: { prompt: sha256OfText(prompt) } }) };
}
