/** SWEEP.yaml: a configuration, and a grid, a list or a random sample of what is set in it. */
import type * as Yaml from "yaml";
import { lineAndColumn, offsetOf, parseYaml } from "../config/problems.ts";
import { CarryoverError } from "../errors.ts";
import { canonicalJson, isRecord, type Json } from "../util/json.ts";
import { createRandom, type Random } from "../util/random.ts";
import { type Cell, type CellKeys, keyProblem } from "./plan.ts";

/** More would be a mistake. */
const MAX_CELLS = 100_000;
/** Draws for one cell of a sample that is not there yet. */
const MAX_DRAWS = 1000;

const KINDS = ["grid", "list", "sample"] as const;

/** A range of numbers to draw from. */
interface Range {
  readonly min: number;
  readonly max: number;
  /** Whether the logarithm is drawn evenly. */
  readonly log: boolean;
  /** Whether only whole numbers are drawn. */
  readonly integer: boolean;
}

type Path = readonly (string | number)[];

/** What is wrong at a place of the file. */
class SweepProblem extends Error {
  readonly path: Path;

  constructor(path: Path, found: string, expected: string) {
    super(`found ${found}, expected ${expected}`);
    this.path = path;
  }
}

/**
 * Reads a sweep file. The same text gives the same cells in the same order.
 *
 * @param options `file`: how messages name it.
 * @returns `base`: the path of the configuration, as written.
 * @throws {CarryoverError} `BAD_CONFIG`: `Cannot read SWEEP.yaml:3:17: found <what>, expected <what>`.
 */
export async function parseSweep(
  text: string,
  options: { file: string },
): Promise<{ base: string; cells: readonly Cell[] }> {
  const yaml = await import("yaml");
  const { document, problems } = parseYaml(yaml, text);
  const place = { document, text, file: options.file, yaml };
  const [first] = problems;
  if (first !== undefined || document === undefined) throw badSweep(first?.text ?? "", first?.offset ?? 0, place);
  try {
    const { base, sets } = readSweep(document.toJS());
    return { base, cells: sets.map((set, i) => ({ cell: i + 1, set })) };
  } catch (error) {
    if (!(error instanceof SweepProblem)) throw error;
    throw badSweep(error.message, offsetOf(yaml, document, { path: error.path, at: "value" }), place);
  }
}

function badSweep(
  problem: string,
  offset: number,
  of: { text: string; file: string; yaml: typeof Yaml },
): CarryoverError {
  return new CarryoverError("BAD_CONFIG", `Cannot read ${of.file}:${lineAndColumn(of.text, offset)}: ${problem}`);
}

function readSweep(data: unknown): { base: string; sets: readonly CellKeys[] } {
  if (!isRecord(data)) throw new SweepProblem([], "something else", `a map of base and one of ${KINDS.join(", ")}`);
  const unknown = Object.keys(data).find((key) => key !== "base" && !(KINDS as readonly string[]).includes(key));
  if (unknown !== undefined) {
    throw new SweepProblem([unknown], `the key ${JSON.stringify(unknown)}`, `base or one of ${KINDS.join(", ")}`);
  }
  const { base = "config.yaml" } = data;
  if (typeof base !== "string" || base.trim() === "") {
    throw new SweepProblem(["base"], JSON.stringify(base), "the path of a configuration");
  }
  const given = KINDS.filter((kind) => data[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    const found = kind === undefined ? `none of ${KINDS.join(", ")}` : given.join(" and ");
    throw new SweepProblem(kind === undefined ? [] : [given[1]!], found, "one of them");
  }
  const sets = { grid: readGrid, list: readList, sample: readSample }[kind](data[kind], [kind]);
  return { base, sets };
}

/** Every combination of the values of some keys, the last key running fastest. */
function readGrid(grid: unknown, path: Path): readonly CellKeys[] {
  const keys = readKeys(grid, path, (values, at) => readChoices(values, at));
  const count = keys.reduce((product, [, values]) => product * values.length, 1);
  assertFew(count, path);
  return keys.reduce<CellKeys[]>(
    (cells, [key, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [key]: value }))),
    [{}],
  );
}

function readList(list: unknown, path: Path): readonly CellKeys[] {
  if (!Array.isArray(list) || list.length === 0) throw new SweepProblem(path, shown(list), "a list of maps");
  assertFew(list.length, path);
  const cells = list.map((cell: unknown, i): CellKeys => {
    return Object.fromEntries(
      readKeys(cell, [...path, i], (value, at) => {
        assertValue(value, at);
        return value as Json;
      }),
    );
  });
  const twin = firstRepeated(cells);
  if (twin !== undefined) throw new SweepProblem([...path, twin], "a cell a second time", "it once");
  return cells;
}

