/** The models of the AI SDK's packages, each loaded only when it is asked. */
import type * as Ai from "ai";
import type { LlmConfig, PackageApi } from "../../config/config.ts";
import { isRecord } from "../../util/json.ts";
import { addressOf, protocolOf } from "./llm-api.ts";
import { type ReadSecret, withSecrets } from "./request-extras.ts";

/** A model as a package makes it. */
export type PackageModel = Parameters<typeof Ai.wrapLanguageModel>[0]["model"];

/** What models are made with. */
interface ModelOptions {
  /** What every package takes: the key by its documented option, and nothing else. */
  readonly settings: { readonly fetch: typeof globalThis.fetch; readonly apiKey?: string };
  /** Imports a package that the user has installed. */
  readonly importPackage: (name: string) => Promise<unknown>;
  readonly readSecret: ReadSecret;
}

/** The name of the server in the options of the SDK. */
export const SERVER = "server";

/** The name of the package that makes a configuration's model. */
export function packageOf(config: LlmConfig): string {
  const { api } = config;
  if (typeof api !== "string") return api.package;
  const protocol = protocolOf(config);
  return protocol === "openai" || protocol === "google" || protocol === "anthropic"
    ? `@ai-sdk/${protocol}`
    : "@ai-sdk/openai-compatible";
}

/**
 * Loads the package of a configuration and makes its model.
 *
 * @throws {RangeError} For a package that is none of the AI SDK.
 */
export async function loadModel(config: LlmConfig, options: ModelOptions): Promise<PackageModel> {
  const { settings } = options;
  const { api, model, output } = config;
  if (typeof api !== "string") return modelOfPackage(api, config, options);
  // Always given, since a package would take it from the environment.
  const baseURL = addressOf(config) ?? "";
  switch (protocolOf(config)) {
    case "openai": {
      const { createOpenAI } = await import("@ai-sdk/openai");
      return createOpenAI({ ...settings, baseURL }).chat(model);
    }
    case "google": {
      const { createGoogleGenerativeAI } = await import("@ai-sdk/google");
      return createGoogleGenerativeAI({ ...settings, baseURL })(model);
    }
    case "anthropic": {
      const { createAnthropic } = await import("@ai-sdk/anthropic");
      return createAnthropic({ ...settings, baseURL })(model);
    }
    default: {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const supportsStructuredOutputs = output === "json_schema";
      return createOpenAICompatible({ ...settings, name: SERVER, baseURL, supportsStructuredOutputs })(model);
    }
  }
}

async function modelOfPackage(
  api: PackageApi,
  { model, base_url: baseURL }: LlmConfig,
  { settings, importPackage, readSecret }: ModelOptions,
): Promise<PackageModel> {
  const loaded = await importPackage(api.package);
  const create = isRecord(loaded) ? loaded[api.export] : undefined;
  if (!isFunction(create)) {
    const functions = isRecord(loaded) ? Object.keys(loaded).filter((name) => name.startsWith("create")) : [];
    const known = functions.length === 0 ? "" : `; it has ${functions.slice(0, 5).join(", ")}`;
    throw new RangeError(`no function "${api.export}" in the package "${api.package}"${known}`);
  }
  const chosen = withSecrets(api.options ?? {}, readSecret) as Readonly<Record<string, unknown>>;
  const provider = create({ ...chosen, ...(baseURL === undefined ? {} : { baseURL }), ...settings });
  const made = modelOf(provider, model);
  if (typeof made !== "object" || made === null || !("doGenerate" in made))
    throw new RangeError(`no language model from "${api.export}" of the package "${api.package}"`);
  return made as PackageModel;
}

/** By `languageModel`, which providers of the AI SDK have, or by a call of the provider. */
function modelOf(provider: unknown, model: string): unknown {
  const languageModel =
    (typeof provider === "object" && provider !== null) || typeof provider === "function"
      ? (provider as { readonly languageModel?: unknown }).languageModel
      : undefined;
  if (isFunction(languageModel)) return languageModel.call(provider, model);
  return isFunction(provider) ? provider(model) : undefined;
}

function isFunction(value: unknown): value is (argument: unknown) => unknown {
  return typeof value === "function";
}
