import { bun } from "../util/bun.node.ts";
import { MAX_CONFIG_LENGTH } from "./parse.ts";

/** Not `__proto__`, which JavaScript objects treat in their own way. */
const KEY = String.raw`(?!__proto__)[A-Za-z_][\w-]*`;
const WORD = String.raw`[A-Za-z_][\w./-]*`;
const PATH = String.raw`\.{0,2}/[\w./-]*`;
const NUMBER = String.raw`-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?`;
const DURATION = String.raw`[1-9]\d{0,5}[mhd]`;
const DAY = String.raw`\d{4}-\d\d-\d\d`;
const QUOTED = String.raw`"[^"\\#]*"`;
/** What every parser of YAML reads alike. */
const SCALAR = `(?:${WORD}|${PATH}|${NUMBER}|${DURATION}|${DAY}|${QUOTED})`;
/** Lists and maps of scalars, and lists and maps of those. */
const FLAT = `(?:${SCALAR}|${listsAndMapsOf(SCALAR)})`;
const VALUE = `(?:${SCALAR}|${listsAndMapsOf(FLAT)})`;

const COMMENT = /(?:^| )#.*/;
const PLAIN_LINE = new RegExp(`^ *(?:- )?(?:${KEY}:(?: +${VALUE})?|${VALUE})? *(?:${COMMENT.source})?$`);
const KEYS = new RegExp(`(?:^ *(?:- )?|[{,] *)${KEY}:(?= |$)`, "g");

/**
 * Parses YAML in the plain form that most configurations have, by Bun's own parser: the package yaml takes 25 ms to load. Of two
 * equal keys in a map Bun's parser keeps the last, so the keys are counted.
 *
 * @returns `undefined` for any other text, and on other engines.
 */
export function parsePlainYaml(text: string): unknown {
  if (bun === undefined || text.length > MAX_CONFIG_LENGTH) return undefined;
  let keys = 0;
  for (const line of text.split("\n")) {
    if (!PLAIN_LINE.test(line)) return undefined;
    keys += line.replace(COMMENT, "").match(KEYS)?.length ?? 0;
  }
  try {
    const value: unknown = bun.YAML.parse(text);
    return countKeys(value) === keys ? value : undefined;
  } catch {
    return undefined;
  }
}

function listsAndMapsOf(value: string): string {
  const entry = `${KEY}: +${value}`;
  return String.raw`\[ *(?:${value}(?: *, *${value})*)? *\]|\{ *(?:${entry}(?: *, *${entry})*)? *\}`;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, inside) => sum + countKeys(inside), own);
}
