/** The lock of a place of backups, for those who make or remove backups. Readers need none. */
import { setTimeout as sleep } from "node:timers/promises";
import { CarryoverError } from "../errors.ts";
import { lockHolder, takeLock } from "../storage/lock.node.ts";
import { attemptAsync } from "../storage/fs.node.ts";
import { sweepTemporaryEntries } from "../storage/tree.node.ts";
import type { Lock } from "../storage/storage.ts";
import { type Pause, pauseEvery } from "../util/async.ts";
import type { BackupLockOptions } from "./place.ts";

/** A backup of a large memory takes about a minute. */
const WAIT_MS = 120_000;
const BETWEEN_TRIES_MS = 50;

/**
 * Runs `work` while no other process makes or removes backups in a folder. What killed ones left behind is removed first.
 * `work` gets the lock: it calls `assertHeld()` before it names or removes a backup.
 *
 * @param backupDir An existing folder.
 * @throws {CarryoverError} `LOCKED` if another process has not finished in time; `IO`.
 */
export async function withFolderLock<T>(
  backupDir: string,
  options: BackupLockOptions,
  work: (lock: Lock) => T | Promise<T>,
): Promise<T> {
  const expected = "one at a time: wait for it, or use a folder of your own with --backup-dir";
  const take = (): Promise<Lock> => takeLock(backupDir, lockHolder(), { expected });
  const lock = await waitForLock(take, { ...options, waitMs: options.waitMs ?? WAIT_MS, betweenMs: BETWEEN_TRIES_MS });
  try {
    const pause = backupPause(options.signal);
    const kinds = ["", "backup", "pruned"] as const;
    await attemptAsync("clear temporary files in", backupDir, () => sweepTemporaryEntries(backupDir, { kinds, pause }));
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/** The pause in work on backups: after 32 files or megabytes, which take a few hundredths of a second. */
export function backupPause(signal: AbortSignal | undefined): Pause {
  return pauseEvery(32, signal);
}

/** Takes a lock as soon as another process has released it. */
export async function waitForLock<T>(
  take: () => Promise<T>,
  options: BackupLockOptions & { readonly waitMs: number; readonly betweenMs: number },
): Promise<T> {
  const { waitMs, betweenMs, signal, onWait } = options;
  // Not the wall clock, which may be set.
  const end = performance.now() + waitMs;
  for (let isFirst = true; ; isFirst = false) {
    signal?.throwIfAborted();
    try {
      return await take();
    } catch (error) {
      const isLocked = error instanceof CarryoverError && error.code === "LOCKED";
      if (!isLocked || performance.now() >= end) throw error;
      if (isFirst) onWait?.();
    }
    await sleep(betweenMs, undefined, { signal });
  }
}
