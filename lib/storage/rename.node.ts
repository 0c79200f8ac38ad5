/** Renames that wait for scanners and indexers of Windows. */
// The default import, so that tests can make single calls fail.
import fs from "node:fs";
import { systemCodeOf } from "./fs.node.ts";

/** What Windows answers while another program has one of the files open. Elsewhere they are answers for good. */
const BUSY = ["EPERM", "EACCES", "EBUSY"];

/** How long to wait before each further try, together a second: scanners let go of a new file in less. */
const WAITS_MS: readonly number[] = process.platform === "win32" ? [10, 20, 50, 120, 300, 500] : [];

/**
 * Renames a file or folder, replacing a file that was there.
 *
 * @param waitsMs How long to wait before each further try if the system says that one of the files is in use.
 */
export function renameSync(from: string, to: string, waitsMs: readonly number[] = WAITS_MS): void {
  for (const waitMs of waitsMs) {
    try {
      fs.renameSync(from, to);
      return;
    } catch (error) {
      if (!BUSY.includes(systemCodeOf(error))) throw error;
    }
    sleepInPlace(waitMs);
  }
  fs.renameSync(from, to);
}

/** Waits without letting anything else happen. */
export function sleepInPlace(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
