import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fail } from "../errors.ts";
import {
  attempt,
  attemptAsync,
  CREATE_ONLY,
  makeFolder,
  READ_ONLY,
  readFully,
  syncFolder,
  systemCodeOf,
  temporaryName,
  withFile,
  writeAll,
} from "../storage/fs.node.ts";
import type { Lock } from "../storage/storage.ts";
import {
  copyFile,
  fingerprintOf,
  inTemporaryFolder,
  sameBytes,
  sweepTemporaryEntries,
  syncFiles,
  syncFolders,
  treeOf,
} from "../storage/tree.node.ts";
import type { Pause } from "../util/async.ts";
import { freeId, isBackupId, lastFirst, nextSequence } from "./ids.ts";
import { backupPause, withFolderLock } from "./lock.node.ts";
import {
  type BackupFile,
  type BackupManifest,
  formatManifest,
  MANIFEST,
  MANIFEST_START_BYTES,
  MAX_MANIFEST_BYTES,
  parseManifest,
  sequenceIn,
} from "./manifest.ts";
import type { BackupDraft, BackupLockOptions, BackupPlace, BackupProblem, StoredBackup } from "./place.ts";
import { renameSync } from "../storage/rename.node.ts";

/**
 * A folder of backups, each a plain folder that is itself a memory folder. A file that the newest backup has already becomes a
 * hard link into it, or a copy where the file system has no links.
 */
export class DiskPlace implements BackupPlace {
  readonly label: string;
  readonly isBucket = false;
  readonly atOnce = 1;

  constructor(backupDir: string) {
    this.label = resolve(backupDir);
  }

  pathOf(id: string): string {
    return join(this.label, id);
  }

  async backups(): Promise<StoredBackup[]> {
    return attempt("list backups in", this.label, () => storedBackups(this.label));
  }

  /** A prune renames the whole folder. */
  async has(id: string): Promise<boolean> {
    return fs.lstatSync(this.pathOf(id), { throwIfNoEntry: false }) !== undefined;
  }

  async readManifest(id: string): Promise<BackupManifest> {
    return readManifest(this.pathOf(id));
  }

  async compare(id: string, manifest: BackupManifest, pause: Pause): Promise<BackupProblem[]> {
    return compareNamesAndSizes(this.pathOf(id), { manifest, pause });
  }

