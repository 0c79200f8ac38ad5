import type { Storage } from "../files/storage.ts";
import { encodeForgetMark, isForgetFile } from "../memory/forget.ts";
import { loadOutcomes, type StoredOutcomes } from "../memory/outcome-store.ts";
import { QUARANTINE_FOLDER } from "../memory/quarantine.ts";
import { isSnapshotFile, readSnapshot } from "../memory/snapshot-store.ts";
import { checkStatistics, checkVectors, problemOf, readCaches } from "./_check-caches.ts";
import { checkOutcomesOfRuns, checkRunFiles } from "./_check-runs.ts";
import { readableMemory } from "./_readable-memory.ts";

/** What is not as it should be. */
export interface Finding {
  /** In the memory folder. */
  readonly name: string;
  /** False for what a crash or a deletion leaves, and nothing is lost with. */
  readonly damaged: boolean;
  readonly problem: string;
  /** What becomes of it. */
  readonly remedy: Remedy;
}

/**
 * `start`: the next command that writes makes it anew, and a repair does it now. `rebuild`: a repair makes it anew. `run`: asking
 * for the same run again makes it anew. `quarantine`: a repair moves it aside. `quarantine, run`: and then the run makes it anew.
 * `person`: only a person can tell.
 */
export type Remedy = "start" | "rebuild" | "run" | "quarantine" | "quarantine, run" | "person";

/** What a check has read and found. */
export interface Checkup {
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
  /** Sorted by name. */
  readonly findings: readonly Finding[];
}

/** Looks that must all find it, where a writer may be at work. */
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 100;

/**
 * Reads everything in a memory folder and compares it with its checksums, and the caches with the outcomes. Takes no lock and
 * writes nothing: what a writer is just about to replace is looked at again.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such folder, `IO` if it may not be read.
 */
export async function checkMemory(memoryDir: string): Promise<Checkup> {
  const storage = readableMemory(memoryDir);
  const first = await checkOnce(storage);
  let { findings } = first;
  for (let look = 1; look < LOOKS && findings.length > 0; look++) {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    const again = new Set((await checkOnce(storage)).findings.map(identityOf));
    findings = findings.filter((finding) => again.has(identityOf(finding)));
  }
  return { ...first, findings };
}

/** Of numbers in a problem, some change while a run goes on. */
function identityOf({ name, damaged }: Finding): string {
  return `${name} ${damaged}`;
}

/** The same in one look: for who holds the lock. */
export async function checkOnce(storage: Storage): Promise<Checkup> {
  // In the order in which a writer makes them, backwards: what an earlier step reads speaks of what a later one finds.
  const runs = await checkRunFiles(storage);
  const caches = await readCaches(storage);
  const listing = await storage.list();
  const stored = await loadOutcomes(storage, listing, undefined);
  const damaged: Finding[] = stored.damaged.map(({ name, problem }) => ({
    name,
    damaged: true,
    problem,
    remedy: isForgetFile(name) ? "quarantine" : "quarantine, run",
  }));
  const snapshots = listing.files.map(({ name }) => name).filter(isSnapshotFile);
  const { findings: ofSnapshots, unsealed } = await checkSnapshots(storage, snapshots);
  const findings = [
    ...damaged,
    ...checkMarks(stored),
    ...ofSnapshots,
    ...runs.findings,
    ...checkOutcomesOfRuns(runs, stored.rows),
    ...(await checkVectors(storage, { ...caches, stored })),
    ...(await checkStatistics(caches, stored)),
    // Where nothing is remembered yet, nothing has to be counted.
  ].filter(({ damaged: isDamaged }) => isDamaged || stored.rows.length + stored.marks.length > 0);
  return {
    outcomes: stored.rows.length,
    unverified: stored.rows.filter((row) => row.crc32 === null).length + unsealed,
    forget_marks: stored.marks.length,
    snapshots: snapshots.length,
    runs: runs.ids.length,
    chunks: runs.chunks.length,
    vectors: caches.sidecar?.rows.length ?? 0,
    quarantined: await filesBelow(storage, QUARANTINE_FOLDER),
    findings: findings.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
  };
}

/** A mark is written under the checksum of its bytes, and a flipped digit in it would change every run to come. */
function checkMarks({ marks, markFiles }: StoredOutcomes): readonly Finding[] {
  return marks.flatMap((mark, i): Finding[] => {
    const found = markFiles[i]?.name ?? "";
    const { name } = encodeForgetMark(mark);
    if (found === name) return [];
    const problem =
      `Cannot trust "${found}": found bytes with another CRC-32 than its name has, expected those that were written ` +
      `(where you wrote it by hand: the name "${name}")`;
    return [{ name: found, damaged: true, problem, remedy: "person" }];
  });
}

async function checkSnapshots(
  storage: Storage,
  names: readonly string[],
): Promise<{ findings: readonly Finding[]; unsealed: number }> {
  const findings: Finding[] = [];
  let unsealed = 0;
  for (const name of names) {
    const problem = await problemOf(async () => {
      if ((await readSnapshot(storage, name))?.isSealed === false) unsealed += 1;
    });
    if (problem !== undefined) findings.push({ name, damaged: true, problem, remedy: "quarantine" });
  }
  return { findings, unsealed };
}

async function filesBelow(storage: Storage, folder: string): Promise<readonly string[]> {
  const { files, folders } = await storage.list(folder);
  const below = [];
  for (const inner of folders) below.push(...(await filesBelow(storage, `${folder}/${inner}`)));
  return [...files.map(({ name }) => `${folder}/${name}`), ...below];
}
