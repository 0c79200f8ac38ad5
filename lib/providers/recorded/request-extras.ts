/** What a configuration adds to each request: headers, and members of the body. */
import { variableOf } from "../../config/open-settings.ts";
import type { LlmConfig } from "../../config/config.ts";
import { isRecord, type Json } from "../../util/json.ts";
import type { Fetch } from "./guarded-fetch.ts";

/** Reads the secret that an environment variable has. @throws {CarryoverError} If it is missing. */
export type ReadSecret = (variable: string) => string;

/** A value with its secrets in place of the names of their variables. */
export function withSecrets(value: Json, readSecret: ReadSecret): Json {
  const variable = variableOf(value);
  if (variable !== undefined) return readSecret(variable);
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => withSecrets(item, readSecret));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSecrets(item as Json, readSecret)]));
}

/** Returns a `fetch` that adds to each request what the configuration says. */
export function extendedFetch(fetch: Fetch, config: LlmConfig, readSecret: ReadSecret): Fetch {
  if (config.headers === undefined && config.extra_body === undefined) return fetch;
  const headers = withSecrets(config.headers ?? {}, readSecret) as Readonly<Record<string, string>>;
  const extra = withSecrets(config.extra_body ?? {}, readSecret);
  return (input, init) => {
    const all = new Headers(init?.headers);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    const body = typeof init?.body === "string" ? { body: merged(init.body, extra) } : {};
    return fetch(input, { ...init, ...body, headers: all });
  };
}

function merged(body: string, extra: Json): string {
  return JSON.stringify(merge(JSON.parse(body) as Json, extra));
}

/** Members of maps are merged at any depth; all else of `b` replaces what `a` has. */
function merge(a: Json | undefined, b: Json): Json {
  if (!isRecord(a) || !isRecord(b)) return b;
  const both = new Map(Object.entries(a) as [string, Json][]);
  for (const [key, value] of Object.entries(b) as [string, Json][]) both.set(key, merge(both.get(key), value));
  return Object.fromEntries(both);
}
