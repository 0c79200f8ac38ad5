/** The cells of a sweep: a configuration, and what is set in each cell of it. */
import { KEY_FORM, parseKeyPath, type SetKey } from "../config/set-keys.ts";
import type { Json } from "../util/json.ts";
import { canonicalJson } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";

/** Dotted keys of a configuration, or `year`, and their values. */
export type CellKeys = Readonly<Record<string, Json>>;

/** A setting to try. Cell 0 is the configuration itself. */
export interface Cell {
  readonly cell: number;
  readonly set: CellKeys;
}

/** The configuration of a sweep, as it was read. */
interface SweepBase {
  /** Absolute: paths in it start from its folder. */
  readonly file: string;
  readonly text: string;
  /** What is set in every cell, the default too. */
  readonly set: CellKeys;
  /** The folder below which the files of another machine were copied. @default the files are of this machine */
  readonly root?: string;
}

/** All that a worker has to know, on whichever machine. */
export interface SweepPlan {
  readonly base: SweepBase;
  /** Numbered from 1, without cell 0. */
  readonly cells: readonly Cell[];
}

/** Stands for the calendar year of a run: the first day and the day after the last. */
const YEAR = "year";

/** Cell 0: nothing is set. */
const DEFAULT_CELL: Cell = { cell: 0, set: {} };

/** Every cell of a plan in order of number, the default first. */
export function allCells({ cells }: Pick<SweepPlan, "cells">): readonly Cell[] {
  return [DEFAULT_CELL, ...cells];
}

/** Identifies a sweep by what is run, wherever its configuration lies. 64 hexadecimal digits. */
export function sweepIdOf({ base, cells }: SweepPlan): string {
  return sha256OfText(canonicalJson({ base: base.text, set: base.set, cells: cells.map(({ set }) => set) }));
}

/** The keys that are set in a cell, for the loading of its configuration. */
export function setKeysOf({ base }: Pick<SweepPlan, "base">, { cell, set }: Cell): readonly SetKey[] {
  const ofBase = Object.entries(base.set).flatMap((entry) => setKeyOf(entry, `--set ${entry[0]}`));
  return [...ofBase, ...Object.entries(set).flatMap((entry) => setKeyOf(entry, `${entry[0]} in cell ${cell}`))];
}

function setKeyOf([key, value]: [string, Json], label: string): SetKey[] {
  if (key !== YEAR) return [{ key, path: parseKeyPath(key)!, value, label }];
  const bound = (name: string, year: number): SetKey => {
    return { key, path: ["backtest", name], value: `${year}-01-01`, label };
  };
  return [bound("start", Number(value)), bound("end", Number(value) + 1)];
}

/**
 * What is wrong with a key of a sweep, or with its value; `undefined` if nothing is. The configuration's own check comes later.
 *
 * @returns What is found and what is expected.
 */
export function keyProblem(key: string, value?: Json): { found: string; expected: string } | undefined {
  const found = JSON.stringify(value === undefined ? key : value);
  if (key === YEAR) {
    const isYear = value === undefined || (Number.isInteger(value) && Number(value) >= 1000 && Number(value) <= 9998);
    return isYear ? undefined : { found, expected: "a year such as 2021" };
  }
  const path = parseKeyPath(key);
  if (path === undefined) return { found, expected: `${KEY_FORM}, or "${YEAR}"` };
  const [section, name] = path;
  if (section === "memory" && (name === "dir" || name === undefined)) {
    return { found: `the key "${key}"`, expected: "another: every cell has a memory folder of its own" };
  }
  return undefined;
}
