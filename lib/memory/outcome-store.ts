import { CarryoverError } from "../errors.ts";
import type { Listing, Storage, StoredFile } from "../files/storage.ts";
import { decodeForgetMark, isForgetFile, MAX_MARK_BYTES, type ForgetMark } from "./forget.ts";
import { decodeOutcome, idOfOutcomeFile, MAX_OUTCOME_BYTES } from "./outcome.ts";
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
 * @param known Rows that a sidecar remembers.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  known: readonly OutcomeRow[],
): Promise<StoredOutcomes> {
  const knownById = new Map(known.map((row) => [row.id, row]));
  const rows: OutcomeRow[] = [];
  const marks: ForgetMark[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const markFiles: StoredFile[] = [];
  const lowerCaseIds = new Set<string>();
  for (const file of listing.files) {
    const id = idOfOutcomeFile(file.name);
    const row = id === undefined ? undefined : knownById.get(id);
    try {
      if (id !== undefined && lowerCaseIds.size === lowerCaseIds.add(id.toLowerCase()).size) {
        throw new CarryoverError(
          "CORRUPT",
          `Cannot read "${file.name}": found another outcome of this name but for case, expected one, as some file systems have`,
        );
      }
      if (row?.bytes === file.size) {
        rows.push(row);
      } else if (id !== undefined) {
        const bytes = await storage.read(file.name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
        if (bytes === undefined) continue;
        const decoded = await decodeOutcome(bytes, file.name);
        rows.push(decoded.row);
        descriptions.set(id, decoded.description);
      } else if (isForgetFile(file.name)) {
        const bytes = await storage.read(file.name, { maxBytes: MAX_MARK_BYTES });
        if (bytes === undefined) continue;
        marks.push(decodeForgetMark(bytes, file.name));
        markFiles.push(file);
      }
    } catch (error) {
      if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
      damaged.push({ name: file.name, problem: error.message });
    }
  }
  return { rows: rows.toSorted(compareRows), marks, markFiles, descriptions, damaged };
}

/** Moves damaged outcomes and marks out of the way, to `quarantine/`. */
export async function quarantine(storage: Storage, damaged: readonly DamagedFile[]): Promise<void> {
  for (const { name } of damaged) await storage.move(name, `quarantine/${name}`);
}
