import type * as Yaml from "yaml";
import type { z as Zod } from "zod";
import { closest } from "../util/closest.ts";
import { isRecord } from "../util/json.ts";
import { isKeyInFile } from "./open-settings.ts";
import { isSecret } from "./provider-schema.ts";

type Path = readonly (string | number)[];

export function isSamePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

/** What is wrong with a value, or with a key. */
export interface ConfigProblem {
  readonly path: Path;
  readonly at: "value" | "key";
  readonly found: string;
  /** Follows `found` in a message, such as ` for backtest.seed`. */
  readonly place: string;
  readonly expected: string;
}

/** A message, and the character of the file that it is about. */
export interface PlacedProblem {
  readonly offset: number;
  readonly text: string;
}

/** Turns an issue of zod into problems in our words. */
export function problemsOf(issue: Zod.core.$ZodIssue): ConfigProblem[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...path, key],
      at: "key",
      place: ` in ${nameOf(path)}`,
      ...unknownKey(key, path, issue.message),
    }));
  }
  if (issue.code === "invalid_key") {
    const expected = issue.issues[0]?.message ?? issue.message;
    const place = ` in ${nameOf(path.slice(0, -1))}`;
    return [{ path, at: "key", found: describe(path.at(-1)), place, expected }];
  }
  // A value that may be of two kinds: if it is a map, what is wrong in it.
  if (issue.code === "invalid_union" && issue.errors.length > 0 && isRecord(issue.input)) {
    return issue.errors.at(-1)!.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  // A check of a whole map names one of its keys, but hands over the map.
  const isOfMap = (issue.code === "invalid_union" || issue.code === "custom") && isRecord(issue.input);
  const input = isOfMap ? issue.input[String(path.at(-1))] : issue.input;
  const place = path.length === 0 ? "" : input === undefined ? ` ${nameOf(path)}` : ` for ${nameOf(path)}`;
  const found = isSecret(path) && input !== undefined ? "something else" : describe(input);
  return [{ path, at: "value", found, place, expected: issue.message }];
}

function unknownKey(key: string, path: Path, known: string): Pick<ConfigProblem, "found" | "expected"> {
  const found = quote(key);
  if (path[0] === "providers" && isKeyInFile(key)) {
    return { found, expected: "api_key_env, the environment variable that has it: a key stays out of files" };
  }
  const suggestion = closest(key, known.split(", "));
  return { found: `unknown key ${found}`, expected: suggestion === undefined ? `one of ${known}` : quote(suggestion) };
}

/** A text in quotes, its control characters escaped. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

function describe(value: unknown): string {
  if (value === undefined) return "no";
  if (value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a map";
  const text = typeof value === "string" ? quote(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** `["providers", 0, "name"]` as `providers[0].name`. */
function nameOf(path: Path): string {
  if (path.length === 0) return "the file";
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** By yaml's code for an error. */
const YAML_PROBLEMS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "found a tab as indentation, expected spaces",
  MULTIPLE_DOCS: "found a second document, expected one",
};

/** The parser's time grows with the square of the depth. */
const MAX_NESTING = 100;

/** Parses YAML to nodes with positions. Aliases, tabs, several documents and deep nesting are problems too. */
export function parseYaml(yaml: typeof Yaml, source: string): { document?: Yaml.Document; problems: PlacedProblem[] } {
  const tooDeep = nestingBeyond(MAX_NESTING, source);
  if (tooDeep !== undefined) {
    const text = `found brackets nested ${MAX_NESTING} deep, expected a few levels`;
    return { problems: [{ offset: tooDeep, text }] };
  }
  const problems: PlacedProblem[] = [];
  const report = (node: unknown, text: string): void => {
    problems.push({ offset: yaml.isNode(node) ? (node.range?.[0] ?? 0) : 0, text });
  };
  const document = yaml.parseDocument(source, { prettyErrors: false });
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const offset = pos[0];
    if (code === "DUPLICATE_KEY") {
      const key = /^[^\s:]*/.exec(source.slice(offset, offset + 80))?.[0] ?? "";
      problems.push({ offset, text: `found the key "${key}" a second time, expected it once` });
      continue;
    }
    const known = YAML_PROBLEMS[code];
    problems.push({ offset, text: known ?? `found broken YAML, expected valid YAML (${message})` });
    // The errors after it are mostly its consequences.
    if (known === undefined) break;
  }
  yaml.visit(document, {
    // A few nested aliases can expand to gigabytes.
    Alias: (_, node) => report(node, `found the alias "*${node.source}", expected the value itself`),
    Pair: (_, { key }) => {
      if (!yaml.isScalar(key)) report(key, "found a key that is a map or list, expected a word");
      // A JavaScript object has no key of this name: it sets the prototype.
      else if (key.value === "__proto__") report(key, 'found unknown key "__proto__", expected a known one');
    },
  });
  return { document, problems };
}

/** The offset at which more than `max` brackets are open; those in strings and comments count too. */
function nestingBeyond(max: number, source: string): number | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of source.matchAll(/[[\]{}]/g)) {
    depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(0, depth - 1);
    if (depth > max) return index;
  }
  return undefined;
}

/** The line and column of a character of a text, such as `3:17`. */
export function lineAndColumn(source: string, offset: number): string {
  const lines = source.slice(0, offset).split("\n");
  return `${lines.length}:${lines.at(-1)!.length + 1}`;
}

/** Where in the text a problem is. Of a missing key it is the start of the map. */
export function offsetOf(
  yaml: typeof Yaml,
  document: Yaml.Document,
  { path, at }: Pick<ConfigProblem, "path" | "at">,
): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [depth, part] of path.entries()) {
    if (yaml.isMap(node)) {
      const pair = node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === part);
      if (pair === undefined) break;
      node = at === "key" && depth === path.length - 1 ? pair.key : pair.value;
    } else if (yaml.isSeq(node) && typeof part === "number") {
      node = node.items[part];
    }
    if (yaml.isNode(node)) offset = node.range?.[0] ?? offset;
  }
  return offset;
}
