import fs from "node:fs";
import { join } from "node:path";
import { RUNS_FOLDER, RunFiles } from "../backtest/run-files.ts";
import { undefinedIfCorrupt } from "../errors.ts";
import { checkOnce, type CheckOptions } from "../maintenance/check.ts";
import type { Finding } from "../maintenance/finding.ts";
import { readOutcome } from "../memory/load.ts";
import { idOfOutcomeFile } from "../memory/outcome.ts";
import { readSidecar } from "../memory/sidecar.ts";
import { isSnapshotFile } from "../results/snapshot.ts";
import { isSession } from "../runs/describe.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { overlay } from "../storage/overlay.ts";
import type { Storage } from "../storage/storage.ts";
import { pauseEvery } from "../util/async.ts";
import { DiskPlace } from "./disk-place.node.ts";
import { backupIds } from "./list.node.ts";
import { isS3Address } from "./place.ts";
import { isOfSameState, isSnapshotOfSameState } from "./session-copies.ts";
import { isLoss } from "./soundness.node.ts";

export interface Copies {
  /** The folder of a backup. */
  readonly backup: string;
  /** Files in it, named as in the memory folder. */
  readonly names: readonly string[];
}

/** A file of a backup that may be copied. */
interface Candidate {
  readonly name: string;
  /** The run that made it, if any. */
  readonly run: string | undefined;
  /** Of an outcome: whether the sidecar of memory says that it had these bytes. */
  readonly isKnown: boolean;
}

interface Search extends CheckOptions {
  readonly memory: Storage;
  readonly backup: Storage;
  readonly findings: readonly Finding[];
  /** Hashes of outcomes as the sidecar has them, by id. */
  readonly hashes: ReadonlyMap<string, string>;
  /** What is known of the runs in the backup: whether they may be sessions, by id. */
  readonly sessions: Map<string, boolean>;
}

/** Outcomes of a backup that are read between two moments in which a signal can stop the search. */
const READS_PER_PAUSE = 128;

/**
 * Finds sound copies of the files that are damaged in a memory folder, or that a run in it misses. A copy is sound if the check
 * of memory finds nothing wrong with it in its place. A session of serve has several states under one run id: of its files, only
 * those are sound that what is left of it shows to be of the same state. A missing outcome is sound if the sidecar has its hash, or
 * if its run then has exactly the outcomes that it committed.
 *
 * @param options `findings`: of the check of that folder. The check is repeated at least once for each backup that has other files.
 * @returns Files of the newest backup that has any of them; `undefined` if none has, or if the backups are in a bucket.
 */
export async function findCopies(
  memoryDir: string,
  options: CheckOptions & { backupDir: string; findings: readonly Finding[] },
): Promise<Copies | undefined> {
  const { backupDir, ...rest } = options;
  if (isS3Address(backupDir)) return undefined;
  const place = new DiskPlace(backupDir);
  const memory = diskStorage(memoryDir);
  const hashes = await hashesOf(memory);
  const tried = new Set<string>();
  for (const id of (await backupIds(place)).toReversed()) {
    const path = place.pathOf(id);
    const search = { ...rest, memory, backup: diskStorage(path), hashes, sessions: new Map() };
    const candidates = [...(await replacements(search)), ...(await missingOutcomes(search))];
    const files = candidates
      .map(({ name }) => `${name} ${fs.lstatSync(join(path, name), { throwIfNoEntry: false })?.ino}`)
      .join("\n");
    if (candidates.length === 0 || tried.has(files)) continue;
    tried.add(files);
    const names = await soundAmong(candidates, search);
    if (names.length > 0) return { backup: path, names };
  }
  return undefined;
}

async function hashesOf(memory: Storage): Promise<ReadonlyMap<string, string>> {
  const sidecar = await undefinedIfCorrupt(() => readSidecar(memory));
  const known = (sidecar?.trades ?? []).filter(({ contentHash }) => contentHash !== "");
  return new Map(known.map(({ id, contentHash }) => [id, contentHash]));
}

/** The files in a backup that may replace what is damaged. */
async function replacements(search: Search): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  for (const finding of search.findings) {
    // The record of a chunk whose outcomes are missing is as it should be.
    if (await isMismatch(search.memory, finding)) continue;
    const candidate = await candidateOf(finding.name, search);
    if (candidate !== undefined) candidates.push(candidate);
  }
  return candidates;
}

