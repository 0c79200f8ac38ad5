/** Command lines: what a script takes, how it is parsed, and its --help. */
import { parseArgs } from "node:util";
import { CarryoverError } from "../../lib/errors.ts";
import { DEFAULTS } from "../../lib/settings.ts";
import { closest } from "../../lib/util/closest.ts";
import { isRecord } from "../../lib/util/json.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../../lib/util/time.ts";
import { VERSION } from "../../lib/version.ts";
import { SCREEN_COLUMNS, wrap } from "../text/table.ts";

/** What people set by flags of these names, which there are not. */
const SETTINGS = { backtest: DEFAULTS.backtest, portfolio_memory: DEFAULTS.portfolio_memory };

interface FlagSpec {
  /** An `optional-number` is above 0 and may be left out, as in `--watch` and `--watch 5`. A `timestamp` is read as epoch ms. */
  readonly type: "boolean" | "string" | "integer" | "timestamp" | "optional-number";
  /** What --help calls the value. */
  readonly value?: string;
  readonly help: string;
  /** Of an integer. @default 0 */
  readonly min?: number;
  readonly multiple?: boolean;
  /** A pattern of arguments that were probably meant for this flag. */
  readonly looksLike?: string;
}

type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** A flag after parsing: `undefined` if it was not given, `false` for a boolean, `[]` for a multiple. */
type FlagValue<Spec extends FlagSpec> = Spec["type"] extends "boolean"
  ? boolean
  : Spec["type"] extends "optional-number"
    ? number | true | undefined
    : Spec extends { multiple: true }
      ? Scalar<Spec>[]
      : Scalar<Spec> | undefined;

type Scalar<Spec extends FlagSpec> = Spec["type"] extends "string" ? string : number;

/** The flags of a command line after parsing. */
export type FlagValues<Flags extends FlagSpecs> = { readonly [Name in keyof Flags]: FlagValue<Flags[Name]> };

interface CommandSpec<Flags extends FlagSpecs> {
  readonly summary: string;
  /** Such as `bun scripts/backup.ts [create | list] [flags]`. */
  readonly usage: readonly string[];
  readonly flags: Flags;
  /** Maximum arguments besides flags. @default 0 */
  readonly maxPositionals?: number;
  readonly examples: readonly string[];
}

/** The flags that all scripts take. */
export const SHARED_FLAGS = {
  config: {
    type: "string",
    value: "FILE",
    help: "configuration (default: ./config.yaml, else the project's)",
    looksLike: "\\.ya?ml$",
  },
  set: {
    type: "string",
    value: "KEY=VALUE",
    multiple: true,
    help: "a key of the configuration, such as portfolio_memory.learning_rate=0.2 (repeatable)",
    looksLike: "^[a-z_]+[.[][^=]*=",
  },
  "memory-dir": { type: "string", value: "DIR", help: "memory folder (default: memory.dir of the configuration)" },
  json: { type: "boolean", help: "print the result as JSON" },
} as const;

const HELP_FLAG: FlagSpec = { type: "boolean", help: "show this help" };
const VERSION_FLAG: FlagSpec = { type: "boolean", help: "print the version" };

/** Thrown through `runScript()` when the user asks for help, or for the version. */
export class HelpRequest extends Error {}

/**
 * Reads a command line: `--name value`, `--name=value`, and `--` before arguments that begin with a dash. `--help` and `--version` end
 * the script.
 *
 * @throws {CarryoverError} `BAD_USAGE`, with a line for each problem.
 */
export function parseFlags<const Flags extends FlagSpecs>(
  argv: readonly string[],
  spec: CommandSpec<Flags>,
): { flags: FlagValues<Flags>; positionals: string[] } {
  const specs = new Map<string, FlagSpec>([
    ...Object.entries(spec.flags),
    ["help", HELP_FLAG],
    ["version", VERSION_FLAG],
  ]);
  const { values, positionals, problems } = readTokens(argv, specs);
  if (values.get("help") === true) throw new HelpRequest(helpText(spec));
  if (values.get("version") === true) throw new HelpRequest(`${VERSION}\n`);
  const extra = positionals[spec.maxPositionals ?? 0];
  if (extra !== undefined) problems.push(unexpectedArgument(extra, spec.flags));
  if (problems.length > 0) throw usageError(problems.join("\n"));
  for (const name of ["help", "version"]) values.delete(name);
  // readTokens() made each value as its spec says, which the type system can't see.
  return { flags: Object.fromEntries(values) as FlagValues<Flags>, positionals };
}

export function usageError(message: string): CarryoverError {
  return new CarryoverError("BAD_USAGE", message);
}

export function refuseTogether<Name extends string>(
  flags: { readonly [Flag in Name]: unknown },
  names: readonly Name[],
): void {
  const given = names.filter((name) => isGiven(flags[name])).map((name) => `--${name}`);
  if (given.length > 1) throw usageError(`${given.join(" and ")} cannot be used together`);
}

