import { isCorrupt } from "../errors.ts";

/** A file that is not as it was written. */
export interface DamagedFile {
  readonly name: string;
  readonly problem: string;
}

/**
 * Reads a file that may be damaged. This is the one way to go on after `CORRUPT`.
 *
 * @returns What `read` returns; `undefined` if the file is damaged, which is then added to `damaged`.
 */
export async function unlessDamaged<T>(
  damaged: DamagedFile[],
  name: string,
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    damaged.push({ name, problem: error.message });
    return undefined;
  }
}
