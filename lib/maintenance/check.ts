import { encodeForgetMark, isForgetFile } from "../memory/forget.ts";
import { type MemoryReading, QUARANTINE_FOLDER, type ReadingOptions, readMemory } from "../memory/load.ts";
import { SIDECAR_FILE } from "../memory/sidecar.ts";
import type { Trade } from "../memory/trade.ts";
import { isSnapshotFile, readSnapshot } from "../results/snapshot.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import { type Pause, pauseEvery } from "../util/async.ts";
import { checkStatistics, checkVectors, readStatistics } from "./check-caches.ts";
import { checkOutcomesOfRuns, checkRunFiles, withRuns } from "./check-runs.ts";
import { damagedFindings, type Finding, type Remedy } from "./finding.ts";

export interface CheckResult {
  readonly outcomes: number;
  /** Outcomes and snapshots without a checksum, which another system wrote. */
  readonly unverified: number;
  readonly forget_marks: number;
  readonly snapshots: number;
  readonly runs: number;
  readonly chunks: number;
  readonly vectors: number;
  /** Names in `quarantine/`. */
  readonly quarantined: readonly string[];
  /** Files with a name like that of an outcome that are none. Whose they are, keeps them. */
  readonly left_alone: readonly string[];
  /** The newest exit of an outcome, ISO 8601, and the run that made it, if it is stored; `null` without outcomes. */
  readonly newest: { readonly exit: string; readonly run_id: string | null } | null;
  /** Sorted by name. */
  readonly findings: readonly Finding[];
}

/** `signal` stops the check, within a moment. */
export type CheckOptions = ReadingOptions;

/** Snapshots and files of runs that are read between two moments in which a signal can stop the check. */
const FILES_PER_PAUSE = 8;

/** While a run writes, a finding counts only if this many looks find it. */
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 100;

/**
 * Compares everything in a memory folder with its checksums, and the caches with the outcomes. Takes no lock and
 * writes nothing. What a run is just replacing is looked at again.
 */
export async function checkMemory(storage: Storage, options: CheckOptions = {}): Promise<CheckResult> {
  const first = await checkOnce(storage, options);
  let { findings } = first;
  for (let look = 1; look < LOOKS && findings.length > 0; look++) {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    const again = new Set((await checkOnce(storage, options)).findings.map(identityOf));
    findings = findings.filter((finding) => again.has(identityOf(finding)));
  }
  return { ...first, findings };
}

/** Without the problem, whose numbers may change while a run writes. */
function identityOf({ name, damaged }: Finding): string {
  return `${name} ${damaged}`;
}

/** Checks a memory folder in one look, which is enough for the holder of the lock. */
export async function checkOnce(storage: Storage, options: CheckOptions = {}): Promise<CheckResult> {
  const pause = pauseEvery(FILES_PER_PAUSE, options.signal);
  // A run writes in the opposite order, so that a later step finds whatever an earlier one read about.
  const runs = await checkRunFiles(storage, { pause, onSteps: options.onSteps });
  const statistics = await readStatistics(storage);
  const reading = await readMemory(storage, { ...options, parseAll: true });
  const { trades, marks, sidecar } = reading;
  const snapshots = reading.otherFiles.map(({ name }) => name).filter(isSnapshotFile);
  const checkedSnapshots = await checkSnapshots(storage, { names: snapshots, pause });
  const findings = [
    ...reading.damaged.flatMap((file) => damagedFindings([file], remedyOf(file.name))),
    ...checkMarks(reading),
    ...checkedSnapshots.findings,
    ...runs.findings,
    ...checkOutcomesOfRuns(runs, trades),
    ...(await checkVectors(storage, reading)),
    ...(await checkStatistics(statistics, reading)),
    // An empty memory needs no caches.
  ].filter(({ damaged }) => damaged || trades.length + marks.length > 0);
  const newest = trades.at(-1);
  const named = await withRuns(storage, findings, { ids: runs.ids, trades: sidecar?.trades ?? [] });
  return {
    outcomes: trades.length,
    unverified: trades.filter((trade) => trade.crc32 === null).length + checkedSnapshots.unsealed,
    forget_marks: marks.length,
    snapshots: snapshots.length,
    runs: runs.ids.length,
    chunks: runs.chunks.length,
    vectors: sidecar?.trades.length ?? 0,
    quarantined: await filesBelow(storage, QUARANTINE_FOLDER),
    left_alone: reading.foreign,
    newest: newest === undefined ? null : newestOf(newest, runs.ids),
    findings: named.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
  };
}

function newestOf({ exitMs, runId }: Trade, runs: readonly string[]): CheckResult["newest"] {
  return { exit: new Date(exitMs).toISOString(), run_id: runs.includes(runId) ? runId : null };
}

/** How a file that `readMemory()` found damaged is healed. */
function remedyOf(name: string): Remedy {
  if (name === SIDECAR_FILE) return "start";
  return isForgetFile(name) ? "quarantine" : "quarantine, run";
}

/** A mark's name holds the checksum of its bytes: a flipped digit would change every later run. */
function checkMarks({ marks, markFiles }: MemoryReading): readonly Finding[] {
  return marks.flatMap((mark, i) => {
    const found = markFiles[i]!.name;
    const { name } = encodeForgetMark(mark);
    if (found === name) return [];
    const problem =
      `Cannot trust "${found}": found bytes with another CRC-32 than its name has, expected those that were written ` +
      `(where you wrote it by hand: the name "${name}")`;
    return damagedFindings([{ name: found, problem }], "person");
  });
}

async function checkSnapshots(
  storage: Storage,
  { names, pause }: { names: readonly string[]; pause: Pause },
): Promise<{ findings: readonly Finding[]; unsealed: number }> {
  const damaged: DamagedFile[] = [];
  let unsealed = 0;
  for (const name of names) {
    const snapshot = await unlessDamaged(damaged, name, () => readSnapshot(storage, name));
    if (snapshot?.isSealed === false) unsealed += 1;
    await pause();
  }
  return { findings: damagedFindings(damaged, "quarantine"), unsealed };
}

async function filesBelow(storage: Storage, folder: string): Promise<readonly string[]> {
  const { files, folders } = await storage.list(folder);
  const below = [];
  for (const inner of folders) below.push(...(await filesBelow(storage, `${folder}/${inner}`)));
  return [...files.map(({ name }) => `${folder}/${name}`), ...below];
}
