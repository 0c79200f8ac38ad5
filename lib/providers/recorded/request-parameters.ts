/** The parameters of a request that a server may not take, and what is sent in their place. */
import type { LlmConfig } from "../../config/config.ts";
import { protocolOf } from "./llm-api.ts";
import type { ServerError } from "./server-error.ts";

/** How a model is asked. */
export interface RequestParameters {
  /** `null` if it is not sent. */
  readonly temperature: number | null;
  /** The format that the server is asked to enforce. */
  readonly output: LlmConfig["output"];
  /** The name under which `max_output_tokens` is sent in OpenAI's protocol. In other protocols it is not used. */
  readonly token_limit: "max_tokens" | "max_completion_tokens";
}

/** A parameter that has to be sent otherwise. */
export type Cure = keyof RequestParameters;

/** The parameters of a configuration. */
export function configuredParameters(config: LlmConfig): RequestParameters {
  const { temperature, output } = config;
  // OpenAI itself has given up max_tokens, and other protocols do not have it.
  const hasMaxTokens = protocolOf(config) === "openai-compatible";
  return { temperature, output, token_limit: hasMaxTokens ? "max_tokens" : "max_completion_tokens" };
}

const REFUSED =
  /unsupported|not support|not allowed|not permitted|unknown param|unrecognized|only the default|deprecated|only 1 |may only be|instead/i;
const OUTPUT =
  /response_?format|json_?schema|json_?object|json mode|structured.?output|response_?(?:json_?)?schema|response_?mime|grammar|guided/i;

/** The parameter that a server refuses; `undefined` if its error names none, or none that can be sent otherwise. */
export function cureFor({ message, parameter = "" }: Pick<ServerError, "message" | "parameter">): Cure | undefined {
  const text = `${parameter} ${message}`;
  if (/\bmax_tokens\b/.test(text) && REFUSED.test(message)) return "token_limit";
  if (/\btemperature\b/.test(text) && REFUSED.test(message)) return "temperature";
  return OUTPUT.test(text) ? "output" : undefined;
}

/** The parameters to try next; `undefined` if there is nothing left to change. */
export function adapted(parameters: RequestParameters, cure: Cure): RequestParameters | undefined {
  const { output } = parameters;
  switch (cure) {
    case "token_limit":
      return parameters.token_limit === "max_tokens"
        ? { ...parameters, token_limit: "max_completion_tokens" }
        : undefined;
    case "temperature":
      return parameters.temperature === null ? undefined : { ...parameters, temperature: null };
    case "output":
      return output === "text"
        ? undefined
        : { ...parameters, output: output === "json_schema" ? "json_object" : "text" };
  }
}

/** All parameters that a server can bring a client to, the given ones excluded, fewest changes first. */
export function adaptations(parameters: RequestParameters): readonly RequestParameters[] {
  const all = [parameters];
  for (const each of all) {
    for (const cure of ["token_limit", "temperature", "output"] as const) {
      const next = adapted(each, cure);
      if (next !== undefined && !all.some((known) => isSame(known, next))) all.push(next);
    }
  }
  return all.slice(1);
}

export function isSame(a: RequestParameters, b: RequestParameters): boolean {
  return a.temperature === b.temperature && a.output === b.output && a.token_limit === b.token_limit;
}

/** What is changed, in words for the user. */
export function adaptationNote(cure: Cure, to: RequestParameters): string {
  switch (cure) {
    case "token_limit":
      return "max_completion_tokens in place of max_tokens";
    case "temperature":
      return "no temperature";
    case "output":
      return `the output "${to.output}"`;
  }
}
