import type * as Ai from "ai";
import type { LlmConfig } from "../../config/config.ts";
import { CarryoverError, messageOf } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import { VOTE_JSON_SCHEMA } from "./answer.ts";
import { type Completion, type LlmOptions, RequestFailure } from "./llm.ts";
import { redactor } from "./redact.ts";
import { statusFailure, wayFailure } from "./request-failures.node.ts";

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
    return { ...(await importModel(config, settings)), hide: redactor(key) };
  } catch (cause) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot ask "${config.name}": found ${redactor(key)(messageOf(cause))}, expected the packages that bun install brings`,
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

/** A vote is a few hundred bytes; with a model's thoughts, some thousands. */
const MAX_BYTES = 1 << 20;

/**
 * `fetch` for requests that carry a key: follows no redirect, always checks certificates, and takes no more than 1 MiB.
 *
 * @throws {RequestFailure} For a redirect or too large an answer.
 */
export const guardedFetch: typeof fetch = Object.assign(
  async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, { ...init, redirect: "manual", tls: { rejectUnauthorized: true } });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      const to = hostOf(response.headers.get("location"), response.url);
      throw new RequestFailure(`a redirect to ${to}, which is not followed`, {
        isTransient: false,
        mayBeBilled: false,
        expected: "a base_url where the model itself answers",
      });
    }
    const bytes = await readCapped(response);
    return new Response(bytes, { status: response.status, headers: plainHeaders(response.headers) });
  },
  { preconnect: fetch.preconnect },
);

async function readCapped(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new RequestFailure(`the server's answer is larger than ${MAX_BYTES} bytes`, {
        isTransient: false,
        mayBeBilled: true,
      });
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The body was decoded, so these no longer say what it is. */
function plainHeaders(headers: Headers): Headers {
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  plain.delete("content-length");
  return plain;
}

function hostOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? `"${new URL(location, base).host}"` : "another address";
}

/** Where a protocol has the counts of an answer: one that must be there, and others of which one must be. */
const COUNTS = {
  openai: { field: "usage", input: "prompt_tokens", outputs: ["completion_tokens"], others: [] },
  google: {
    field: "usageMetadata",
    input: "promptTokenCount",
    // A model that thought until it was cut off has no candidates' tokens.
    outputs: ["candidatesTokenCount", "thoughtsTokenCount"],
    others: ["toolUsePromptTokenCount"],
  },
} as const;

/**
 * Leaves of a response's counts those that matter, and none where one of them is no number: the SDK takes a count that is missing
 * for 0, and throws away a good vote for one of another type.
 */
export async function withSoundUsage(response: Response, api: keyof typeof COUNTS): Promise<Response> {
  if (!response.ok) return response;
  const text = await response.text();
  return new Response(soundText(text, api), { status: response.status, headers: response.headers });
}

function soundText(text: string, api: keyof typeof COUNTS): string {
  const { field, input, outputs, others } = COUNTS[api];
  try {
    const body: unknown = JSON.parse(text);
    if (!isRecord(body)) return text;
    const said = isRecord(body[field]) ? body[field] : {};
    const counts = [input, ...outputs, ...others].flatMap((key) => {
      const count = said[key] ?? undefined;
      return count === undefined ? [] : [[key, count] as const];
    });
    const has = (key: string): boolean => counts.some(([each]) => each === key);
    const isSound =
      counts.every(([, count]) => typeof count === "number" && Number.isFinite(count)) &&
      has(input) &&
      outputs.some(has);
    return JSON.stringify({ ...body, [field]: isSound ? Object.fromEntries(counts) : null });
  } catch {
    // No JSON, or too deep: whoever reads it next says so.
    return text;
  }
}
