import fs from "node:fs";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { fail } from "../errors.ts";
import { assertMemoryFolder } from "../memory/folder.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt, namesIn } from "../storage/fs.node.ts";
import { filesIn, type Tree, treeOf } from "../storage/tree.node.ts";
import { forEachAtOnce, type Pause } from "../util/async.ts";
import { assertStorageName } from "../util/names.ts";
import { type BackupInfo, infoOf, LATEST } from "./list.node.ts";
import { backupPause } from "./lock.node.ts";
import type { BackupFile } from "./manifest.ts";
import { type BackupDir, openPlace } from "./open-place.node.ts";
import type { BackupDraft, BackupLockOptions, BackupPlace } from "./place.ts";

export interface CreatedBackup extends BackupInfo {
  /** Names left out: links, pipes, and names that a backup cannot hold. */
  readonly skipped: readonly string[];
}

export interface CreateBackupOptions extends BackupLockOptions {
  readonly memoryDir: string;
  readonly backupDir: BackupDir;
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
 * @throws {CarryoverError} `NOT_FOUND` without a memory folder, `BAD_USAGE` for a folder that is not a memory, for backups inside it and for
 * a label with control characters, `LOCKED` if another process is still making or removing backups there, `IO`.
 */
export async function createBackup(options: CreateBackupOptions): Promise<CreatedBackup> {
  const { memoryDir, answersDir, label = null } = options;
  for (const folder of answersDir === undefined ? [memoryDir] : [memoryDir, answersDir]) assertFolder(folder);
  await assertMemoryFolder(diskStorage(memoryDir));
  if (label !== null && (label.length > 200 || label === LATEST || /\p{Cc}/u.test(label))) {
    const expected = `at most 200 characters without control characters, and not ${LATEST}, which names the newest`;
    throw fail("BAD_USAGE", "Cannot label a backup", { found: JSON.stringify(label), expected });
  }
  const place = openPlace(options.backupDir);
  assertOutside(memoryDir, place);
  return place.make(options, async (draft) => {
    const pause = backupPause(options.signal);
    const onFile = fileCounter(options);
    const collector = new Collector(draft, { onFile, atOnce: place.atOnce, pause });
    await collectMemory(collector, { memoryDir, pause });
    if (answersDir !== undefined) {
      await collector.take(answersDir, await filesIn(answersDir, { pause }), (name) =>
        name.endsWith(".json") ? `answers/${name}` : undefined,
      );
    }
    const { files, newBytes, skipped } = collector;
    const content = { created: options.now.toISOString(), label, new_bytes: newBytes, files };
    const { id, sequence } = await draft.commit(content);
    return { ...infoOf(place, id, { sequence, ...content }), skipped };
  });
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

/** Backups inside memory are lost with it, and moved away with it before a restore. */
function assertOutside(memoryDir: string, { isBucket, label }: BackupPlace): void {
  if (isBucket) return;
  const path = relative(realPathOf(memoryDir), realPathOf(label));
  if (path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path)) return;
  const found = `the folder of backups "${label}" inside it`;
  throw fail("BAD_USAGE", `Cannot back up "${memoryDir}"`, {
    found,
    expected: "one outside, which is not lost with it",
  });
}

/** A path without links, also of a folder that is still to be made. */
function realPathOf(path: string): string {
  if (path === dirname(path)) return path;
  return fs.existsSync(path) ? fs.realpathSync(path) : join(realPathOf(dirname(path)), basename(path));
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

/** Collects files for a backup, each name once. */
class Collector {
  readonly #files = new Map<string, BackupFile>();
  readonly #skipped = new Set<string>();
  readonly #draft: BackupDraft;
  readonly #options: { readonly onFile: () => void; readonly atOnce: number; readonly pause: Pause };
  #newBytes = 0;

  constructor(draft: BackupDraft, options: { onFile: () => void; atOnce: number; pause: Pause }) {
    this.#draft = draft;
    this.#options = options;
  }

  /** Sorted by name. */
  get files(): readonly BackupFile[] {
    return [...this.#files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Bytes of the files that no earlier backup shares. */
  get newBytes(): number {
    return this.#newBytes;
  }

  get skipped(): readonly string[] {
    return [...this.#skipped].sort();
  }

  /** Takes files of a listed folder. `nameFor` returns a file's name in the backup, or `undefined` to leave it out. */
  async take(root: string, { files, others }: Tree, nameFor: (name: string) => string | undefined): Promise<void> {
    for (const other of others) if (nameFor(other) !== undefined) this.#skipped.add(other);
    await forEachAtOnce(files, this.#options.atOnce, ({ name }) => this.#take(join(root, name), nameFor(name)));
  }

  async #take(source: string, name: string | undefined): Promise<void> {
    if (name === undefined || this.#files.has(name)) return;
    if (!isStorageName(name)) {
      this.#skipped.add(name);
      return;
    }
    const kept = await this.#draft.keep(source, name);
    // A file that is gone has been pruned, quarantined or replaced since the listing: memory does without it now.
    if (kept !== undefined) {
      const { size, sha256, isNew } = kept;
      this.#files.set(name, { name, size, sha256 });
      if (isNew) this.#newBytes += size;
    }
    this.#options.onFile();
    await this.#options.pause();
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
