/** Runs the cells of a sweep that are not finished yet. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isRecorded } from "../config/config.ts";
import { readText } from "../config/load.node.ts";
import type { SetKey } from "../config/set-keys.ts";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { readRegular } from "../storage/fs.node.ts";
import { withLock } from "../storage/lock.node.ts";
import { pauseEvery } from "../util/async.ts";
import type { Json } from "../util/json.ts";
import type { CellFailure } from "./cell-result.ts";
import { SweepFolder, type SweepState } from "./folder.ts";
import { parseSweep } from "./parse-sweep.ts";
import { allCells, type Cell, keyProblem, type SweepPlan } from "./plan.ts";
import { decodePlan, MAX_PLAN_BYTES } from "./plan-file.ts";
import { CellRunner, configOfCell, type Keep, modulesOf } from "./run-cell.node.ts";
import { cellsOfShard, type Shard } from "./shard.ts";
import { type CellOutcome, runInWorkers, type WorkersOptions } from "./workers.node.ts";

/** Problems of cells that a message lists; the others are counted. */
const MAX_PROBLEMS = 10;

/** Ids that are computed between two moments in which a signal can stop it: a few hundredths of a second. */
const IDS_PER_PAUSE = 16;

/** How far a sweep is. */
export interface SweepProgress {
  readonly cells: number;
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  /** Of `done`, those that this call ran. */
  readonly doneNow: number;
}

/** How cells are run. */
export interface SweepOptions {
  /** The folder of the sweep. */
  readonly out: string;
  readonly jobs: number;
  readonly keep: Keep;
  /** Starts a worker; the folder and what is kept are added. */
  readonly worker: readonly string[];
  readonly signal: AbortSignal;
  /** Called with the files of the user's modules before they are loaded. */
  readonly onModules: (modules: readonly string[]) => void;
  readonly onNote: (note: string) => void;
  readonly onProgress: (progress: SweepProgress) => void;
}

/** What became of the cells. */
export interface SweepRun {
  readonly failed: readonly CellFailure[];
  readonly ranNow: number;
  /** The most that a worker held after a cell; 0 if none was needed. */
  readonly maxRssBytes: number;
}

/**
 * Reads a sweep file and checks the configuration of every cell.
 *
 * @param options `set`: what is set in every cell; `label`: how messages name a file.
 * @throws {CarryoverError} `NOT_FOUND`, `BAD_CONFIG`, `BAD_USAGE`, `IO`.
 */
