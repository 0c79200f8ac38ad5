/** The files that decide and store, and the tests that ought to notice a change of each. */

/** Tests of a file besides test/<same path>.test.ts. */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  "lib/backtest/broker.ts": [],
  "lib/backtest/decide.ts": ["test/backtest/run.test.ts"],
  "lib/backtest/judge.ts": ["test/backtest/run.test.ts"],
  "lib/backtest/loop.ts": ["test/backtest/run.test.ts", "test/backtest/pending-writes.test.ts"],
  "lib/backtest/outcome.ts": [],
  "lib/backtest/pending-writes.ts": [],
  "lib/backtest/sizing.ts": [],
  "lib/memory/calibration.ts": ["test/memory/lessons.test.ts"],
  "lib/memory/evidence.ts": [
    "test/memory/lessons.test.ts",
    "test/memory/view.test.ts",
    "test/results/attribution.test.ts",
  ],
  "lib/memory/lessons.ts": [],
  "lib/stats/bootstrap.ts": [],
  "lib/storage/blocks.ts": [],
  "lib/storage/sealed-json.ts": [],
  "lib/storage/group-commit.node.ts": ["test/storage/disk.test.ts"],
  "lib/storage/disk.node.ts": [],
  "lib/backup/prune.node.ts": [],
  "lib/memory/store.ts": [
    "test/memory/embed-missing.test.ts",
    "test/memory/vectors.test.ts",
    "test/memory/foreign-statistics.test.ts",
  ],
  "lib/memory/keep-vectors.ts": ["test/memory/embed-missing.test.ts", "test/memory/store.test.ts"],
  "lib/memory/sidecar.ts": [],
  "lib/memory/trade-columns.ts": ["test/memory/sidecar.test.ts"],
  "lib/memory/view.ts": [],
  "lib/memory/weights.ts": ["test/memory/lessons.test.ts"],
  "lib/providers/recorded/recorder.ts": [],
  "lib/providers/recorded/recordings.ts": [],
  "lib/search/codes.ts": [],
  "lib/storage/lock.node.ts": ["test/storage/disk.test.ts"],
  "lib/backup/create.node.ts": [],
  "lib/backup/verify.node.ts": [
    "test/backup/restore.test.ts",
    "test/backup/prune.test.ts",
    "test/backup/bucket-backups.test.ts",
  ],
  "lib/backup/restore.node.ts": ["test/backup/verify.test.ts", "test/backup/prune.test.ts"],
  "lib/backtest/resume.ts": [],
  "lib/backtest/run-files.ts": [],
  "lib/serve/session-chunk.ts": [],
  "lib/serve/session-run.ts": ["test/serve/session.test.ts"],
  "lib/sweep/folder.ts": [],
};

/** The tests of a file of the list: its mirror, if there is one, and what the list adds. */
export function testsOf(file: string): readonly string[] {
  const mirror = file.replace(/^lib\//, "test/").replace(/(?:\.node)?\.ts$/, ".test.ts");
  return [mirror, ...(TARGETS[file] ?? [])];
}
