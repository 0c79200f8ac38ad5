/** How a language model is reached: by which package of the AI SDK, in which protocol, and where. */
import type { LlmConfig } from "../../config/config.ts";
import type { Json } from "../../util/json.ts";

/** The protocol that a model speaks; `package` for that of a package of the user's, which is not known here. */
export type Protocol = "openai-compatible" | "openai" | "google" | "anthropic" | "package";

type Reached = Pick<LlmConfig, "api" | "base_url">;

/** The servers of those who make the models. The packages would read other addresses from the environment. */
const MAKERS = {
  openai: "https://api.openai.com/v1",
  google: "https://generativelanguage.googleapis.com/v1beta",
  anthropic: "https://api.anthropic.com/v1",
} as const;

/**
 * The protocol that a configuration asks for. OpenAI's models take other parameters than the servers that speak its protocol, so
 * that `api: openai` on another server is `openai-compatible`.
 */
export function protocolOf({ api, base_url: url }: Reached): Protocol {
  if (typeof api !== "string") return "package";
  const isElsewhere = url !== undefined && new URL(url).host !== new URL(MAKERS.openai).host;
  return api === "openai" && isElsewhere ? "openai-compatible" : api;
}

/** The address of the server; `undefined` for that of a package of the user's. */
export function addressOf({ api, base_url: url }: Reached): string | undefined {
  if (url !== undefined || typeof api !== "string" || api === "openai-compatible") return url;
  return MAKERS[api];
}

/** The API in keys of answers and runs. `openai` was the word for every server that speaks its protocol. */
export function apiInKeys(api: LlmConfig["api"]): Json {
  if (typeof api === "string") return api === "openai-compatible" ? "openai" : api;
  const { package: name, export: exported, options } = api;
  return { package: name, export: exported, ...(options === undefined ? {} : { options }) };
}
