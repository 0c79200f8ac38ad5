import { isForeignStatistics, keptName } from "../memory/foreign-statistics.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import type { MemoryReading } from "../memory/load.ts";
import { type Sidecar, SIDECAR_FILE } from "../memory/sidecar.ts";
import {
  countStatistics,
  importedOf,
  MAX_STATISTICS_BYTES,
  MEMORY_FILE,
  MEMORY_VERSION,
  PROVIDER_FILE,
  REGIME_FILE,
} from "../memory/statistics.ts";
import type { Trade } from "../memory/trade.ts";
import { readVectors, VECTORS_FILE } from "../memory/vectors.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import { crc32Hex } from "../util/crc32.ts";
import { decodeJsonObject, isRecord, isSameJson } from "../util/json.ts";
import { isUnit } from "../util/vectors.ts";
import type { Finding, Remedy } from "./finding.ts";

/** Reads the statistics and `memory.json`, as far as they exist. Call it before reading the outcomes, so that none is missed. */
export async function readStatistics(storage: Storage): Promise<ReadonlyMap<string, Uint8Array>> {
  const statistics = new Map<string, Uint8Array>();
  // Read first, as it is written last.
  for (const name of [MEMORY_FILE, PROVIDER_FILE, REGIME_FILE]) {
    const bytes = await storage.read(name, { maxBytes: MAX_STATISTICS_BYTES });
    if (bytes !== undefined) statistics.set(name, bytes);
  }
  return statistics;
}

/** Compares the statistics with the outcomes. Those of an earlier state are stale and not damaged if `memory.json` says so. */
export async function checkStatistics(
  statistics: ReadonlyMap<string, Uint8Array>,
  reading: MemoryReading,
): Promise<readonly Finding[]> {
  const damaged: DamagedFile[] = [];
  const memory = statistics.get(MEMORY_FILE);
  const fields = await unlessDamaged(damaged, MEMORY_FILE, () =>
    memory === undefined ? {} : decodeJsonObject(memory, MEMORY_FILE),
  );
  const recorded = isRecord(fields?.["crc32"]) ? fields["crc32"] : {};
  const isCurrent =
    fields?.["digest"] === reading.digest &&
    fields["imported"] === importedOf(reading.trades).imported &&
    fields["version"] === MEMORY_VERSION;
  const foreign = new Set<string>();
  for (const [name, bytes] of statistics) if (await isForeignStatistics(name, bytes)) foreign.add(name);
  return countStatistics(reading).flatMap(({ name, bytes }): Finding[] => {
    const found = statistics.get(name);
    if (found === undefined) return [stale(name, "is missing")];
    if (foreign.has(name)) return [stale(name, `is of another system, and will be kept as "${keptName(name)}"`)];
    const [foundCrc32, countedCrc32] = [crc32Hex(found), crc32Hex(bytes)];
    if (foundCrc32 === countedCrc32) return [];
    const unreadable = damaged.find((file) => file.name === name);
    if (unreadable !== undefined) return [damagedCache(name, unreadable.problem)];
    if (name === MEMORY_FILE || foundCrc32 === recorded[name]) {
      if (!isCurrent) return [stale(name, "is of an earlier state")];
      // The statistics are right, and outcomes that they were counted from are now damaged.
      if (reading.damaged.some((file) => file.name !== SIDECAR_FILE)) return [];
    }
    const problem = `Cannot trust "${name}": found a CRC-32 of "${foundCrc32}", expected "${countedCrc32}" as counted from the outcomes`;
    return [damagedCache(name, problem)];
  });
}

