import type { Outcome } from "../domain.ts";
import type { Embedder } from "../embed/embedder.ts";
import { CarryoverError } from "../errors.ts";
import { encodeJson } from "../files/json-file.ts";
import { sha256Hex } from "../files/sha256.ts";
import type { Storage, StoredFile } from "../files/storage.ts";
import { situationSentence } from "./description.ts";
import { countedSince, encodeForgetMark, type ForgetMark } from "./forget.ts";
import { decodeOutcome, encodeOutcome, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { compareRows, rowOfOutcome, type OutcomeRow } from "./outcome-row.ts";
import { loadOutcomes, quarantine, type DamagedFile, type StoredOutcomes } from "./outcome-store.ts";
import { providerPerformance, regimePerformance } from "./performance.ts";
import { readSidecar, readVectors, writeVectors, type Sidecar, type VectorRow } from "./vector-store.ts";

export const PROVIDER_FILE = "provider_performance.json";
export const REGIME_FILE = "regime_performance.json";
export const MEMORY_FILE = "memory.json";

/** At least this many outcomes are recorded between two writes of the caches. */
const FLUSH_EVERY = 64;

/** A memory folder opened for writing. Its caches match its outcomes when it is open, and again after `flush()`. */
export interface Memory {
  readonly embedder: Embedder;
  /** In the order of (exit, id). */
  readonly rows: readonly VectorRow[];
  readonly marks: readonly ForgetMark[];
  /** Files that were found damaged at the opening and moved to `quarantine/`. */
  readonly damaged: readonly DamagedFile[];
  /** Vectors that had to be made at the opening. */
  readonly embedded: number;

  /**
   * Remembers a closed trade. Durable when it returns; the same outcome again is success.
   *
   * @returns Its row with its vector.
   * @throws {CarryoverError} `BAD_OUTCOME` if it cannot be stored, `CONFLICT` if its id is taken by another outcome.
   */
  record(outcome: Outcome): Promise<VectorRow>;

  /** Moves outcomes out of memory, to `quarantine/`. */
  discard(ids: readonly string[]): Promise<void>;

  /** Writes a durable forget mark. */
  forget(mark: ForgetMark): Promise<void>;

  /** Brings the caches on disk up to what is remembered. */
  flush(): Promise<void>;
}

/**
 * Opens a memory folder for writing: loads what is remembered, moves damaged files aside, embeds what has no vector, and
 * brings the caches up to date. The caller holds the storage's lock.
 *
 * @param options `rebuildVectors`: make every vector anew.
 */
export async function openMemory(
  storage: Storage,
  options: { embedder: Embedder; rebuildVectors?: boolean },
): Promise<Memory> {
  const { embedder } = options;
  const sidecar = options.rebuildVectors === true ? undefined : await readSidecarOrNone(storage);
  const stored = await loadOutcomes(storage, await storage.list(), sidecar?.rows ?? []);
  const current = sidecar?.fingerprint === embedder.fingerprint && sidecar.dim === embedder.dim ? sidecar : undefined;
  const { rows, unreadable, embedded, mended } = await withVectors(storage, stored, { sidecar: current, embedder });
  const damaged = [...stored.damaged, ...unreadable];
  await quarantine(storage, damaged);

  const marks = [...stored.marks];
  const markFiles = [...stored.markFiles];
  const byLowerCaseId = new Map(rows.map((entry) => [entry.row.id.toLowerCase(), entry]));

  // How many leading rows vectors.f32 has in this order, and their checksums: only what comes after them is appended.
  const isPrefix = mended === 0 && current !== undefined && current.rows.every((row, i) => row === rows[i]?.row);
  let kept = isPrefix ? current.rows.length : 0;
  let blockCrc32 = isPrefix ? current.blockCrc32 : [];
  let vectorsWritten = isPrefix && kept === rows.length;
  let recorded = 0;

  const flush = async (): Promise<void> => {
    if (!vectorsWritten) {
      blockCrc32 = await writeVectors(storage, rows, { embedder, kept, blockCrc32 });
      kept = rows.length;
      vectorsWritten = true;
    }
    const outcomes = rows.map(({ row }) => row);
    const files = [...outcomes.map((row) => ({ name: outcomeFileName(row.id), size: row.bytes })), ...markFiles];
    await replaceIfOther(storage, PROVIDER_FILE, providerPerformance(outcomes, countedSince(marks)));
    await replaceIfOther(storage, REGIME_FILE, regimePerformance(outcomes));
    await replaceIfOther(storage, MEMORY_FILE, {
      format: "carryover-memory",
      version: 1,
      outcomes: rows.length,
      forget_marks: marks.length,
      digest: digestOf(files),
    });
    recorded = 0;
  };

  const record = async (outcome: Outcome): Promise<VectorRow> => {
    const id = outcome.decision_id;
    const { bytes, crc32 } = encodeOutcome(outcome);
    const known = byLowerCaseId.get(id.toLowerCase());
    if (known !== undefined && known.row.id !== id) {
      const message = `Cannot record "${id}": found "${known.row.id}", expected ids that differ by more than case`;
      throw new CarryoverError("BAD_OUTCOME", message);
    }
    await storage.createOnce(outcomeFileName(id), bytes);
    if (known !== undefined) return known;

    const vector = await embedder.embed(situationSentence(outcome.description));
    const entry = { row: rowOfOutcome(outcome, { bytes: bytes.length, crc32 }), vector };
    let place = rows.length;
    while (place > 0 && compareRows((rows[place - 1] as VectorRow).row, entry.row) > 0) place--;
    rows.splice(place, 0, entry);
    byLowerCaseId.set(id.toLowerCase(), entry);
    if (place < kept) kept = 0;
    vectorsWritten = false;
    recorded += 1;
    // Writing the caches takes time in proportion to all rows; waiting for a share of them keeps the cost of a record flat.
    if (recorded >= Math.max(FLUSH_EVERY, rows.length / 8)) await flush();
    return entry;
  };

  const discard = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      await storage.move(outcomeFileName(id), `quarantine/${outcomeFileName(id)}`);
      const place = rows.findIndex(({ row }) => row.id === id);
      rows.splice(place, 1);
      byLowerCaseId.delete(id.toLowerCase());
      if (place < kept) kept = 0;
      vectorsWritten = false;
    }
  };

  const forget = async (mark: ForgetMark): Promise<void> => {
    const { name, bytes } = encodeForgetMark(mark);
    await storage.createOnce(name, bytes);
    if (markFiles.some((file) => file.name === name)) return;
    markFiles.push({ name, size: bytes.length });
    marks.push(mark);
  };

  await flush();
  return { embedder, rows, marks, damaged, embedded, record, discard, forget, flush };
}

