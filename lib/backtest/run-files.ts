/**
 * `runs/<run_id>/`: `manifest.json` (the run key), per chunk `<chunk>.decisions.ndjson`, `<chunk>.equity.csv` and, last,
 * `<chunk>.json`, which commits the chunk; at the end `summary.json`. The last two have a `crc32` as outcomes have it.
 */
import type { DecisionRecord } from "../types.ts";
import { CarryoverError } from "../errors.ts";
import { sha256OfText } from "../util/sha256.ts";
import { crc32Hex } from "../util/crc32.ts";
import { readJsonObject } from "../storage/json-file.ts";
import { decodeJsonObject, encodeJson, isRecord } from "../util/json.ts";
import { encodeSealedJson, readSealedJson } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import type { ChunkRecord, EquityMark } from "../results/chunks.ts";
import { runIdOf, type RunKey } from "./run-key.ts";
import type { Summary } from "../results/summary.ts";

const MAX_RECORD_BYTES = 1 << 26;
/** Decisions of a chunk of many years. */
const MAX_BESIDE_BYTES = 1 << 30;

const NEWLINE = 10;

/** Files beside `<chunk>.json`, by what comes after the chunk's name. */
const BESIDE = ["decisions.ndjson", "equity.csv"] as const;

/** `<chunk>.json` as it is stored. */
export interface StoredChunk extends ChunkRecord {
  /** Checksums of the files beside it, which are written before it. */
  readonly files_crc32: Readonly<Record<(typeof BESIDE)[number], string>>;
}

/** Reads and writes the files of one run. What is damaged is as good as gone, since the run can be run again. */
export interface RunStore {
  /** Writes `manifest.json`, unless it is there. */
  writeManifest(key: RunKey): Promise<void>;
  /** @returns `undefined` where a chunk is not committed, or one of its files is gone. */
  readChunk(chunk: string): Promise<ChunkRecord | undefined>;
  /** Writes all files of a chunk, `<chunk>.json` last. */
  commitChunk(
    record: ChunkRecord,
    files: { decisions: readonly DecisionRecord[]; marks: readonly EquityMark[] },
  ): Promise<void>;
  readSummary(): Promise<Summary | undefined>;
  writeSummary(summary: Summary): Promise<void>;
}

/** The folder of all runs. */
export const RUNS_FOLDER = "runs";
const MANIFEST = "manifest.json";
const SUMMARY = "summary.json";

const folderOf = (runId: string): string => `${RUNS_FOLDER}/${runId}`;

/** Opens the store of one run. */
export function openRunStore(storage: Storage, runId: string): RunStore {
  const folder = folderOf(runId);
  return {
    writeManifest: async (key) => {
      const name = `${folder}/${MANIFEST}`;
      const bytes = encodeJson({ run_id: runId, key });
      const there = await storage.read(name, { maxBytes: bytes.length + 1 });
      if (there === undefined || crc32Hex(there) !== crc32Hex(bytes)) await storage.replace(name, bytes);
    },
    readChunk: async (chunk) => {
      for (const kind of BESIDE) {
        if ((await storage.read(`${folder}/${chunk}.${kind}`, { maxBytes: 1 })) === undefined) return undefined;
      }
      return unlessDamaged(() => readChunk(storage, { runId, chunk }));
    },
    commitChunk: async (record, { decisions, marks }) => {
      const lines = decisions.map((decision) => `${JSON.stringify(decision)}\n`);
      const rows = marks.map(
        (mark) => `${new Date(mark.timestamp).toISOString()},${mark.equity},${mark.openPositions}\n`,
      );
      const texts = {
        "decisions.ndjson": lines.join(""),
        "equity.csv": `timestamp,equity,open_positions\n${rows.join("")}`,
      };
      const crc32: Record<string, string> = {};
      for (const kind of BESIDE) {
        const bytes = new TextEncoder().encode(texts[kind]);
        crc32[kind] = crc32Hex(bytes);
        await storage.replace(`${folder}/${record.chunk}.${kind}`, bytes);
      }
      await storage.replace(`${folder}/${record.chunk}.json`, encodeSealedJson({ ...record, files_crc32: crc32 }));
    },
    readSummary: () => unlessDamaged(() => readSummary(storage, runId)),
    writeSummary: (summary) => storage.replace(`${folder}/${SUMMARY}`, encodeSealedJson(summary)),
  };
}

/**
 * Reads `manifest.json`.
 *
 * @param options `verify`: check that it is the run's own, which takes a SHA-256 of it.
 * @returns `undefined` if there is none.
 * @throws {CarryoverError} `CORRUPT` if it is none, or not the one of its folder.
 */
export async function readManifest(
  storage: Storage,
  runId: string,
  options: { verify: boolean },
): Promise<RunKey | undefined> {
  const name = `${folderOf(runId)}/${MANIFEST}`;
  const manifest = await readJsonObject(storage, name, { maxBytes: MAX_RECORD_BYTES });
  if (manifest === undefined) return undefined;
  const { key } = manifest;
  if (!hasKeysShape(key)) throw corrupt(name, "no key", "that of a run");
  if (options.verify && (manifest["run_id"] !== runId || runIdOf(key) !== runId)) {
    throw corrupt(name, "another run", "the one whose key's SHA-256 is the folder's name");
  }
  return key;
}

