/** Keys of a configuration that are set from outside its file, as if they were written in it: `--set`, and the cells of a sweep. */
import { CarryoverError, fail } from "../errors.ts";
import { DEFAULTS } from "../settings.ts";
import { isRecord } from "../util/json.ts";
import { parseYaml, quote } from "./problems.ts";

/** Where a value is in a configuration, such as `["providers", 0, "model"]`. */
export type KeyPath = readonly (string | number)[];

/** A key of a configuration, and the value that overrides the file's. */
export interface SetKey {
  /** As it was written, such as `providers[0].model`. */
  readonly key: string;
  readonly path: KeyPath;
  /** As YAML or JSON has it. It is checked with the rest of the configuration. */
  readonly value: unknown;
  /** How messages name it, such as `--set providers[0].model`. */
  readonly label: string;
}

export const KEY_FORM = 'a key such as "portfolio_memory.learning_rate" or "providers[0].model"';

/**
 * Reads a dotted key. `providers.0` is `providers[0]`.
 *
 * @returns `undefined` for a text of another form.
 */
export function parseKeyPath(key: string): KeyPath | undefined {
  const path: (string | number)[] = [];
  for (const part of key.split(".")) {
    const [, name, indices] = /^([^[\]\s]+)((?:\[\d{1,4}\])*)$/.exec(part) ?? [];
    // A JavaScript object has no key of this name: it sets the prototype.
    if (name === undefined || name === "__proto__") return undefined;
    // The other keys of digits are names, such as that of an asset.
    const isIndex = path.length === 1 && path[0] === "providers" && /^\d{1,4}$/.test(name);
    path.push(isIndex ? Number(name) : name, ...[...indices!.matchAll(/\d+/g)].map(([digits]) => Number(digits)));
  }
  return path;
}

/**
 * Reads what follows `--set`.
 *
 * @param texts Each `key=value`, the value in YAML.
 * @throws {CarryoverError} `BAD_USAGE`, with a line for each problem.
 */
export async function parseSetFlags(texts: readonly string[]): Promise<readonly SetKey[]> {
  if (texts.length === 0) return [];
  const yaml = await import("yaml");
  const problems: string[] = [];
  const sets: SetKey[] = [];
  for (const text of texts) {
    const at = text.indexOf("=");
    const key = at === -1 ? text : text.slice(0, at);
    const path = parseKeyPath(key);
    if (at === -1 || path === undefined) {
      const expected = at === -1 ? "key=value" : KEY_FORM;
      problems.push(`Cannot use --set: found ${quote(at === -1 ? text : key)}, expected ${expected}`);
      continue;
    }
    const label = `--set ${key}`;
    if (sets.some((other) => other.label === label)) problems.push(`${label} was given twice`);
    const parsed = parseYaml(yaml, text.slice(at + 1));
    problems.push(...parsed.problems.map((problem) => `Cannot use ${label}: ${problem.text}`));
    if (parsed.problems.length === 0) sets.push({ key, path, value: parsed.document?.toJS(), label });
  }
  if (problems.length > 0) throw new CarryoverError("BAD_USAGE", problems.join("\n"));
  return sets;
}

/**
 * Sets keys of a parsed document, in order. A list or a map that the document leaves out starts from its default.
 *
 * @throws {CarryoverError} `BAD_USAGE` for a place in a list that lies behind its end.
 */
export function setKeys(data: unknown, sets: readonly SetKey[]): unknown {
  if (sets.length === 0 || !isRecord(data)) return data;
  const changed = structuredClone(data);
  for (const set of sets) setKey(changed, set);
  return changed;
}

function setKey(data: Record<string, unknown>, { path, value, label }: SetKey): void {
  let place: Record<string | number, unknown> = data;
  let defaults: unknown = DEFAULTS;
  for (const [depth, part] of path.entries()) {
    if (Array.isArray(place)) assertInList(place, { label, part });
    if (depth === path.length - 1) {
      place[part] = value;
      return;
    }
    defaults = ownValue(defaults, part);
    const isList = typeof path[depth + 1] === "number";
    let next = ownValue(place, part) ?? structuredClone(defaults);
    if (isList ? !Array.isArray(next) : !isRecord(next)) next = isList ? [] : {};
    place = place[part] = next as Record<string | number, unknown>;
  }
}

/** One behind the last is a new item. */
function assertInList(list: readonly unknown[], of: Pick<SetKey, "label"> & { part: string | number }): void {
  if (typeof of.part === "number" && of.part <= list.length) return;
  throw fail("BAD_USAGE", `Cannot use ${of.label}`, {
    found: `a list of ${list.length}`,
    expected: `a number up to ${list.length} in [ ]`,
  });
}

function ownValue(of: unknown, part: string | number): unknown {
  return typeof of === "object" && of !== null && Object.hasOwn(of, part)
    ? (of as Record<string | number, unknown>)[part]
    : undefined;
}

/** The keys that a problem at a path is about: that of the path, one above it, or one in it. */
export function keysAbout(path: KeyPath, sets: readonly SetKey[]): readonly SetKey[] {
  return sets.filter((set) => set.path.slice(0, path.length).every((part, i) => part === path[i]));
}