/** Gives every row its vector: the stored one where it is sound and of this embedder, else one made from its description. */
async function withVectors(
  storage: Storage,
  stored: StoredOutcomes,
  options: { sidecar: Sidecar | undefined; embedder: Embedder },
): Promise<{ rows: VectorRow[]; unreadable: DamagedFile[]; embedded: number; mended: number }> {
  const { sidecar, embedder } = options;
  const vectors = new Map<OutcomeRow, Float32Array | undefined>();
  if (sidecar !== undefined) {
    const storedVectors = await readVectors(storage, sidecar);
    sidecar.rows.forEach((row, i) => vectors.set(row, storedVectors[i]));
  }
  const rows: VectorRow[] = [];
  const unreadable: DamagedFile[] = [];
  let embedded = 0;
  let mended = 0;
  for (const row of stored.rows) {
    let vector = vectors.get(row);
    if (vector === undefined) {
      const name = outcomeFileName(row.id);
      try {
        const description = stored.descriptions.get(row.id) ?? (await readDescription(storage, name));
        vector = await embedder.embed(situationSentence(description));
        embedded += 1;
        // A row that the sidecar does not have yet may simply be appended; one that it has was damaged.
        if (vectors.has(row)) mended += 1;
      } catch (error) {
        if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
        unreadable.push({ name, problem: error.message });
        continue;
      }
    }
    rows.push({ row, vector });
  }
  return { rows, unreadable, embedded, mended };
}

/** SHA-256 over a line `<name> <size>` for each outcome and mark, sorted: what the caches were built from. */
function digestOf(files: readonly StoredFile[]): string {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sha256Hex(sorted.map(({ name, size }) => `${name} ${size}\n`).join(""));
}

/** A damaged sidecar is a cache that is made anew: nothing is lost with it. */
async function readSidecarOrNone(storage: Storage): ReturnType<typeof readSidecar> {
  try {
    return await readSidecar(storage);
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CORRUPT") return undefined;
    throw error;
  }
}

async function readDescription(storage: Storage, name: string): Promise<string> {
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  if (bytes === undefined) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": found no such file, expected it since it was listed`);
  }
  return (await decodeOutcome(bytes, name)).description;
}

async function replaceIfOther(storage: Storage, name: string, value: object): Promise<void> {
  const bytes = encodeJson(value);
  const before = await storage.read(name, { maxBytes: bytes.length + 1 });
  const same = before?.length === bytes.length && bytes.every((byte, i) => byte === before[i]);
  if (!same) await storage.replace(name, bytes);
}
