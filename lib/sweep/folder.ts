/**
 * The folder of a sweep: `cells.ndjson`, the plan; `cell_<n>.json` of each finished cell; `failed_<n>.json` of each that failed; the
 * memories of the cells in `cells/<n>/`; `result.json` and `result.csv`.
 */
import { CarryoverError, corruptFile, fail } from "../errors.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import { encodeSealedJson, readSealedJson } from "../storage/sealed-json.ts";
import { ensureFile, type Storage } from "../storage/storage.ts";
import type { CellFailure, CellResult } from "./cell-result.ts";
import type { SweepPlan } from "./plan.ts";
import { decodePlan, encodePlan, MAX_PLAN_BYTES } from "./plan-file.ts";

const PLAN_FILE = "cells.ndjson";

/** The days of many years. */
const MAX_CELL_BYTES = 1 << 24;

/** The cells of a sweep that are finished, and those that failed, by number. */
export interface SweepState {
  readonly finished: ReadonlyMap<number, CellResult>;
  readonly failed: ReadonlyMap<number, CellFailure>;
  /** Their cells are run again. */
  readonly damaged: readonly DamagedFile[];
}

/** Where the memory of a cell is, in the folder of its sweep. */
export function cellFolder(cell: number): string {
  return `cells/${cell}`;
}

/** The files of a sweep. */
export class SweepFolder {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * Begins a sweep, or goes on with it.
   *
   * @throws {CarryoverError} `CONFLICT` if another sweep is there, `BAD_USAGE` if something else is.
   */
  async begin(plan: SweepPlan): Promise<void> {
    const { files } = await this.#storage.list();
    const hasPlan = files.some(({ name }) => name === PLAN_FILE);
    // The plan is written first, so that a folder without it has no cell of this sweep.
    const [foreign] = files;
    if (!hasPlan && foreign !== undefined) {
      throw fail("BAD_USAGE", `Cannot sweep in "${this.#storage.label}"`, {
        found: `"${foreign.name}", and no sweep`,
        expected: "an empty folder: name another with --out",
      });
    }
    try {
      await ensureFile(this.#storage, PLAN_FILE, encodePlan(plan));
    } catch (error) {
      if (!(error instanceof CarryoverError && error.code === "CONFLICT")) throw error;
      throw fail("CONFLICT", `Cannot sweep in "${this.#storage.label}"`, {
        found: "another sweep (other cells, or another configuration)",
        expected: "this one: name another folder with --out, or remove that one",
        cause: error,
      });
    }
  }

  /** @throws {CarryoverError} `NOT_FOUND` if no sweep is there, `CORRUPT`. */
  async readPlan(): Promise<SweepPlan> {
    const bytes = await this.#storage.read(PLAN_FILE, { maxBytes: MAX_PLAN_BYTES });
    const name = `${this.#storage.label}/${PLAN_FILE}`;
    if (bytes !== undefined) return decodePlan(bytes, name);
    throw fail("NOT_FOUND", `Cannot read "${name}"`, { found: "no such file", expected: "the plan of a sweep" });
  }

  /** Reads what every cell left. */
  async readState(): Promise<SweepState> {
    const finished = new Map<number, CellResult>();
    const failed = new Map<number, CellFailure>();
    const damaged: DamagedFile[] = [];
    for (const { name } of (await this.#storage.list()).files) {
      const [, kind, digits] = /^(cell|failed)_(\d+)\.json$/.exec(name) ?? [];
      if (kind === undefined) continue;
      const fields = await unlessDamaged(damaged, name, () => this.#read(name, Number(digits)));
      if (fields === undefined) continue;
      // Its seal shows that it is as it was written.
      if (kind === "cell") finished.set(Number(digits), fields as unknown as CellResult);
      else failed.set(Number(digits), fields as unknown as CellFailure);
    }
    // A kill may have left the failure of a cell that was finished later.
    for (const cell of finished.keys()) failed.delete(cell);
    return { finished, failed, damaged };
  }

  /** The result of a cell; `undefined` if it is not finished. @throws {CarryoverError} `CORRUPT`. */
  async readResult(cell: number): Promise<CellResult | undefined> {
    return (await this.#read(`cell_${cell}.json`, cell)) as unknown as CellResult | undefined;
  }

  /** Finishes a cell. Durable when it returns. */
  async writeResult(result: CellResult): Promise<void> {
    await this.#storage.replace(`cell_${result.cell}.json`, encodeSealedJson(result));
  }

  /** Forgets a result, before its cell is run again. */
  async removeResult(cell: number): Promise<void> {
    await this.#storage.remove(`cell_${cell}.json`);
  }

  async writeFailure(failure: CellFailure): Promise<void> {
    await this.#storage.replace(`failed_${failure.cell}.json`, encodeSealedJson(failure));
  }

  /** Forgets a failure, before its cell is run again. */
  async removeFailure(cell: number): Promise<void> {
    await this.#storage.remove(`failed_${cell}.json`);
  }

  async #read(name: string, cell: number): Promise<Readonly<Record<string, unknown>> | undefined> {
    const found = await readSealedJson(this.#storage, name, { maxBytes: MAX_CELL_BYTES });
    if (found?.isSealed === false) throw corruptFile(name, { found: "no crc32", expected: "one as the last key" });
    if (found !== undefined && found.fields["cell"] !== cell) {
      throw corruptFile(name, { found: "another cell in it", expected: "the one of its name" });
    }
    return found?.fields;
  }
}
