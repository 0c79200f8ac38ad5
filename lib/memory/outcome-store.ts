import { CarryoverError } from "../errors.ts";
import type { Listing, Storage, StoredFile } from "../files/storage.ts";
import { digestOf } from "./digest.ts";
import { decodeForgetMark, isForgetFile, MAX_MARK_BYTES, type ForgetMark } from "./forget.ts";
import { decodeOutcome, idOfOutcomeFile, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { compareRows, type OutcomeRow } from "./outcome-row.ts";
import { moveToQuarantine } from "./quarantine.ts";

/** A file that is not what was once written. */
export interface DamagedFile {
  readonly name: string;
  readonly problem: string;
}

/** All outcomes and marks of a folder. */
export interface StoredOutcomes {
  /** In the order of (exit, id). */
  readonly rows: readonly OutcomeRow[];
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
 * @param known What a sidecar remembers: rows, in order, and the digest of the folder that it was made of.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  known: { readonly rows: readonly OutcomeRow[]; readonly digest: string } | undefined,
): Promise<StoredOutcomes> {
  const sources = listing.files.filter(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name));
  const digest = await digestOf(sources);
  const { rows, others } =
    digest === known?.digest ? unchanged(known.rows, sources) : changed(known?.rows ?? [], sources);

  const marks: ForgetMark[] = [];
  const markFiles: StoredFile[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const lowerCaseIds = new Set(rows.map((row) => row.id.toLowerCase()));
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
      const { row, description } = await decodeOutcome(bytes, file.name);
      lowerCaseIds.add(id.toLowerCase());
      rows.push(row);
      descriptions.set(id, description);
    } catch (error) {
      if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
      damaged.push({ name: file.name, problem: error.message });
    }
  }
  if (descriptions.size > 0) rows.sort(compareRows);
  return { rows, marks, markFiles, descriptions, damaged, digest };
}

/** Every known row, and the marks: nothing else is in a folder that has the digest of the known rows. */
function unchanged(known: readonly OutcomeRow[], sources: readonly StoredFile[]): Sorted {
  return { rows: [...known], others: sources.filter(({ name }) => isForgetFile(name)) };
}

/** The known rows whose files are as they were, and the files that have to be read. */
function changed(known: readonly OutcomeRow[], sources: readonly StoredFile[]): Sorted {
  const knownByName = new Map(known.map((row) => [outcomeFileName(row.id), row]));
  const kept = new Set<OutcomeRow>();
  const others = sources.filter((file) => {
    const row = knownByName.get(file.name);
    if (row?.bytes !== file.size) return true;
    kept.add(row);
    return false;
  });
  return { rows: known.filter((row) => kept.has(row)), others };
}

interface Sorted {
  readonly rows: OutcomeRow[];
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
