/** Rows that the ordinary suite shows. */
import type { Fault } from "./_fault.ts";
import { suiteFault } from "./_suite-fault.ts";

export const suite: readonly Fault[] = [
  suiteFault({
    rows: [5],
    name: "a sync that fails inside the storage",
    files: ["test/host/disk-storage.test.ts"],
    pattern: "a failed (fsync|sync of the folder)",
  }),
  suiteFault({
    rows: [6],
    name: "a write or rename that fails inside the storage",
    files: ["test/host/disk-storage.test.ts"],
    pattern: "a failed write or rename",
  }),
  suiteFault({
    rows: [20],
    name: "two writers in one folder",
    files: ["test/host/lock.test.ts"],
    pattern: "second process|kill -9|garbage collection|start together",
  }),
];
