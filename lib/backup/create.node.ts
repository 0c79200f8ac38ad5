import fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fail } from "../errors.ts";
import { assertMemoryFolder } from "../memory/folder.ts";
import { diskStorage } from "../storage/disk.node.ts";
import type { Lock } from "../storage/storage.ts";
import {
  copyFile,
  filesIn,
  fingerprintOf,
  inTemporaryFolder,
  sameBytes,
  syncFiles,
  syncFolders,
  type Tree,
  treeOf,
} from "../storage/tree.node.ts";
import {
  attempt,
  attemptAsync,
  CREATE_ONLY,
  makeFolder,
  namesIn,
  syncFolder,
  withFile,
  writeAll,
} from "../storage/fs.node.ts";
import type { OnSteps, Pause } from "../util/async.ts";
import { assertStorageName } from "../util/names.ts";
import { type BackupInfo, backupIds, infoOf, nextSequence, readManifest } from "./list.node.ts";
import { type BackupLockOptions, backupPause, withBackupLock } from "./lock.node.ts";
import { type BackupFile, formatManifest, MANIFEST } from "./manifest.ts";

export interface CreatedBackup extends BackupInfo {
  /** Names left out: links, pipes, and names that a backup cannot hold. */
  readonly skipped: readonly string[];
}

export interface CreateBackupOptions extends BackupLockOptions {
  readonly memoryDir: string;
  readonly backupDir: string;
  readonly label?: string;
  /** Recorded answers, backed up under `answers/`. */
  readonly answersDir?: string;
  /** Names the backup. The order of backups does not depend on it. */
  readonly now: Date;
}

/**
 * Backs up a memory folder, even while a run writes to it, into a plain folder that is itself a memory folder: outcomes,
 * forget marks, snapshots, runs and answers, but no caches. A file that the newest backup has already becomes a hard link into
 * it, or a copy where the file system has no links. The backup appears complete, durable and verified, or not at all.
 *
 * @throws {CarryoverError} `NOT_FOUND` without a memory folder, `BAD_USAGE` for a folder that is not a memory and for a label with
 * control characters, `LOCKED` if another process is still making or removing backups there, `IO`.
 */
export async function createBackup(options: CreateBackupOptions): Promise<CreatedBackup> {
  const { memoryDir, answersDir, label = null } = options;
  const backupDir = resolve(options.backupDir);
  for (const folder of answersDir === undefined ? [memoryDir] : [memoryDir, answersDir]) assertFolder(folder);
  await assertMemoryFolder(diskStorage(memoryDir));
  if (label !== null && (label.length > 200 || /\p{Cc}/u.test(label))) {
    const expected = "at most 200 characters without control characters";
    throw fail("BAD_USAGE", "Cannot label a backup", { found: JSON.stringify(label), expected });
  }
  const verb = "write a backup to";
  attempt(verb, backupDir, () => makeFolder(backupDir));
  return withBackupLock(backupDir, options, (lock) =>
    inTemporaryFolder(backupDir, "backup", (temp) =>
      attemptAsync(verb, backupDir, () => fillAndName(temp, { ...options, backupDir, lock })),
    ),
  );
}

/** Fills a temporary folder with a backup, and gives it its name. */
async function fillAndName(temp: string, options: CreateBackupOptions & { lock: Lock }): Promise<CreatedBackup> {
  const { memoryDir, answersDir, backupDir, label = null, now, lock } = options;
  const pause = backupPause(options.signal);
  const onFile = fileCounter(options);
  const collector = new Collector(temp, { earlier: newestBackup(backupDir), pause, onFile });
  await collectMemory(collector, { memoryDir, pause });
  if (answersDir !== undefined) {
    await collector.take(answersDir, await filesIn(answersDir, { pause }), (name) =>
      name.endsWith(".json") ? `answers/${name}` : undefined,
    );
  }
  const { files, copied } = collector;
  await makeDurable(temp, { copied, pause, onSteps: options.onSteps });
  const created = now.toISOString();
  const newBytes = copied.reduce((sum, { size }) => sum + size, 0);
  const manifest = { sequence: nextSequence(backupDir), created, label, new_bytes: newBytes, files };
  withFile(join(temp, MANIFEST), CREATE_ONLY, (fd) => {
    writeAll(fd, formatManifest(manifest), 0);
    fs.fsyncSync(fd);
  });
  syncFolders(temp);
  const id = freeId(backupDir, `${created.slice(0, 19).replaceAll(/[-:]/g, "")}Z`);
  lock.assertHeld();
  fs.renameSync(temp, join(backupDir, id));
  syncFolder(backupDir);
  return { ...infoOf(backupDir, id, manifest), skipped: collector.skipped };
}

/** Reports each file that is taken, of about as many as there are names now. */
function fileCounter({ memoryDir, answersDir, onSteps }: CreateBackupOptions): () => void {
  if (onSteps === undefined) return () => {};
  const runs = join(memoryDir, "runs");
  const hasRuns = fs.lstatSync(runs, { throwIfNoEntry: false })?.isDirectory() === true;
  const inRuns = hasRuns ? fs.readdirSync(runs, { recursive: true }) : [];
  const answers = answersDir === undefined ? [] : namesIn(answersDir);
  const of = namesIn(memoryDir).length + inRuns.length + answers.length;
  let done = 0;
  return () => {
    done += 1;
    onSteps("Copied", done, Math.max(done, of));
  };
}

