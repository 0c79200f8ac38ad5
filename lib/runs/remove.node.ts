/** Removes a run. It is the last step that makes it invisible, so that a removal that was cut off can be repeated. */
import fs from "node:fs";
import { join } from "node:path";
import { RUNS_FOLDER, RunFiles } from "../backtest/run-files.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import { readMemory } from "../memory/load.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import { snapshotsOfRun } from "../results/snapshot.ts";
import { attempt, REMOVED, syncFolder, temporaryName } from "../storage/fs.node.ts";
import type { FoundRun } from "./find.node.ts";
import { setLabel } from "./labels.ts";
import { renameSync } from "../storage/rename.node.ts";

/** What belongs to a run, and who depends on it. */
export interface RunParts {
  /** Ids of its outcomes. */
  readonly outcomes: readonly string[];
  readonly snapshots: readonly string[];
  /** Other runs of the folder that carried some of its outcomes in. */
  readonly carried_in_by: readonly { readonly run_id: string; readonly outcomes: number }[];
}

/** Lists what a removal would take. */
export async function partsOfRun({ storage, id }: FoundRun): Promise<RunParts> {
  const { trades, otherFiles } = await readMemory(storage);
  const names = otherFiles.map(({ name }) => name);
  const outcomes = trades.filter(({ runId }) => runId === id).map((trade) => trade.id);
  const own = new Set(outcomes);
  const carriedInBy: { run_id: string; outcomes: number }[] = [];
  for (const other of (await storage.list(RUNS_FOLDER)).folders.filter((each) => each !== id)) {
    const key = await undefinedIfCorrupt(() => new RunFiles(storage, other).readManifest({ verify: false }));
    const count = key?.base.filter(([outcome]) => own.has(outcome)).length ?? 0;
    if (count > 0) carriedInBy.push({ run_id: other, outcomes: count });
  }
  return { outcomes, snapshots: await snapshotsOfRun(storage, id, names), carried_in_by: carriedInBy };
}

/**
 * Removes a run's snapshots, its label and its folder, and before that its outcomes if they are given. The caller holds the lock
 * of the memory folder, and brings the caches up to date.
 *
 * @param parts `outcomes`: ids of those that go with it.
 */
export async function removeRun(run: FoundRun, parts: Pick<RunParts, "outcomes" | "snapshots">): Promise<void> {
  const { memoryDir, storage, id } = run;
  attempt("remove outcomes in", memoryDir, () => {
    for (const path of parts.outcomes.map((outcome) => join(memoryDir, outcomeFileName(outcome)))) {
      if (fs.existsSync(path)) fs.unlinkSync(path);
    }
    if (parts.outcomes.length > 0) syncFolder(memoryDir);
  });
  for (const name of parts.snapshots) await storage.remove(name);
  await setLabel(storage, id, undefined);
  const runs = join(memoryDir, RUNS_FOLDER);
  const removed = join(runs, temporaryName(REMOVED));
  attempt("remove", join(runs, id), () => {
    // Renamed first: half a run must not look like one. What a kill leaves of it, the next writer removes.
    renameSync(join(runs, id), removed);
    syncFolder(runs);
    fs.rmSync(removed, { recursive: true, force: true });
  });
}
