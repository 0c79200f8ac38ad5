/** Openings of a memory folder, each in a process of its own. */
import { join } from "node:path";
import { PROJECT_DIR } from "../../test/samples.ts";
import { runProcess } from "./measure.ts";

/** What `bench/support/open.ts` prints, and how long its process took; milliseconds. */
export interface Opening {
  readonly imports: number;
  /** From the lock to the last snapshot. */
  readonly without_imports: number;
  /** From the lock to the open memory. */
  readonly open: number;
  /** Of that, listing the folder. */
  readonly listing: number;
  readonly total: number;
  readonly outcomes: number;
  readonly vectors: number;
  readonly snapshots: number;
  /** Files of outcomes that were read and parsed. */
  readonly outcomes_read: number;
  readonly process: number;
}

/** Opens a memory for writing in a fresh process. */
export function openInProcess(dir: string, options: { dim: 128 | 384; snapshots?: boolean }): Opening {
  const flags = options.snapshots === true ? ["snapshots"] : [];
  const script = join(PROJECT_DIR, "bench", "_open.ts");
  const { ms, stdout } = runProcess([process.execPath, script, dir, String(options.dim), ...flags]);
  return { ...(JSON.parse(stdout) as Omit<Opening, "process">), process: ms };
}
