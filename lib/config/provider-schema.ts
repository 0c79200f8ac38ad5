import type { z as Zod } from "zod";
import { DEFAULTS, PROVIDER_BARS } from "../settings.ts";
import {
  DAY_MS,
  msOfTimeframe,
  parsePatience,
  parseTimeframe,
  parseTimeout,
  TIMEFRAME_FORM,
  timeframeName,
} from "../util/time.ts";
import { type ConfidenceScale, type ProviderConfig, REASONING_EFFORTS } from "./config.ts";
import type { Fields } from "./fields.ts";
import { isVariable, openSettings } from "./open-settings.ts";

const RULE_TYPES = ["trend", "reversion", "breakout", "memory"] as const;
const TYPES: readonly string[] = [...RULE_TYPES, "file", "module", "command", "llm"];

/** Messages never show a value under these keys: it may be a secret in the wrong place. */
const SECRET_KEYS: readonly string[] = ["api_key_env", "base_url", "headers", "extra_body", "options"];

/** Whether the value at a path may be a secret. */
export function isSecret(path: readonly (string | number)[]): boolean {
  return path[0] === "providers" && path.some((part) => SECRET_KEYS.includes(String(part)));
}

/** The schema of one member of the ensemble. */
export function providerSchema(z: typeof Zod, fields: Fields): Zod.ZodType<ProviderConfig> {
  const { map, path, choice } = fields;
  const name = fields.text("a name of 1 to 60 printable characters", isProviderName);
  return z.discriminatedUnion(
    "type",
    [
      map({ name, type: z.enum(RULE_TYPES) }),
      fileSchema(z, { fields, name }),
      map({
        name,
        type: z.literal("module"),
        path,
        params: z.exactOptional(openSettings(z, { values: "params" })),
        bars: barCount(z, fields),
        confidence_scale: confidenceScale(z),
        on_error: z.exactOptional(choice(["stop", "abstain"])),
      }),
      map({ name, type: z.literal("command"), ...commandShape(z, fields) }),
      llmSchema(z, { fields, name }),
    ],
    {
      error: ({ code }) =>
        code === "invalid_union"
          ? `one of ${TYPES.map((type) => JSON.stringify(type)).join(", ")}`
          : "a map of name, type and more",
    },
  );
}

/** `{ path, stamp, ... }` */
function fileSchema(z: typeof Zod, { fields, name }: { fields: Fields; name: Zod.ZodString }) {
  const { map, path, choice, text, zone } = fields;
  const spelled = text(TIMEFRAME_FORM, (value) => parseTimeframe(value) !== undefined);
  return map({
    name,
    type: z.literal("file"),
    path,
    column: z.exactOptional(
      text('the name of a column, such as "signal"; a number needs quotes', (value) => value !== ""),
    ),
    stamp: z.exactOptional(choice(["known_at", "bar_start"])),
    // Of the spellings of a timeframe one is kept, so that they are one run.
    bar: z.exactOptional(spelled.transform((value) => timeframeName(msOfTimeframe(value)))),
    timezone: z.exactOptional(zone),
    confidence_scale: confidenceScale(z),
  }).refine(({ bar, stamp }) => bar === undefined || stamp === "bar_start", {
    path: ["bar"],
    error: "stamp: bar_start beside it",
  });
}

function barCount(z: typeof Zod, { integer }: Fields) {
  return z.exactOptional(integer(1, PROVIDER_BARS.max));
}

function confidenceScale(z: typeof Zod) {
  return z.exactOptional(z.custom<ConfidenceScale>((value) => value === 1 || value === 100, { error: "1 or 100" }));
}

/** `{ command: [program, argument, ...] }` */
function commandShape(z: typeof Zod, fields: Fields) {
  const { text, integer } = fields;
  return {
    command: z
      .array(text("a text of 1 to 4096 characters", isArgument), { error: "a list: the program and its arguments" })
      .min(1, { error: "a program" }),
    env: z.exactOptional(
      z.array(text("the name of an environment variable", isEnvironmentName), {
        error: "a list of environment variables",
      }),
    ),
    timeout: text(TIMEOUT_FORM, isTimeout).default(DEFAULTS.command.timeout),
    max_concurrency: integer(1, 256).default(DEFAULTS.command.max_concurrency),
    bars: barCount(z, fields),
    confidence_scale: confidenceScale(z),
  };
}

/** Lower case as well: `https_proxy`. */
function isEnvironmentName(value: string): boolean {
  return /^[A-Za-z_]\w{0,99}$/.test(value);
}

