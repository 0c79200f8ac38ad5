import { parseArgs } from "node:util";
import { closest } from "../../lib/util/closest.ts";
import { CarryoverError } from "../../lib/errors.ts";

interface BooleanFlag {
  readonly type: "boolean";
  readonly help: string;
}

interface StringFlag {
  readonly type: "string";
  readonly value: string;
  readonly help: string;
  readonly multiple?: boolean;
}

/** A flag of a script. `value` is how --help calls what follows it. */
export type FlagSpec =
  | BooleanFlag
  | StringFlag
  | { readonly type: "integer"; readonly value: string; readonly help: string; readonly min?: number }
  /** A number above 0 that may be left out, as in `--watch` and `--watch 5`. */
  | { readonly type: "optional-number"; readonly value: string; readonly help: string };

type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** What a flag is after parsing; `undefined` where it was not given (`false` for a boolean, `[]` for a multiple). */
export type FlagValue<Spec extends FlagSpec> = Spec extends { type: "boolean" }
  ? boolean
  : Spec extends { type: "integer" }
    ? number | undefined
    : Spec extends { type: "optional-number" }
      ? number | true | undefined
      : Spec extends { multiple: true }
        ? string[]
        : string | undefined;

/** A script's command line. */
export interface CommandSpec<Flags extends FlagSpecs> {
  /** What the script does, in a sentence or two. */
  readonly summary: string;
  /** Such as `bun scripts/backup.ts [create | list] [flags]`. */
  readonly usage: string;
  readonly flags: Flags;
  /** How many words beside flags it takes at most; none unless told. */
  readonly maxPositionals?: number;
  /** One or more command lines, each on its own line. */
  readonly example: string;
}

/** The flags that all scripts take. */
export const SHARED_FLAGS: {
  readonly config: StringFlag;
  readonly "memory-dir": StringFlag;
  readonly json: BooleanFlag;
} = {
  config: { type: "string", value: "FILE", help: "configuration (default: ./config.yaml, else the project's)" },
  "memory-dir": { type: "string", value: "DIR", help: "memory folder (default: memory.dir of the configuration)" },
  json: { type: "boolean", help: "print the result as JSON" },
};

const HELP_FLAG: FlagSpec = { type: "boolean", help: "show this help" };

/** Thrown through main when the user asks for help. */
export class HelpRequest extends Error {}

/**
 * Reads a command line: `--name value`, `--name=value`, `--` before words that begin with a dash. `--help` ends the
 * script with its help.
 *
 * @throws {CarryoverError} `BAD_USAGE`, one line for each problem.
 */
export function parseFlags<const Flags extends FlagSpecs>(
  argv: readonly string[],
  spec: CommandSpec<Flags>,
): { flags: { readonly [Name in keyof Flags]: FlagValue<Flags[Name]> }; positionals: string[] } {
  const specs = new Map<string, FlagSpec>([...Object.entries(spec.flags), ["help", HELP_FLAG]]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      [...specs].map(([name, { type }]) => {
        const takesValue = type === "string" || type === "integer";
        return [name, { type: takesValue ? "string" : "boolean", ...(name === "help" ? { short: "h" } : {}) }];
      }),
    ),
    allowPositionals: true,
    // Strict mode stops at the first problem and suggests nothing.
    strict: false,
    tokens: true,
  });

  const problems: string[] = [];
  const positionals: string[] = [];
  const values = new Map<string, unknown>();
  for (const [name, { type, ...rest }] of specs) {
    values.set(name, type === "boolean" ? false : "multiple" in rest && rest.multiple ? [] : undefined);
  }
  const given = new Set<string>();
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token?.kind === "positional") positionals.push(token.value);
    if (token?.kind !== "option") continue;
    const { name, rawName, inlineValue } = token;
    const flag = specs.get(name);
    if (flag === undefined) {
      const known = [...specs.keys()];
      const suggestion = closest(name, known);
      const wanted =
        suggestion === undefined ? `one of ${known.map((key) => `--${key}`).join(", ")}` : `--${suggestion}`;
      problems.push(`Cannot use ${rawName}: found no such flag, expected ${wanted}`);
      continue;
    }
    let value = token.value;
    if (flag.type === "optional-number" && value === undefined) {
      const next = tokens[i + 1];
      if (next?.kind === "positional" && /^[\d.]+$/.test(next.value)) {
        value = next.value;
        i++;
      }
    }
    const multiple = flag.type === "string" && flag.multiple === true;
    if (given.has(name) && !multiple) problems.push(`Cannot use --${name}: found it twice, expected it once`);
    given.add(name);
    const result = flagValue(flag, { value, inline: inlineValue === true });
    if ("expected" in result) {
      const found = value === undefined ? "nothing after it" : JSON.stringify(value);
      problems.push(`Cannot use --${name}: found ${found}, expected ${result.expected}`);
    } else if (multiple) {
      const before = values.get(name);
      values.set(name, [...(Array.isArray(before) ? before : []), result.value]);
    } else {
      values.set(name, result.value);
    }
  }

  if (values.get("help") === true) throw new HelpRequest(helpText(spec));
  const max = spec.maxPositionals ?? 0;
  if (positionals.length > max) {
    const wanted = max === 0 ? "flags only" : `at most ${max} ${max === 1 ? "word" : "words"}`;
    problems.push(`Cannot use ${JSON.stringify(positionals[max])}: found one word too many, expected ${wanted}`);
  }
  if (problems.length > 0) throw new CarryoverError("BAD_USAGE", problems.join("\n"));
  values.delete("help");
  // What the loop made of each flag is what its spec says; the type system can't see that.
  return { flags: Object.fromEntries(values) as { [Name in keyof Flags]: FlagValue<Flags[Name]> }, positionals };
}

function flagValue(
  flag: FlagSpec,
  { value, inline }: { value: string | undefined; inline: boolean },
): { value: string | number | boolean } | { expected: string } {
  switch (flag.type) {
    case "boolean":
      return value === undefined ? { value: true } : { expected: "no value" };
    case "string":
      // A forgotten value must not swallow the next flag.
      return value === undefined || value === "" || (value.startsWith("-") && !inline)
        ? { expected: `${flag.value}: ${flag.help}` }
        : { value };
    case "integer": {
      const min = flag.min ?? 0;
      const number = /^-?\d{1,15}$/.test(value ?? "") ? Number(value) : NaN;
      return number >= min ? { value: number } : { expected: `a whole number, ${min} or more` };
    }
    case "optional-number": {
      const number = value === undefined ? true : Number(value);
      return number === true || (number > 0 && number < 1e9) ? { value: number } : { expected: "a number above 0" };
    }
  }
}

function helpText(spec: CommandSpec<FlagSpecs>): string {
  const rows = Object.entries({ ...spec.flags, help: HELP_FLAG }).map(([name, flag]) => {
    const value =
      flag.type === "boolean" ? "" : flag.type === "optional-number" ? ` [${flag.value}]` : ` ${flag.value}`;
    return { left: `--${name}${value}`, help: flag.help };
  });
  const width = Math.max(...rows.map(({ left }) => left.length));
  const indent = (text: string): string => text.trim().replaceAll(/^\s*/gm, "  ");
  return [
    spec.summary,
    "",
    "Usage:",
    indent(spec.usage),
    "",
    "Flags:",
    ...rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`),
    "",
    "Example:",
    indent(spec.example),
    "",
    "Exit codes: 0 ok, 1 a bug or an I/O failure, 2 usage or configuration, 3 something asked for is missing,",
    "4 damaged data found, 5 locked by another process, 130 interrupted, 143 terminated",
    "",
  ].join("\n");
}
