import {
  loadOutcomes,
  moveToQuarantine,
  quarantine,
  type StoredOutcomes,
  type ReadingOptions,
} from "../memory/load.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { openMemory, type OpenMemoryOptions } from "../memory/store.ts";
import type { Storage } from "../storage/storage.ts";
import { isSameJson } from "../util/json.ts";
import { checkOnce, type CheckResult } from "./check.ts";
import type { Finding } from "./finding.ts";

export type RepairOptions = Omit<OpenMemoryOptions, "rebuildVectors" | "checkLengths"> &
  Pick<ReadingOptions, "onSteps">;

export interface RepairResult {
  readonly before: CheckResult;
  /** Files that were moved to `quarantine/`. */
  readonly moved: readonly { readonly name: string; readonly to: string }[];
  readonly rebuilt: readonly string[];
  /** Those that were moved and that no stored run misses, so that no later check finds them missing. */
  readonly lost: readonly string[];
  /** Still has the findings that the repair could not heal. */
  readonly after: CheckResult;
}

/**
 * Repairs a memory folder: moves damaged files to `quarantine/` and rebuilds the caches. Removes nothing. The caller holds
 * the storage's lock.
 */
export async function repairMemory(storage: Storage, options: RepairOptions): Promise<RepairResult> {
  const before = await checkOnce(storage, options);
  const moved: { name: string; to: string }[] = [];
  for (const { name, remedy } of before.findings) {
    if (remedy.startsWith("quarantine")) {
      moved.push({ name, to: await moveToQuarantine(storage, name) });
    }
  }
  await rebuildCaches(storage, await loadOutcomes(storage, await storage.list(), options), options);
  const after = await checkOnce(storage, options);
  const left = new Set(after.findings.map(({ name }) => name));
  const rebuilt = before.findings
    .filter(({ name, remedy }) => (remedy === "start" || remedy === "rebuild") && !left.has(name))
    .map(({ name }) => name);
  const runsLeft = new Set(after.findings.map(({ run }) => run?.id));
  const isMissed = ({ name, run }: Finding): boolean =>
    run?.isStored === true &&
    (runsLeft.has(run.id) || (run.isSession === false && idOfOutcomeFile(name) !== undefined));
  const lost = before.findings.filter((finding) => finding.remedy.startsWith("quarantine") && !isMissed(finding));
  return { before, moved, rebuilt: [...new Set(rebuilt)], lost: lost.map(({ name }) => name), after };
}

/**
 * Moves damaged outcomes and marks to `quarantine/`, and rebuilds the caches that do not match the others.
 *
 * @param stored All outcomes and marks, each of them just read from its file.
 */
export async function rebuildCaches(storage: Storage, stored: StoredOutcomes, options: RepairOptions): Promise<void> {
  await quarantine(storage, stored.damaged);
  const memory = await openMemory(storage, { ...options, checkLengths: true });
  // If an outcome was replaced by another of the same size, the sidecar still describes the old one.
  const trades = memory.trades.map(({ vector: _vector, ...trade }) => trade);
  if (!isSameJson(trades, stored.trades)) await openMemory(storage, { ...options, rebuildVectors: true });
}