/** Whether what other runs look at in a key is there: without a SHA-256 of it a flipped bit is not noticed. */
function hasKeysShape(key: unknown): key is RunKey {
  if (!isRecord(key)) return false;
  const { period, bars, base, attempt } = key;
  return (
    typeof period === "string" &&
    isRecord(bars) &&
    Array.isArray(base) &&
    base.every((entry) => Array.isArray(entry)) &&
    Number.isSafeInteger(attempt)
  );
}

/**
 * Reads `<chunk>.json`.
 *
 * @returns `undefined` if there is none.
 * @throws {CarryoverError} `CORRUPT` if it is not as it was written.
 */
export async function readChunk(
  storage: Storage,
  { runId, chunk }: { runId: string; chunk: string },
): Promise<StoredChunk | undefined> {
  const name = `${folderOf(runId)}/${chunk}.json`;
  const record = (await readSealed(storage, name)) as unknown as StoredChunk | undefined;
  if (record !== undefined && (record.run_id !== runId || record.chunk !== chunk)) {
    throw corrupt(name, "the record of another chunk", "the one of its name");
  }
  return record;
}

/**
 * Reads `summary.json`.
 *
 * @returns `undefined` if there is none.
 * @throws {CarryoverError} `CORRUPT` if it is not as it was written.
 */
export async function readSummary(storage: Storage, runId: string): Promise<Summary | undefined> {
  const name = `${folderOf(runId)}/${SUMMARY}`;
  const summary = (await readSealed(storage, name)) as unknown as Summary | undefined;
  if (summary !== undefined && summary.run_id !== runId) throw corrupt(name, "the summary of another run", "its own");
  return summary;
}

/** What providers abstained with in a run's last decision, by name; nothing where its line can't be read. */
export async function lastErrors(
  storage: Storage,
  { runId, chunks }: { runId: string; chunks: readonly string[] },
): Promise<ReadonlyMap<string, string>> {
  for (const chunk of chunks.toReversed()) {
    const name = `${folderOf(runId)}/${chunk}.decisions.ndjson`;
    const bytes = (await storage.read(name, { maxBytes: MAX_BESIDE_BYTES })) ?? new Uint8Array();
    // Every line, the last one too, ends with a newline.
    const end = bytes.lastIndexOf(NEWLINE);
    if (end === -1) continue;
    const line = bytes.subarray(bytes.lastIndexOf(NEWLINE, end - 1) + 1, end);
    const decision = await unlessDamaged(() => decodeJsonObject(line, name));
    const votes = Array.isArray(decision?.["votes"]) ? decision["votes"].filter(isRecord) : [];
    return new Map(votes.map(({ provider, error }) => [String(provider), typeof error === "string" ? error : ""]));
  }
  return new Map();
}

/** A file beside a chunk's record that is gone or not as it was written. */
export interface DamagedBeside {
  readonly name: string;
  readonly problem: string;
  readonly isGone: boolean;
}

/** Reads the files beside a chunk's record, and compares them with the checksums in it. */
export async function damagedBeside(storage: Storage, record: StoredChunk): Promise<readonly DamagedBeside[]> {
  const { run_id: runId, chunk, files_crc32: expected } = record;
  const damaged: DamagedBeside[] = [];
  for (const kind of BESIDE) {
    const name = `${folderOf(runId)}/${chunk}.${kind}`;
    const bytes = await storage.read(name, { maxBytes: MAX_BESIDE_BYTES });
    const crc32 = bytes === undefined ? undefined : crc32Hex(bytes);
    if (crc32 === expected[kind]) continue;
    const found = crc32 === undefined ? "no such file" : `a CRC-32 of "${crc32}"`;
    const { message } = corrupt(name, found, `"${expected[kind]}" as in ${chunk}.json`);
    damaged.push({ name, problem: message, isGone: crc32 === undefined });
  }
  return damaged;
}

/** Names of a run's chunks that have a record, by name. */
export async function chunkNames(storage: Storage, runId: string): Promise<readonly string[]> {
  const { files } = await storage.list(folderOf(runId));
  return files
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".json") && name !== MANIFEST && name !== SUMMARY)
    .map((name) => name.slice(0, -".json".length));
}

/** The manifests of all runs in a folder, by run id; damaged ones are passed over. */
export async function readManifests(storage: Storage): Promise<ReadonlyMap<string, RunKey>> {
  const keys = new Map<string, RunKey>();
  for (const runId of (await storage.list(RUNS_FOLDER)).folders) {
    const key = await unlessDamaged(() => readManifest(storage, runId, { verify: false }));
    if (key !== undefined) keys.set(runId, key);
  }
  return keys;
}

async function readSealed(storage: Storage, name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const found = await readSealedJson(storage, name, { maxBytes: MAX_RECORD_BYTES });
  if (found?.isSealed === false) throw corrupt(name, "no crc32", "one as the last key");
  return found?.fields;
}

async function unlessDamaged<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return undefined;
    throw error;
  }
}

function corrupt(name: string, found: string, expected: string): CarryoverError {
  return new CarryoverError("CORRUPT", `Cannot read "${name}": found ${found}, expected ${expected}`);
}

/** The digest of a run's outcomes that `<chunk>.json` holds. */
export function outcomesDigest(outcomes: readonly { readonly id: string; readonly crc32: string | null }[]): string {
  const lines = outcomes.map(({ id, crc32 }) => `${id} ${crc32}\n`).toSorted();
  return sha256OfText(lines.join(""));
}
