/** Waits for the cells of a sweep on a NATS server, and ranks them. */
import { fail } from "../../errors.ts";
import { delay, forEachAtOnce } from "../../util/async.ts";
import type { CellFailure, CellResult } from "../cell-result.ts";
import { allCells, type Cell, type SweepPlan, sweepIdOf } from "../plan.ts";
import { rankCells, type SweepResult } from "../ranking.ts";
import type { SweepProgress } from "../run-sweep.node.ts";
import { queueIdOf, SHARED } from "./names.ts";
import { decodeFailure, decodeRunResult, failureName } from "./results.ts";
import { SweepServer } from "./server.node.ts";
import { type QueueOptions, runIdsOf } from "./submit.node.ts";

/** How often the server is asked how far the sweep is. */
const LOOK_MS = 500;

/** Results that are read at the same time. */
const READS_AT_ONCE = 8;

/** The days of many years. */
const MAX_RESULT_BYTES = 1 << 24;
const MAX_FAILURE_BYTES = 1 << 20;

/**
 * Waits until every cell is finished or has failed.
 *
 * @returns The result of the sweep, the same as that of `sweep run`.
 * @throws {CarryoverError} `NOT_FOUND` if the sweep was not submitted: with these bars, by this version.
 */
export async function collectSweep(
  plan: SweepPlan,
  options: QueueOptions & { onProgress: (progress: SweepProgress) => void },
): Promise<SweepResult> {
  const { signal, onProgress } = options;
  const runs = await runIdsOf(plan, options);
  const id = queueIdOf(sweepIdOf(plan), runs);
  const server = await SweepServer.connect(options.nats, { name: "carryover collect", signal });
  try {
    const total = new Set(runs).size;
    let before: number | undefined;
    for (let left = await leftIn(server, id); left > 0; left = await leftIn(server, id)) {
      before ??= total - left;
      const done = total - left;
      onProgress({ cells: total, done, failed: 0, running: 0, doneNow: done - before });
      await delay(LOOK_MS, signal);
    }
    const cells = allCells(plan);
    const outcomes: (CellResult | CellFailure)[] = [];
    await forEachAtOnce(cells, READS_AT_ONCE, async (cell, i) => {
      outcomes[i] = await outcomeOf(server, cell, runs[cell.cell]!);
    });
    return rankCells(
      outcomes.filter((outcome) => "run_id" in outcome),
      { sweep: sweepIdOf(plan), failed: outcomes.filter((outcome) => "error" in outcome) },
    );
  } finally {
    await server.close();
  }
}

async function leftIn(server: SweepServer, id: string): Promise<number> {
  const left = await server.leftIn(id);
  if (left !== undefined) return left;
  const found = "no such sweep on the server, with these bars and files, by this version";
  throw fail("NOT_FOUND", "Cannot collect the sweep", { found, expected: "one: submit it first" });
}

async function outcomeOf(server: SweepServer, cell: Cell, run: string): Promise<CellResult | CellFailure> {
  const bytes = await server.read(SHARED.results, run, { maxBytes: MAX_RESULT_BYTES });
  if (bytes !== undefined) return decodeRunResult(bytes, cell, run);
  const failure = await server.read(SHARED.results, failureName(run), { maxBytes: MAX_FAILURE_BYTES });
  if (failure !== undefined) return { ...cell, error: decodeFailure(failure) };
  const found = `no result of cell ${cell.cell}, although nothing is left to do`;
  throw fail("NOT_FOUND", "Cannot collect the sweep", { found, expected: "one: submit it again" });
}
