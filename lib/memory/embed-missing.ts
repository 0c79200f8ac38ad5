import { embedSentence, type Embedder } from "../embed/embedder.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import { isUnit } from "../util/vectors.ts";
import { situationSentence } from "./description.ts";
import { type DamagedFile, digestOf, type StoredOutcomes } from "./load.ts";
import { decodeOutcome, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { type EmbeddedTrade, isEmbedded } from "./trade.ts";
import { readVectors, writeVectors, type Sidecar } from "./vectors.ts";

/** At least so many vectors are made between two writes. */
const WRITE_EVERY = 256;

/** And by a slow embedder at most so many: what a kill loses. By the sentence model that is about a minute. */
const WRITE_SLOW_EVERY = 1024;

/** Told after each vector that is made: how many are, and how many will be. */
export type OnEmbedded = (made: number, wanted: number) => void;

/** Told, where the making of vectors fails or is stopped, how many of those that were made are on disk. */
export type OnVectorsKept = (kept: number) => void;

/** What `vectors.f32` and its sidecar hold. */
export type WrittenVectors = Pick<Sidecar, "trades" | "blockCrc32">;

/** Every trade with its vector. */
export interface FilledVectors {
  readonly trades: EmbeddedTrade[];
  readonly unreadable: readonly DamagedFile[];
  readonly embedded: number;
  /** `undefined` where the files are missing, damaged, or another embedder's. */
  readonly written: WrittenVectors | undefined;
}

/**
 * Gives every trade its vector: the stored one where it is sound, else one made from its description. What is made is written
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
  sidecar?.trades.forEach((trade, i) => {
    const vector = storedVectors[i];
    if (vector !== undefined) trade.vector = vector;
  });
  const unreadable: DamagedFile[] = [];
  let written: WrittenVectors | undefined = storedVectors.includes(undefined) ? undefined : sidecar;
  let embedded = 0;
  let unwritten = 0;

  const write = async (): Promise<void> => {
    const sound = stored.trades.filter(isEmbedded);
    const files = sound.map(({ id, bytes }) => ({ name: outcomeFileName(id), size: bytes }));
    const digest = await digestOf([...files, ...stored.markFiles]);
    const blockCrc32 = await writeVectors(storage, sound, { embedder, ...keptOf(written, sound), digest });
    written = { trades: sound, blockCrc32 };
    unwritten = 0;
  };

  const missing = stored.trades.filter((trade) => !isEmbedded(trade));
  for (const trade of missing) {
    const name = outcomeFileName(trade.id);
    try {
      const description = stored.descriptions.get(trade.id) ?? (await readDescription(storage, name));
      trade.vector = await embedSentence(embedder, situationSentence(description));
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
    embedded += 1;
    unwritten += 1;
    onEmbedded?.(embedded, missing.length);
    // Writing takes time in proportion to all trades: waiting for a share of them keeps the cost of a vector flat. Beside a slow
    // embedder's vectors that cost is small.
    const share = Math.max(WRITE_EVERY, (written?.trades.length ?? 0) / 2);
    if (unwritten >= (embedder.isSlow === true ? Math.min(WRITE_SLOW_EVERY, share) : share)) await write();
  }
  return { trades: stored.trades.filter(isEmbedded), unreadable, embedded, written };
}

/** Of how many leading trades `vectors.f32` has the vectors, and their checksums: only what comes after them is appended. */
export function keptOf(
  written: WrittenVectors | undefined,
  trades: readonly EmbeddedTrade[],
): { kept: number; blockCrc32: readonly string[] } {
  const isPrefix = written?.trades.every((trade, i) => trade === trades[i]) ?? false;
  return written !== undefined && isPrefix
    ? { kept: written.trades.length, blockCrc32: written.blockCrc32 }
    : { kept: 0, blockCrc32: [] };
}

async function readDescription(storage: Storage, name: string): Promise<string> {
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  if (bytes === undefined) {
    throw new CarryoverError("CORRUPT", `Cannot read "${name}": found no such file, expected it since it was listed`);
  }
  return (await decodeOutcome(bytes, name)).description;
}
