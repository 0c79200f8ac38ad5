/**
 * Folders as a whole: listing, copying, comparing, syncing and removing all their files. A `Pause` is awaited after each file and
 * each megabyte, so that a signal can stop the work.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { forEachAtOnce, type Pause } from "../util/async.ts";
import { isReservedName } from "../util/names.ts";
import {
  attempt,
  CREATE_ONLY,
  discard,
  isTemporaryName,
  namesIn,
  READ_ONLY,
  syncBeside,
  syncFolder,
  systemCodeOf,
  temporaryName,
  withFileAsync,
  writeAll,
} from "./fs.node.ts";

const BLOCK = 1 << 20;

/** Files that are synced at once. */
const MAX_SYNCS = 64;

/** Identifies the bytes of a file. */
export interface Fingerprint {
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** What lies in a folder and below, names relative to it. */
export interface Tree {
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Links, pipes and devices. They are never opened. */
  readonly others: readonly string[];
}

/** Lists what lies directly in a folder. Names are relative to `root`. */
export async function filesIn(
  root: string,
  { folder = "", pause }: { folder?: string; pause: Pause },
): Promise<Tree & { readonly folders: readonly string[] }> {
  const files: { name: string; size: number }[] = [];
  const others: string[] = [];
  const folders: string[] = [];
  for (const entry of namesIn(join(root, folder))) {
    if (isReservedName(entry)) continue;
    const name = folder === "" ? entry : `${folder}/${entry}`;
    const stat = fs.lstatSync(join(root, name), { throwIfNoEntry: false });
    if (stat?.isDirectory()) folders.push(name);
    else if (stat?.isFile()) files.push({ name, size: stat.size });
    else if (stat !== undefined) others.push(name);
    await pause();
  }
  return { files, others, folders };
}

/**
 * Lists a folder in `root` and everything below it, following no link. A missing folder is empty. Files that vanish
 * meanwhile, temporary files and locks are left out.
 */
export async function treeOf(root: string, { folder = "", pause }: { folder?: string; pause: Pause }): Promise<Tree> {
  if (folder !== "") {
    const stat = fs.lstatSync(join(root, folder), { throwIfNoEntry: false });
    if (stat === undefined) return { files: [], others: [] };
    if (!stat.isDirectory()) return { files: [], others: [folder] };
  }
  const here = await filesIn(root, { folder, pause });
  const below: Tree[] = [];
  for (const name of here.folders) below.push(await treeOf(root, { folder: name, pause }));
  return {
    files: [...here.files, ...below.flatMap((tree) => tree.files)],
    others: [...here.others, ...below.flatMap((tree) => tree.others)],
  };
}

/** Reads every byte of a regular file, and says when it was written (epoch ms); `undefined` if it is missing. */
export async function fingerprintOf(
  path: string,
  { pause, onBlock }: { pause: Pause; onBlock?: (bytes: Uint8Array, offset: number) => void },
): Promise<(Fingerprint & { readonly writtenMs: number }) | undefined> {
  try {
    return await withFileAsync(path, READ_ONLY, async (fd) => {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) throw new Error(`"${path}" is not a regular file`);
      const hash = createHash("sha256");
      const block = new Uint8Array(Math.max(1, Math.min(BLOCK, stat.size)));
      let size = 0;
      for (;;) {
        const read = fs.readSync(fd, block, 0, block.length, size);
        if (read === 0) break;
        const bytes = block.subarray(0, read);
        hash.update(bytes);
        onBlock?.(bytes, size);
        size += read;
        await pause();
      }
      return { size, sha256: hash.digest("hex"), writtenMs: stat.mtimeMs };
    });
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Copies a file and its time, by which runs are ordered, without syncing it. Returns what was copied; `undefined` if there is no
 * such file.
 */
export async function copyFile(
  source: string,
  target: string,
  { pause }: { pause: Pause },
): Promise<Fingerprint | undefined> {
  const copied = await withFileAsync(target, CREATE_ONLY, async (fd) => {
    const found = await fingerprintOf(source, { pause, onBlock: (bytes, offset) => writeAll(fd, bytes, offset) });
    if (found !== undefined) setWritten(fd, found.writtenMs);
    return found;
  });
  if (copied === undefined) fs.unlinkSync(target);
  return copied && { size: copied.size, sha256: copied.sha256 };
}

/** Sets when an open file was written, epoch ms. */
export function setWritten(fd: number, writtenMs: number): void {
  fs.futimesSync(fd, writtenMs / 1000, writtenMs / 1000);
}

/** Whether two files have the same bytes; a missing file (`undefined`) has none. */
export function sameBytes(a: Fingerprint | undefined, b: Fingerprint): boolean {
  return a !== undefined && a.size === b.size && a.sha256 === b.sha256;
}

/**
 * Syncs copied files, many at once, which takes a tenth of the time of one after the other. After an error no further one is
 * begun. A signal counts as one.
 */
export async function syncFiles(
  root: string,
  { names, pause }: { names: readonly string[]; pause: Pause },
): Promise<void> {
  await forEachAtOnce(names, MAX_SYNCS, async (name) => {
    // Windows syncs only what is open for writing.
    const fd = fs.openSync(join(root, name), fs.constants.O_RDWR);
    try {
      await syncBeside(fd);
      await pause();
    } finally {
      fs.closeSync(fd);
    }
  });
}

/** Syncs a folder and those below it, innermost first. */
export function syncFolders(path: string): void {
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) syncFolders(join(path, entry.name));
  }
  syncFolder(path);
}

/** What temporary files and folders are for; nothing for a file that is being written. */
type TemporaryKind = "" | "backup" | "restore" | "merge" | "pruned";

/** Makes a temporary folder in `above` for `fill`, which renames it when it is complete. If `fill` fails, nothing is left. */
export async function inTemporaryFolder<T>(
  above: string,
  kind: TemporaryKind,
  fill: (temp: string) => T | Promise<T>,
): Promise<T> {
  const temp = join(above, temporaryName(kind));
  attempt("make", temp, () => fs.mkdirSync(temp));
  try {
    return await fill(temp);
  } catch (error) {
    discard(temp);
    throw error;
  }
}

/** The temporary files and folders of a kind in a folder, absolute. */
export function temporaryEntries(folder: string, kind: TemporaryKind): string[] {
  return namesIn(folder)
    .filter((name) => isTemporaryName(name, kind))
    .map((name) => join(folder, name));
}

/** Removes what killed processes left in a folder. The caller holds the lock that their makers held. */
export async function sweepTemporaryEntries(
  folder: string,
  { kinds, pause }: { kinds: readonly TemporaryKind[]; pause: Pause },
): Promise<void> {
  for (const path of kinds.flatMap((kind) => temporaryEntries(folder, kind))) await removeTree(path, pause);
}

/** Removes a file, or a folder with everything below it, following no link. */
async function removeTree(path: string, pause: Pause): Promise<void> {
  if (fs.lstatSync(path).isDirectory()) {
    for (const name of fs.readdirSync(path)) await removeTree(join(path, name), pause);
    fs.rmdirSync(path);
  } else fs.unlinkSync(path);
  await pause();
}
