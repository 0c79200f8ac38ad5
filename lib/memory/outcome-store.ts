import { CarryoverError } from "../errors.ts";
import type { Listing, Storage, StoredFile } from "../files/storage.ts";
import { decodeForgetMark, isForgetFile, MAX_MARK_BYTES, type ForgetMark } from "./forget.ts";
import { decodeOutcome, idOfOutcomeFile, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { compareRows, type OutcomeRow } from "./outcome-row.ts";

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
}

/**
 * Loads every outcome and mark of a folder. Those that `known` has, by name and size, are not parsed again.
 *
 * @param known Rows that a sidecar remembers, in order.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  known: readonly OutcomeRow[],
): Promise<StoredOutcomes> {
  const knownByName = new Map(known.map((row) => [outcomeFileName(row.id), row]));
  const unchanged = new Set<OutcomeRow>();
  const others: StoredFile[] = [];
  for (const file of listing.files) {
    const row = knownByName.get(file.name);
    if (row?.bytes === file.size) unchanged.add(row);
    else if (idOfOutcomeFile(file.name) !== undefined || isForgetFile(file.name)) others.push(file);
  }
  const rows = known.filter((row) => unchanged.has(row));
  if (others.length === 0) return { rows, marks: [], markFiles: [], descriptions: new Map(), damaged: [] };

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
  return { rows: rows.sort(compareRows), marks, markFiles, descriptions, damaged };
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
  for (const { name } of damaged) await storage.move(name, `quarantine/${name}`);
}
