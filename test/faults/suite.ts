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
    rows: [9],
    name: "no file handle left inside the storage",
    files: ["test/host/disk-storage.test.ts"],
    pattern: "no file handles left",
  }),
  suiteFault({
    rows: [19],
    name: "links planted as files, folders, temporary files, locks, and in backups",
    files: [
      "test/host/disk-storage.test.ts",
      "test/host/lock.test.ts",
      "test/host/backup.test.ts",
      "test/host/backup-restore.test.ts",
      "test/host/fetch-model.test.ts",
    ],
    pattern:
      "link planted|folder itself may be a link|^links and names|or a link|became a link|a link that was planted",
  }),
  suiteFault({
    rows: [20],
    name: "two writers in one folder",
    files: ["test/host/lock.test.ts"],
    pattern: "second process|kill -9|garbage collection|start together",
  }),
  suiteFault({
    rows: [33],
    name: "killed after half of the answers of language models were recorded; a damaged answer; two runs at once",
    files: ["test/scripts/asked-run.test.ts", "test/providers/answer-store.test.ts", "test/host/shared-file.test.ts"],
    pattern: "killed after half|damaged answer|of many at once|four processes",
  }),
];
