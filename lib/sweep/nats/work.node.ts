/** Runs cells from the queues of a NATS server. */
import { join } from "node:path";
import { corruptFile, fail } from "../../errors.ts";
import { diskStorage } from "../../storage/disk.node.ts";
import { withLock } from "../../storage/lock.node.ts";
import { VERSION } from "../../version.ts";
import type { CellFailure } from "../cell-result.ts";
import { SweepFolder } from "../folder.ts";
import { allCells } from "../plan.ts";
import type { SweepOptions, SweepRun } from "../run-sweep.node.ts";
import { type CellOutcome, runInWorkers } from "../workers.node.ts";
import { decodeDefinition, type SweepDefinition } from "./definition.ts";
import { placeFiles } from "./input-files.node.ts";
import { SHARED } from "./names.ts";
import { encodeFailure, encodeRunResult, failureName } from "./results.ts";
import { type Queue, type QueuedRun, SweepServer } from "./server.node.ts";
import type { QueueOptions } from "./submit.node.ts";

/** The plan of a sweep has no more, either. */
const MAX_DEFINITION_BYTES = 1 << 28;

/** How queues are worked on. `out`: each sweep gets a folder in it. */
export type QueueWorkOptions = SweepOptions & QueueOptions;

/**
 * Runs cells of all sweeps of a server until none is left, nor in the hands of another worker, who may die.
 *
 * @throws {CarryoverError} `NOT_FOUND` if all that is left is of another version; `LOCKED` if another worker has the folder; `CONFLICT`
 * if a run came out differently elsewhere; `IO`, such as a full disk: its cells go to other workers.
 */
export async function workOnQueues(options: QueueWorkOptions): Promise<SweepRun> {
  const server = await SweepServer.connect(options.nats, { name: "carryover work", signal: options.signal });
  const total = { failed: [] as CellFailure[], ranNow: 0, maxRssBytes: 0 };
  try {
    for (;;) {
      const waiting = (await server.queues()).filter(({ left }) => left > 0);
      const mine = waiting.filter(({ version }) => version === VERSION);
      const other = waiting.find(({ version }) => version !== VERSION);
      if (mine.length === 0) {
        if (other !== undefined && total.ranNow === 0) throw otherVersion(other);
        return total;
      }
      for (const queue of mine) {
        const { failed, ranNow, maxRssBytes } = await workOn(queue, server, options);
        total.failed.push(...failed);
        total.ranNow += ranNow;
        total.maxRssBytes = Math.max(total.maxRssBytes, maxRssBytes);
      }
    }
  } finally {
    await server.close();
  }
}

function otherVersion({ id, version }: Queue): Error {
  const expected = `version ${VERSION}, which this is: run it with carryover ${version}, or submit it again`;
  return fail("NOT_FOUND", `Cannot work on sweep ${id}`, { found: `cells of carryover ${version}`, expected });
}

async function workOn({ id }: Queue, server: SweepServer, options: QueueWorkOptions): Promise<SweepRun> {
  const first = await server.take(id);
  if (first === undefined) return { failed: [], ranNow: 0, maxRssBytes: 0 };
  const worker = new QueueWorker(first, { id, server, options });
  try {
    return await worker.run();
  } finally {
    worker.giveBack();
  }
}

/** Works on one queue until nothing in it waits. */
class QueueWorker {
  readonly #id: string;
  readonly #server: SweepServer;
  readonly #options: QueueWorkOptions;
  readonly #out: string;
  /** Runs that were taken and are not finished, by cell. */
  readonly #held = new Map<number, QueuedRun>();
  readonly #failures: CellFailure[] = [];
  #first: QueuedRun | undefined;
  #ranNow = 0;

  constructor(first: QueuedRun, parts: { id: string; server: SweepServer; options: QueueWorkOptions }) {
    this.#first = first;
    this.#hold(first);
    this.#id = parts.id;
    this.#server = parts.server;
    this.#options = parts.options;
    this.#out = join(parts.options.out, parts.id);
  }