function assertFolder(path: string): void {
  const stat = attempt("back up", path, () => fs.statSync(path, { throwIfNoEntry: false }));
  if (stat?.isDirectory() === true) return;
  throw fail("NOT_FOUND", `Cannot back up "${path}"`, { found: "no such folder", expected: "one" });
}

/**
 * Collects a memory folder. A run may be writing to it, in the order outcomes, decisions, chunk, summary. Copying in the
 * reverse order, with a fresh listing for each step, makes sure that whatever a copied file refers to is copied as well.
 * Outcomes beyond the last copied chunk do no harm: that chunk is run again and finds them as identical files.
 */
async function collectMemory(
  collector: Collector,
  { memoryDir, pause }: { memoryDir: string; pause: Pause },
): Promise<void> {
  const takeRuns = async (isTaken: (name: string) => boolean): Promise<void> => {
    const tree = await treeOf(memoryDir, { folder: "runs", pause });
    await collector.take(memoryDir, tree, (name) => (isTaken(name) ? name : undefined));
  };
  await takeRuns((name) => name.endsWith("/summary.json"));
  await takeRuns((name) => /\/(?!summary\.|manifest\.)[^/]*\.json$/.test(name));
  await takeRuns((name) => !/\/(?!manifest\.)[^/]*\.json$/.test(name));
  const isOwnFile = (name: string): boolean => /^(?:outcome|snapshot|forget|foreign)_[^/]*\.json$/.test(name);
  await collector.take(memoryDir, await filesIn(memoryDir, { pause }), (name) => (isOwnFile(name) ? name : undefined));
}

type EarlierBackup = ReadonlyMap<string, BackupFile & { readonly path: string }>;

/** Fills a folder with copies of files, or with links into an earlier backup where that has the same bytes. */
class Collector {
  /** The files that are copies and not links. */
  readonly copied: BackupFile[] = [];
  readonly #files = new Map<string, BackupFile>();
  readonly #skipped = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #target: string;
  readonly #earlier: EarlierBackup;
  readonly #pause: Pause;
  readonly #onFile: () => void;

  constructor(target: string, options: { earlier: EarlierBackup; pause: Pause; onFile: () => void }) {
    this.#target = target;
    this.#earlier = options.earlier;
    this.#pause = options.pause;
    this.#onFile = options.onFile;
  }

  /** Sorted by name. */
  get files(): readonly BackupFile[] {
    return [...this.#files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get skipped(): readonly string[] {
    return [...this.#skipped].sort();
  }

  /** Takes files of a listed folder. `nameFor` returns a file's name in the backup, or `undefined` to leave it out. */
  async take(root: string, { files, others }: Tree, nameFor: (name: string) => string | undefined): Promise<void> {
    for (const other of others) if (nameFor(other) !== undefined) this.#skipped.add(other);
    for (const { name } of files) await this.#take(join(root, name), nameFor(name));
  }

  async #take(source: string, name: string | undefined): Promise<void> {
    if (name === undefined || this.#files.has(name)) return;
    if (!isStorageName(name)) {
      this.#skipped.add(name);
      return;
    }
    const path = join(this.#target, name);
    if (!this.#folders.has(dirname(path))) {
      fs.mkdirSync(dirname(path), { recursive: true });
      this.#folders.add(dirname(path));
    }
    const pause = this.#pause;
    const earlier = this.#earlier.get(name);
    const file = (await linkUnchanged(source, path, { earlier, pause })) ?? (await this.#copy(source, path, name));
    // A file that is gone has been pruned, quarantined or replaced since the listing: memory does without it now.
    if (file !== undefined) this.#files.set(name, file);
    this.#onFile();
  }

  async #copy(source: string, path: string, name: string): Promise<BackupFile | undefined> {
    const fingerprint = await copyFile(source, path, { pause: this.#pause });
    if (fingerprint === undefined) return undefined;
    const file = { name, ...fingerprint };
    this.copied.push(file);
    return file;
  }
}

function isStorageName(name: string): boolean {
  try {
    assertStorageName(name);
    return true;
  } catch {
    return false;
  }
}

/** The files of the newest backup with a readable manifest. */
function newestBackup(backupDir: string): EarlierBackup {
  for (const id of backupIds(backupDir).reverse()) {
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

/** Syncs copied files and reads them back. */
async function makeDurable(
  root: string,
  { copied, pause, onSteps }: { copied: readonly BackupFile[]; pause: Pause; onSteps: OnSteps | undefined },
): Promise<void> {
  const names = copied.map(({ name }) => name);
  await syncFiles(root, { names, pause });
  for (const [i, file] of copied.entries()) {
    onSteps?.("Read back", i, copied.length);
    const path = join(root, file.name);
    if (!sameBytes(await fingerprintOf(path, { pause }), file))
      throw new Error(`"${path}" reads back other than it was written`);
  }
}

/** The first free id of a second. Nobody else takes it, because the folder is locked. */
function freeId(backupDir: string, second: string): string {
  const isTaken = (id: string): boolean => fs.lstatSync(join(backupDir, id), { throwIfNoEntry: false }) !== undefined;
  let id = second;
  for (let count = 2; isTaken(id); count += 1) id = `${second}-${count}`;
  return id;
}
