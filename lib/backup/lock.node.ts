/** The lock of a folder of backups, for those who make or remove backups. Readers need none. */
import { setTimeout as sleep } from "node:timers/promises";
import { CarryoverError } from "../errors.ts";
import { lockHolder, takeLock } from "../storage/lock.node.ts";
import { attemptAsync } from "../storage/fs.node.ts";
import { sweepTemporaryEntries } from "../storage/tree.node.ts";
import type { Lock } from "../storage/storage.ts";
import { type OnSteps, type Pause, pauseEvery } from "../util/async.ts";

/** A backup of a large memory takes about a minute. */
const WAIT_MS = 120_000;
const BETWEEN_TRIES_MS = 50;

export interface BackupLockOptions {
  /** How long to wait for another process that makes or removes backups. @default two minutes */
  readonly waitMs?: number | undefined;
  /** Stops the waiting and the work, within a moment. Nothing of it is left. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, if another process holds the lock. */
  readonly onWait?: (() => void) | undefined;
  /** Files that were copied, linked and read. */
  readonly onSteps?: OnSteps | undefined;
}

/**
 * Runs `work` while no other process makes or removes backups in a folder. What killed ones left behind is removed first.
 * `work` gets the lock: it calls `assertHeld()` before it names or removes a backup.
 *
 * @param backupDir An existing folder.
 * @throws {CarryoverError} `LOCKED` if another process has not finished in time; `IO`.
 */
export async function withBackupLock<T>(
  backupDir: string,
  options: BackupLockOptions,
  work: (lock: Lock) => T | Promise<T>,
): Promise<T> {
  const lock = await waitForLock(backupDir, options);
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

async function waitForLock(backupDir: string, options: BackupLockOptions): Promise<Lock> {
  const { waitMs = WAIT_MS, signal, onWait } = options;
  // Not the wall clock, which may be set.
  const end = performance.now() + waitMs;
  const expected = "one at a time: wait for it, or use a folder of your own with --backup-dir";
  for (let isFirst = true; ; isFirst = false) {
    signal?.throwIfAborted();
    try {
      return await takeLock(backupDir, lockHolder(), { expected });
    } catch (error) {
      const isLocked = error instanceof CarryoverError && error.code === "LOCKED";
      if (!isLocked || performance.now() >= end) throw error;
      if (isFirst) onWait?.();
    }
    await sleep(BETWEEN_TRIES_MS, undefined, { signal });
  }
}
