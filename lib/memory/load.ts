import { corruptFile, isCorrupt, undefinedIfCorrupt } from "../errors.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Listing, Storage, StoredFile } from "../storage/storage.ts";
import { isSameJson } from "../util/json.ts";
import { type Pause, type OnSteps, pauseEvery } from "../util/async.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { decodeForgetMark, type ForgetMark, isForgetFile, MAX_MARK_BYTES } from "./forget.ts";
import {
  contentHash,
  decodeOutcome,
  idOfOutcomeFile,
  isForeignFile,
  MAX_OUTCOME_BYTES,
  outcomeFileName,
} from "./outcome.ts";
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

/** How outcomes are read. */
export interface ReadingOptions {
  /** Stops the reading. */
  readonly signal?: AbortSignal | undefined;
  /** Outcomes and marks that were read. */
  readonly onSteps?: OnSteps | undefined;
}

/** Outcomes that are read between two moments in which a signal can stop the reading: a few hundredths of a second. */
const READS_PER_PAUSE = 128;

/**
 * Loads the outcomes and marks of a folder.
 *
 * @param options `known`: the trades of a sidecar, in order, and its digest: outcomes that are among them by name and size are not
 * read. Without it every outcome is read.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  options: ReadingOptions & { known?: Pick<Sidecar, "trades" | "digest"> | undefined } = {},
): Promise<StoredOutcomes> {
  const { known } = options;
  const pause = pauseEvery(READS_PER_PAUSE, options.signal);
  const sources = listing.files.filter(({ name }) => idOfOutcomeFile(name) !== undefined || isForgetFile(name));
  const digest = await digestOf(sources);
  const split = await splitByKnown(storage, known?.trades ?? [], {
    sources,
    isSame: digest === known?.digest,
    pause,
  });
  const { trades, unread } = split;

  const marks: ForgetMark[] = [];
  const markFiles: StoredFile[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const foreign: string[] = [];
  const lowerCaseIds = new Set(trades.map(({ id }) => id.toLowerCase()));
  for (const [i, file] of unread.entries()) {
    await pause();
    options.onSteps?.("Read", i, unread.length);
    const { name } = file;
    const id = idOfOutcomeFile(name);
    await unlessDamaged(damaged, name, async () => {
      if (id === undefined) {
        const bytes = await storage.read(name, { maxBytes: MAX_MARK_BYTES + 1 });
        if (bytes === undefined) return;
        marks.push(decodeForgetMark(bytes, name));
        markFiles.push(file);
      } else {
        const outcome = await readUnlessForeign(storage, id, known?.trades ?? []);
        if (outcome === "foreign") foreign.push(name);
        if (outcome === undefined || outcome === "foreign") return;
        if (lowerCaseIds.has(id.toLowerCase())) {
          const found = "another outcome whose name differs only in case";
          throw corruptFile(name, { found, expected: "one, as some file systems ignore case" });
        }
        lowerCaseIds.add(id.toLowerCase());
        const before = withHash(split.unhashed.get(id), outcome.trade);
        trades.push(before ?? outcome.trade);
        if (before === undefined) descriptions.set(id, outcome.description);
      }
    });
  }
  if (unread.length > markFiles.length) trades.sort(compareTrades);
  const ours = sources.filter(({ name }) => !foreign.includes(name));
  const digestOfOurs = foreign.length === 0 ? digest : await digestOf(ours);
  return { trades, marks, markFiles, descriptions, damaged, foreign, digest: digestOfOurs };
}

/** The trade of an old sidecar, if it is that of its outcome: the same object, so that its vector is kept. */
function withHash(before: Trade | undefined, read: Trade): Trade | undefined {
  const { contentHash: hash } = read;
  if (before === undefined || !isSameJson({ ...before, contentHash: hash }, read)) return undefined;
  before.contentHash = hash;
  return before;
}

async function readUnlessForeign(
  storage: Storage,
  id: string,
  known: readonly Trade[],
): Promise<DecodedOutcome | "foreign" | undefined> {
  const name = outcomeFileName(id);
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  if (bytes === undefined) return undefined;
  try {
    return await decodeOutcome(bytes, name);
  } catch (error) {
    // What was remembered is ours, whatever became of it.
    if (isCorrupt(error) && isForeignFile(bytes, name) && !known.some((trade) => trade.id === id)) return "foreign";
    throw error;
  }
}

/** @returns `undefined` if the file is gone. @throws {CarryoverError} `CORRUPT` */
export async function readOutcome(storage: Storage, id: string): Promise<DecodedOutcome | undefined> {
  const name = outcomeFileName(id);
  const bytes = await storage.read(name, { maxBytes: MAX_OUTCOME_BYTES + 1 });
  return bytes === undefined ? undefined : decodeOutcome(bytes, name);
}

interface Split {
  /** Known trades whose files are what they were. */
  readonly trades: Trade[];
  readonly unread: readonly StoredFile[];
  /** Known trades, by id, of outcomes of ours that are read again only because an old sidecar has no hash of them. */
  readonly unhashed: ReadonlyMap<string, Trade>;
}

/**
 * Tells the trades that are known from the files that have to be read. Name and size show that an outcome of ours is the known
 * one: it has a checksum, and never changes. An imported one is read and compared by its hash.
 *
 * @param folder `isSame`: whether it has the digest of the known trades.
 */
async function splitByKnown(
  storage: Storage,
  known: readonly Trade[],
  { sources, isSame, pause }: { sources: readonly StoredFile[]; isSame: boolean; pause: Pause },
): Promise<Split> {
  const sizes = isSame ? undefined : new Map(sources.map(({ name, size }) => [name, size]));
  const trades: Trade[] = [];
  const names = new Set<string>();
  const changed = new Set<string>();
  const unhashed = new Map<string, Trade>();
  for (const trade of known) {
    if (sizes !== undefined && sizes.get(outcomeFileName(trade.id)) !== trade.bytes) continue;
    const isHashed = trade.contentHash !== "";
    if (trade.crc32 === null) await pause();
    if (isHashed && (trade.crc32 !== null || (await isUnchanged(storage, trade)))) {
      trades.push(trade);
      if (!isSame) names.add(outcomeFileName(trade.id));
    } else {
      changed.add(outcomeFileName(trade.id));
      if (!isHashed && trade.crc32 !== null) unhashed.set(trade.id, trade);
    }
  }
  const isUnread = (name: string): boolean => (isSame ? isForgetFile(name) || changed.has(name) : !names.has(name));
  return { trades, unread: sources.filter(({ name }) => isUnread(name)), unhashed };
}

async function isUnchanged(storage: Storage, { id, contentHash: expected }: Trade): Promise<boolean> {
  const read = (): Promise<Uint8Array | undefined> =>
    storage.read(outcomeFileName(id), { maxBytes: MAX_OUTCOME_BYTES + 1 });
  const bytes = await undefinedIfCorrupt(read);
  return bytes !== undefined && contentHash(bytes) === expected;
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
export async function readMemory(
  storage: Storage,
  options: ReadingOptions & { parseAll?: boolean } = {},
): Promise<MemoryReading> {
  const damaged: DamagedFile[] = [];
  const sidecar = await unlessDamaged(damaged, SIDECAR_FILE, () => readSidecar(storage));
  // Listed after the sidecar was read, so that every outcome in it is listed.
  const listing = await storage.list();
  const known = options.parseAll === true ? undefined : sidecar;
  const stored = await loadOutcomes(storage, listing, { ...options, known });
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
