import type * as Ai from "ai";
import type { LlmConfig } from "../../config/config.ts";
import { CarryoverError, fail, messageOf } from "../../errors.ts";
import { loadOptional, packagesToAdd } from "../../util/optional-packages.ts";
import { VOTE_JSON_SCHEMA } from "./answer.ts";
import { isWholeObject, THOUGHT_TAGS } from "./answer-text.ts";
import { guardedFetch, type Fetch } from "./guarded-fetch.ts";
import type { Completion, LlmConnection, Message } from "./llm.ts";
import { addressOf, type Protocol, protocolOf } from "./llm-api.ts";
import { loadModel, packageOf, SERVER } from "./model-packages.ts";
import { readableFetch } from "./readable-response.ts";
import type { Secrets } from "./redact.ts";
import { extendedFetch, type ReadSecret } from "./request-extras.ts";
import { answerInError, statusFailure, transportFailure } from "./request-failures.ts";
import type { RequestParameters } from "./request-parameters.ts";
import { RequestFailure } from "./retries.ts";

/** Characters of a failure's message. */
const MAX_MESSAGE = 400;

/** What a connection takes from its surroundings. */
interface HttpEnvironment {
  readonly fetch: Fetch;
  /** Returns the API key, if the server wants one. Called with the first question. May throw a `CarryoverError`. */
  readonly key: () => string | undefined;
  /** Reads another secret that the configuration names. Likewise. */
  readonly readSecret: ReadSecret;
  /** What no text may show. */
  readonly secrets: Secrets;
  /** Imports a package that the user has installed. */
  readonly importPackage: (name: string) => Promise<unknown>;
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
  const protocol = protocolOf(config);
  const server = { address: addressOf(config) ?? config.model, model: config.model, now: environment.now };
  let loading: Promise<LoadedSdk> | undefined;
  const load = (): Promise<LoadedSdk> => (loading ??= loadSdk(config, environment));

  return {
    ready: async () => void (await load()),

    complete: async (messages, { parameters, signal }) => {
      const { ai, modelFor, hide } = await load();
      const { temperature, output } = parameters;
      try {
        const model = await modelFor(output);
        const generated = await model.doGenerate({
          prompt: messages.map(toPromptMessage),
          ...(temperature === null ? {} : { temperature }),
          ...tokenLimit(protocol, { ...parameters, limit: config.max_output_tokens }),
          ...(output === "text" ? {} : { responseFormat: { type: "json", schema: VOTE_JSON_SCHEMA, name: "vote" } }),
          ...(config.reasoning_effort === undefined ? {} : { reasoning: config.reasoning_effort }),
          abortSignal: signal,
        });
        return toCompletion(generated, hide);
      } catch (error) {
        const said = ai.APICallError.isInstance(error) ? answerInError(error) : undefined;
        // A refusal before the model is asked costs nothing.
        const tokens = said?.ended === "refused" ? { input: 0, output: 0 } : undefined;
        if (said !== undefined) return { ...said, text: hide(said.text), tokens };
        const failure = ai.APICallError.isInstance(error)
          ? statusFailure(error, server)
          : transportFailure(error, server);
        // Without a cause, whose words may contain the key.
        throw new RequestFailure(hide(failure.message).slice(0, MAX_MESSAGE), failure.traits);
      }
    },
  };
}

/** `max_output_tokens` in the way of each protocol. */
function tokenLimit(
  protocol: Protocol,
  { token_limit, limit }: RequestParameters & { limit: number },
): Partial<CallOptions> {
  switch (protocol) {
    case "openai":
      // The package sends max_tokens to models that it does not know.
      return { providerOptions: { openai: { maxCompletionTokens: limit } } };
    case "openai-compatible":
      return token_limit === "max_tokens"
        ? { maxOutputTokens: limit }
        : { providerOptions: { [SERVER]: { [token_limit]: limit } } };
    default:
      return { maxOutputTokens: limit };
  }
}

type WrappedModel = ReturnType<typeof Ai.wrapLanguageModel>;
type CallOptions = Parameters<WrappedModel["doGenerate"]>[0];
type Generated = Awaited<ReturnType<WrappedModel["doGenerate"]>>;

interface LoadedSdk {
  readonly ai: typeof Ai;
  /** The model, asked for a format. */
  readonly modelFor: (output: LlmConfig["output"]) => Promise<WrappedModel>;
  /** Removes the key from a text. */
  readonly hide: (text: string) => string;
}

/** @throws {CarryoverError} `NOT_FOUND` if the SDK is not installed. */
export async function loadAi(config: LlmConfig): Promise<typeof Ai> {
  return loadOptional(() => import("ai"), {
    tried: `Cannot ask "${config.name}"`,
    packages: ["ai", packageOf(config)],
  });
}

