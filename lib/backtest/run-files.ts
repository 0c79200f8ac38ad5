/**
 * `runs/<run_id>/`: `manifest.json` (the run key); per chunk `<chunk>.decisions.ndjson`, `<chunk>.equity.csv` and, written last,
 * `<chunk>.json`, which commits the chunk; at the end `summary.json`. The last two have a `crc32` as outcomes have it.
 */
import { CarryoverError, corruptFile, undefinedIfCorrupt } from "../errors.ts";
import type { ChunkRecord, EquityMark } from "../results/chunks.ts";
import type { Summary, SummaryHead } from "../results/summary-shape.ts";
import { crc32OfFile, readLines } from "../storage/blocks.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import { readJsonObject } from "../storage/json-file.ts";
import { checkSeal, encodeSealedJson, readSealedJson } from "../storage/sealed-json.ts";
import type { Storage } from "../storage/storage.ts";
import { settleAll } from "../util/async.ts";
import { crc32Digits, crc32Hex } from "../util/crc32.ts";
import { decodeJsonObject, encodeJson, isRecord } from "../util/json.ts";
import { sha256OfText } from "../util/sha256.ts";
import { runIdOf, type RunKey, type RunKeyHead } from "./run-key.ts";

export const RUNS_FOLDER = "runs";

const MAX_RECORD_BYTES = 1 << 26;
/** Decisions of a chunk of many years. */
const MAX_DETAIL_BYTES = 1 << 30;

/** The figures of a run come first in its summary. */
const SUMMARY_HEAD_BYTES = 1 << 14;

const DECISIONS = ".decisions.ndjson";

/** What comes after the chunk's name in the files that `<chunk>.json` has a checksum of. */
const DETAILS = ["decisions.ndjson", "equity.csv"] as const;
type Detail = (typeof DETAILS)[number];

interface ChunkDetails {
  /** Lines. */
  readonly decisions: Uint8Array;
  readonly marks: readonly EquityMark[];
}

type DetailChecksums = Readonly<Record<Detail, string>>;

type DamagedDetail = DamagedFile & { readonly isMissing: boolean };

/** `<chunk>.json` as it is stored. */
export interface StoredChunk extends ChunkRecord {
  readonly files_crc32: DetailChecksums;
}

/**
 * The files of one run. What reads one returns `undefined` if it is missing, and throws a `CarryoverError` with the code `CORRUPT`
 * if it is not as it was written.
 */
export class RunFiles {
  readonly #storage: Storage;
  readonly #runId: string;
  readonly #folder: string;

  constructor(storage: Storage, runId: string) {
    this.#storage = storage;
    this.#runId = runId;
    this.#folder = `${RUNS_FOLDER}/${runId}`;
  }

