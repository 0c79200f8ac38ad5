import { isDeepStrictEqual } from "node:util";
import { CarryoverError } from "../errors.ts";
import { encodeForgetMark, isForgetFile } from "../memory/forget.ts";
import { loadOutcomes, QUARANTINE_FOLDER, type StoredOutcomes } from "../memory/load.ts";
import { readableMemory } from "../memory/open.node.ts";
import {
  countStatistics,
  MAX_STATISTICS_BYTES,
  MEMORY_FILE,
  MEMORY_VERSION,
  PROVIDER_FILE,
  REGIME_FILE,
} from "../memory/statistics.ts";
import { readSidecar, type Sidecar, SIDECAR_FILE } from "../memory/sidecar.ts";
import { readVectors, VECTORS_FILE } from "../memory/vectors.ts";
import { isSnapshotFile, readSnapshot } from "../results/snapshot.ts";
import { decodeJsonObject, isRecord } from "../util/json.ts";
import type { Storage } from "../storage/storage.ts";
import { crc32Hex } from "../util/crc32.ts";
import { isUnit } from "../util/vectors.ts";
import { checkOutcomesOfRuns, checkRunFiles, type Finding } from "./check-runs.ts";

/** What a check has read and found. */
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
export async function checkMemory(memoryDir: string): Promise<CheckResult> {
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
export async function checkOnce(storage: Storage): Promise<CheckResult> {
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
    ...checkOutcomesOfRuns(runs, stored.trades),
    ...(await checkVectors(storage, { ...caches, stored })),
    ...(await checkStatistics(caches, stored)),
    // Where nothing is remembered yet, nothing has to be counted.
  ].filter(({ damaged: isDamaged }) => isDamaged || stored.trades.length + stored.marks.length > 0);
  return {
    outcomes: stored.trades.length,
    unverified: stored.trades.filter((trade) => trade.crc32 === null).length + unsealed,
    forget_marks: stored.marks.length,
    snapshots: snapshots.length,
    runs: runs.ids.length,
    chunks: runs.chunks.length,
    vectors: caches.sidecar?.trades.length ?? 0,
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

/** What is counted from the outcomes, as it is stored. */
interface Caches {
  readonly sidecar: Sidecar | undefined;
  readonly sidecarProblem: string | undefined;
  /** Statistics and `memory.json`, as far as they are there. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Reads them before the outcomes that they were counted from. */
async function readCaches(storage: Storage): Promise<Caches> {
  // Written after the statistics, so it is read before them.
  const files = new Map<string, Uint8Array>();
  for (const name of [MEMORY_FILE, PROVIDER_FILE, REGIME_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_STATISTICS_BYTES });
    if (bytes !== undefined) files.set(name, bytes);
  }
  let sidecar: Sidecar | undefined;
  const sidecarProblem = await problemOf(async () => {
    sidecar = await readSidecar(storage);
  });
  return { sidecar, sidecarProblem, files };
}

/** The statistics are those of the outcomes, or were those of the outcomes that `memory.json` was written with. */
async function checkStatistics({ files }: Caches, stored: StoredOutcomes): Promise<readonly Finding[]> {
  const memory = files.get(MEMORY_FILE);
  let said: Readonly<Record<string, unknown>> = {};
  let isOfNow = false;
  const memoryProblem = await problemOf(async () => {
    const { crc32, digest, version } = memory === undefined ? {} : decodeJsonObject(memory, MEMORY_FILE);
    if (isRecord(crc32)) said = crc32;
    isOfNow = digest === stored.digest && version === MEMORY_VERSION;
  });
  return countStatistics(stored).flatMap(({ name, bytes }): Finding[] => {
    const found = files.get(name);
    if (found === undefined) return [behind(name, "is not there")];
    const [is, counted] = [crc32Hex(found), crc32Hex(bytes)];
    if (is === counted) return [];
    if (name === MEMORY_FILE && memoryProblem !== undefined) return [cache(name, memoryProblem)];
    if (name === MEMORY_FILE || is === said[name]) {
      if (!isOfNow) return [behind(name, "is of an earlier state")];
      // What it was counted from is here, but can't be counted any more.
      if (stored.damaged.length > 0) return [];
    }
    const problem = `Cannot trust "${name}": found a CRC-32 of "${is}", expected "${counted}" as counted from the outcomes`;
    return [cache(name, problem)];
  });
}

/** The vectors are those of their sidecar, and its rows those of the outcomes. */
async function checkVectors(
  storage: Storage,
  { sidecar, sidecarProblem, stored }: Caches & { stored: StoredOutcomes },
): Promise<readonly Finding[]> {
  if (sidecarProblem !== undefined) return [cache(SIDECAR_FILE, sidecarProblem)];
  if (sidecar === undefined) return [behind(SIDECAR_FILE, "is not there")];
  const findings: Finding[] = [];
  if (sidecar.digest !== stored.digest) {
    const known = new Set(sidecar.trades.map(({ id }) => id));
    const missing = stored.trades.filter(({ id }) => !known.has(id)).length;
    const lack = `has no vectors yet for ${missing} of ${stored.trades.length} outcomes`;
    findings.push(behind(SIDECAR_FILE, missing > 0 ? lack : "is of an earlier state"));
  }
  const outcomes = new Map(stored.trades.map((trade) => [trade.id, trade]));
  const wrong = sidecar.trades.find((trade) => {
    const outcome = outcomes.get(trade.id);
    // One of another size is read by the next start; one of the same would not be.
    return outcome?.bytes === trade.bytes && !isDeepStrictEqual(outcome, trade);
  });
  if (wrong !== undefined) {
    const problem = `Cannot trust "${SIDECAR_FILE}": found a row of "${wrong.id}" that differs from its outcome, expected the same`;
    findings.push({ ...cache(SIDECAR_FILE, problem), remedy: "rebuild" });
  }

  const size = (await storage.list()).files.find(({ name }) => name === VECTORS_FILE)?.size;
  if (size === undefined) return [...findings, behind(VECTORS_FILE, "is not there")];
  const vectors = await readVectors(storage, sidecar);
  const damaged = vectors.filter((vector) => vector === undefined).length;
  const wrongLength = vectors.filter((vector) => vector !== undefined && !isUnit(vector)).length;
  if (wrongLength > 0) {
    const problem = `found ${wrongLength} of ${sidecar.trades.length} rows that are not of unit length, expected all to be`;
    findings.push({ ...cache(VECTORS_FILE, `Cannot trust "${VECTORS_FILE}": ${problem}`), remedy: "rebuild" });
  }
  if (damaged > 0) {
    const found = `found ${damaged} of ${sidecar.trades.length} rows in blocks that do not match their CRC-32`;
    findings.push(cache(VECTORS_FILE, `Cannot trust "${VECTORS_FILE}": ${found}, expected all to match`));
  } else if (size > 4 * sidecar.dim * sidecar.trades.length) {
    findings.push(behind(VECTORS_FILE, `has bytes beyond the ${sidecar.trades.length} rows that count`));
  }
  return findings;
}

function cache(name: string, problem: string): Finding {
  return { name, damaged: true, problem, remedy: "start" };
}

function behind(name: string, what: string): Finding {
  return { name, damaged: false, problem: `"${name}" ${what}`, remedy: "start" };
}

/** What a reading says of damage; `undefined` where there is none. */
async function problemOf(reading: () => Promise<void>): Promise<string | undefined> {
  try {
    await reading();
    return undefined;
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return error.message;
    throw error;
  }
}
