import { CarryoverError } from "../errors.ts";
import type { Listing, Storage } from "../files/storage.ts";
import type { ForgetMark } from "./forget.ts";
import type { OutcomeRow } from "./outcome-row.ts";
import { loadOutcomes, type DamagedFile } from "./outcome-store.ts";
import { readSidecar, SIDECAR_FILE, type Sidecar } from "./vector-store.ts";

/** A memory as a reader sees it. */
export interface MemoryReading {
  /** In the order of (exit, id). */
  readonly rows: readonly OutcomeRow[];
  readonly marks: readonly ForgetMark[];
  /** Outcomes, marks and caches that are not what was written; nothing was moved. */
  readonly damaged: readonly DamagedFile[];
  readonly sidecar: Sidecar | undefined;
  /** Outcomes that the sidecar does not have yet, and had to be parsed. */
  readonly parsed: number;
  readonly listing: Listing;
}

/** Reads a memory without a lock and without a write, at any moment of a writing run. */
export async function readMemory(storage: Storage): Promise<MemoryReading> {
  const damaged: DamagedFile[] = [];
  let sidecar: Sidecar | undefined;
  try {
    sidecar = await readSidecar(storage);
  } catch (error) {
    if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
    damaged.push({ name: SIDECAR_FILE, problem: error.message });
  }
  // Listed after the sidecar was read, so that every outcome that it speaks of is there.
  const listing = await storage.list();
  const { rows, marks, descriptions, damaged: outcomes } = await loadOutcomes(storage, listing, sidecar);
  return { rows, marks, damaged: [...damaged, ...outcomes], sidecar, parsed: descriptions.size, listing };
}
