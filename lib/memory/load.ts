import { CarryoverError, corruptFile, fail, isCorrupt, undefinedIfCorrupt } from "../errors.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import { ensureFile, type Listing, type Storage, type StoredFile } from "../storage/storage.ts";
import { isSameJson } from "../util/json.ts";
import { type Pause, type OnSteps, pauseEvery } from "../util/async.ts";
import { collectGarbage } from "../util/garbage.ts";
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
  /** Descriptions of outcomes that were parsed, by id; not of more than 8,192. */
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

/** Descriptions that are kept for the making of vectors. Of further outcomes they are read again, as all take too much memory. */
const MAX_DESCRIPTIONS = 8192;

/** Outcomes that are read between two moments in which a signal can stop the reading: a few hundredths of a second. */
const READS_PER_PAUSE = 128;

/**
 * Loads the outcomes and marks of a folder.
 *
 * @param options `known`: the trades of a sidecar, in order, and its digest: outcomes that are among them by name and size are not
 * read. Without it every outcome is read. `parseAll`: they are read as well; equal ones stay the same objects.
 */
export async function loadOutcomes(
  storage: Storage,
  listing: Listing,
  options: ReadingOptions & { known?: Pick<Sidecar, "trades" | "digest"> | undefined; parseAll?: boolean } = {},
): Promise<StoredOutcomes> {
  const { known, parseAll = false } = options;
  const pause = pauseEvery(READS_PER_PAUSE, options.signal);
  const sources = listing.files.filter(({ name }) => isSource(name));
  const digest = await digestOf(sources);
  const split = parseAll
    ? { trades: [], unread: sources, reread: ownById(known?.trades ?? []) }
    : await splitByKnown(storage, known?.trades ?? [], { sources, isSame: digest === known?.digest, pause });
  const { trades, unread } = split;

  const marks: ForgetMark[] = [];
  const markFiles: StoredFile[] = [];
  const descriptions = new Map<string, string>();
  const damaged: DamagedFile[] = [];
  const foreign: string[] = [];
  const twins = unread.length > 0 ? idsInTwoCases(sources) : new Set<string>();
  collectGarbage(unread.length);
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
        const outcome = await readUnlessForeign(storage, id, parseAll ? [] : (known?.trades ?? []));
        if (outcome === "foreign") foreign.push(name);
        if (outcome === undefined || outcome === "foreign") return;
        if (twins.has(id.toLowerCase()) && trades.some((trade) => trade.id.toLowerCase() === id.toLowerCase())) {
          const found = "another outcome whose name differs only in case";
          throw corruptFile(name, { found, expected: "one, as some file systems ignore case" });
        }
        const before = unlessChanged(split.reread.get(id), outcome.trade);
        trades.push(before ?? outcome.trade);
        if ((before === undefined || parseAll) && descriptions.size < MAX_DESCRIPTIONS) {
          descriptions.set(id, outcome.description);
        }
      }
    });
  }
  if (unread.length > markFiles.length) trades.sort(compareTrades);
  const isOurs = ({ name }: StoredFile): boolean => !foreign.includes(name);
  const digestOfOurs = foreign.length === 0 ? digest : await digestOf(sources.filter(isOurs));
  return { trades, marks, markFiles, descriptions, damaged, foreign, digest: digestOfOurs };
}

/** Whether it is the name of an outcome or a mark. */
function isSource(name: string): boolean {
  return idOfOutcomeFile(name) !== undefined || isForgetFile(name);
}

/** Ids in lower case of which there are several in other cases. */
function idsInTwoCases(files: readonly StoredFile[]): ReadonlySet<string> {
  const ids = new Set<string>();
  const twins = new Set<string>();
  for (const { name } of files) {
    const id = idOfOutcomeFile(name)?.toLowerCase();
    if (id === undefined) continue;
    if (ids.has(id)) twins.add(id);
    ids.add(id);
  }
  return twins;
}

/**
 * The trade of a sidecar, if it is that of its outcome: the same object, so that its vector is kept, and memory for another one
 * is not needed. That of an old sidecar gets its hash.
 */
function unlessChanged(before: Trade | undefined, read: Trade): Trade | undefined {
  const { contentHash: hash } = read;
  if (before === undefined || (before.contentHash !== "" && before.contentHash !== hash)) return undefined;
  if (!isSameJson({ ...before, contentHash: hash }, read)) return undefined;
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
    return decodeOutcome(bytes, name);
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

/**
 * Makes sure that the file of an outcome has these bytes.
 *
 * @throws {CarryoverError} `CONFLICT` if another outcome has the id, `CORRUPT` if a damaged file is in its place.
 */
export async function ensureOutcome(storage: Storage, id: string, bytes: Uint8Array): Promise<void> {
  try {
    await ensureFile(storage, outcomeFileName(id), bytes);
  } catch (error) {
    if (!(error instanceof CarryoverError && error.code === "CONFLICT")) throw error;
    const damage = await readOutcome(storage, id).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (!isCorrupt(damage)) throw error;
    throw fail("CORRUPT", `Cannot record "${id}"`, {
      found: `a damaged file in its place (${damage.message})`,
      expected:
        "none: memory-stats --check names all damage, --repair moves it aside, and then the same command goes on",
      cause: damage,
    });
  }
}

interface Split {
  /** Known trades whose files are what they were. */
  readonly trades: Trade[];
  readonly unread: readonly StoredFile[];
  /** Known trades, by id, of outcomes of ours that are read again whatever their sizes. */
  readonly reread: ReadonlyMap<string, Trade>;
}

function ownById(trades: readonly Trade[]): ReadonlyMap<string, Trade> {
  return new Map(trades.filter(({ crc32 }) => crc32 !== null).map((trade) => [trade.id, trade]));
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
  /** An old sidecar has no hashes. */
  const unhashed: Trade[] = [];
  for (const trade of known) {
    if (sizes !== undefined && sizes.get(outcomeFileName(trade.id)) !== trade.bytes) continue;
    const isHashed = trade.contentHash !== "";
    if (trade.crc32 === null) await pause();
    if (isHashed && (trade.crc32 !== null || (await isUnchanged(storage, trade)))) {
      trades.push(trade);
      if (!isSame) names.add(outcomeFileName(trade.id));
    } else {
      changed.add(outcomeFileName(trade.id));
      if (!isHashed) unhashed.push(trade);
    }
  }
  const isUnread = (name: string): boolean => (isSame ? isForgetFile(name) || changed.has(name) : !names.has(name));
  return { trades, unread: sources.filter(({ name }) => isUnread(name)), reread: ownById(unhashed) };
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
  const lines = files.map(({ name, size }) => `${name} ${size}\n`);
  // A listing is in order already, and sorting takes longer than all else.
  const isSorted = lines.every((line, i) => i === 0 || lines[i - 1]! <= line);
  return sha256OfBytes(new TextEncoder().encode((isSorted ? lines : lines.toSorted()).join("")));
}

/** A memory folder as it was read. */
export interface MemoryReading extends StoredOutcomes {
  /** Files of the folder that are neither outcomes nor marks. */
  readonly otherFiles: readonly StoredFile[];
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
  collectGarbage(sidecar?.trades.length ?? 0);
  // Listed after the sidecar was read, so that every outcome in it is listed.
  const listing = await storage.list();
  const otherFiles = listing.files.filter(({ name }) => !isSource(name));
  const stored = await loadOutcomes(storage, listing, { ...options, known: sidecar });
  collectGarbage(listing.files.length);
  return { ...stored, damaged: [...damaged, ...stored.damaged], sidecar, otherFiles };
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
