/** Hands a sweep to a NATS server, for any number of workers. */
import { letEventsIn } from "../../util/async.ts";
import { CellRunner, modulesOf } from "../run-cell.node.ts";
import { allCells, type SweepPlan, sweepIdOf } from "../plan.ts";
import { encodeDefinition } from "./definition.ts";
import { inputFilesOf, uploadFiles } from "./input-files.node.ts";
import { queueIdOf, SHARED } from "./names.ts";
import { SweepServer } from "./server.node.ts";

/** How a sweep is handed to a server or fetched from it. */
export interface QueueOptions {
  /** URL of the server, or the name of a context. */
  readonly nats: string;
  readonly signal: AbortSignal;
  /** Called with the files of the user's modules before they are loaded. */
  readonly onModules: (modules: readonly string[]) => void;
}

/** What was queued. */
export interface SubmittedSweep {
  /** 16 hexadecimal digits. */
  readonly id: string;
  readonly cells: number;
  /** Cells that nobody has run yet, also those that an earlier call queued. */
  readonly left: number;
  readonly uploadedBytes: number;
}

/** The run id of each cell, the default first. */
export async function runIdsOf(
  plan: SweepPlan,
  { signal, onModules }: Pick<QueueOptions, "signal" | "onModules">,
): Promise<readonly string[]> {
  const modules = await modulesOf(plan);
  if (modules.length > 0) onModules(modules);
  const runner = new CellRunner(plan, { out: "", keep: "summary" });
  const runs: string[] = [];
  for (const cell of allCells(plan)) {
    await letEventsIn();
    signal.throwIfAborted();
    runs.push(await runner.runIdOf(cell, { signal }));
  }
  return runs;
}

/**
 * Queues the cells that have no result yet. Cells that failed are queued again: their error stays until they have a result. What is in
 * the queue is not queued twice.
 *
 * @throws {CarryoverError} For whatever is wrong with a cell's bars or providers, or with the server.
 */
export async function submitSweep(plan: SweepPlan, options: QueueOptions): Promise<SubmittedSweep> {
  const runs = await runIdsOf(plan, options);
  const paths = await inputFilesOf(plan);
  const id = queueIdOf(sweepIdOf(plan), runs);
  const server = await SweepServer.connect(options.nats, { name: "carryover submit", signal: options.signal });
  try {
    let uploadedBytes = 0;
    const files = await uploadFiles(paths, { server, onUpload: (bytes) => (uploadedBytes += bytes) });
    // Another machine may have submitted the same from other paths: its definition is as good.
    await server.createOnce(SHARED.sweeps, id, encodeDefinition({ plan, files, runs }));
    await server.openQueue(id);
    const known = await server.names(SHARED.results);
    let left = 0;
    for (const [cell, run] of runs.entries()) {
      // Two cells may be the same run.
      if (known.has(run) || runs.indexOf(run) !== cell) continue;
      await server.enqueue(id, { run, cell });
      left += 1;
    }
    return { id, cells: runs.length, left, uploadedBytes };
  } finally {
    await server.close();
  }
}
