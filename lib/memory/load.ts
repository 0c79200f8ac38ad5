import { CarryoverError } from "../errors.ts";
import type { Listing, Storage, StoredFile } from "../storage/storage.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { decodeForgetMark, type ForgetMark, isForgetFile, MAX_MARK_BYTES } from "./forget.ts";
import { decodeOutcome, idOfOutcomeFile, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { compareTrades, type Trade } from "./trade.ts";
import { readSidecar, type Sidecar, SIDECAR_FILE } from "./vectors.ts";

/** A file that is not what was once written. */
export interface DamagedFile {
  readonly name: string;
  readonly problem: string;
}

/** All outcomes and marks of a folder. */
export interface StoredOutcomes {
  /** In the order of (exit, id). */
  readonly trades: readonly Trade[];
  readonly marks: readonly ForgetMark[];
  readonly markFiles: readonly StoredFile[];
  /** Descriptions of the outcomes that were parsed, by id. */
  readonly descriptions: ReadonlyMap<string, string>;
  readonly damaged: readonly DamagedFile[];
  /** Of the outcomes and marks that were listed. */
  readonly digest: string;
}

/**
 * Loads every outcome and mark of a folder. Those that `known` has, by name and size, are not parsed again.
 *
 * @param known What a sidecar remembers: trades, in order, and the digest of the folder that it was made of.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  known: { readonly trades: readonly Trade[]; readonly digest: string } | undefined,
): Promise<StoredOutcomes> {
  const sources = listing.files.filter(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name));
  const digest = await digestOf(sources);
  const { trades, others } =
    digest === known?.digest ? unchanged(known.trades, sources) : changed(known?.trades ?? [], sources);

  const marks: ForgetMark[] = [];
  const markFiles: StoredFile[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const lowerCaseIds = new Set(trades.map((trade) => trade.id.toLowerCase()));
  for (const file of others) {
    const id = idOfOutcomeFile(file.name);
    const most = id === undefined ? MAX_MARK_BYTES : MAX_OUTCOME_BYTES;
    try {
      const bytes = await storage.read(file.name, { maxBytes: most + 1 });
      // Removed since it was listed.
      if (bytes === undefined) continue;
      if (id === undefined) {
        marks.push(decodeForgetMark(bytes, file.name));
        markFiles.push(file);
        continue;
      }
      if (lowerCaseIds.has(id.toLowerCase())) throw takenButForCase(file.name);
      const { trade, description } = await decodeOutcome(bytes, file.name);
      lowerCaseIds.add(id.toLowerCase());
      trades.push(trade);
      descriptions.set(id, description);
    } catch (error) {
      if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
      damaged.push({ name: file.name, problem: error.message });
    }
  }
  if (descriptions.size > 0) trades.sort(compareTrades);
  return { trades, marks, markFiles, descriptions, damaged, digest };
}

/** Every known trade, and the marks: nothing else is in a folder that has the digest of the known trades. */
function unchanged(known: readonly Trade[], sources: readonly StoredFile[]): Sorted {
  return { trades: [...known], others: sources.filter(({ name }) => isForgetFile(name)) };
}

/** The known trades whose files are as they were, and the files that have to be read. */
function changed(known: readonly Trade[], sources: readonly StoredFile[]): Sorted {
  const knownByName = new Map(known.map((trade) => [outcomeFileName(trade.id), trade]));
  const kept = new Set<Trade>();
  const others = sources.filter((file) => {
    const trade = knownByName.get(file.name);
    if (trade?.bytes !== file.size) return true;
    kept.add(trade);
    return false;
  });
  return { trades: known.filter((trade) => kept.has(trade)), others };
}

interface Sorted {
  readonly trades: Trade[];
  readonly others: readonly StoredFile[];
}

function takenButForCase(name: string): CarryoverError {
  const found = "found another outcome of this name but for case";
  return new CarryoverError(
    "CORRUPT",
    `Cannot read "${name}": ${found}, expected one, as some file systems tell no case`,
  );
}

/** Moves damaged outcomes and marks out of the way, to `quarantine/`. */
export async function quarantine(storage: Storage, damaged: readonly DamagedFile[]): Promise<void> {
  for (const { name } of damaged) await moveToQuarantine(storage, name);
}

/** Where damaged files are kept for a person to look at; nothing reads them. */
export const QUARANTINE_FOLDER = "quarantine";

/**
 * Moves a file out of the way, to `quarantine/`. What is there stays: a second file of one name gets `.2` at its end, then `.3`.
 *
 * @returns Its new name.
 */
export async function moveToQuarantine(storage: Storage, name: string): Promise<string> {
  const target = `${QUARANTINE_FOLDER}/${name}`;
  const slash = target.lastIndexOf("/");
  const { files, folders } = await storage.list(target.slice(0, slash));
  const taken = new Set([...files.map((file) => file.name), ...folders]);
  const base = target.slice(slash + 1);
  let free = base;
  for (let count = 2; taken.has(free); count += 1) free = `${base}.${count}`;
  const to = target.slice(0, slash + 1) + free;
  await storage.move(name, to);
  return to;
}

/**
 * SHA-256 over a line `<name> <size>` for each outcome and mark, sorted: what caches were built from. A folder whose digest
 * is the caches' is opened without a look at its outcomes.
 */
export function digestOf(files: readonly StoredFile[]): Promise<string> {
  const lines = files.map(({ name, size }) => `${name} ${size}\n`).toSorted();
  return sha256OfBytes(new TextEncoder().encode(lines.join("")));
}

/** A memory as a reader sees it. */
export interface MemoryReading {
  /** In the order of (exit, id). */
  readonly trades: readonly Trade[];
  readonly marks: readonly ForgetMark[];
  /** Outcomes, marks and caches that are not what was written; nothing was moved. */
  readonly damaged: readonly DamagedFile[];
  readonly sidecar: Sidecar | undefined;
  /** Outcomes that the sidecar does not have yet, and had to be parsed. */
  readonly parsed: number;
  readonly listing: Listing;
}

/** Reads a memory without a lock and without a write, at any moment of a writing run. */
export async function readMemory(storage: Storage): Promise<MemoryReading> {
  const damaged: DamagedFile[] = [];
  let sidecar: Sidecar | undefined;
  try {
    sidecar = await readSidecar(storage);
  } catch (error) {
    if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
    damaged.push({ name: SIDECAR_FILE, problem: error.message });
  }
  // Listed after the sidecar was read, so that every outcome that it speaks of is there.
  const listing = await storage.list();
  const { trades, marks, descriptions, damaged: outcomes } = await loadOutcomes(storage, listing, sidecar);
  return { trades, marks, damaged: [...damaged, ...outcomes], sidecar, parsed: descriptions.size, listing };
}
