/** Settings of others, which are passed on as they are, but for secrets: those stay out of files. */
import type { z as Zod } from "zod";
import { isRecord } from "../util/json.ts";
import type { OpenSettings } from "./config.ts";

/** Whether people give an API key this name. It has to stay out of files. */
export function isKeyInFile(key: string): boolean {
  return /^(?:api_?key|key|token|secret|password|authorization)$/i.test(key.replaceAll("-", "_"));
}

/** Names that end like this, in any spelling, are those of secrets: `x-api-key`, `secretAccessKey`, `Authorization`. */
const SECRET_NAME =
  /(?:^|_)(?:api_?key|access_key(?:_id)?|private_key|subscription_key|secret|token|password|authorization|cookie|credentials?)$/;

/** Texts that begin like this are keys, whatever their name. */
const SECRET_VALUE = /^(?:bearer |basic |sk-|AIza|gsk_|ghp_|xai-|hf_)/i;

function isSecretName(name: string): boolean {
  const snake = name.replaceAll(/([a-z\d])([A-Z])/g, "$1_$2").replaceAll(/[-.]/g, "_");
  return isKeyInFile(name) || SECRET_NAME.test(snake.toLowerCase());
}

/** The name of an environment variable. */
export function isVariable(value: unknown): value is string {
  return typeof value === "string" && /^[A-Z_][A-Z0-9_]{0,99}$/.test(value);
}

/** The variable that a value stands for; `undefined` for a value that stands for itself. */
export function variableOf(value: unknown): string | undefined {
  return isRecord(value) && Object.keys(value).join() === "env" && isVariable(value["env"]) ? value["env"] : undefined;
}

const SECRET_OF_REQUEST = 'a map { env: "NAME" } of the environment variable that has it: a key stays out of files';
const SECRET_OF_MODULE = "no key, which stays out of files: the module reads it from process.env";

/**
 * The schema of a map of settings.
 *
 * @param options `values`: `texts` for headers, `params` for those of a module.
 */
export function openSettings(
  z: typeof Zod,
  options: { values: "texts" | "any" | "params" },
): Zod.ZodType<OpenSettings> {
  const isOfTexts = options.values === "texts";
  const error = isOfTexts ? "a map from headers to texts" : "a map";
  const ofSecret = options.values === "params" ? SECRET_OF_MODULE : SECRET_OF_REQUEST;
  return z.custom<OpenSettings>(isRecord, { error }).superRefine((settings, context) => {
    for (const { path, found = "", expected = ofSecret } of problemsIn(settings)) {
      // No message may show a secret.
      context.addIssue({ code: "custom", path: [...path], input: found, message: expected });
    }
    if (!isOfTexts) return;
    for (const [name, value] of Object.entries(settings)) {
      const isHeader = /^[\w!#$%&'*+.^`|~-]+$/.test(name);
      const isText = variableOf(value) !== undefined || (typeof value === "string" && /^[ -~]*$/.test(value));
      if (isHeader && isText) continue;
      const message = isHeader ? 'a text of printable ASCII characters, or { env: "NAME" }' : "the name of a header";
      context.addIssue({ code: "custom", path: [name], input: settings, message });
    }
  });
}

/** Secrets that are written out, and numbers that JSON does not have, anywhere in a value. */
function* problemsIn(
  value: unknown,
  path: readonly (string | number)[] = [],
): Generator<{ path: readonly (string | number)[]; found?: number; expected?: string }> {
  const name = String(path.findLast((part) => typeof part === "string") ?? "");
  if (variableOf(value) !== undefined) return;
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* problemsIn(item, [...path, i]);
  else if (isRecord(value)) for (const [key, item] of Object.entries(value)) yield* problemsIn(item, [...path, key]);
  else if (typeof value === "string" && (isSecretName(name) || SECRET_VALUE.test(value))) yield { path };
  else if (typeof value === "number" && !Number.isFinite(value))
    yield { path, found: value, expected: "a finite number" };
}