/** `cells`: how many; `seed`; `from`: lists to choose from, or ranges. All cells differ. */
function readSample(sample: unknown, path: Path): readonly CellKeys[] {
  if (!isRecord(sample)) throw new SweepProblem(path, shown(sample), "a map of cells, seed and from");
  const unknown = Object.keys(sample).find((key) => !["cells", "seed", "from"].includes(key));
  if (unknown !== undefined) throw new SweepProblem([...path, unknown], `the key "${unknown}"`, "cells, seed or from");
  const { cells: count, seed = 1, from } = sample;
  if (!isCount(count)) throw new SweepProblem([...path, "cells"], shown(count), "a number of cells, 1 or more");
  assertFew(count, [...path, "cells"]);
  if (!isCount(seed)) throw new SweepProblem([...path, "seed"], shown(seed), "a whole number, 1 or more");
  const keys = readKeys(from, [...path, "from"], (values, at) =>
    isRecord(values) ? readRange(values, at) : readChoices(values, at),
  );
  const tooMany = (there: number): SweepProblem =>
    new SweepProblem([...path, "cells"], `${count} cells of ${there} that there are`, "fewer");
  const possible = keys.reduce((product, [, values]) => product * choicesIn(values), 1);
  if (count > possible) throw tooMany(possible);
  const random = createRandom(`sweep ${seed}`);
  const cells = new Map<string, CellKeys>();
  for (let draws = 0; cells.size < count; draws++) {
    if (draws > count * MAX_DRAWS) throw tooMany(cells.size);
    const cell = Object.fromEntries(keys.map(([key, values]) => [key, draw(values, random)]));
    cells.set(canonicalJson(cell), cell);
  }
  return [...cells.values()];
}

/** How many values may be drawn at most; of a range of numbers with four digits, nobody counts them. */
function choicesIn(values: readonly Json[] | Range): number {
  if (!("min" in values)) return values.length;
  return values.integer ? values.max - values.min + 1 : Infinity;
}

function draw(values: readonly Json[] | Range, random: Random): Json {
  if (!("min" in values)) return values[Math.floor(random.uniform() * values.length)]!;
  const { min, max, log, integer } = values;
  if (integer) return min + Math.floor(random.uniform() * (max - min + 1));
  const share = random.uniform();
  const value = log ? min * Math.exp(share * Math.log(max / min)) : min + share * (max - min);
  // Engines differ in the last digits of exp and log.
  return Math.min(max, Math.max(min, Number(value.toPrecision(4))));
}

function readKeys<T>(map: unknown, path: Path, read: (value: unknown, at: Path) => T): [key: string, T][] {
  if (!isRecord(map) || Object.keys(map).length === 0) throw new SweepProblem(path, shown(map), "a map of keys");
  return Object.entries(map).map(([key, value]) => {
    const at = [...path, key];
    const problem = keyProblem(key);
    if (problem !== undefined) throw new SweepProblem(at, problem.found, problem.expected);
    return [key, read(value, at)];
  });
}

function readChoices(values: unknown, path: Path): readonly Json[] {
  if (!Array.isArray(values) || values.length === 0) throw new SweepProblem(path, shown(values), "a list of values");
  for (const [i, value] of values.entries()) assertValue(value, [...path, i]);
  const twin = firstRepeated(values);
  if (twin !== undefined) throw new SweepProblem([...path, twin], `${shown(values[twin])} a second time`, "it once");
  return values as Json[];
}

function readRange(range: Record<string, unknown>, path: Path): Range {
  const { min, max, log = false, integer = false, ...others } = range;
  const isRange =
    typeof min === "number" &&
    typeof max === "number" &&
    min < max &&
    typeof log === "boolean" &&
    Object.keys(others).length === 0;
  const fits = isRange && (!log || min > 0) && (integer !== true || (Number.isInteger(min) && Number.isInteger(max)));
  if (!fits || typeof integer !== "boolean" || (log && integer)) {
    throw new SweepProblem(path, shown(range), "a list, or { min, max } with log: true or integer: true");
  }
  return { min, max, log, integer };
}

/** @param path Ends with the key, or with the key and a place in its list. */
function assertValue(value: unknown, path: Path): void {
  const key = String(path.findLast((part) => typeof part === "string"));
  const problem = keyProblem(key, value as Json);
  if (problem !== undefined) throw new SweepProblem(path, problem.found, problem.expected);
}

function assertFew(count: number, path: Path): void {
  if (count > MAX_CELLS) throw new SweepProblem(path, `${count} cells`, `at most ${MAX_CELLS}`);
}

/** The index of the first value that an earlier one equals. */
function firstRepeated(values: readonly unknown[]): number | undefined {
  const seen = new Set<string>();
  const index = values.findIndex((value) => seen.size === seen.add(canonicalJson(value)).size);
  return index === -1 ? undefined : index;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
