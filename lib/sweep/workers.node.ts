/** The processes of a sweep. Each runs one cell at a time; what a process that died was running goes to another. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { CarryoverError, fail } from "../errors.ts";
import { ANSWER_FD, type WorkerAnswer } from "./worker.node.ts";

/** A cell at which so many workers died, one after the other, has failed. */
const MAX_DEATHS = 5;

/** After so many deaths without an answer in between, nothing works. */
const MAX_DEATHS_IN_A_ROW = 20;

/** A worker that holds more than this after a cell is replaced, so that a leak of a module cannot fill the machine. */
const MAX_RSS_BYTES = 1 << 30;

/** What became of a cell. */
export type CellOutcome =
  | { readonly cell: number; readonly state: "finished" | "failed"; readonly error?: string | undefined }
  /** Its workers died, and left no file. */
  | { readonly cell: number; readonly state: "died"; readonly error: string };

/** How cells are run in processes. */
export interface WorkersOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly onOutcome: (outcome: CellOutcome) => Promise<void>;
  readonly onRunning: (running: number) => void;
}

/** Gives the number of the next cell; `undefined` if none is left. */
export type NextCell = () => number | undefined | Promise<number | undefined>;

/**
 * Runs cells in processes, at most `jobs` at once.
 *
 * @param next Says what to run; a cell whose worker died comes before.
 * @returns The most memory that a worker held after a cell, bytes.
 * @throws {CarryoverError} Of a failure that is no cell's, such as a full disk; the reason of the signal.
 */
export async function runInWorkers(next: NextCell, options: WorkersOptions): Promise<number> {
  const pool = new Workers(next, options);
  return pool.run();
}

class Workers {
  readonly #next: NextCell;
  /** Cells whose worker died. */
  readonly #again: number[] = [];
  readonly #options: WorkersOptions;
  readonly #deaths = new Map<number, number>();
  readonly #stop = new AbortController();
  #deathsInARow = 0;
  #running = 0;
  #maxRss = 0;

  constructor(next: NextCell, options: WorkersOptions) {
    this.#next = async () => this.#again.shift() ?? (await next());
    this.#options = options;
  }

  async run(): Promise<number> {
    const { jobs, signal } = this.#options;
    const stop = (): void => this.#stop.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      const lanes = Array.from({ length: jobs }, () => this.#lane());
      await Promise.allSettled(lanes);
      await Promise.all(lanes);
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return this.#maxRss;
  }

  /** One worker after the other, until no cell is left. */
  async #lane(): Promise<void> {
    try {
      for (let first = await this.#next(); first !== undefined; first = await this.#next()) {
        this.#stop.signal.throwIfAborted();
        await this.#useWorker(new Worker(this.#options.command), first);
      }
      this.#stop.signal.throwIfAborted();
    } catch (error) {
      // The other lanes end, too: what they run is run again by the next start.
      this.#stop.abort(error);
      throw error;
    }
  }

  /** Gives cells to a worker until it dies, grows too large, or no cell is left. */
  async #useWorker(worker: Worker, first: number): Promise<void> {
    const { onOutcome, onRunning } = this.#options;
    const end = (): void => worker.end();
    this.#stop.signal.addEventListener("abort", end, { once: true });
    try {
      for (let cell: number | undefined = first; cell !== undefined; cell = await this.#next()) {
        onRunning(++this.#running);
        const answer = await worker.ask(cell);
        onRunning(--this.#running);
        this.#stop.signal.throwIfAborted();
        if (answer === undefined) {
          await this.#died(cell, await worker.exited);
          return;
        }
        if (answer.state === "stopped") throw new CarryoverError(answer.code ?? "IO", answer.error ?? "");
        this.#deaths.delete(cell);
        this.#deathsInARow = 0;
        this.#maxRss = Math.max(this.#maxRss, answer.rss);
        await onOutcome({ cell, state: answer.state, error: answer.error });
        if (answer.rss > MAX_RSS_BYTES) return;
      }
    } finally {
      this.#stop.signal.removeEventListener("abort", end);
      worker.end();
      await worker.exited;
    }
  }

  async #died(cell: number, how: string): Promise<void> {
    this.#deathsInARow += 1;
    if (this.#deathsInARow >= MAX_DEATHS_IN_A_ROW) {
      const found = `${MAX_DEATHS_IN_A_ROW} processes dead one after the other (the last: ${how})`;
      throw fail("IO", "Cannot run cells", { found, expected: "answers" });
    }
    const deaths = (this.#deaths.get(cell) ?? 0) + 1;
    this.#deaths.set(cell, deaths);
    if (deaths < MAX_DEATHS) {
      this.#again.unshift(cell);
      return;
    }
    const error = `Cannot run the cell: found its process dead ${MAX_DEATHS} times (${how}), expected an answer`;
    await this.#options.onOutcome({ cell, state: "died", error });
  }
}

class Worker {
  /** How it ended, such as `killed by SIGKILL`. */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  #answer: ((answer: WorkerAnswer | undefined) => void) | undefined;
  #hasExited = false;

  constructor([program = "", ...args]: readonly string[]) {
    // What its modules print is for the user, but not on stdout.
    this.#child = spawn(program, args, { stdio: ["pipe", 2, 2, "pipe"] });
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#hasExited = true;
        this.#answer?.(undefined);
        resolve(how);
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("exit", (code, signal) => end(signal === null ? `exit code ${code}` : `killed by ${signal}`));
    });
    // A write to a process that has just died: `exit` says so.
    this.#child.stdin!.on("error", () => {});
    const lines = createInterface({ input: this.#child.stdio[ANSWER_FD] as Readable });
    lines.on("line", (line) => this.#answer?.(JSON.parse(line) as WorkerAnswer));
  }

  /** @returns `undefined` if the process died. */
  async ask(cell: number): Promise<WorkerAnswer | undefined> {
    if (this.#hasExited) return undefined;
    const answer = new Promise<WorkerAnswer | undefined>((resolve) => {
      this.#answer = resolve;
    });
    this.#child.stdin!.write(`${cell}\n`);
    return answer.finally(() => {
      this.#answer = undefined;
    });
  }

  /** Lets it stop what it runs, and end. */
  end(): void {
    this.#child.stdin!.end();
  }
}
