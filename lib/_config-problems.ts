import type { z as Zod } from "zod";
import { isKeyInFile, SECRET_KEYS } from "./_config-providers.ts";
import { closest } from "./closest.ts";

/** Keys of the program that this one follows; its users bring their configuration along. */
const ORIGINAL_KEYS = ["vectors_pkl_path", "outcomes_dir", "snapshots_dir"];

type Path = readonly (string | number)[];

/** Something wrong: at the value, or at the key, under `path`. */
export interface ConfigProblem {
  readonly path: Path;
  readonly at: "value" | "key";
  /** What was found there. */
  readonly found: string;
  /** Such as ` for backtest.seed`, after `found`. */
  readonly place: string;
  readonly expected: string;
}

/** Says in our words what zod found. */
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
    const wanted = issue.issues[0]?.message ?? issue.message;
    return [
      {
        path,
        at: "key",
        found: describe(path.at(-1)),
        place: ` in ${nameOf(path.slice(0, -1))}`,
        expected: wanted,
      },
    ];
  }
  // What is wrong with a map as a whole is told at one of its keys.
  const isOfMap = (issue.code === "invalid_union" || issue.code === "custom") && isMap(issue.input);
  const input = isOfMap ? issue.input[String(path.at(-1))] : issue.input;
  const place = path.length === 0 ? "" : input === undefined ? ` ${nameOf(path)}` : ` for ${nameOf(path)}`;
  const isSecret = typeof input === "string" && SECRET_KEYS.includes(String(path.at(-1)));
  const found = isSecret ? "something else" : describe(input);
  return [{ path, at: "value", found, place, expected: issue.message }];
}

function unknownKey(key: string, path: Path, known: string): Pick<ConfigProblem, "found" | "expected"> {
  const found = quote(key);
  if (ORIGINAL_KEYS.includes(key)) {
    return { found, expected: "memory.dir, the one folder of outcomes, snapshots and vectors" };
  }
  if (path[0] === "providers" && isKeyInFile(key)) {
    return { found, expected: "api_key_env, the environment variable that has it: a key stays out of files" };
  }
  const suggestion = closest(key, known.split(", "));
  return { found: `unknown key ${found}`, expected: suggestion === undefined ? `one of ${known}` : quote(suggestion) };
}

/** A text in quotes, controls escaped. */
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

/** Whether a value is a map, and neither a list nor nothing. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
