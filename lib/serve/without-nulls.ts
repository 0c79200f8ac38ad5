import { isRecord } from "../util/json.ts";

/** How many maps and lists may be in one another: more than any parameter has. */
const MAX_DEPTH = 32;

/**
 * Parameters without the keys whose value is `null`: many languages send one for what is not there.
 *
 * @returns The value itself if there is none, which is nearly always; `undefined` if it is nested too deeply.
 */
export function withoutNulls(value: unknown): unknown {
  const found = { nulls: 0, depth: 0 };
  look(value, 0, found);
  if (found.depth > MAX_DEPTH) return undefined;
  return found.nulls === 0 ? value : copy(value);
}

function look(value: unknown, depth: number, found: { nulls: number; depth: number }): void {
  if (value === null || value === undefined) found.nulls += 1;
  if (typeof value !== "object" || value === null) return;
  found.depth = Math.max(found.depth, depth);
  if (depth > MAX_DEPTH) return;
  for (const each of Object.values(value)) look(each, depth + 1, found);
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isRecord(value)) return value;
  const there = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
  return Object.fromEntries(there.map(([key, each]) => [key, copy(each)]));
}
