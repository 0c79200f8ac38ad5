import { corruptFile, isCorrupt } from "../errors.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Listing, Storage, StoredFile } from "../storage/storage.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { decodeForgetMark, type ForgetMark, isForgetFile, MAX_MARK_BYTES } from "./forget.ts";
import { decodeOutcome, idOfOutcomeFile, isForeignFile, MAX_OUTCOME_BYTES, outcomeFileName } from "./outcome.ts";
import { readSidecar, type Sidecar, SIDECAR_FILE } from "./sidecar.ts";
import { compareTrades, type DecodedOutcome, type Trade } from "./trade.ts";

/** The outcomes and marks of a folder. */
export interface StoredOutcomes {
  /** In the order of (exit, id). */
  readonly trades: readonly Trade[];
  readonly marks: readonly ForgetMark[];
  readonly markFiles: readonly StoredFile[];
  /** Descriptions of the outcomes that were parsed, by id. */
  readonly descriptions: ReadonlyMap<string, string>;
  readonly damaged: readonly DamagedFile[];
  /** Names like those of outcomes, of files that never were any: somebody else's, who keeps them. */
  readonly foreign: readonly string[];
  /** `digestOf()` all that were listed, damaged ones as well, foreign ones not. */
  readonly digest: string;
}

/**
 * Loads the outcomes and marks of a folder.
 *
 * @param known The trades of a sidecar, in order, and its digest: outcomes that are among them by name and size are not read.
 * Without it every outcome is read.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  known?: Pick<Sidecar, "trades" | "digest">,
): Promise<StoredOutcomes> {
  const sources = listing.files.filter(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name));
  const digest = await digestOf(sources);
  const { trades, unread } = splitByKnown(known?.trades ?? [], sources, digest === known?.digest);

  const marks: ForgetMark[] = [];
  const markFiles: StoredFile[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const foreign: string[] = [];
  const lowerCaseIds = new Set(trades.map(({ id }) => id.toLowerCase()));
  for (const file of unread) {
    const { name } = file;
    const id = idOfOutcomeFile(name);
    await unlessDamaged(damaged, name, async () => {
      if (id === undefined) {
        const bytes = await storage.read(name, { maxBytes: MAX_MARK_BYTES + 1 });
        if (bytes === undefined) return;
        marks.push(decodeForgetMark(bytes, name));
        markFiles.push(file);
      } else {
        const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
        if (bytes === undefined) return;
        const isKnown = (): boolean => known?.trades.some((trade) => trade.id === id) === true;
        const outcome = await decodeOutcome(bytes, name).catch((error: unknown) => {
          if (isCorrupt(error) && isForeignFile(bytes, name) && !isKnown()) return undefined;
          throw error;
        });
        if (outcome === undefined) return void foreign.push(name);
        if (lowerCaseIds.has(id.toLowerCase())) {
          const found = "another outcome whose name differs only in case";
          throw corruptFile(name, { found, expected: "one, as some file systems ignore case" });
        }
        lowerCaseIds.add(id.toLowerCase());
        trades.push(outcome.trade);
        descriptions.set(id, outcome.description);
      }
    });
  }
  if (descriptions.size > 0) trades.sort(compareTrades);
  const ours = sources.filter(({ name }) => !foreign.includes(name));
  const digestOfOurs = foreign.length === 0 ? digest : await digestOf(ours);
  return { trades, marks, markFiles, descriptions, damaged, foreign, digest: digestOfOurs };
}

/** @returns `undefined` if the file is gone. @throws {CarryoverError} `CORRUPT` */
export async function readOutcome(storage: Storage, id: string): Promise<DecodedOutcome | undefined> {
  const name = outcomeFileName(id);
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  return bytes === undefined ? undefined : decodeOutcome(bytes, name);
}

/**
 * Tells the trades that are known from the files that have to be read.
 *
 * @param isSame Whether the folder has the digest of the known trades, so that only marks have to be read.
 */
function splitByKnown(
  known: readonly Trade[],
  sources: readonly StoredFile[],
  isSame: boolean,
): { trades: Trade[]; unread: readonly StoredFile[] } {
  if (isSame) return { trades: [...known], unread: sources.filter(({ name }) => isForgetFile(name)) };
  const byName = new Map(known.map((trade) => [outcomeFileName(trade.id), trade]));
  const kept = new Set<Trade>();
  const unread = sources.filter(({ name, size }) => {
    const trade = byName.get(name);
    if (trade?.bytes !== size) return true;
    kept.add(trade);
    return false;
  });
  return { trades: known.filter((trade) => kept.has(trade)), unread };
}

/**
 * SHA-256 over a line `<name> <size>` for each outcome and mark, sorted: what caches were made from. If the caches have the
 * same, a folder opens without reading its outcomes.
 */
export function digestOf(files: readonly StoredFile[]): Promise<string> {
  const lines = files.map(({ name, size }) => `${name} ${size}\n`).toSorted();
  return sha256OfBytes(new TextEncoder().encode(lines.join("")));
}

/** A memory folder as it was read. */
export interface MemoryReading extends StoredOutcomes {
  readonly listing: Listing;
  /** `undefined` where it is missing or damaged. */
  readonly sidecar: Sidecar | undefined;
  /** Outcomes, marks and the sidecar. Nothing was moved. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Reads a memory folder, even while a run writes to it. Takes no lock and writes nothing.
 *
 * @param options `parseAll`: parse every outcome, whatever the sidecar has. @default false
 */
export async function readMemory(storage: Storage, options: { parseAll?: boolean } = {}): Promise<MemoryReading> {
  const damaged: DamagedFile[] = [];
  const sidecar = await unlessDamaged(damaged, SIDECAR_FILE, () => readSidecar(storage));
  // Listed after the sidecar was read, so that every outcome in it is listed.
  const listing = await storage.list();
  const stored = await loadOutcomes(storage, listing, options.parseAll === true ? undefined : sidecar);
  return { ...stored, damaged: [...damaged, ...stored.damaged], sidecar, listing };
}

/** The folder of damaged files, for a person to look at. */
export const QUARANTINE_FOLDER = "quarantine";

/** Moves a file to `quarantine/`, and returns its new name. A second file of the same name ends in `.2`, then `.3`. */
export async function moveToQuarantine(storage: Storage, name: string): Promise<string> {
  const target = `${QUARANTINE_FOLDER}/${name}`;
  const { files, folders } = await storage.list(target.slice(0, target.lastIndexOf("/")));
  const baseName = target.slice(target.lastIndexOf("/") + 1);
  const taken = new Set([...files.map((file) => file.name), ...folders]);
  let suffix = "";
  for (let count = 2; taken.has(`${baseName}${suffix}`); count += 1) suffix = `.${count}`;
  await storage.move(name, `${target}${suffix}`);
  return `${target}${suffix}`;
}

export async function quarantine(storage: Storage, damaged: readonly DamagedFile[]): Promise<void> {
  for (const { name } of damaged) await moveToQuarantine(storage, name);
}
