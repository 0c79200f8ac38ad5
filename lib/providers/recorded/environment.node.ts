/** What of this process's environment goes where: keys to the servers that want them, little to programs, none into texts. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { CommandConfig, LlmConfig, ProviderConfig } from "../../config/config.ts";
import { variableOf } from "../../config/open-settings.ts";
import { type CarryoverError, fail } from "../../errors.ts";
import { isRecord } from "../../util/json.ts";
import { Secrets } from "./redact.ts";

/** What needs neither keys nor programs. */
const RECORDED_ALONE = 'recorded answers alone: --offline, in the library mode: "offline"';

/** What a program gets without being named in `env`: where it finds programs, files and libraries, and how it speaks. */
const PASSED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|TMPDIR|TEMP|TMP|LD_LIBRARY_PATH|PYTHONPATH|VIRTUAL_ENV|CONDA_PREFIX|XDG_[A-Z]+_HOME|SSL_CERT_(?:FILE|DIR)|SYSTEMROOT|COMSPEC|PATHEXT|USERPROFILE|(?:LOCAL)?APPDATA)$/i;

/** Names of variables that have keys, whoever uses them. */
const SECRET_VARIABLE = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i;

/** The environment of a program: the variables above, and those that its `env` names. */
export function programEnvironment({ env = [] }: Pick<CommandConfig, "env">): Record<string, string | undefined> {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name) || env.includes(name));
  return { ...Object.fromEntries(passed), PYTHONUNBUFFERED: "1" };
}

/**
 * The secrets that no text may show: the values of the variables that a configuration names, and of all whose names are those of
 * keys.
 */
export function environmentSecrets(configs: readonly ProviderConfig[]): Secrets {
  const named = new Set(configs.flatMap(variablesOf));
  return new Secrets(
    Object.entries(process.env).flatMap(([name, value = ""]) =>
      named.has(name) || SECRET_VARIABLE.test(name) ? [value.trim()] : [],
    ),
  );
}

/** The environment variables that a provider's configuration names. */
function variablesOf(config: ProviderConfig): readonly string[] {
  if (config.type === "command") return config.env ?? [];
  if (config.type !== "llm") return [];
  const { api_key_env: key, headers, extra_body: body, api } = config;
  const options = typeof api === "string" ? undefined : api.options;
  return [...(key === undefined ? [] : [key]), ...[headers, body, options].flatMap(variablesIn)];
}

/** The variables that `{ env: NAME }` stands for, anywhere in a value. */
function variablesIn(value: unknown): readonly string[] {
  const variable = variableOf(value);
  if (variable !== undefined) return [variable];
  if (Array.isArray(value)) return value.flatMap(variablesIn);
  return isRecord(value) ? Object.values(value).flatMap(variablesIn) : [];
}

/**
 * Reads a key from the environment.
 *
 * @throws {CarryoverError} `NOT_FOUND` if it is missing, or no header could carry it.
 */
export function secretIn(variable: string, name: string): string {
  const key = process.env[variable]?.trim() ?? "";
  if (key === "") {
    throw fail("NOT_FOUND", `Cannot ask "${name}"`, {
      found: `no environment variable "${variable}"`,
      expected: `the key in it, or ${RECORDED_ALONE}`,
    });
  }
  if (!/^[ -~]+$/.test(key)) {
    throw fail("NOT_FOUND", `Cannot ask "${name}"`, {
      found: `characters that no header can have in the environment variable "${variable}"`,
      expected: "a key of printable ASCII characters",
    });
  }
  return key;
}

/**
 * What is missing to ask a provider: keys, or its program. Nothing is started or sent.
 *
 * @param options `baseDir`: where its program would run.
 */
export function missingFor(config: CommandConfig | LlmConfig, { baseDir }: { baseDir: string }): CarryoverError[] {
  const { name } = config;
  const missing: CarryoverError[] = [];
  for (const variable of variablesOf(config)) {
    try {
      secretIn(variable, name);
    } catch (error) {
      missing.push(error as CarryoverError);
    }
  }
  if (config.type === "command" && !isProgram(config.command[0]!, baseDir)) {
    missing.push(notAProgram(config, "no such program"));
  }
  return missing;
}

/** The error for a program that cannot be started. */
export function notAProgram(
  { name, command }: Pick<CommandConfig, "name" | "command">,
  found: string,
  cause?: unknown,
): CarryoverError {
  const expected = `a program "${command[0]}" that can be run, or ${RECORDED_ALONE}`;
  return fail("NOT_FOUND", `Cannot start provider "${name}"`, { found, expected, cause });
}

/** Whether the system would find a program. On Windows, which completes names in its own ways, starting it shows that. */
function isProgram(program: string, cwd: string): boolean {
  if (process.platform === "win32") return true;
  const places = program.includes("/")
    ? [resolve(cwd, program)]
    : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(resolve(cwd, folder), program));
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
