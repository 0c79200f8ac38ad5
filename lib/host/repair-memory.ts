import { moveToQuarantine } from "../memory/quarantine.ts";
import { healMemory, readOutcomes, withMemoryFolder, type MemoryOptions } from "./_memory-folder.ts";
import { checkOnce, type Checkup } from "./check-memory.ts";

/** What a repair did. */
export interface Repair {
  /** What was found before it. */
  readonly before: Checkup;
  /** Files that were moved aside, and where to. */
  readonly moved: readonly { readonly name: string; readonly to: string }[];
  /** Caches that were made anew. */
  readonly rebuilt: readonly string[];
  /** What a repair cannot heal is still among its findings. */
  readonly after: Checkup;
}

/**
 * Heals a memory folder, under its lock: what is damaged and was written once is moved to `quarantine/`, what is counted from
 * outcomes is made anew. Nothing is removed.
 *
 * @throws {CarryoverError} `NOT_FOUND` without a memory or the embedder's model, `LOCKED`, `IO`.
 */
export async function repairMemory(options: MemoryOptions): Promise<Repair> {
  return withMemoryFolder(options.memory.dir, { what: "repair", readOnly: false }, async (storage) => {
    const before = await checkOnce(storage);
    const moved: { name: string; to: string }[] = [];
    for (const { name, remedy } of before.findings) {
      if (remedy === "quarantine" || remedy === "quarantine, run") {
        moved.push({ name, to: await moveToQuarantine(storage, name) });
      }
    }
    await healMemory(storage, { ...options, stored: await readOutcomes(storage) });
    const after = await checkOnce(storage);
    const left = new Set(after.findings.map(({ name }) => name));
    const rebuilt = before.findings
      .filter(({ name, remedy }) => (remedy === "start" || remedy === "rebuild") && !left.has(name))
      .map(({ name }) => name);
    return { before, moved, rebuilt: [...new Set(rebuilt)], after };
  });
}