/** `{ model, base_url, ... }` */
function llmSchema(z: typeof Zod, { fields, name }: { fields: Fields; name: Zod.ZodString }) {
  const { map, text, number, integer, choice } = fields;
  const defaults = DEFAULTS.llm;
  const price = number("dollars for a million tokens, 0 or more", (value) => value >= 0 && value <= 1e6);
  return map({
    name,
    type: z.literal("llm"),
    api: apiSchema(z, fields).default(defaults.api),
    model: text("a model's name of 1 to 200 printable characters", (value) => /^[\x21-\x7E]{1,200}$/.test(value)),
    base_url: z.exactOptional(text("an http or https address without a user, a query or a fragment", isBaseUrl)),
    api_key_env: z.exactOptional(
      text('the name of an environment variable in capitals, such as "OPENAI_API_KEY"', isVariable),
    ),
    temperature: number("a number from 0 to 2", (value) => value >= 0 && value <= 2).default(defaults.temperature),
    max_output_tokens: integer(16, 100_000).default(defaults.max_output_tokens),
    samples: z.exactOptional(integer(1, 100)),
    reasoning_effort: z.exactOptional(choice(REASONING_EFFORTS)),
    headers: z.exactOptional(openSettings(z, { values: "texts" })),
    extra_body: z.exactOptional(openSettings(z, { values: "any" })),
    output: choice(["json_schema", "json_object", "text"]).default(defaults.output),
    prompt_file: z.exactOptional(fields.path),
    bars: barCount(z, fields),
    mask: fields.boolean.default(defaults.mask),
    timeout: text(TIMEOUT_FORM, isTimeout).default(defaults.timeout),
    max_retries: integer(0, 20).default(defaults.max_retries),
    patience: text('a time such as "30s", "5m" or "2h", at most a week', isPatience).default(defaults.patience),
    max_concurrency: integer(1, 256).default(defaults.max_concurrency),
    requests_per_minute: z.exactOptional(integer(1, 1_000_000)),
    price_per_mtok: z.exactOptional(map({ input: price, output: price })),
    knowledge_cutoff: z.exactOptional(fields.day("2024-06-30")),
  })
    .refine(({ api, base_url: url }) => api !== "openai-compatible" || url !== undefined, {
      path: ["base_url"],
      error: 'where the model is served, such as "http://localhost:11434/v1"',
    })
    .refine((model) => !isMaker(model) || model.api_key_env !== undefined, {
      path: ["api_key_env"],
      error: 'the environment variable that has the key, such as "GEMINI_API_KEY"',
    });
}

const APIS = ["openai-compatible", "openai", "google", "anthropic"] as const;

/** Whether a model is asked at its maker's, who wants a key. */
function isMaker({ api, base_url: url }: { api: unknown; base_url?: string }): boolean {
  return api === "google" || api === "anthropic" || (api === "openai" && url === undefined);
}

function apiSchema(z: typeof Zod, { map, text, choice }: Fields) {
  const known = APIS.map((api) => JSON.stringify(api)).join(", ");
  return z.union(
    [
      choice(APIS),
      map({
        package: text('a package of the AI SDK, such as "@ai-sdk/mistral"', isPackage),
        export: text('the function that makes its provider, such as "createMistral"', isIdentifier),
        options: z.exactOptional(openSettings(z, { values: "any" })),
      }),
    ],
    { error: `${known} or a map of package and export` },
  );
}

function isPackage(value: string): boolean {
  return value.length <= 214 && /^(?:@[a-z\d][\w.-]*\/)?[a-z\d][\w.-]*(?:\/[\w.-]+)*$/i.test(value);
}

function isIdentifier(value: string): boolean {
  return /^[A-Za-z_$][\w$]{0,99}$/.test(value);
}

const TIMEOUT_FORM = 'a time such as "30s" or "2m", at most an hour';

function isTimeout(value: string): boolean {
  const ms = parseTimeout(value);
  return ms !== undefined && ms <= 3_600_000;
}

function isPatience(value: string): boolean {
  const ms = parsePatience(value);
  return ms !== undefined && ms <= 7 * DAY_MS;
}

export function isProviderName(value: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,60}$/u.test(value) && value.trim() !== "";
}

function isArgument(value: string): boolean {
  return value !== "" && value.length <= 4096 && !value.includes("\0");
}

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ["http:", "https:"].includes(protocol) && [username, password, search, hash].every((part) => part === "");
}
