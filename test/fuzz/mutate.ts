/** Damage to bytes, as disks and people do it, and as parsers fail on it. */
import { seeded } from "../samples.ts";

/** Texts that break numbers, strings and structures. */
const TOKENS = [
  ["0", "-1", "1e999", "-1e-999", "NaN", "9007199254740993", "99999999999999999999", "2147483648", "0x10", "1_000"],
  [
    "null",
    "true",
    "[]",
    "{}",
    '""',
    '"',
    "\\",
    "\\u0000",
    "\\ud800",
    "'",
    "`",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    " ",
    "\uFEFF",
  ],
  ["__proto__", "constructor", "toString", "../../x", "/etc/passwd", "CON", "x".repeat(300), "\u2028"],
  [
    "2021-02-30T25:61:00Z",
    "+275760-09-13",
    "1970-01-01",
    ",",
    ";",
    ":",
    "- ",
    "#",
    "&a",
    "*a",
    "<<: *a",
    "!!js/function",
  ],
  ["[".repeat(5000), '{"a":'.repeat(5000), "- ".repeat(2000), "|", ">"],
]
  .flat()
  .map((text) => new TextEncoder().encode(text));

/** Odd values for the fields of valid JSON. */
const ODD_VALUES: readonly unknown[] = [
  [null, true, false, "", [], {}, [null], { a: null }, [[]]],
  [0, -1, 0.5, 1e308, 2 ** 53, -(2 ** 31)],
  ["x", "7", "NaN", "../../x", "/etc/passwd", "a/../../b", "C:\\x", "a\0b", ".tmp-x", ".lock", "MANIFEST.json"],
  ["__proto__", "constructor", "\ud800", "\u2028", "x".repeat(300), "2021-02-30T25:61:00Z", "+275760-09-14"],
].flat();

const BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d, 0x0a];

/**
 * One damaged input.
 *
 * @param seeds Valid inputs; one of them is damaged, sometimes with a part of another.
 * @param options `number`: which of the inputs of the seed. The same numbers give the same bytes.
 */
export function damagedInput(
  seeds: readonly Uint8Array[],
  options: { seed: number; number: number },
): Uint8Array<ArrayBuffer> {
  const random = seeded(Math.imul(options.seed, 0x9e3779b1) ^ Math.imul(options.number + 1, 0x85ebca6b));
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  let bytes = new Uint8Array(pick(seeds));
  const splice = (at: number, remove: number, insert: Uint8Array): void => {
    const joined = new Uint8Array(bytes.length - Math.min(remove, bytes.length - at) + insert.length);
    joined.set(bytes.subarray(0, at));
    joined.set(insert, at);
    joined.set(bytes.subarray(at + remove), at + insert.length);
    bytes = joined;
  };
  const kinds: readonly (() => void)[] = [
    () => {
      if (bytes.length > 0) bytes[below(bytes.length)]! ^= 1 << below(8);
    },
    () => {
      if (bytes.length > 0) bytes[below(bytes.length)] = pick(BYTES);
    },
    () => splice(below(bytes.length + 1), 0, pick(TOKENS)),
    () => splice(below(bytes.length + 1), below(20), pick(TOKENS)),
    () => splice(below(bytes.length + 1), 1 + below(64), new Uint8Array()),
    () => (bytes = bytes.slice(0, below(bytes.length + 1))),
    () => {
      // Repeats a part somewhere else.
      const from = below(bytes.length + 1);
      splice(below(bytes.length + 1), 0, bytes.slice(from, from + below(200)));
    },
    () => {
      const other = pick(seeds);
      const from = below(other.length + 1);
      splice(below(bytes.length + 1), below(100), other.slice(from, from + below(200)));
    },
    () => {
      // Changes a length or an offset of a binary format.
      const at = below(bytes.length + 1);
      const value = new Uint8Array(4);
      new DataView(value.buffer).setUint32(
        0,
        pick([0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 24]),
        random() < 0.5,
      );
      splice(at, 4, value);
    },
  ];
  const odd = random() < 0.5 ? withOddFields(bytes, { below, pick }) : undefined;
  if (odd !== undefined) return odd;
  for (let left = 1 + below(4); left > 0; left--) pick(kinds)();
  return bytes;
}

interface Dice {
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** JSON with one to three fields changed, removed or added; `undefined` if it is not an object. */
function withOddFields(bytes: Uint8Array<ArrayBuffer>, { below, pick }: Dice): Uint8Array<ArrayBuffer> | undefined {
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof root !== "object" || root === null) return undefined;
  for (let left = 1 + below(3); left > 0; left--) {
    // Descends to a leaf, or stops before.
    let parent = root as Record<string, unknown>;
    let keys = Object.keys(parent);
    for (;;) {
      const next = keys.length === 0 ? undefined : parent[pick(keys)];
      if (typeof next !== "object" || next === null || below(4) === 0) break;
      parent = next as Record<string, unknown>;
      keys = Object.keys(parent);
    }
    const key = keys.length === 0 || below(16) === 0 ? "added" : pick(keys);
    const change = below(8);
    if (change === 0) delete parent[key];
    else if (change === 1 && keys.length > 0) parent[key] = parent[pick(keys)];
    else parent[key] = pick(ODD_VALUES);
    // Copied, so that the next change does not alter an odd value itself.
    root = JSON.parse(JSON.stringify(root));
  }
  const text = JSON.stringify(root);
  // JSON can contain numbers that JSON.stringify() cannot write.
  return new TextEncoder().encode(below(2) === 0 ? text.replace("1e+308", "1e999") : text);
}
