/** The process that runs cells for a sweep: a line with the number of a cell comes in, a line with what became of it goes out. */
import { writeSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { createInterface } from "node:readline";
import { CarryoverError, type ErrorCode } from "../errors.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { delay } from "../util/async.ts";
import { SweepFolder } from "./folder.ts";
import { allCells, type Cell } from "./plan.ts";
import { CellRunner, type CellRunnerOptions } from "./run-cell.node.ts";

/** The pipe on which a worker answers: what modules of the user's print is in no answer. */
export const ANSWER_FD = 3;

/** What a worker answers. */
export interface WorkerAnswer {
  readonly cell: number;
  /** A `stopped` sweep cannot go on: the disk is full, or the folder was lost. */
  readonly state: "finished" | "failed" | "stopped";
  readonly error?: string;
  readonly code?: ErrorCode;
  /** Resident memory of the worker, bytes. */
  readonly rss: number;
}

/** Failures that are not the cell's. */
const STOPS_SWEEP: readonly ErrorCode[] = ["IO", "READ_ONLY", "LOCKED"];

/** How long a worker waits for one whose sweep was killed, and who is about to notice it. */
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 100;

/** How a worker runs cells. */
export interface ServeCellsOptions extends CellRunnerOptions {
  readonly signal: AbortSignal;
}

/**
 * Runs the cells whose numbers come in on stdin, until it is closed: then the run that is under way is stopped.
 *
 * @param options `out` has the plan of the sweep.
 */
export async function serveCells(options: ServeCellsOptions): Promise<void> {
  const folder = new SweepFolder(diskStorage(options.out));
  const plan = await folder.readPlan();
  const cells = allCells(plan);
  const runner = new CellRunner(plan, options);
  const gone = new AbortController();
  const signal = AbortSignal.any([options.signal, gone.signal]);
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => gone.abort(new DOMException("the sweep has ended", "AbortError")));
  options.signal.addEventListener("abort", () => lines.close(), { once: true });
  const { root = "", file } = plan.base;
  const folders = [options.out, dirname(file.slice(root.length))].map((path) => join(path, sep));
  // Below the root are the paths of the machine that the sweep is from.
  const withoutFolders = (text: string): string =>
    folders.reduce((shown, path) => shown.replaceAll(path, ""), root === "" ? text : text.replaceAll(root, ""));
  for await (const line of lines) {
    if (signal.aborted) return;
    const cell = cells[Number(line)]!;
    const answer = await answerFor(cell, { folder, runner, signal, withoutFolders });
    if (answer !== undefined) writeSync(ANSWER_FD, `${JSON.stringify(answer)}\n`);
  }
}

/** @returns `undefined` if nobody waits for an answer any more. */
async function answerFor(
  cell: Cell,
  options: {
    folder: SweepFolder;
    runner: CellRunner;
    signal: AbortSignal;
    /** The result of a sweep is the same in whatever folder. */
    withoutFolders: (text: string) => string;
  },
): Promise<WorkerAnswer | undefined> {
  const { folder, runner, signal, withoutFolders } = options;
  const answer = (rest: Pick<WorkerAnswer, "state" | "error" | "code">): WorkerAnswer => {
    return { cell: cell.cell, ...rest, rss: process.memoryUsage.rss() };
  };
  try {
    try {
      await folder.writeResult(await runPatiently(cell, { runner, signal }));
      return answer({ state: "finished" });
    } catch (error) {
      if (!(error instanceof CarryoverError) || STOPS_SWEEP.includes(error.code)) throw error;
      const message = withoutFolders(error.message);
      await folder.writeFailure({ ...cell, error: message });
      return answer({ state: "failed", error: message });
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof CarryoverError)) throw error;
    return answer({ state: "stopped", error: error.message, code: error.code });
  }
}

/** Waits for the memory of a cell while a worker of a killed sweep still has it. */
async function runPatiently(
  cell: Cell,
  { runner, signal }: { runner: CellRunner; signal: AbortSignal },
): ReturnType<CellRunner["run"]> {
  const until = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await runner.run(cell, { signal });
    } catch (error) {
      if (!(error instanceof CarryoverError && error.code === "LOCKED") || performance.now() > until) throw error;
      await delay(LOCK_RETRY_MS, signal);
    }
  }
}
