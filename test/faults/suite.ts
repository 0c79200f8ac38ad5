/** Rows that the ordinary suite shows, and what is run beside a run. */
import type { Fault } from "./fault.ts";
import { sideBySide } from "./side-by-side.ts";
import { suiteFault } from "./suite-fault.ts";
import { watch } from "./watch.ts";

export const suite: readonly Fault[] = [
  ...sideBySide,
  ...watch,
  suiteFault({
    rows: [10],
    name: "outcomes that are none",
    files: [
      "test/memory/store.test.ts",
      "test/memory/outcome.test.ts",
      "test/maintenance/check.test.ts",
      "test/scripts/memory-stats.test.ts",
    ],
    pattern: "what is damaged|finds damage|flipped bit in any file|names damaged outcomes|flipped digit",
  }),
  suiteFault({
    rows: [11],
    name: "damaged vectors",
    files: ["test/memory/vectors.test.ts"],
    pattern: "a damaged vectors",
  }),
  suiteFault({
    rows: [12],
    name: "a flipped bit in the sidecar",
    files: ["test/memory/sidecar.test.ts", "test/memory/vectors.test.ts"],
    pattern: "flipped bit at every position|a sidecar that is damaged",
  }),
  suiteFault({
    rows: [13],
    name: "a sidecar and vectors that do not belong together",
    files: ["test/memory/vectors.test.ts", "test/scripts/recall.test.ts"],
    pattern: "do not belong together|of another embedder",
  }),
  suiteFault({
    rows: [14],
    name: "numbers that are not finite",
    files: ["test/memory/outcome.test.ts", "test/memory/store.test.ts"],
    pattern: "NaN|Infinity|not finite",
  }),
  suiteFault({
    rows: [15],
    name: "bombs and forged lengths",
    files: ["test/memory/sidecar.test.ts", "test/market/csv.test.ts", "test/memory/store.test.ts"],
    pattern: "bomb|forged length|of 1 GB",
  }),
  suiteFault({
    rows: [16],
    name: "names that lead elsewhere",
    files: [
      "test/util/names.test.ts",
      "test/storage/in-memory.test.ts",
      "test/storage/disk.test.ts",
      "test/memory/outcome.test.ts",
      "test/memory/store.test.ts",
    ],
    pattern: "assertFileNamePart|assertStorageName|would leave the folder|the decision_id or asset|by case alone",
  }),
  suiteFault({
    rows: [17],
    name: "names that objects of JavaScript have already",
    files: ["test/memory/statistics.test.ts", "test/scripts/reset-providers.test.ts"],
    pattern: "__proto__",
  }),
  suiteFault({
    rows: [18],
    name: "one id, two outcomes",
    files: ["test/memory/store.test.ts", "test/storage/in-memory.test.ts", "test/storage/disk.test.ts"],
    pattern: "refuses another of its id|refuses others and keeps the first",
  }),
  suiteFault({
    rows: [19],
    name: "links in the place of files and folders",
    files: [
      "test/storage/disk.test.ts",
      "test/storage/lock.test.ts",
      "test/backup/verify.test.ts",
      "test/memory/store.test.ts",
    ],
    pattern: "link planted|became a link|or a link is moved",
  }),
  suiteFault({
    rows: [20],
    name: "a second run in the folder of the first, and deaths of every kind",
    files: ["test/scripts/run-chunks.test.ts", "test/storage/lock.test.ts"],
    pattern: "a second writer|a death by",
  }),
  suiteFault({
    rows: [22],
    name: "a run stopped at ticks, trades and writes",
    files: ["test/backtest/resume.test.ts"],
    pattern: "goes on to the same bytes",
  }),
  suiteFault({
    rows: [23],
    name: "a run with something changed",
    files: ["test/backtest/resume.test.ts", "test/scripts/run-chunks.test.ts"],
    pattern: "which run it is|another setting",
  }),
  suiteFault({
    rows: [24],
    name: "snapshots of one second",
    files: ["test/results/snapshot.test.ts"],
    pattern: "simulated time|in one second",
  }),
  suiteFault({
    rows: [25],
    name: "a hundred damaged snapshots",
    files: ["test/results/snapshot.test.ts"],
    pattern: "newest 100|damaged snapshot",
  }),
  suiteFault({
    rows: [26],
    name: "a backup of a run that goes on",
    files: ["test/backup/of-a-run.test.ts", "test/backup/create.test.ts"],
    pattern:
      "the run goes on in it|used as the memory folder|as if nothing|beside a writing process|between every two looks",
  }),
  suiteFault({
    rows: [27],
    name: "damaged and hostile backups",
    files: ["test/backup/verify.test.ts", "test/scripts/backup.test.ts"],
    pattern: "verify finds|flipped bit in any file of a backup|hostile path|became a link|verify reads",
  }),
  suiteFault({
    rows: [28],
    name: "restores to a place that is taken, or that fail",
    files: ["test/backup/restore.test.ts"],
    pattern: "target that is a file|fails half-way",
  }),
  suiteFault({
    rows: [29],
    name: "forgetting without caches",
    files: ["test/scripts/reset-providers.test.ts"],
    pattern: "stays forgotten",
  }),
  suiteFault({
    rows: [30],
    name: "configurations that are none",
    files: ["test/config/parse.test.ts", "test/scripts/run-chunks.test.ts"],
    pattern: "parseConfig|asked for wrongly",
  }),
  suiteFault({
    rows: [31],
    name: "bars that are none",
    files: ["test/market/csv.test.ts", "test/market/parquet.test.ts", "test/scripts/run-chunks.test.ts"],
    pattern: "parseBars|damaged bar",
  }),
  suiteFault({
    rows: [32],
    name: "slow and closed pipes",
    files: ["test/scripts/cli/main.test.ts"],
    pattern: "slow pipe|reader of|stdout closed",
  }),
  suiteFault({
    rows: [34],
    name: "outcomes deleted and added by hand",
    files: ["test/backtest/resume.test.ts", "test/scripts/run-chunks.test.ts"],
    pattern: "that someone changed|outcomes were deleted",
  }),
  suiteFault({
    rows: [35],
    name: "readers after every write of a run",
    files: ["test/memory/readers.test.ts", "test/scripts/memory-stats.test.ts"],
    pattern: "every single change|the same while|beside a writer",
  }),
  suiteFault({
    rows: [5],
    name: "a sync that fails inside the storage, and one that several wait for",
    files: ["test/storage/disk.test.ts", "test/storage/syncs.test.ts"],
    pattern: "a failed (fsync|sync of the folder)|a created file whose sync fails",
  }),
  suiteFault({
    rows: [6],
    name: "a write or rename that fails inside the storage",
    files: ["test/storage/disk.test.ts"],
    pattern: "a failed write or rename",
  }),
  suiteFault({
    rows: [9],
    name: "no file handle left inside the storage",
    files: ["test/storage/disk.test.ts"],
    pattern: "no file handles left",
  }),
  suiteFault({
    rows: [19],
    name: "links planted as files, folders, temporary files, locks, and in backups",
    files: [
      "test/storage/disk.test.ts",
      "test/storage/lock.test.ts",
      "test/backup/create.test.ts",
      "test/backup/verify.test.ts",
      "test/embed/download.test.ts",
    ],
    pattern: "link planted|folder itself may be a link|reports links|or a link|became a link|a link that was planted",
  }),
  suiteFault({
    rows: [20],
    name: "two writers in one folder",
    files: ["test/storage/lock.test.ts"],
    pattern: "second process|kill -9|garbage collection|start together|only be read",
  }),
  suiteFault({
    rows: [33],
    name: "killed after half of the answers of language models were recorded, or came in; a damaged answer; two runs at once",
    files: [
      "test/scripts/model-runs.test.ts",
      "test/providers/recorded/recorder.test.ts",
      "test/providers/recorded/recordings.test.ts",
      "test/storage/disk.test.ts",
      "test/storage/fs.test.ts",
    ],
    pattern:
      "killed after half|killed in the moment|only when it is recorded|may not have synced|damaged answer|of many at once|four processes",
  }),
];