/** @throws {CarryoverError} `NOT_FOUND` for the key or the SDK's packages. */
async function loadSdk(config: LlmConfig, environment: HttpEnvironment): Promise<LoadedSdk> {
  const { fetch, importPackage } = environment;
  const key = environment.key();
  const protocol = protocolOf(config);
  const { secrets } = environment;
  if (key !== undefined) secrets.add(key);
  const readSecret: ReadSecret = (variable) => secrets.add(environment.readSecret(variable));
  const hide: LoadedSdk["hide"] = (text) => secrets.hide(text);
  const added = extendedFetch(guardedFetch(fetch), config, readSecret);
  // The SDK would write warnings to stdout, where the result goes.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  const settings = {
    // The SDK calls it and uses nothing else of it.
    fetch: readableFetch(added, { protocol, hide }) as typeof globalThis.fetch,
    ...(key === undefined ? {} : { apiKey: key }),
  };
  const tried = `Cannot ask "${config.name}"`;
  try {
    const ai = await loadAi(config);
    const middleware = THOUGHT_TAGS.map((tagName) =>
      // Between two thoughts the closing tag stays, so that what follows the last one can be told.
      unlessWholeObject(
        ai.extractReasoningMiddleware({ tagName, startWithReasoning: true, separator: tagName.closing }),
      ),
    );
    const load: LoadedSdk["modelFor"] = async (output) => {
      const model = await loadModel({ ...config, output }, { settings, importPackage, readSecret });
      return ai.wrapLanguageModel({ model, middleware });
    };
    const models = new Map([[config.output, load(config.output)]]);
    // Now, so that what it lacks is known before anything is asked.
    await models.get(config.output);
    const modelFor: LoadedSdk["modelFor"] = (output) => {
      const model = models.get(output) ?? load(output);
      models.set(output, model);
      return model;
    };
    return { ai, modelFor, hide };
  } catch (error) {
    if (error instanceof CarryoverError) throw error;
    throw fail("NOT_FOUND", tried, {
      found: hide(messageOf(error)),
      expected:
        typeof config.api === "string"
          ? packagesToAdd(["ai", packageOf(config)])
          : `a package of the AI SDK, installed by "bun add ${config.api.package}"`,
    });
  }
}

/** Leaves an answer alone that is JSON as a whole: a tag in the text of an object ends no thoughts. */
function unlessWholeObject(middleware: Ai.LanguageModelMiddleware): Ai.LanguageModelMiddleware {
  return {
    ...middleware,
    wrapGenerate: async (options) => {
      const generated = await options.doGenerate();
      const isWhole = generated.content.some((part) => part.type === "text" && isWholeObject(part.text));
      return isWhole ? generated : middleware.wrapGenerate!({ ...options, doGenerate: async () => generated });
    },
  };
}

type PromptMessage = CallOptions["prompt"][number];

function toPromptMessage({ role, content }: Message): PromptMessage {
  return { role, content: [{ type: "text", text: content }] };
}

/** Reasons to stop that mean a failure of the server, by OpenRouter, z.AI and DeepSeek. */
const FAILED = ["error", "network_error", "insufficient_system_resource", "abort"];

/** @throws {RequestFailure} For an answer that the server could not finish. */
function toCompletion({ content, finishReason, usage }: Generated, hide: (text: string) => string): Completion {
  const { unified, raw: finish } = finishReason;
  if (finish !== undefined && FAILED.includes(finish)) {
    throw new RequestFailure(`no answer from the server: it ended for "${finish}"`, {
      isTransient: true,
      mayBeBilled: true,
    });
  }
  const texts = (type: "text" | "reasoning"): readonly string[] =>
    content.flatMap((part) => (part.type === type ? [part.text] : []));
  const { total: input } = usage.inputTokens;
  const { total: output } = usage.outputTokens;
  return {
    text: hide(texts("text").join("")),
    thoughts: hide(texts("reasoning").map(withoutOpening).join("")),
    toolInputs: content.flatMap((part) => (part.type === "tool-call" ? [hide(part.input)] : [])),
    ended: unified === "length" ? "cut" : unified === "content-filter" ? "refused" : undefined,
    finish: unified === "stop" || unified === "tool-calls" || finish === undefined ? undefined : hide(finish),
    tokens: input === undefined || output === undefined ? undefined : { input, output },
  };
}

/** Thoughts as the middleware gives them, which takes each text for one that begins with thoughts, also where it says so. */
function withoutOpening(thoughts: string): string {
  const tag = THOUGHT_TAGS.find(({ opening }) => thoughts.startsWith(opening));
  return thoughts.slice(tag?.opening.length ?? 0);
}
