/** Removes old runs. What they remembered stays. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { snapshotsByRun } from "../results/snapshot.ts";
import { withLock } from "../storage/lock.node.ts";
import { groupBy } from "../util/group.ts";
import { type FoundRun, MEMORY_FOLDERS, runsIn } from "./find.node.ts";
import { removeRun } from "./remove.node.ts";

/** The runs of a memory folder, and of the memory folders in it. Newest first in each folder. */
interface PrunedRuns {
  readonly kept: readonly FoundRun[];
  readonly removed: readonly FoundRun[];
}

/**
 * Tells which runs are old: in each memory folder all but the newest, and but those with a label.
 *
 * @throws {CarryoverError} As `runsIn()` does.
 */
export async function findOldRuns(memoryDir: string, { keepLast }: { keepLast: number }): Promise<PrunedRuns> {
  const kept: FoundRun[] = [];
  const removed: FoundRun[] = [];
  for (const folder of MEMORY_FOLDERS) {
    if (folder !== "" && !existsSync(join(memoryDir, folder))) continue;
    for (const [i, run] of (await runsIn(memoryDir, { folder })).entries()) {
      (i < keepLast || run.label !== undefined ? kept : removed).push(run);
    }
  }
  return { kept, removed };
}

/**
 * Removes old runs, under the lock of each memory folder. Their outcomes stay.
 *
 * @param options `keepLast`: how many stay in each folder; `signal` stops between two runs.
 * @throws {CarryoverError} `LOCKED` if another process writes to one of the folders; as `removeRun()` does.
 */
export async function pruneRuns(
  memoryDir: string,
  options: { keepLast: number; signal?: AbortSignal | undefined },
): Promise<PrunedRuns> {
  const { removed: planned, kept } = await findOldRuns(memoryDir, options);
  const removed: FoundRun[] = [];
  for (const runs of groupBy(planned, ({ folder }) => folder).values()) {
    const { storage } = runs[0]!;
    await withLock(storage, async () => {
      // Again, under the lock: a run that was continued meanwhile is among the newest.
      const old = new Set((await findOldRuns(memoryDir, options)).removed.map(({ id, folder }) => join(folder, id)));
      const snapshots = await snapshotsByRun(storage);
      for (const run of runs.filter(({ id, folder }) => old.has(join(folder, id)))) {
        options.signal?.throwIfAborted();
        await removeRun(run, { outcomes: [], snapshots: snapshots.get(run.id) ?? [] });
        removed.push(run);
      }
    });
  }
  return { kept: [...kept, ...planned.filter((run) => !removed.includes(run))], removed };
}
