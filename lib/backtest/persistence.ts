/** What the memory folder has of a run that has come to its end. */
import { fail } from "../errors.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import type { MemoryView } from "../memory/view.ts";
import type { Chunk } from "../results/chunks.ts";
import { snapshotsOfRun } from "../results/snapshot.ts";
import type { Summary } from "../results/summary-shape.ts";
import type { BacktestJob } from "./job.ts";
import type { RunFiles } from "./run-files.ts";

/** A run whose chunks have all been committed. */
interface FinishedRun {
  readonly job: Pick<BacktestJob, "memory">;
  readonly id: string;
  readonly chunks: readonly Chunk[];
  readonly view: MemoryView;
  readonly files: RunFiles;
}

/** @throws {CarryoverError} `IO` if files of the run were removed while it ran. The next start makes them again. */
export async function assertComplete({ job, id, chunks, files }: FinishedRun, outcomesStored: number): Promise<void> {
  const trades = job.memory.trades.filter(({ runId }) => runId === id).length;
  const there = await files.chunkNames();
  const missing = chunks.filter(({ name }) => !there.includes(name)).length;
  if (outcomesStored === trades && missing === 0) return;
  const found =
    outcomesStored === trades
      ? `${chunks.length - missing} of its ${chunks.length} chunks there`
      : `${outcomesStored} of its ${trades} outcomes there`;
  throw fail("IO", `Cannot finish the run in "${job.memory.storage.label}"`, {
    found,
    expected: "all of them: something removed files while it ran; the same command makes them again",
  });
}

/** Counts what the memory folder has of this run, file by file. */
export async function persistenceOf({ job, id, view }: FinishedRun): Promise<Summary["memory_persistence"]> {
  const { storage } = job.memory;
  const names = new Set((await storage.list()).files.map(({ name }) => name));
  const trades = job.memory.trades.filter(({ runId }) => runId === id);
  return {
    outcomes_carried_in: view.carriedIn.length,
    outcomes_stored: trades.filter((trade) => names.has(outcomeFileName(trade.id))).length,
    snapshots_stored: (await snapshotsOfRun(storage, id, names)).length,
    vectors_stored: trades.filter(({ vector }) => vector !== undefined).length,
  };
}
