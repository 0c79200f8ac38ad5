import { join } from "node:path";
import { PROJECT_DIR } from "../../test/samples.ts";
import { runProcess } from "./measure.ts";

/** What `bench/processes/open-memory.ts` prints, and how long the process took; in milliseconds. */
export interface Opening {
  readonly imports: number;
  /** From the lock to the last snapshot. */
  readonly without_imports: number;
  /** From the lock to the open memory. */
  readonly open: number;
  /** The part of `open` that lists the folder. */
  readonly listing: number;
  readonly total: number;
  readonly outcomes: number;
  readonly vectors: number;
  readonly snapshots: number;
  /** Outcome files that were read and parsed. */
  readonly outcomes_read: number;
  readonly process: number;
}

/** Opens a memory for writing in a fresh process. */
export function openInProcess(dir: string, options: { dim: 128 | 384; snapshots?: boolean }): Opening {
  const flags = options.snapshots === true ? ["snapshots"] : [];
  const script = join(PROJECT_DIR, "bench/processes/open-memory.ts");
  const { ms, stdout } = runProcess([process.execPath, script, dir, String(options.dim), ...flags]);
  return { ...(JSON.parse(stdout) as Omit<Opening, "process">), process: ms };
}