/** Compares the sidecar with the outcomes, and the vectors with their checksums in the sidecar. */
export async function checkVectors(storage: Storage, reading: MemoryReading): Promise<readonly Finding[]> {
  const { sidecar, otherFiles } = reading;
  if (sidecar === undefined) {
    const isDamaged = reading.damaged.some(({ name }) => name === SIDECAR_FILE);
    return isDamaged ? [] : [stale(SIDECAR_FILE, "is missing")];
  }
  const findings = [...checkSidecar(sidecar, reading)];
  const size = otherFiles.find(({ name }) => name === VECTORS_FILE)?.size;
  if (size === undefined) return [...findings, stale(VECTORS_FILE, "is missing")];

  let damaged = 0;
  let wrongLength = 0;
  for await (const block of readVectors(storage, sidecar)) {
    for (const vector of block) {
      if (vector === undefined) damaged += 1;
      else if (!isUnit(vector)) wrongLength += 1;
    }
  }
  const cannotTrust = `Cannot trust "${VECTORS_FILE}"`;
  const { length } = sidecar.trades;
  if (wrongLength > 0) {
    const found = `found ${wrongLength} of ${length} rows that are not of unit length`;
    findings.push(damagedCache(VECTORS_FILE, `${cannotTrust}: ${found}, expected all to be`, "rebuild"));
  }
  // A writer replaces the vectors if a trade closed before others that they have, and it may be killed before it writes the sidecar.
  const mayBeReplaced = sidecar.digest !== reading.digest && size % (4 * sidecar.dim) === 0;
  if (damaged > 0 && mayBeReplaced) {
    findings.push(stale(VECTORS_FILE, `is of another state than "${SIDECAR_FILE}"`));
  } else if (damaged > 0) {
    const found = `found ${damaged} of ${length} rows in blocks that do not match their CRC-32`;
    findings.push(damagedCache(VECTORS_FILE, `${cannotTrust}: ${found}, expected all to match`));
  } else if (size > 4 * sidecar.dim * length) {
    findings.push(stale(VECTORS_FILE, `has bytes beyond the ${length} rows that count`));
  }
  return findings;
}

function checkSidecar(sidecar: Sidecar, reading: MemoryReading): readonly Finding[] {
  const { trades, digest } = reading;
  const findings: Finding[] = [];
  const outcomes = new Map(trades.map((trade) => [trade.id, trade]));
  // The next start reads these again, and outcomes of another size.
  const isChangedImport = (trade: Trade): boolean => {
    const outcome = outcomes.get(trade.id);
    return outcome?.crc32 === null && outcome.contentHash !== trade.contentHash;
  };
  if (sidecar.digest !== digest || sidecar.isOld || sidecar.trades.some(isChangedImport)) {
    const here = new Set(trades.map(({ id }) => outcomeFileName(id)));
    const ids = new Set(sidecar.trades.map(({ id }) => id));
    const missing = trades.filter(({ id }) => !ids.has(id)).length;
    const lack = `has no vectors yet for ${missing} of ${trades.length} outcomes`;
    const damaged = new Set(reading.damaged.map(({ name }) => name));
    const gone = sidecar.trades
      .map(({ id }) => outcomeFileName(id))
      .filter((name) => !here.has(name) && !damaged.has(name));
    if (gone.length > 0)
      findings.push(stale(SIDECAR_FILE, `still has outcomes that are gone: ${gone.length}, such as "${gone[0]!}"`));
    else findings.push(stale(SIDECAR_FILE, missing > 0 ? lack : "is of an earlier state"));
  }
  const wrong = sidecar.trades.find((trade) => {
    const outcome = outcomes.get(trade.id);
    if (outcome === trade || outcome?.bytes !== trade.bytes || isChangedImport(trade)) return false;
    const contentHash = sidecar.isOld ? outcome.contentHash : trade.contentHash;
    return !isSameJson(outcome, { ...trade, contentHash });
  });
  if (wrong !== undefined) {
    const found = `found a row of "${wrong.id}" that differs from its outcome, expected the same`;
    findings.push(damagedCache(SIDECAR_FILE, `Cannot trust "${SIDECAR_FILE}": ${found}`, "rebuild"));
  }
  return findings;
}

function damagedCache(name: string, problem: string, remedy: Remedy = "start"): Finding {
  return { name, damaged: true, problem, remedy };
}

function stale(name: string, what: string): Finding {
  return { name, damaged: false, problem: `"${name}" ${what}`, remedy: "start" };
}