  /** Writes `manifest.json`, unless it is there. */
  async writeManifest(key: RunKey): Promise<void> {
    const name = this.#path("manifest.json");
    const bytes = encodeJson({ run_id: this.#runId, key });
    const present = await this.#storage.read(name, { maxBytes: bytes.length + 1 });
    if (present === undefined || crc32Hex(present) !== crc32Hex(bytes)) await this.#storage.replace(name, bytes);
  }

  /** @param options `verify`: whether to check that the key is the run's own, which takes its SHA-256. */
  async readManifest(options: { verify: boolean }): Promise<RunKey | undefined> {
    const name = this.#path("manifest.json");
    const manifest = await readJsonObject(this.#storage, name, { maxBytes: MAX_RECORD_BYTES });
    if (manifest === undefined) return undefined;
    const { key, run_id: runId } = manifest;
    if (!isRunKey(key)) throw corruptFile(name, { found: "no key", expected: "that of a run" });
    if (options.verify && (runId !== this.#runId || runIdOf(key) !== this.#runId)) {
      throw corruptFile(name, { found: "another run", expected: "the one whose key's SHA-256 is the folder's name" });
    }
    return key;
  }

  /** Like `readManifest()`, without the outcomes carried in: of many runs they would take most of the time. */
  async readManifestHead(): Promise<RunKeyHead | undefined> {
    const name = this.#path("manifest.json");
    const bytes = await this.#storage.read(name, { maxBytes: MAX_RECORD_BYTES + 1 });
    if (bytes === undefined) return undefined;
    const text = new TextDecoder().decode(bytes);
    // encodeJson() indents the list of two-element lists like this.
    const start = text.indexOf('\n    "base": [\n');
    const end = text.indexOf("\n    ],", start);
    const head = start === -1 || end === -1 ? text : `${text.slice(0, start)}\n    "base": [${text.slice(end)}`;
    const { key } = decodeJsonObject(new TextEncoder().encode(head), name, { maxBytes: MAX_RECORD_BYTES });
    if (!isRunKey(key)) throw corruptFile(name, { found: "no key", expected: "that of a run" });
    const { base: _base, ...rest } = key;
    return rest;
  }

  /** Writes a chunk's decisions and equity. */
  async writeDetails(chunk: string, details: ChunkDetails): Promise<DetailChecksums> {
    const marks = details.marks.map(
      ({ timestamp, equity, openPositions }) => `${new Date(timestamp).toISOString()},${equity},${openPositions}\n`,
    );
    const bytes: Record<Detail, Uint8Array> = {
      "decisions.ndjson": details.decisions,
      "equity.csv": new TextEncoder().encode(`timestamp,equity,open_positions\n${marks.join("")}`),
    };
    await settleAll(DETAILS.map((detail) => this.#storage.replace(this.#path(`${chunk}.${detail}`), bytes[detail])));
    return { "decisions.ndjson": crc32Hex(bytes["decisions.ndjson"]), "equity.csv": crc32Hex(bytes["equity.csv"]) };
  }

  /** Appends lines to the decisions of a chunk that is not committed yet, after the first `offset` bytes. */
  async appendDecisions(chunk: string, offset: number, lines: Uint8Array): Promise<void> {
    await this.#storage.appendAt(this.#path(`${chunk}.decisions.ndjson`), offset, lines);
  }

  /** Names of the chunks that have decisions, in order. */
  async decisionChunks(): Promise<readonly string[]> {
    const { files } = await this.#storage.list(this.#folder);
    return files.flatMap(({ name }) => (name.endsWith(DECISIONS) ? [name.slice(0, -DECISIONS.length)] : []));
  }

  /** Lines of the decisions of a chunk, also of one that is not committed yet, some thousands at a time. */
  readOpenDecisions(chunk: string): AsyncGenerator<readonly string[]> {
    return this.#linesOf(chunk, "decisions.ndjson");
  }

  /** Opens the last chunk of a session that continues: removes the summary, then the record. */
  async reopen(chunk: string): Promise<void> {
    await this.#storage.remove(this.#path("summary.json"));
    await this.#storage.remove(this.#path(`${chunk}.json`));
  }

  /** Writes `<chunk>.json`, which commits the chunk: after all else that belongs to it. */
  async commitChunk(record: StoredChunk): Promise<void> {
    await this.#storage.replace(this.#path(`${record.chunk}.json`), encodeSealedJson(record));
  }

  /** Names of the chunks that have a record, in order. */
  async chunkNames(): Promise<readonly string[]> {
    const { files } = await this.#storage.list(this.#folder);
    return files
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".json") && name !== "manifest.json" && name !== "summary.json")
      .map((name) => name.slice(0, -".json".length));
  }

  async readChunk(chunk: string): Promise<StoredChunk | undefined> {
    const name = this.#path(`${chunk}.json`);
    const record = await this.#readSealed<StoredChunk>(name);
    if (record !== undefined && (record.run_id !== this.#runId || record.chunk !== chunk)) {
      throw corruptFile(name, { found: "the record of another chunk", expected: "the one of its name" });
    }
    return record;
  }

  /** The record of a chunk; `undefined` if it is missing or damaged, or one of its other files is missing. The run then makes it again. */
  async readCommitted(chunk: string): Promise<StoredChunk | undefined> {
    for (const detail of DETAILS) {
      const start = await this.#storage.read(this.#path(`${chunk}.${detail}`), { maxBytes: 1 });
      if (start === undefined) return undefined;
    }
    return undefinedIfCorrupt(() => this.readChunk(chunk));
  }

  /**
   * Lines of a chunk's decisions, or of its equity without the header, some thousands at a time.
   *
   * @throws {CarryoverError} `CORRUPT` if they are not those of its record, before any is returned.
   */
  async readLines(record: StoredChunk, detail: Detail): Promise<AsyncGenerator<readonly string[]>> {
    const damage = await this.#damageOf(record, detail);
    if (damage !== undefined) throw new CarryoverError("CORRUPT", damage.problem);
    const lines = this.#linesOf(record.chunk, detail);
    return detail === "equity.csv" ? withoutHeader(lines) : lines;
  }

  /** Compares a chunk's decisions and equity with the checksums in its record. */
  async damagedDetails(record: StoredChunk): Promise<readonly DamagedDetail[]> {
    const damaged: DamagedDetail[] = [];
    for (const detail of DETAILS) {
      const damage = await this.#damageOf(record, detail);
      if (damage !== undefined) damaged.push(damage);
    }
    return damaged;
  }

  async readSummary(): Promise<Summary | undefined> {
    const name = this.#path("summary.json");
    const summary = await this.#readSealed<Summary>(name);
    if (summary !== undefined && summary.run_id !== this.#runId) {
      throw corruptFile(name, { found: "the summary of another run", expected: "its own" });
    }
    return summary;
  }

  /** Like `readSummary()`, without the tables, which take most of the time to parse. Every byte is checked all the same. */
  async readSummaryHead(): Promise<SummaryHead | undefined> {
    const name = this.#path("summary.json");
    const bytes = await this.#storage.read(name, { maxBytes: MAX_RECORD_BYTES + 1 });
    if (bytes === undefined) return undefined;
    const start = new TextDecoder().decode(bytes.subarray(0, SUMMARY_HEAD_BYTES));
    const end = start.indexOf(',\n  "quarterly_breakdown"');
    if (end === -1 || checkSeal({ bytes, fields: {} }, name) === undefined) return this.readSummary();
    const head = JSON.parse(`${start.slice(0, end)}}`) as SummaryHead;
    return head.run_id === this.#runId ? head : this.readSummary();
  }

  async writeSummary(summary: Summary): Promise<void> {
    await this.#storage.replace(this.#path("summary.json"), encodeSealedJson(summary));
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  async #damageOf(record: StoredChunk, detail: Detail): Promise<DamagedDetail | undefined> {
    const { chunk, files_crc32: expected } = record;
    const name = this.#path(`${chunk}.${detail}`);
    const crc32 = await crc32OfFile(this.#storage, name, { maxBytes: MAX_DETAIL_BYTES });
    if (crc32 !== undefined && crc32Digits(crc32) === expected[detail]) return undefined;
    const found = crc32 === undefined ? "no such file" : `a CRC-32 of "${crc32Digits(crc32)}"`;
    const { message } = corruptFile(name, { found, expected: `"${expected[detail]}" as in ${chunk}.json` });
    return { name, problem: message, isMissing: crc32 === undefined };
  }

  #linesOf(chunk: string, detail: Detail): AsyncGenerator<readonly string[]> {
    return readLines(this.#storage, this.#path(`${chunk}.${detail}`), { maxBytes: MAX_DETAIL_BYTES });
  }

  async #readSealed<T>(name: string): Promise<T | undefined> {
    const found = await readSealedJson(this.#storage, name, { maxBytes: MAX_RECORD_BYTES });
    if (found?.isSealed === false) throw corruptFile(name, { found: "no crc32", expected: "one as the last key" });
    return found?.fields as T | undefined;
  }
}

async function* withoutHeader(parts: AsyncIterable<readonly string[]>): AsyncGenerator<readonly string[]> {
  let isFirst = true;
  for await (const lines of parts) {
    yield isFirst ? lines.slice(1) : lines;
    isFirst = false;
  }
}

/** The keys of all runs in a memory folder, by run id, without the damaged ones. */
export async function readManifests(storage: Storage): Promise<ReadonlyMap<string, RunKey>> {
  const keys = new Map<string, RunKey>();
  for (const runId of (await storage.list(RUNS_FOLDER)).folders) {
    const key = await undefinedIfCorrupt(() => new RunFiles(storage, runId).readManifest({ verify: false }));
    if (key !== undefined) keys.set(runId, key);
  }
  return keys;
}

/** The digest of a run's outcomes that `<chunk>.json` holds. */
export function outcomesDigest(outcomes: readonly { readonly id: string; readonly crc32: string | null }[]): string {
  const lines = outcomes.map(({ id, crc32 }) => `${id} ${crc32}\n`).toSorted();
  return sha256OfText(lines.join(""));
}

/** Checks the parts of a key that other runs read: without its SHA-256, nothing else shows a flipped bit. */
function isRunKey(key: unknown): key is RunKey {
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
