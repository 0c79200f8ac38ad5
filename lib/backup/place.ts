import type { OnSteps, Pause } from "../util/async.ts";
import type { BackupFile, BackupManifest } from "./manifest.ts";

/** Whether a place of backups is in S3 and not on disk. */
export function isS3Address(backupDir: string): boolean {
  return backupDir.startsWith("s3:");
}

/** A backup as a place lists it. */
export interface StoredBackup {
  readonly id: string;
  /** `undefined` if its manifest cannot be read. */
  readonly sequence: number | undefined;
}

export interface BackupProblem {
  /** Name in the backup. */
  readonly file: string;
  /**
   * `extra`: not in the manifest. `link`: a link, pipe or device. `changed`: other bytes than were backed up.
   * `manifest`: the manifest itself cannot be trusted. `unsound`: as it was backed up, but damaged already then.
   */
  readonly kind: "missing" | "changed" | "extra" | "link" | "manifest" | "unsound";
  /** One sentence without a final period. */
  readonly message: string;
}

/** How those who make or remove backups wait for each other, and are stopped. */
export interface BackupLockOptions {
  /** How long to wait for another process that makes or removes backups. @default two minutes, in a bucket three */
  readonly waitMs?: number | undefined;
  /** Stops the waiting and the work, within a moment. Nothing of it is left that a backup would show. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, if another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
  /** Files that were copied, linked and read. */
  readonly onSteps?: OnSteps | undefined;
}

/** A backup that is being made. */
export interface BackupDraft {
  /**
   * Keeps the bytes of a file of the machine under a name.
   *
   * @returns What was kept, and whether the place had it already; `undefined` if the file is gone.
   */
  keep(source: string, name: string): Promise<(BackupFile & { readonly isNew: boolean }) | undefined>;
  /** Makes the backup appear, complete and durable, and last in the order. */
  commit(content: Omit<BackupManifest, "sequence">): Promise<{ id: string; sequence: number }>;
}

/**
 * A place that keeps backups: a folder on disk, or the keys below a prefix of a bucket. What a backup consists of, which ones
 * stay, and what its verification means is the same in every place.
 */
export interface BackupPlace {
  /** How messages and results name it: an absolute path, or an address such as `s3://bucket/prefix`. */
  readonly label: string;
  /**
   * Whether it is a bucket: files with the same bytes are one object, and what cannot be read need not be damaged, since the store
   * may be out of reach.
   */
  readonly isBucket: boolean;
  /** Files to read or keep at once. */
  readonly atOnce: number;

  /** Where a backup is, to show. */
  pathOf(id: string): string;
  /** The backups in any order; none if there is no such place. */
  backups(): Promise<StoredBackup[]>;
  /** Whether a backup that was listed is still there. */
  has(id: string): Promise<boolean>;
  /** @throws {CarryoverError} `CORRUPT`; any error if it has been pruned meanwhile. */
  readManifest(id: string): Promise<BackupManifest>;
  /** The problems with names, kinds and sizes, without reading the files. */
  compare(id: string, manifest: BackupManifest, pause: Pause): Promise<BackupProblem[]>;
  /** Names the bytes of a file: backups that share them have the same name for it. */
  storedAs(id: string, file: BackupFile): string;
  /**
   * Reads every byte of a file of a backup; `undefined` if it is missing. `onBlock` gets the bytes in order. `writtenMs`: when the file
   * was written, epoch ms, which no bucket knows.
   */
  read(
    id: string,
    file: BackupFile,
    options: { pause: Pause; onBlock?: (bytes: Uint8Array, offset: number) => void },
  ): Promise<(Pick<BackupFile, "size" | "sha256"> & { readonly writtenMs?: number }) | undefined>;

  /**
   * Makes a backup while no other process makes or removes one here.
   *
   * @throws {CarryoverError} `LOCKED` if another process has not finished in time; `IO`.
   */
  make<T>(options: BackupLockOptions, fill: (draft: BackupDraft) => Promise<T>): Promise<T>;
  /** Removes the backups that `choose` returns, while no other process makes or removes one here. Throws as `make()`. */
  prune<T extends { readonly removed: readonly { readonly id: string }[] }>(
    options: BackupLockOptions,
    choose: () => Promise<T>,
  ): Promise<T>;
}
