/** Rows that tests of the suite and slow tests show, and runs beside other programs. */
import type { Fault } from "./fault.ts";
import { sideBySide } from "./side-by-side.ts";
import { suiteFault, type SuiteTests } from "./suite-fault.ts";
import { watch } from "./watch.ts";

/** Tests that show a row. */
export const suiteTests: readonly SuiteTests[] = [
  {
    rows: [10],
    name: "damaged outcomes",
    files: [
      "test/memory/store.test.ts",
      "test/memory/outcome.test.ts",
      "test/maintenance/check.test.ts",
      "test/maintenance/repair.test.ts",
      "test/scripts/memory-stats.test.ts",
    ],
    pattern:
      "what is damaged|finds damage|flipped bit in any file|moves damaged files|names damaged outcomes|flipped digit",
  },
  {
    rows: [11],
    name: "damaged vectors",
    files: ["test/memory/vectors.test.ts"],
    pattern: "a damaged vectors",
  },
  {
    rows: [12],
    name: "a flipped bit in the sidecar",
    files: ["test/memory/sidecar.test.ts", "test/memory/vectors.test.ts"],
    pattern: "flipped bit at every position|a sidecar that is damaged",
  },
  {
    rows: [13],
    name: "a sidecar and vectors that do not match",
    files: ["test/memory/vectors.test.ts", "test/slow/recall.ts"],
    pattern: "do not belong together|of another embedder",
  },
  {
    rows: [14],
    name: "numbers that are not finite",
    files: ["test/memory/outcome.test.ts", "test/memory/store.test.ts"],
    pattern: "NaN|Infinity|not finite",
  },
  {
    rows: [15],
    name: "bombs and forged lengths",
    files: ["test/memory/sidecar.test.ts", "test/market/csv.test.ts", "test/memory/store.test.ts"],
    pattern: "bomb|forged length|of 1 GB",
  },
  {
    rows: [16],
    name: "names that lead out of the folder",
    files: [
      "test/util/names.test.ts",
      "test/storage/in-memory.test.ts",
      "test/storage/disk.test.ts",
      "test/memory/outcome.test.ts",
      "test/memory/store.test.ts",
    ],
    pattern: "assertFileNamePart|assertStorageName|would leave the folder|the decision_id|the asset|by case alone",
  },
  {
    rows: [17],
    name: "names that every JavaScript object has",
    files: ["test/memory/statistics.test.ts", "test/scripts/reset-providers.test.ts"],
    pattern: "__proto__",
  },
  {
    rows: [18],
    name: "two outcomes with one id",
    files: ["test/memory/store.test.ts", "test/storage/in-memory.test.ts", "test/storage/disk.test.ts"],
    pattern: "refuses another of its id|refuses others and keeps the first",
  },
  {
    rows: [22],
    name: "a run stopped at ticks, trades and writes",
    files: ["test/backtest/resume.test.ts"],
    pattern: "goes on to the same bytes",
  },
  {
    rows: [23],
    name: "a resume after a change",
    files: ["test/backtest/resume.test.ts", "test/slow/run-chunks.ts"],
    pattern: "which run it is|another setting",
  },
  {
    rows: [24],
    name: "snapshots of one second",
    files: ["test/results/snapshot.test.ts"],
    pattern: "simulated time|in one second",
  },
  {
    rows: [25],
    name: "a hundred damaged snapshots",
    files: ["test/results/snapshot.test.ts"],
    pattern: "newest 100|damaged snapshot",
  },
  {
    rows: [26],
    name: "a backup of a running backtest",
    files: ["test/backup/of-a-run.test.ts", "test/backup/create.test.ts"],
    pattern:
      "the run goes on in it|used as the memory folder|as if nothing|beside a writing process|between every two looks",
  },
  {
    rows: [27],
    name: "damaged and hostile backups",
    files: ["test/backup/verify.test.ts", "test/scripts/backup.test.ts"],
    pattern: "verify finds|flipped bit in any file of a backup|hostile path|became a link|verify reads",
  },
  {
    rows: [28],
    name: "restores that fail, or whose target is taken",
    files: ["test/backup/restore.test.ts"],
    pattern: "target that is a file|fails half-way",
  },
  {
    rows: [29],
    name: "forget marks without caches",
    files: ["test/scripts/reset-providers.test.ts"],
    pattern: "stays forgotten",
  },
  {
    rows: [30],
    name: "invalid configurations",
    files: ["test/config/parse.test.ts", "test/slow/run-chunks.ts"],
    pattern: "parseConfig|a bad command line",
  },
  {
    rows: [31],
    name: "invalid bars",
    files: ["test/market/csv.test.ts", "test/market/parquet.test.ts", "test/scripts/run-chunks.test.ts"],
    pattern: "parseBars|damaged bar",
  },
  {
    rows: [32],
    name: "slow and closed pipes",
    files: ["test/scripts/cli/main.test.ts"],
    pattern: "slow pipe|reader of|stdout closed",
  },
  {
    rows: [34],
    name: "outcomes deleted and added by hand",
    files: ["test/backtest/resume.test.ts", "test/slow/run-chunks.ts"],
    pattern: "that someone changed|outcomes were deleted",
  },
  {
    rows: [35],
    name: "readers after every write of a run",
    files: ["test/memory/readers.test.ts", "test/scripts/memory-stats.test.ts"],
    pattern: "every single change|the same while|beside a writer",
  },
  {
    rows: [5],
    name: "a failed sync in the storage, also one that several calls share",
    files: ["test/storage/disk.test.ts", "test/storage/group-commit.test.ts"],
    pattern: "a failed (fsync|sync of the folder|sync of one)|a failed sync of a created file",
  },
  {
    rows: [6],
    name: "a failed write or rename in the storage",
    files: ["test/storage/disk.test.ts"],
    pattern: "a failed write or rename",
  },
  {
    rows: [9],
    name: "no file handle left in the storage",
    files: ["test/storage/disk.test.ts"],
    pattern: "no file handles left",
  },
  {
    rows: [19],
    name: "links planted as files, folders, temporary files, locks, and in backups",
    files: [
      "test/storage/disk.test.ts",
      "test/storage/lock.test.ts",
      "test/backup/create.test.ts",
      "test/backup/verify.test.ts",
      "test/backup/restore.test.ts",
      "test/embed/download.test.ts",
      "test/memory/store.test.ts",
    ],
    pattern:
      "link planted|folder itself may be a link|reports links|files and links|a link or not empty|in place of a link|became a link|or a link is moved",
  },
  {
    rows: [20],
    name: "a second writer in one folder, and deaths of every kind",
    files: ["test/slow/run-chunks.ts", "test/storage/lock.test.ts"],
    pattern: "a second writer|a death by|second process|kill -9|garbage collection|start together|is read-only",
  },
  {
    rows: [33],
    name: "a kill after half of the answers were recorded or received, a damaged answer, two runs at once",
    files: [
      "test/slow/model-run-failures.ts",
      "test/providers/recorded/recorder.test.ts",
      "test/providers/recorded/recordings.test.ts",
      "test/storage/disk.test.ts",
      "test/storage/fs.test.ts",
    ],
    pattern:
      "killed after half|killed just after|only after it is recorded|may not have synced|damaged answer|at once all use one answer|many are kept at once|four processes",
  },
  {
    rows: [36],
    name: "a clock that jumps between backups",
    files: ["test/backup/prune.test.ts", "test/scripts/backup.test.ts"],
    pattern: "a clock that|dated 2040|has just made",
  },
  {
    rows: [37],
    name: "backup commands beside each other",
    files: ["test/backup/prune.test.ts", "test/slow/backup.ts"],
    pattern: "was pruned|waits for whoever|at once",
  },
  {
    rows: [38],
    name: "folders and files of somebody else's",
    files: [
      "test/scripts/memory-folder.test.ts",
      "test/memory/folder.test.ts",
      "test/storage/disk.test.ts",
      "test/storage/fs.test.ts",
    ],
    pattern: "of somebody else|memory folder|of another kind|of anybody else|of other programs",
  },
  {
    rows: [39],
    name: "inputs that change between start and resume",
    files: ["test/slow/job-identity.ts", "test/backtest/identity.test.ts", "test/memory/load.test.ts"],
    pattern: "with one byte of one input|one byte of an imported outcome|kept its size",
  },
  {
    rows: [40],
    name: "caches with right checksums and wrong content",
    files: ["test/backtest/identity.test.ts"],
    pattern: "with right checksums",
  },
  {
    rows: [41],
    name: "a lock that is lost",
    files: ["test/slow/lost-lock.ts", "test/backup/prune.test.ts"],
    pattern: "stops with 5|whose lock was lost",
  },
  {
    rows: [42],
    name: "files removed during a run",
    files: ["test/slow/lost-lock.ts"],
    pattern: "says with 1 that",
  },
  {
    rows: [44],
    name: "a folder of answers that cannot be written",
    files: ["test/job/recording.test.ts"],
    pattern: "before anything is asked",
  },
  {
    rows: [45],
    name: "leftovers, whatever the clock says",
    files: ["test/backup/stop.test.ts", "test/storage/fs.test.ts", "test/storage/disk.test.ts"],
    pattern: "whatever the clock says|swept its temporary file",
  },
  {
    rows: [48],
    name: "keys that are told",
    files: ["test/slow/secrets.ts", "test/scripts/secrets.test.ts", "test/providers/recorded/redact.test.ts"],
    pattern: "is in any file or output|a key is hidden",
  },
  {
    rows: [49],
    name: "keys and programs that are missing",
    files: ["test/scripts/secrets.test.ts"],
    pattern: "before anything is written",
  },
  {
    rows: [50],
    name: "a package below node_modules",
    files: ["test/slow/package-folder.ts"],
    pattern: ".",
  },
  {
    rows: [51],
    name: "statistics of another system",
    files: ["test/memory/foreign-statistics.test.ts", "test/backup/create.test.ts"],
    pattern: "of another system|another system's",
  },
  {
    rows: [52],
    name: "prices that are likely errors",
    files: ["test/market/price-jumps.test.ts"],
    pattern: ".",
  },
  {
    rows: [53],
    name: "files of gigabytes",
    files: ["test/storage/size-limits.test.ts"],
    pattern: "refused before it is read|refused block by block",
  },
  {
    rows: [54],
    name: "requests to an object store that are the last",
    files: ["test/storage/object-store-kills.test.ts", "test/storage/object-store.test.ts"],
    pattern: "each of its calls|killed at a write",
  },
  {
    rows: [55],
    name: "writers of an object store at once",
    files: ["test/storage/object-store-lock.test.ts", "test/storage/object-store.test.ts"],
    pattern: "exactly one gets it|what a later holder wrote|held up on its way|ignores If-None-Match",
  },
  {
    rows: [56],
    name: "backups in a bucket",
    files: ["test/backup/bucket-backups.test.ts"],
    pattern: "killed|at once|held up|answer got lost|missing|damaged|is away|ignores conditions|stops a create",
  },
  {
    rows: [43],
    name: "signals in long work",
    files: ["test/backup/stop.test.ts", "test/maintenance/stop.test.ts", "test/scripts/cli/main.test.ts"],
    pattern: "stops in the middle|is stopped while|although a signal came",
  },
];

export const suite: readonly Fault[] = [...sideBySide, ...watch, ...suiteTests.map(suiteFault)];