/** The outcomes in a backup that memory has not, of runs that miss some. */
async function missingOutcomes(search: Search): Promise<readonly Candidate[]> {
  const { memory, backup, findings } = search;
  const runs = new Set<string>();
  for (const finding of findings) {
    if (finding.run !== undefined && (await isMismatch(memory, finding))) runs.add(finding.run.id);
  }
  if (runs.size === 0) return [];
  const present = new Set((await memory.list()).files.map(({ name }) => name));
  const pause = pauseEvery(READS_PER_PAUSE, search.signal);
  const missing: Candidate[] = [];
  for (const { name } of (await backup.list()).files) {
    if (present.has(name) || idOfOutcomeFile(name) === undefined) continue;
    await pause();
    const candidate = await candidateOf(name, search);
    if (candidate?.run !== undefined && runs.has(candidate.run)) missing.push(candidate);
  }
  return missing;
}

/** Whether a finding says that the outcomes in memory are not those of a record, which is there. */
async function isMismatch(memory: Storage, { name, remedy }: Finding): Promise<boolean> {
  return remedy === "run" && (await exists(memory, name));
}

/** `undefined` if the backup has no such file, or one that is shown to be another or cannot be shown to be the same. */
async function candidateOf(name: string, search: Search): Promise<Candidate | undefined> {
  const { memory, backup, hashes } = search;
  if (!(await exists(backup, name))) return undefined;
  const id = idOfOutcomeFile(name);
  if (id !== undefined) {
    const trade = (await undefinedIfCorrupt(() => readOutcome(backup, id)))?.trade;
    const hash = hashes.get(id);
    if (trade === undefined || (hash !== undefined && hash !== trade.contentHash)) return undefined;
    const run = trade.runId === "" ? undefined : trade.runId;
    // Nothing shows what the outcomes of a chunk were that is not committed.
    if (hash === undefined && run !== undefined && (await mayBeSession(run, search))) {
      if (!(await exists(memory, `${RUNS_FOLDER}/${run}/${trade.chunk}.json`))) return undefined;
    }
    return { name, run, isKnown: hash !== undefined };
  }
  if (isSnapshotFile(name) && !(await isSnapshotOfSameState(name, { memory, backup }))) return undefined;
  const run = runOfFile(name);
  // A run that was removed and made again may have the same id, too, and the check compares a summary with nothing.
  const mayDiffer = run !== undefined && (name.endsWith("/summary.json") || (await mayBeSession(run, search)));
  if (mayDiffer && !(await isOfSameState(name, { memory, backup }))) return undefined;
  return { name, run, isKnown: false };
}

/** Also if the backup does not have the key, which would tell. */
async function mayBeSession(run: string, { backup, sessions }: Search): Promise<boolean> {
  const known = sessions.get(run);
  if (known !== undefined) return known;
  const key = await undefinedIfCorrupt(() => new RunFiles(backup, run).readManifest({ verify: true }));
  const result = key === undefined || isSession(key);
  sessions.set(run, result);
  return result;
}

/**
 * Those of some files of a backup that mend memory; with the record of a chunk perhaps the chunk's other files, too. What one run
 * has wrong keeps no copy of another from being found.
 */
async function soundAmong(wanted: readonly Candidate[], search: Search): Promise<readonly string[]> {
  const { memory, backup, findings, signal, onSteps } = search;
  const before = new Set(findings.map(({ name }) => name));
  const refused = new Set<string>();
  for (let candidates = wanted; candidates.length > 0;) {
    const names = new Set(candidates.map(({ name }) => name));
    const checked = await checkOnce(overlay(memory, { from: backup, names }), { signal, onSteps });
    const left = checked.findings.filter(isLoss);
    const leftNames = new Set(left.map(({ name }) => name));
    const added: Candidate[] = [];
    const spoilt = new Set<string | undefined>();
    for (const { name } of left) {
      if (before.has(name) || names.has(name)) continue;
      const candidate = refused.has(name) ? undefined : await candidateOf(name, search);
      if (candidate === undefined) spoilt.add(runOfFile(name));
      else added.push(candidate);
    }
    if (spoilt.has(undefined)) return [];
    const unequal = new Set<string | undefined>();
    for (const finding of left) if (await isMismatch(memory, finding)) unequal.add(finding.run?.id);
    const kept = candidates.filter(({ name, run, isKnown }) => {
      if (leftNames.has(name)) return false;
      if (idOfOutcomeFile(name) !== undefined) return isKnown || run === undefined || !unequal.has(run);
      // Its SHA-256 is the run's id.
      return run === undefined || !spoilt.has(run) || name.endsWith("/manifest.json");
    });
    if (added.length === 0 && kept.length === candidates.length) return [...names];
    const keptNames = new Set(kept.map(({ name }) => name));
    for (const name of names) if (!keptNames.has(name)) refused.add(name);
    candidates = [...kept, ...added];
  }
  return [];
}

/** The run in whose folder a file is. */
function runOfFile(name: string): string | undefined {
  const [folder, run, file] = name.split("/");
  return folder === RUNS_FOLDER && file !== undefined ? run : undefined;
}

async function exists(storage: Storage, name: string): Promise<boolean> {
  return (await storage.read(name, { maxBytes: 1 })) !== undefined;
}
