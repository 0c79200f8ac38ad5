import { isDeepStrictEqual } from "node:util";
import { CarryoverError } from "../errors.ts";
import { crc32Hex } from "../files/crc32.ts";
import { decodeJsonObject, isRecord } from "../files/json-file.ts";
import type { Storage } from "../files/storage.ts";
import {
  countCaches,
  MAX_CACHE_BYTES,
  MEMORY_FILE,
  MEMORY_VERSION,
  PROVIDER_FILE,
  REGIME_FILE,
} from "../memory/caches.ts";
import type { StoredOutcomes } from "../memory/outcome-store.ts";
import { isUnit } from "../unit-vector.ts";
import { readSidecar, readVectors, SIDECAR_FILE, VECTORS_FILE, type Sidecar } from "../memory/vector-store.ts";
import type { Finding } from "./check-memory.ts";

/** What is counted from the outcomes, as it is stored. */
export interface Caches {
  readonly sidecar: Sidecar | undefined;
  readonly sidecarProblem: string | undefined;
  /** Statistics and `memory.json`, as far as they are there. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Reads them before the outcomes that they were counted from. */
export async function readCaches(storage: Storage): Promise<Caches> {
  // Written after the statistics, so it is read before them.
  const files = new Map<string, Uint8Array>();
  for (const name of [MEMORY_FILE, PROVIDER_FILE, REGIME_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_CACHE_BYTES });
    if (bytes !== undefined) files.set(name, bytes);
  }
  let sidecar: Sidecar | undefined;
  const sidecarProblem = await problemOf(async () => {
    sidecar = await readSidecar(storage);
  });
  return { sidecar, sidecarProblem, files };
}

/** The statistics are those of the outcomes, or were those of the outcomes that `memory.json` was written with. */
export async function checkStatistics({ files }: Caches, stored: StoredOutcomes): Promise<readonly Finding[]> {
  const memory = files.get(MEMORY_FILE);
  let said: Readonly<Record<string, unknown>> = {};
  let isOfNow = false;
  const memoryProblem = await problemOf(async () => {
    const { crc32, digest, version } = memory === undefined ? {} : decodeJsonObject(memory, MEMORY_FILE);
    if (isRecord(crc32)) said = crc32;
    isOfNow = digest === stored.digest && version === MEMORY_VERSION;
  });
  return countCaches(stored).flatMap(({ name, bytes }): Finding[] => {
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
export async function checkVectors(
  storage: Storage,
  { sidecar, sidecarProblem, stored }: Caches & { stored: StoredOutcomes },
): Promise<readonly Finding[]> {
  if (sidecarProblem !== undefined) return [cache(SIDECAR_FILE, sidecarProblem)];
  if (sidecar === undefined) return [behind(SIDECAR_FILE, "is not there")];
  const findings: Finding[] = [];
  if (sidecar.digest !== stored.digest) {
    const known = new Set(sidecar.rows.map(({ id }) => id));
    const missing = stored.rows.filter(({ id }) => !known.has(id)).length;
    const lack = `has no vectors yet for ${missing} of ${stored.rows.length} outcomes`;
    findings.push(behind(SIDECAR_FILE, missing > 0 ? lack : "is of an earlier state"));
  }
  const rows = new Map(stored.rows.map((row) => [row.id, row]));
  const wrong = sidecar.rows.find((row) => {
    const outcome = rows.get(row.id);
    // One of another size is read by the next start; one of the same would not be.
    return outcome?.bytes === row.bytes && !isDeepStrictEqual(outcome, row);
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
    const problem = `found ${wrongLength} of ${sidecar.rows.length} rows that are not of unit length, expected all to be`;
    findings.push({ ...cache(VECTORS_FILE, `Cannot trust "${VECTORS_FILE}": ${problem}`), remedy: "rebuild" });
  }
  if (damaged > 0) {
    const found = `found ${damaged} of ${sidecar.rows.length} rows in blocks that do not match their CRC-32`;
    findings.push(cache(VECTORS_FILE, `Cannot trust "${VECTORS_FILE}": ${found}, expected all to match`));
  } else if (size > 4 * sidecar.dim * sidecar.rows.length) {
    findings.push(behind(VECTORS_FILE, `has bytes beyond the ${sidecar.rows.length} rows that count`));
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
export async function problemOf(reading: () => Promise<void>): Promise<string | undefined> {
  try {
    await reading();
    return undefined;
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return error.message;
    throw error;
  }
}