export async function loadSweep(
  path: string,
  options: { set?: readonly SetKey[]; label: (path: string) => string },
): Promise<SweepPlan> {
  const file = resolve(path);
  const read = (name: string): string => {
    if (existsSync(name)) return readText(name, options.label(name));
    const found = { found: "no such file", expected: "a YAML file" };
    throw fail("NOT_FOUND", `Cannot sweep "${options.label(name)}"`, found);
  };
  const { base: written, cells } = await parseSweep(read(file), { file: options.label(file) });
  const base = resolve(dirname(file), written);
  const set: Record<string, Json> = {};
  for (const { key, value, label } of options.set ?? []) {
    const problem = keyProblem(key, value as Json);
    if (problem !== undefined) throw fail("BAD_USAGE", `Cannot use ${label}`, problem);
    set[key] = value as Json;
  }
  const plan = { base: { file: base, text: read(base), set }, cells };
  const problems: string[] = [];
  for (const cell of allCells(plan)) {
    try {
      await configOfCell(plan, cell);
    } catch (error) {
      if (!(error instanceof CarryoverError)) throw error;
      if (cell.cell === 0) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length === 0) return plan;
  const more = problems.length - MAX_PROBLEMS;
  const shown = problems.slice(0, MAX_PROBLEMS);
  throw new CarryoverError("BAD_CONFIG", [...shown, ...(more > 0 ? [`${more} more cells are wrong`] : [])].join("\n"));
}

/** Reads what `sweep plan` printed. @throws {CarryoverError} `NOT_FOUND`, `BAD_DATA` if it is too large, `CORRUPT`. */
export function loadPlan(path: string): SweepPlan {
  let bytes: Uint8Array;
  try {
    bytes = readRegular(path, { maxBytes: MAX_PLAN_BYTES });
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("NOT_FOUND", `Cannot read "${path}"`, {
      found: messageOf(cause),
      expected: "what sweep plan prints",
      cause,
    });
  }
  return decodePlan(bytes, path);
}

/**
 * Runs the cells of a shard that are not finished. A cell that fails is named, and does not stop the others; the next call runs it again.
 *
 * @throws {CarryoverError} `LOCKED` if another sweep runs in the folder; `CONFLICT` if it is another one's; `IO`, such as a full disk: the
 * next call goes on.
 */
export async function runCells(plan: SweepPlan, shard: Shard, options: SweepOptions): Promise<SweepRun> {
  const { out, onNote } = options;
  const storage = diskStorage(out);
  const folder = new SweepFolder(storage);
  return withLock(storage, async () => {
    await folder.begin(plan);
    const { finished, failed, damaged } = await folder.readState();
    for (const { name, problem } of damaged) onNote(`The cell of "${name}" is run again: ${problem}`);
    const cells = cellsOfShard(allCells(plan), shard);
    const stale = await staleCells(plan, { cells, finished, options });
    for (const { cell } of stale) await folder.removeResult(cell);
    const left = cells.filter((cell) => !finished.has(cell.cell) || stale.includes(cell));
    tellFolders(left.length, { finished: cells.length - left.length, ...options });
    for (const { cell } of left) if (failed.has(cell)) await folder.removeFailure(cell);
    const progress = new CellProgress(cells, { folder, finished: cells.length - left.length, options });
    let maxRssBytes = 0;
    try {
      for (const group of await groupsOf(plan, left)) {
        const command = [...options.worker, out, options.keep];
        const queue = [...group];
        const jobs = Math.min(options.jobs, queue.length);
        const handling = { ...options, jobs, command, ...progress.handlers };
        maxRssBytes = Math.max(maxRssBytes, await runInWorkers(() => queue.shift(), handling));
      }
    } catch (error) {
      onNote(`Stopped: ${progress.done} of ${cells.length} cells are finished, and the same command goes on`);
      throw error;
    }
    return { failed: progress.failures, ranNow: left.length, maxRssBytes };
  });
}

/** The finished cells whose run would be another one now: of another version, or on other bars or files. */
async function staleCells(
  plan: SweepPlan,
  of: { cells: readonly Cell[]; finished: SweepState["finished"]; options: SweepOptions },
): Promise<readonly Cell[]> {
  const { keep, out, signal, onModules, onNote } = of.options;
  const finished = of.cells.filter(({ cell }) => of.finished.has(cell));
  if (finished.length === 0) return [];
  const modules = await modulesOf(plan);
  if (modules.length > 0) onModules(modules);
  const runner = new CellRunner(plan, { out, keep });
  const stale: Cell[] = [];
  const pause = pauseEvery(IDS_PER_PAUSE, signal);
  for (const cell of finished) {
    await pause();
    if ((await runner.runIdOf(cell, { signal })) !== of.finished.get(cell.cell)!.run_id) stale.push(cell);
  }
  if (stale.length > 0) {
    const were = stale.length === 1 ? "1 finished cell was" : `${stale.length} finished cells were`;
    onNote(`${were} run by another version, or on other bars or files: run again`);
  }
  return stale;
}

/** Where answers cost something, the default runs before the others: most of them ask some of its questions again. */
async function groupsOf(plan: SweepPlan, left: readonly Cell[]): Promise<readonly (readonly number[])[]> {
  const numbers = left.map(({ cell }) => cell);
  const [standard] = allCells(plan);
  const isAsking = (await configOfCell(plan, standard!)).providers.some(isRecorded);
  const first: readonly number[] = isAsking ? numbers.filter((cell) => cell === 0) : [];
  return [first, numbers.filter((cell) => !first.includes(cell))];
}

/** Counts what became of the cells, and keeps their failures. */
class CellProgress {
  readonly failures: CellFailure[] = [];
  done: number;
  #running = 0;
  #doneNow = 0;
  readonly #cells: readonly Cell[];
  readonly #folder: SweepFolder;
  readonly #options: SweepOptions;

  constructor(
    cells: readonly Cell[],
    { folder, finished, options }: { folder: SweepFolder; finished: number; options: SweepOptions },
  ) {
    this.#cells = cells;
    this.#folder = folder;
    this.#options = options;
    this.done = finished;
  }

  readonly handlers: Pick<WorkersOptions, "onOutcome" | "onRunning"> = {
    onRunning: (running) => {
      this.#running = running;
      this.#report();
    },
    onOutcome: async (outcome) => {
      this.#doneNow += 1;
      if (outcome.state === "finished") this.done += 1;
      else await this.#keepFailure(outcome);
      this.#report();
    },
  };

  async #keepFailure({ cell: number, state, error = "" }: CellOutcome): Promise<void> {
    const { cell, set } = this.#cells.find((each) => each.cell === number)!;
    const failure = { cell, set, error };
    this.failures.push(failure);
    // A worker that died has left no file.
    if (state === "died") await this.#folder.writeFailure(failure);
    this.#options.onNote(`Cell ${cell} failed: ${error}`);
  }

  #report(): void {
    const { length: cells } = this.#cells;
    const failed = this.failures.length;
    this.#options.onProgress({ cells, done: this.done, failed, running: this.#running, doneNow: this.#doneNow });
  }
}

/** Says beforehand how many folders are made. */
function tellFolders(left: number, of: { finished: number } & Pick<SweepOptions, "keep" | "onNote">): void {
  const goesOn = of.finished === 0 ? "" : `${of.finished} ${of.finished === 1 ? "cell is" : "cells are"} finished; `;
  if (left === 0) return;
  const cells = `${left} ${left === 1 ? "cell" : "cells"} to run`;
  const folders =
    of.keep === "all"
      ? `, each with a memory folder of its own (--keep summary keeps the results alone)`
      : ", without memory folders";
  of.onNote(`${goesOn}${cells}${folders}`);
}
