/**
 * Opens a memory for writing, as a run does at its start, and prints how long each part took, in milliseconds.
 *
 *     bun bench/processes/open-memory.ts DIR 128|384 [snapshots]
 */
const started = performance.now();
const { diskStorage } = await import("../../lib/storage/disk.node.ts");
const { lockHolder } = await import("../../lib/storage/lock.node.ts");
const { openMemory } = await import("../../lib/memory/store.ts");
const { isSnapshotFile } = await import("../../lib/results/snapshot.ts");
const { embedderOf } = await import("../support/embedders.ts");
const { overrideCalls } = await import("../../test/storage/override-calls.ts");
const imported = performance.now();

const [dir = "", dim, withSnapshots] = process.argv.slice(2);
let listing = 0;
let outcomesRead = 0;
const disk = diskStorage(dir);
const storage = overrideCalls(disk, {
  async list(folder) {
    const start = performance.now();
    const found = await disk.list(folder);
    listing += performance.now() - start;
    return found;
  },
  async read(name, options) {
    if (name.startsWith("outcome_")) outcomesRead += 1;
    return disk.read(name, options);
  },
});
const lock = await storage.lock(lockHolder());
const memory = await openMemory(storage, { embedder: embedderOf(dim === "384" ? 384 : 128) });
const opened = performance.now();

// The baseline does this at each start; ours does not need it.
let snapshots = 0;
if (withSnapshots !== undefined) {
  const names = (await disk.list()).files.map(({ name }) => name).filter(isSnapshotFile);
  for (const name of names.slice(-100)) {
    const bytes = await disk.read(name, { maxBytes: 1 << 22 });
    JSON.parse(new TextDecoder().decode(bytes));
    snapshots += 1;
  }
}
const done = performance.now();
await lock.release();
console.log(
  JSON.stringify({
    imports: imported - started,
    without_imports: done - imported,
    open: opened - imported,
    listing,
    total: done - started,
    outcomes: memory.trades.length,
    vectors: memory.trades.filter(({ vector }) => vector?.length === Number(dim)).length,
    snapshots,
    outcomes_read: outcomesRead,
  }),
);
