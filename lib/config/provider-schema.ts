import type { z as Zod } from "zod";
import type { ProviderConfig } from "./config.ts";
import { parseTimeout, parseTimestamp } from "../util/time.ts";

const RULE_TYPES = ["trend", "reversion", "breakout", "memory"] as const;
const PATH_TYPES = ["file", "module"] as const;
const TYPES: readonly string[] = [...RULE_TYPES, ...PATH_TYPES, "command", "llm"];

/** What the schema of a whole configuration is made of, too. */
interface SchemaParts {
  /** A map with these keys and no others. */
  readonly map: <Shape extends Zod.core.$ZodLooseShape>(shape: Shape) => Zod.ZodObject<Shape, Zod.core.$strict>;
  readonly name: Zod.ZodString;
  readonly path: Zod.ZodString;
}

/** Keys of which messages never say the value: it may be a secret in the wrong place. */
export const SECRET_KEYS: readonly string[] = ["api_key_env", "base_url"];

/** A key of an API under a name that people give it. It has to stay out of files. */
export function isKeyInFile(key: string): boolean {
  return /^(?:api_?key|key|token|secret|password|authorization)$/i.test(key.replaceAll("-", "_"));
}

/** A member of the ensemble. Every `error` says what is expected. */
export function providerSchema(z: typeof Zod, parts: SchemaParts): Zod.ZodType<ProviderConfig> {
  const { map, name, path } = parts;
  return z.discriminatedUnion(
    "type",
    [
      map({ name, type: z.enum(RULE_TYPES) }),
      map({ name, type: z.enum(PATH_TYPES), path }),
      commandSchema(z, parts),
      llmSchema(z, parts),
    ],
    {
      error: ({ code }) =>
        code === "invalid_union"
          ? `one of ${TYPES.map((type) => JSON.stringify(type)).join(", ")}`
          : "a map of name, type and more",
    },
  );
}

/** `{ name, type: command, command: [program, argument, ...] }` */
// oxlint-disable-next-line typescript/explicit-function-return-type -- the type of a schema is what zod infers of it
function commandSchema(z: typeof Zod, { map, name }: SchemaParts) {
  return map({
    name,
    type: z.literal("command"),
    command: z
      .array(text(z, "a text of 1 to 4096 characters", isArgument), { error: "a list: the program and its arguments" })
      .min(1, { error: "a program" }),
    timeout: text(z, TIMEOUT_FORM, isTimeout).default("60s"),
    max_concurrency: integer(z, 1, 256).default(1),
  });
}

/** `{ name, type: llm, model, base_url, ... }` */
// oxlint-disable-next-line typescript/explicit-function-return-type -- the type of a schema is what zod infers of it
function llmSchema(z: typeof Zod, { map, name, path }: SchemaParts) {
  const price = number(z, "dollars for a million tokens, 0 or more", (value) => value >= 0 && value <= 1e6);
  const choice = <const Values extends readonly string[]>(
    values: Values,
  ): Zod.ZodEnum<{ [Value in Values[number]]: Value }> =>
    z.enum(values, { error: values.map((value) => JSON.stringify(value)).join(" or ") });
  return map({
    name,
    type: z.literal("llm"),
    api: choice(["openai", "google"]).default("openai"),
    model: text(z, "a model's name of 1 to 200 printable characters", (value) => /^[\x21-\x7E]{1,200}$/.test(value)),
    base_url: z.exactOptional(text(z, "an http or https address without a user, a query or a fragment", isBaseUrl)),
    api_key_env: z.exactOptional(
      text(z, 'the name of an environment variable in capitals, such as "OPENAI_API_KEY"', isVariable),
    ),
    temperature: number(z, "a number from 0 to 2", (value) => value >= 0 && value <= 2).default(0),
    max_output_tokens: integer(z, 16, 100_000).default(2048),
    output: choice(["json_schema", "json_object", "text"]).default("json_schema"),
    prompt_file: z.exactOptional(path),
    mask: z.boolean({ error: "true or false" }).default(false),
    timeout: text(z, TIMEOUT_FORM, isTimeout).default("60s"),
    max_retries: integer(z, 0, 20).default(3),
    max_concurrency: integer(z, 1, 256).default(4),
    requests_per_minute: z.exactOptional(integer(z, 1, 1_000_000)),
    price_per_mtok: z.exactOptional(map({ input: price, output: price })),
    knowledge_cutoff: z.exactOptional(
      text(z, 'a day such as "2024-06-30"', (value) => DAY.test(value) && parseTimestamp(value) !== undefined),
    ),
  })
    .refine(({ api, base_url: url }) => api !== "openai" || url !== undefined, {
      path: ["base_url"],
      error: 'where the model is served, such as "http://localhost:11434/v1"',
    })
    .refine(({ api, api_key_env: variable }) => api !== "google" || variable !== undefined, {
      path: ["api_key_env"],
      error: 'the environment variable that has the key, such as "GEMINI_API_KEY"',
    });
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIMEOUT_FORM = 'a time such as "30s" or "2m", at most an hour';

function text(z: typeof Zod, error: string, accept: (value: string) => boolean): Zod.ZodString {
  return z.string({ error }).refine(accept, { error });
}

function number(z: typeof Zod, error: string, accept: (value: number) => boolean): Zod.ZodNumber {
  return z.number({ error }).refine(accept, { error });
}

function integer(z: typeof Zod, min: number, max: number): Zod.ZodNumber {
  const error = `a whole number from ${min} to ${max}`;
  return number(z, error, (value) => Number.isInteger(value) && value >= min && value <= max);
}

function isArgument(value: string): boolean {
  return value !== "" && value.length <= 4096 && !value.includes("\0");
}

function isTimeout(value: string): boolean {
  const ms = parseTimeout(value);
  return ms !== undefined && ms <= 3_600_000;
}

function isVariable(value: string): boolean {
  return /^[A-Z_][A-Z0-9_]{0,99}$/.test(value);
}

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ["http:", "https:"].includes(protocol) && [username, password, search, hash].every((part) => part === "");
}