  storedAs(id: string, { name, sha256 }: BackupFile): string {
    const stat = fs.lstatSync(join(this.pathOf(id), name), { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? "" : `${stat.dev} ${stat.ino} ${sha256}`;
  }

  async read(
    id: string,
    { name }: BackupFile,
    options: Parameters<BackupPlace["read"]>[2],
  ): ReturnType<BackupPlace["read"]> {
    return fingerprintOf(join(this.pathOf(id), name), options);
  }

  async make<T>(options: BackupLockOptions, fill: (draft: BackupDraft) => Promise<T>): Promise<T> {
    const folder = this.label;
    const verb = "write a backup to";
    attempt(verb, folder, () => makeFolder(folder));
    return withFolderLock(folder, options, (lock) =>
      inTemporaryFolder(folder, "backup", (temp) =>
        attemptAsync(verb, folder, () => fill(new DiskDraft(folder, { temp, lock, options }))),
      ),
    );
  }

  async prune<T extends { readonly removed: readonly { readonly id: string }[] }>(
    options: BackupLockOptions,
    choose: () => Promise<T>,
  ): Promise<T> {
    const folder = this.label;
    if (!fs.existsSync(folder)) return choose();
    return withFolderLock(folder, options, async (lock) => {
      const result = await choose();
      attempt("prune", folder, () => {
        // Renamed first: a half-deleted backup must not look like one.
        for (const { id } of result.removed) {
          lock.assertHeld();
          renameSync(this.pathOf(id), join(folder, temporaryName("pruned")));
        }
        syncFolder(folder);
      });
      const pause = backupPause(options.signal);
      await attemptAsync("prune", folder, () => sweepTemporaryEntries(folder, { kinds: ["pruned"], pause }));
      return result;
    });
  }
}

interface DiskDraftOptions {
  readonly temp: string;
  readonly lock: Lock;
  readonly options: BackupLockOptions;
}

/** Fills a temporary folder with copies of files, or with links into an earlier backup where that has the same bytes. */
class DiskDraft implements BackupDraft {
  /** The files that are copies and not links. */
  readonly #copied: BackupFile[] = [];
  readonly #folders = new Set<string>();
  readonly #folder: string;
  readonly #earlier: EarlierBackup;
  readonly #pause: Pause;
  readonly #options: DiskDraftOptions;

  constructor(folder: string, options: DiskDraftOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#earlier = newestBackup(folder);
    this.#pause = backupPause(options.options.signal);
  }

  async keep(source: string, name: string): ReturnType<BackupDraft["keep"]> {
    const path = join(this.#options.temp, name);
    if (!this.#folders.has(dirname(path))) {
      fs.mkdirSync(dirname(path), { recursive: true });
      this.#folders.add(dirname(path));
    }
    const pause = this.#pause;
    const linked = await linkUnchanged(source, path, { earlier: this.#earlier.get(name), pause });
    if (linked !== undefined) return { ...linked, isNew: false };
    const fingerprint = await copyFile(source, path, { pause });
    if (fingerprint === undefined) return undefined;
    const file = { name, ...fingerprint };
    this.#copied.push(file);
    return { ...file, isNew: true };
  }

  async commit(content: Omit<BackupManifest, "sequence">): Promise<{ id: string; sequence: number }> {
    const { temp, lock } = this.#options;
    const folder = this.#folder;
    await this.#makeDurable();
    const stored = storedBackups(folder);
    const sequence = nextSequence(stored);
    withFile(join(temp, MANIFEST), CREATE_ONLY, (fd) => {
      writeAll(fd, formatManifest({ sequence, ...content }), 0);
      fs.fsyncSync(fd);
    });
    syncFolders(temp);
    // Nobody else takes it, because the folder is locked.
    const id = freeId(
      content.created,
      (each) => fs.lstatSync(join(folder, each), { throwIfNoEntry: false }) !== undefined,
    );
    lock.assertHeld();
    renameSync(temp, join(folder, id));
    syncFolder(folder);
    return { id, sequence };
  }

  /** Syncs copied files and reads them back. */
  async #makeDurable(): Promise<void> {
    const { temp, options } = this.#options;
    const pause = this.#pause;
    const names = this.#copied.map(({ name }) => name);
    await syncFiles(temp, { names, pause });
    for (const [i, file] of this.#copied.entries()) {
      options.onSteps?.("Read back", i, this.#copied.length);
      const path = join(temp, file.name);
      if (!sameBytes(await fingerprintOf(path, { pause }), file))
        throw new Error(`"${path}" reads back other than it was written`);
    }
  }
}

type EarlierBackup = ReadonlyMap<string, BackupFile & { readonly path: string }>;

/** The files of the newest backup with a readable manifest. */
function newestBackup(backupDir: string): EarlierBackup {
  for (const { id } of lastFirst(storedBackups(backupDir))) {
    try {
      const { files } = readManifest(join(backupDir, id));
      return new Map(files.map((file) => [file.name, { ...file, path: join(backupDir, id, file.name) }]));
    } catch {
      // `listBackups()` reports a damaged backup; this one links into the one before it.
    }
  }
  return new Map();
}

/**
 * Links to the file of an earlier backup if it has the very bytes of the source. Both are read: equal times do not prove equal
 * bytes, and a link to a damaged copy would be a damaged backup.
 */
async function linkUnchanged(
  source: string,
  path: string,
  { earlier, pause }: { earlier: (BackupFile & { readonly path: string }) | undefined; pause: Pause },
): Promise<BackupFile | undefined> {
  if (earlier === undefined || fs.lstatSync(source, { throwIfNoEntry: false })?.size !== earlier.size) return undefined;
  try {
    if (!sameBytes(await fingerprintOf(source, { pause }), earlier)) return undefined;
    if (!sameBytes(await fingerprintOf(earlier.path, { pause }), earlier)) return undefined;
    fs.linkSync(earlier.path, path);
  } catch {
    // No links here, too many of them, a signal, or the earlier backup has just been pruned: copy instead, which reports it.
    return undefined;
  }
  return { name: earlier.name, size: earlier.size, sha256: earlier.sha256 };
}

function storedBackups(folder: string): StoredBackup[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isDirectory() && isBackupId(entry.name))
    .map(({ name }) => ({ id: name, sequence: storedSequence(join(folder, name, MANIFEST)) }));
}

function storedSequence(manifest: string): number | undefined {
  try {
    const start = new Uint8Array(MANIFEST_START_BYTES);
    const length = withFile(manifest, READ_ONLY, (fd) => readFully(fd, start, 0));
    return sequenceIn(start.subarray(0, length));
  } catch {
    // Reading the whole manifest shows what is wrong with it.
    return undefined;
  }
}

/** Reads the manifest in a backup's folder. @throws {CarryoverError} `CORRUPT` */
function readManifest(folder: string): BackupManifest {
  const path = join(folder, MANIFEST);
  const bytes = attempt("read", path, () =>
    withFile(path, READ_ONLY, (fd) => {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size > MAX_MANIFEST_BYTES) {
        throw fail("CORRUPT", `Cannot read "${path}"`, { found: `${stat.size} bytes`, expected: "a manifest" });
      }
      const all = new Uint8Array(stat.size);
      return all.subarray(0, readFully(fd, all, 0));
    }),
  );
  return parseManifest(bytes, path);
}

async function compareNamesAndSizes(
  path: string,
  { manifest, pause }: { manifest: BackupManifest; pause: Pause },
): Promise<BackupProblem[]> {
  const { files, others } = await treeOf(path, { pause });
  const sizes = new Map(files.map((file) => [file.name, file.size]));
  const problems: BackupProblem[] = others.map((file) => ({
    file,
    kind: "link",
    message: `"${file}" is a link or device, expected a regular file`,
  }));
  for (const { name, size } of manifest.files) {
    const found = sizes.get(name);
    if (found === undefined && !others.includes(name)) {
      problems.push({ file: name, kind: "missing", message: `"${name}" is missing` });
    } else if (found !== undefined && found !== size) {
      problems.push({ file: name, kind: "changed", message: `"${name}" has ${found} bytes, expected ${size}` });
    }
    sizes.delete(name);
  }
  sizes.delete(MANIFEST);
  for (const file of sizes.keys()) problems.push({ file, kind: "extra", message: `"${file}" is not in the manifest` });
  return problems;
}
