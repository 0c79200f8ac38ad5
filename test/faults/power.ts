import { dlopen } from "bun:ffi";
import fs from "node:fs";

/** `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN` of Linux: `_IOR('X', 125, __u32)`. */
const SHUTDOWN = 0x80_04_58_7d;

/** Whether the journal reaches the disk before the cut. File data without a sync does not. */
export const JOURNAL_WRITTEN = 1;
export const JOURNAL_LOST = 2;

/**
 * Prepares to cut the power of the file system that a folder is on.
 *
 * @param flag `JOURNAL_WRITTEN` or `JOURNAL_LOST`.
 * @param options `alone`: do not kill this process.
 * @returns Cuts the power, and kills this process in the same moment.
 */
export function cutPower(folder: string, flag: number, options?: { alone: boolean }): () => void {
  const { symbols } = dlopen("libc.so.6", { ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" } });
  const fd = fs.openSync(folder, fs.constants.O_RDONLY);
  return () => {
    const status = symbols.ioctl(fd, SHUTDOWN, new Uint32Array([flag]));
    if (status !== 0) throw new Error(`the file system of "${folder}" cannot be shut down`);
    if (options?.alone === true) fs.closeSync(fd);
    else process.kill(process.pid, "SIGKILL");
  };
}