  async run(): Promise<SweepRun> {
    const { worker, keep, jobs } = this.#options;
    const beat = setInterval(() => this.#held.forEach((run) => run.beat()), SweepServer.beatMs);
    try {
      const storage = diskStorage(this.#out);
      return await withLock(storage, async () => {
        const folder = new SweepFolder(storage);
        const definition = await this.#prepare(folder);
        const maxRssBytes = await runInWorkers(() => this.#next(definition), {
          ...this.#options,
          jobs,
          command: [...worker, this.#out, keep],
          onRunning: (running) => this.#report(running),
          onOutcome: (outcome) => this.#finish(outcome, { folder, definition }),
        });
        return { failed: this.#failures, ranNow: this.#ranNow, maxRssBytes };
      });
    } finally {
      clearInterval(beat);
    }
  }

  /** Lets other workers have what this one took and did not finish. */
  giveBack(): void {
    for (const run of this.#held.values()) run.giveBack();
  }

  #hold(run: QueuedRun): void {
    this.#held.set(run.cell, run);
  }

  /** Fetches what the cells read. */
  async #prepare(folder: SweepFolder): Promise<SweepDefinition> {
    const bytes = await this.#server.read(SHARED.sweeps, this.#id, { maxBytes: MAX_DEFINITION_BYTES });
    if (bytes === undefined) {
      const expected = "one: submit it again";
      throw fail("NOT_FOUND", `Cannot work on sweep ${this.#id}`, { found: "no definition on the server", expected });
    }
    const definition = decodeDefinition(bytes, this.#id);
    const { plan, files } = definition;
    const root = join(this.#out, "files");
    await folder.begin({ ...plan, base: { ...plan.base, file: join(root, plan.base.file), root } });
    await placeFiles(files, { server: this.#server, root });
    return definition;
  }

  /** Takes the next cell. One that is part of another sweep, too, may be finished. */
  async #next({ runs }: SweepDefinition): Promise<number | undefined> {
    for (;;) {
      const first = this.#first;
      this.#first = undefined;
      const run = first ?? (await this.#server.take(this.#id));
      if (run === undefined) return undefined;
      if (runs[run.cell] !== run.run) {
        const found = `cell ${run.cell} with run ${run.run.slice(0, 12)}`;
        throw corruptFile(`the queue of sweep ${this.#id}`, { found, expected: "a cell and its run" });
      }
      const isRunning = run !== first && this.#held.has(run.cell);
      this.#hold(run);
      // After a lost connection the server gives a cell again that is run here: from now on this message is answered.
      if (isRunning) continue;
      if (!(await this.#server.has(SHARED.results, run.run))) return run.cell;
      await this.#release(run);
    }
  }

  async #finish(
    { cell, state, error = "" }: CellOutcome,
    { folder, definition }: { folder: SweepFolder; definition: SweepDefinition },
  ): Promise<void> {
    const held = this.#held.get(cell)!;
    this.#ranNow += 1;
    const result = state === "finished" ? await folder.readResult(cell) : undefined;
    if (result?.run_id === held.run) {
      if (!(await this.#server.createOnce(SHARED.results, held.run, encodeRunResult(result)))) {
        const expected = "the same: a provider gives different answers to the same question";
        throw fail("CONFLICT", `Cannot keep run ${held.run.slice(0, 12)}`, { found: "another result of it", expected });
      }
    } else {
      const found = `run ${result?.run_id.slice(0, 12)}, expected ${held.run.slice(0, 12)}`;
      const problem = result === undefined ? error : `Cannot run the cell: found ${found}: the machine's files differ`;
      const { set } = allCells(definition.plan)[cell]!;
      this.#failures.push({ cell, set, error: problem });
      await this.#server.replace(SHARED.results, failureName(held.run), encodeFailure(problem));
      this.#options.onNote(`Cell ${cell} failed: ${problem}`);
    }
    await this.#release(held);
  }

  async #release(run: QueuedRun): Promise<void> {
    await run.done();
    this.#held.delete(run.cell);
  }

  #report(running: number): void {
    const done = this.#ranNow - this.#failures.length;
    const cells = this.#ranNow + running;
    this.#options.onProgress({ cells, done, failed: this.#failures.length, running, doneNow: done });
  }
}
