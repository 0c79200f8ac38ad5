import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { isReservedName } from "../util/names.ts";
import { DAY_MS } from "../util/time.ts";
import { CREATE_ONLY, namesIn, READ_ONLY, systemCodeOf, syncFolder, writeAll } from "./fs.node.ts";

const BLOCK = 1 << 20;
/** Longer than any backup or restore takes: a temporary folder of that age is a dead one's. */
const ABANDONED_MS = DAY_MS;

/** What the bytes of a file are known by. */
export interface Fingerprint {
  readonly size: number;
  readonly sha256: string;
}

/** What lies in a folder and below, names relative to it. */
export interface Tree {
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** Links, pipes and devices; they are never opened. */
  readonly others: readonly string[];
}

/** Lists what lies directly in a folder, but for folders; names as in `treeOf()`. */
export function filesIn(root: string, folder = ""): Tree & { readonly folders: readonly string[] } {
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
  }
  return { files, others, folders };
}

/**
 * Lists a folder in `root` and those below it, following no link; a folder that is not there is empty. What vanishes
 * meanwhile is left out, and so are temporary files and locks.
 */
export function treeOf(root: string, folder = ""): Tree {
  if (folder !== "") {
    const stat = fs.lstatSync(join(root, folder), { throwIfNoEntry: false });
    if (stat === undefined) return { files: [], others: [] };
    if (!stat.isDirectory()) return { files: [], others: [folder] };
  }
  const here = filesIn(root, folder);
  const below = here.folders.map((name) => treeOf(root, name));
  return {
    files: [...here.files, ...below.flatMap((tree) => tree.files)],
    others: [...here.others, ...below.flatMap((tree) => tree.others)],
  };
}

/** Reads every byte of a regular file. `undefined` if it is not there. */
export function fingerprintOf(
  path: string,
  onBlock?: (bytes: Uint8Array, at: number) => void,
): Fingerprint | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, READ_ONLY);
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
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
    }
    return { size, sha256: hash.digest("hex") };
  } finally {
    fs.closeSync(fd);
  }
}

/** Copies a file, not yet synced. Returns what was copied, or `undefined` if there is no such file. */
export function copyFile(source: string, target: string): Fingerprint | undefined {
  const fd = fs.openSync(target, CREATE_ONLY, 0o600);
  let copied: Fingerprint | undefined;
  try {
    copied = fingerprintOf(source, (bytes, at) => writeAll(fd, bytes, at));
  } finally {
    fs.closeSync(fd);
  }
  if (copied === undefined) fs.unlinkSync(target);
  return copied;
}

/** Whether a file is the one that a fingerprint is of; `undefined` is none. */
export function sameBytes(a: Fingerprint | undefined, b: Fingerprint): boolean {
  return a !== undefined && a.size === b.size && a.sha256 === b.sha256;
}

/** Syncs copied files: all after the last is written takes about half the time of each after its own write. */
export function syncFiles(root: string, names: Iterable<string>): void {
  for (const name of names) {
    // Windows syncs only what is open for writing.
    const fd = fs.openSync(join(root, name), fs.constants.O_RDWR);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }
}

/** Syncs a folder and those below it, innermost first. */
export function syncFolders(path: string): void {
  for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) syncFolders(join(path, entry.name));
  }
  syncFolder(path);
}

/** Removes what a killed backup, restore (after a day) or prune (at once) left in a folder. */
export function sweepAbandoned(folder: string): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stat = /^\.tmp-(?:backup|restore|pruned)-/.test(name)
      ? fs.lstatSync(path, { throwIfNoEntry: false })
      : undefined;
    if (stat === undefined) continue;
    if (name.startsWith(".tmp-pruned-") || Date.now() - stat.mtimeMs > ABANDONED_MS) {
      fs.rmSync(path, { recursive: true, force: true });
    }
  }
}
