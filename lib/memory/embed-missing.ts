import { embedSentence, type Embedder } from "../embed/embedder.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { isUnit } from "../util/vectors.ts";
import { situationSentence } from "./description.ts";
import { type DamagedFile, digestOf, type StoredOutcomes } from "./load.ts";
import { decodeOutcome, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import type { Trade } from "./trade.ts";
import { readVectors, writeVectors, type Sidecar, type VectorRow } from "./vectors.ts";

/** At least so many vectors are made between two writes. */
const WRITE_EVERY = 256;

/** And by a slow embedder at most so many: what a kill loses. By the sentence model that is about a minute. */
const WRITE_SLOW_EVERY = 1024;

/** Told after each vector that is made: how many are, and how many will be. */
export type OnEmbedded = (made: number, wanted: number) => void;

/** Told, where the making of vectors fails or is stopped, how many of those that were made are on disk. */
export type OnVectorsKept = (kept: number) => void;

/** What `vectors.f32` and its sidecar hold. */
export type WrittenVectors = Pick<Sidecar, "rows" | "blockCrc32">;

/** Every row with its vector. */
export interface FilledVectors {
  readonly rows: VectorRow[];
  readonly unreadable: readonly DamagedFile[];
  readonly embedded: number;
  /** `undefined` where the files are missing, damaged, or another embedder's. */
  readonly written: WrittenVectors | undefined;
}

/**
 * Gives every row its vector: the stored one where it is sound, else one made from its description. What is made is written
 * now and then, and when making one fails or is stopped, so that the next start goes on from there.
 *
 * @param options `sidecar`: of this embedder, if there is one; `checkLengths`: make those anew that are not of unit length.
 */
export async function fillVectors(
  storage: Storage,
  stored: StoredOutcomes,
  options: {
    sidecar: Sidecar | undefined;
    embedder: Embedder;
    checkLengths?: boolean | undefined;
    onEmbedded?: OnEmbedded | undefined;
    onVectorsKept?: OnVectorsKept | undefined;
  },
): Promise<FilledVectors> {
  const { sidecar, embedder, onEmbedded } = options;
  const found = sidecar === undefined ? [] : await readVectors(storage, sidecar);
  const isSound = (vector: Float32Array | undefined): boolean => vector !== undefined && isUnit(vector);
  const storedVectors =
    options.checkLengths === true ? found.map((vector) => (isSound(vector) ? vector : undefined)) : found;
  const vectors = new Map(sidecar?.rows.map((row, i) => [row, storedVectors[i]]));
  const rows: VectorRow[] = [];
  const unreadable: DamagedFile[] = [];
  let written: WrittenVectors | undefined = storedVectors.includes(undefined) ? undefined : sidecar;
  let wanted: number | undefined;
  let embedded = 0;
  let unwritten = 0;

  const write = async (): Promise<void> => {
    const sound = stored.rows.flatMap((row) => {
      const vector = vectors.get(row);
      return vector === undefined ? [] : [{ row, vector }];
    });
    const files = sound.map(({ row }) => ({ name: outcomeFileName(row.id), size: row.bytes }));
    const digest = await digestOf([...files, ...stored.markFiles]);
    const blockCrc32 = await writeVectors(storage, sound, { embedder, ...keptOf(written, sound), digest });
    written = { rows: sound.map(({ row }) => row), blockCrc32 };
    unwritten = 0;
  };

  for (const row of stored.rows) {
    let vector = vectors.get(row);
    if (vector === undefined) {
      const name = outcomeFileName(row.id);
      try {
        const description = stored.descriptions.get(row.id) ?? (await readDescription(storage, name));
        vector = await embedSentence(embedder, situationSentence(description));
      } catch (error) {
        if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") {
          // What stopped the making says more than what then fails as well; vectors that are not kept are made again.
          if (unwritten > 0) await write().catch(() => {});
          options.onVectorsKept?.(embedded - unwritten);
          throw error;
        }
        unreadable.push({ name, problem: error.message });
        continue;
      }
      wanted ??= stored.rows.reduce((sum, each) => sum + (vectors.get(each) === undefined ? 1 : 0), 0);
      vectors.set(row, vector);
      embedded += 1;
      unwritten += 1;
      onEmbedded?.(embedded, wanted);
      // Writing takes time in proportion to all rows: waiting for a share of them keeps the cost of a vector flat. Beside a slow
      // embedder's vectors that cost is small.
      const share = Math.max(WRITE_EVERY, (written?.rows.length ?? 0) / 2);
      if (unwritten >= (embedder.isSlow === true ? Math.min(WRITE_SLOW_EVERY, share) : share)) await write();
    }
    rows.push({ row, vector });
  }
  return { rows, unreadable, embedded, written };
}

/** How many leading rows `vectors.f32` has in the order of `rows`, and their checksums: only what comes after them is appended. */
export function keptOf(
  written: WrittenVectors | undefined,
  rows: readonly VectorRow[],
): { kept: number; blockCrc32: readonly string[] } {
  const isPrefix = written?.rows.every((row: Trade, i) => row === rows[i]?.row) ?? false;
  return written !== undefined && isPrefix
    ? { kept: written.rows.length, blockCrc32: written.blockCrc32 }
    : { kept: 0, blockCrc32: [] };
}

async function readDescription(storage: Storage, name: string): Promise<string> {
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  if (bytes === undefined) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": found no such file, expected it since it was listed`);
  }
  return (await decodeOutcome(bytes, name)).description;
}