/** Whether a flag was on the command line. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

function readTokens(
  argv: readonly string[],
  specs: ReadonlyMap<string, FlagSpec>,
): { values: Map<string, unknown>; positionals: string[]; problems: string[] } {
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      [...specs].map(([name, { type }]) => {
        const needsValue = type !== "boolean" && type !== "optional-number";
        return [name, { type: needsValue ? "string" : "boolean", ...(name === "help" ? { short: "h" } : {}) }];
      }),
    ),
    allowPositionals: true,
    // Strict mode stops at the first problem and suggests nothing.
    strict: false,
    tokens: true,
  });
  const problems: string[] = [];
  const positionals: string[] = [];
  const values = new Map<string, unknown>(
    [...specs].map(([name, { type, multiple }]) => [name, type === "boolean" ? false : multiple ? [] : undefined]),
  );
  const given = new Set<string>();
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    if (isWordAfterOneDash(argv[token.index]!)) {
      problems.push(unknownFlag(argv[token.index]!.split("=")[0]!, [...specs.keys()]));
      // The parser takes it for a flag of each letter, and what follows was meant as its value.
      while (tokens[i + 1]?.index === token.index) i++;
      if (tokens[i + 1]?.kind === "positional") i++;
      continue;
    }
    const { name, rawName, inlineValue } = token;
    const flag = specs.get(name);
    if (flag === undefined) {
      problems.push(unknownFlag(rawName, [...specs.keys()]));
      // What follows was meant as its value.
      if (inlineValue !== true && tokens[i + 1]?.kind === "positional") i++;
      continue;
    }
    let { value } = token;
    const next = tokens[i + 1];
    if (flag.type === "optional-number" && value === undefined && next?.kind === "positional") {
      if (/^[\d.]+$/.test(next.value)) {
        ({ value } = next);
        i++;
      }
    }
    if (given.has(name) && !flag.multiple) problems.push(`--${name} was given twice`);
    given.add(name);
    const result = readValue(flag, { value, isInline: inlineValue === true });
    if ("problem" in result) problems.push(`--${name} ${result.problem}`);
    else if (flag.multiple) values.set(name, [...(values.get(name) as unknown[]), result.value]);
    else values.set(name, result.value);
  }
  return { values, positionals, problems };
}

function readValue(
  flag: FlagSpec,
  { value, isInline }: { value: string | undefined; isInline: boolean },
): { value: string | number | boolean } | { problem: string } {
  const found = value === undefined ? "" : `, found ${JSON.stringify(value)}`;
  switch (flag.type) {
    case "boolean":
      return value === undefined ? { value: true } : { problem: `takes no value${found}` };
    case "string":
      // A forgotten value must not swallow the next flag.
      return value === undefined || value === "" || (value.startsWith("-") && !isInline)
        ? { problem: `needs a value (${flag.value})${found}` }
        : { value };
    case "integer": {
      const min = flag.min ?? 0;
      const number = /^-?\d{1,15}$/.test(value ?? "") ? Number(value) : NaN;
      return number >= min ? { value: number } : { problem: `must be a whole number, ${min} or more${found}` };
    }
    case "timestamp": {
      const ms = parseTimestamp(value ?? "");
      return ms === undefined ? { problem: `must be ${TIMESTAMP_FORM}${found}` } : { value: ms };
    }
    case "optional-number": {
      const number = value === undefined ? true : Number(value);
      return number === true || (number > 0 && number < 1e9)
        ? { value: number }
        : { problem: `must be a number above 0${found}` };
    }
  }
}

/** Such as `-year`, for which people mean `--year`. */
function isWordAfterOneDash(argument: string): boolean {
  return /^-[A-Za-z]{2}/.test(argument);
}

function unknownFlag(name: string, known: readonly string[]): string {
  const word = name.replace(/^-+/, "");
  const flag = closest(word, known);
  const setting = known.includes("set") ? settingOf(word.replaceAll("-", "_"), SETTINGS) : undefined;
  const meant = flag ?? (setting === undefined ? undefined : `set ${setting}=...`);
  return meant === undefined
    ? `unknown flag ${name}; known: ${known.map((each) => `--${each}`).join(", ")}`
    : `unknown flag ${name}; did you mean --${meant}?`;
}

/** The key of a configuration that ends in the name of a flag, such as `backtest.risk.leverage`. */
function settingOf(name: string, settings: Readonly<Record<string, unknown>>): string | undefined {
  if (Object.hasOwn(settings, name)) return name;
  for (const [key, value] of Object.entries(settings)) {
    const inside = isRecord(value) ? settingOf(name, value) : undefined;
    if (inside !== undefined) return `${key}.${inside}`;
  }
  return undefined;
}

function unexpectedArgument(argument: string, flags: FlagSpecs): string {
  const meant = Object.entries(flags).find(
    ([, flag]) => flag.looksLike !== undefined && RegExp(flag.looksLike).test(argument),
  );
  const hint = meant === undefined ? "" : `; did you mean --${meant[0]} ${argument}?`;
  return `unexpected argument ${JSON.stringify(argument)}${hint}`;
}

function helpText(spec: CommandSpec<FlagSpecs>): string {
  const flags = Object.entries({ ...spec.flags, help: HELP_FLAG }).map(([name, flag]) => {
    const value =
      flag.value === undefined ? "" : flag.type === "optional-number" ? ` [${flag.value}]` : ` ${flag.value}`;
    return { left: `  --${name}${value}`, help: flag.help };
  });
  const width = Math.max(...flags.map(({ left }) => left.length)) + 2;
  return [
    ...wrap(spec.summary, SCREEN_COLUMNS),
    "",
    "Usage:",
    ...spec.usage.map((line) => `  ${line}`),
    "",
    "Flags:",
    ...flags.flatMap(({ left, help }) =>
      wrap(help, SCREEN_COLUMNS - width).map((line, i) => (i === 0 ? left : "").padEnd(width) + line),
    ),
    "",
    spec.examples.length === 1 ? "Example:" : "Examples:",
    ...spec.examples.map((line) => `  ${line}`),
    "",
    "Exit codes:",
    "  0 success, 1 bug or I/O failure, 2 usage or configuration,",
    "  3 something is missing, 4 damaged data, 5 locked by another process,",
    "  130 interrupted, 143 terminated",
    "",
  ].join("\n");
}
