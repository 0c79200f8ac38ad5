/** Sums up the cells of a sweep, which may lie in the folders of several machines. */
import { join } from "node:path";
import { CarryoverError, fail } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { withLock } from "../storage/lock.node.ts";
import { writeStream } from "../storage/stream-file.node.ts";
import type { CellFailure, CellResult } from "./cell-result.ts";
import { SweepFolder } from "./folder.ts";
import { allCells, type SweepPlan, sweepIdOf } from "./plan.ts";
import { rankCells, type SweepResult } from "./ranking.ts";
import { sweepCsv } from "./table-csv.ts";

/** Cells that a message lists; the others are counted. */
const MAX_CELLS = 10;

/** The result of a sweep whose cells are all in one folder, written there as well. */
export async function finishSweep(out: string): Promise<SweepResult> {
  const storage = diskStorage(out);
  const result = await resultOf([out]);
  const write = (name: string, text: string): Promise<unknown> =>
    writeStream(join(out, name), (append) => append(new TextEncoder().encode(text)));
  await withLock(storage, async () => {
    await write("result.json", `${JSON.stringify(result)}\n`);
    await write("result.csv", sweepCsv(result));
  });
  return result;
}

/**
 * The result of a sweep whose cells lie in one or several folders.
 *
 * @throws {CarryoverError} `NOT_FOUND` if cells are missing; `CONFLICT` if the folders are of several sweeps, or a cell came out
 * differently in two of them; `CORRUPT`.
 */
export async function resultOf(folders: readonly string[]): Promise<SweepResult> {
  const finished = new Map<number, CellResult>();
  const failed = new Map<number, CellFailure>();
  const assertSameInputs = inputsCheck();
  let plan: SweepPlan | undefined;
  for (const path of folders) {
    const folder = new SweepFolder(diskStorage(path));
    const own = await folder.readPlan();
    plan ??= own;
    if (sweepIdOf(own) !== sweepIdOf(plan)) {
      throw fail("CONFLICT", `Cannot merge "${path}"`, { found: "another sweep", expected: `that of "${folders[0]}"` });
    }
    const state = await folder.readState();
    const [damage] = state.damaged;
    if (damage !== undefined) throw new CarryoverError("CORRUPT", `${damage.problem} in "${path}": work on it again`);
    for (const [cell, result] of state.finished) {
      assertSameInputs(result, path);
      const known = finished.get(cell);
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(result)) {
        const expected = "the same: a provider gives different answers to the same question";
        throw fail("CONFLICT", `Cannot merge "${path}"`, { found: `another result of cell ${cell}`, expected });
      }
      finished.set(cell, result);
    }
    for (const [cell, failure] of state.failed) failed.set(cell, failure);
  }
  if (plan === undefined) throw new RangeError("Cannot merge: found no folder, expected one");
  for (const cell of finished.keys()) failed.delete(cell);
  const missing = allCells(plan).filter(({ cell }) => !finished.has(cell) && !failed.has(cell));
  if (missing.length > 0) throw missingCells(missing.map(({ cell }) => cell));
  return rankCells([...finished.values()], { sweep: sweepIdOf(plan), failed: [...failed.values()] });
}

/** Returns a check that all results were made by one version, and on the same bars and files. It throws `CONFLICT`. */
function inputsCheck(): (result: CellResult, path: string) => void {
  const firstWith = new Map<string, { value: string; place: string }>();
  return ({ cell, inputs }, path) => {
    const place = `cell ${cell} of "${path}"`;
    for (const [name, value] of Object.entries(inputs)) {
      const first = firstWith.get(name) ?? { value, place };
      firstWith.set(name, first);
      if (first.value === value) continue;
      throw fail("CONFLICT", "Cannot sum up the sweep", {
        found: `another version of ${name} in ${place} than in ${first.place}`,
        expected: "one for all cells: the command that made the older ones runs them again",
      });
    }
  };
}

function missingCells(cells: readonly number[]): CarryoverError {
  const shown = cells.slice(0, MAX_CELLS).join(", ");
  const more = cells.length > MAX_CELLS ? ` and ${cells.length - MAX_CELLS} more` : "";
  return fail("NOT_FOUND", "Cannot sum up the sweep", {
    found: `no result of ${cells.length === 1 ? "cell" : "cells"} ${shown}${more}`,
    expected: "one of every cell: work on the missing shards first",
  });
}
