import { SIDECAR_FILE } from "../memory/sidecar.ts";
import { openMemory } from "../memory/store.ts";
import { VECTORS_FILE } from "../memory/vectors.ts";
import type { DamagedFile } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import type { RepairOptions } from "./repair.ts";

/** What `rebuild-vectors --json` prints. */
export interface RebuildResult {
  readonly made: number;
  readonly kept: number;
  readonly dim: number;
  readonly embedder: string;
  readonly vector_bytes: number;
  readonly sidecar_bytes: number;
  /** Damaged outcomes and marks, moved to `quarantine/`. */
  readonly damaged: readonly DamagedFile[];
}

/**
 * Makes the vectors that are missing or damaged, and cuts off bytes that belong to none. If it is stopped, the vectors that
 * were made are kept, and the next call (without `all`) makes the rest. The caller holds the storage's lock.
 *
 * @param options `all`: make every vector again.
 */
export async function rebuildVectors(
  storage: Storage,
  options: RepairOptions & { all?: boolean },
): Promise<RebuildResult> {
  const { all: rebuildAll = false, ...opening } = options;
  const memory = await openMemory(storage, { ...opening, rebuildVectors: rebuildAll, checkLengths: true });
  const { files } = await storage.list();
  const sizeOf = (name: string): number => files.find((file) => file.name === name)?.size ?? 0;
  return {
    made: memory.embedded,
    kept: memory.trades.length - memory.embedded,
    dim: memory.embedder.dim,
    embedder: memory.embedder.id,
    vector_bytes: sizeOf(VECTORS_FILE),
    sidecar_bytes: sizeOf(SIDECAR_FILE),
    damaged: memory.damaged,
  };
}
