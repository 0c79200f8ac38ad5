import { expect, test } from "bun:test";
import type { Storage } from "../../lib/storage/storage.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { isSnapshotFile, RunSnapshots, snapshotsOfRun } from "../../lib/results/snapshot.ts";
import { textOf, utf8 } from "../storage/storage-contract.ts";

const DAY_MS = 86_400_000;
const RUN = "a".repeat(64);
const OTHER = "b".repeat(64);

function writeSnapshot(storage: Storage, snapshot: { run_id: string }, options: { atMs: number }): Promise<void> {
  return new RunSnapshots(storage, snapshot.run_id).write(snapshot, options);
}

async function snapshotNames(storage: Storage): Promise<string[]> {
  return (await storage.list()).files.map(({ name }) => name).filter(isSnapshotFile);
}

test("a snapshot is named after its simulated time in UTC, also in the hour when clocks go back", async () => {
  const storage = inMemoryStorage();
  await writeSnapshot(storage, { run_id: RUN }, { atMs: Date.UTC(2021, 3, 1) });
  await writeSnapshot(storage, { run_id: RUN }, { atMs: Date.UTC(2021, 9, 31, 0, 30, 7) });
  await writeSnapshot(storage, { run_id: RUN }, { atMs: Date.UTC(2021, 9, 31, 1, 30, 7) });
  expect(await snapshotNames(storage)).toEqual([
    "snapshot_20210401_000000.json",
    "snapshot_20211031_003007.json",
    "snapshot_20211031_013007.json",
  ]);
});

test("snapshots of several runs in one second are all kept: the first has the plain name, the others add their run", async () => {
  const storage = inMemoryStorage();
  const atMs = Date.UTC(2021, 3, 1);
  for (const run of [RUN, OTHER, "c".repeat(64), OTHER, RUN]) {
    await writeSnapshot(storage, { run_id: run, trades: 1 } as { run_id: string }, { atMs });
  }
  expect(await snapshotNames(storage)).toEqual([
    "snapshot_20210401_000000.json",
    "snapshot_20210401_000000_bbbbbbbb.json",
    "snapshot_20210401_000000_cccccccc.json",
  ]);
  expect(await snapshotsOfRun(storage, OTHER, await snapshotNames(storage))).toEqual([
    "snapshot_20210401_000000_bbbbbbbb.json",
  ]);
  expect(await textOf(storage, "snapshot_20210401_000000.json")).toContain(RUN);
});

test("the newest 100 of a run are kept; those of other runs and systems, and damaged ones, are left alone", async () => {
  const storage = inMemoryStorage();
  const others: string[] = [];
  // A hundred damaged snapshots that look newer, one of another system, and one of another run.
  for (let day = 0; day < 100; day++) {
    const name = `snapshot_2030${String(day).padStart(4, "0")}_000000.json`;
    await storage.replace(name, utf8(day % 2 === 0 ? `{"run_id": "${RUN}"` : "\0\0\0"));
    others.push(name);
  }
  await storage.replace("snapshot_20200101_000000.json", utf8('{"total_trades": 5}'));
  await writeSnapshot(storage, { run_id: OTHER }, { atMs: Date.UTC(2020, 0, 2) });
  others.push("snapshot_20200101_000000.json", "snapshot_20200102_000000.json");

  for (let day = 0; day < 103; day++) {
    await writeSnapshot(storage, { run_id: RUN }, { atMs: Date.UTC(2021, 0, 1) + day * DAY_MS });
  }
  const own = await snapshotsOfRun(storage, RUN, await snapshotNames(storage));
  expect(own.length).toBe(100);
  expect([own[0], own[99]]).toEqual(["snapshot_20210104_000000.json", "snapshot_20210413_000000.json"]);
  expect((await snapshotNames(storage)).toSorted()).toEqual([...own, ...others].toSorted());
});

test("a damaged snapshot keeps its name, and the run's own gets another", async () => {
  const storage = inMemoryStorage();
  await storage.replace("snapshot_20210401_000000.json", utf8("{"));
  await writeSnapshot(storage, { run_id: RUN }, { atMs: Date.UTC(2021, 3, 1) });
  expect(await snapshotsOfRun(storage, RUN, await snapshotNames(storage))).toEqual([
    "snapshot_20210401_000000_aaaaaaaa.json",
  ]);
});

test("isSnapshotFile() knows both forms of the name", () => {
  expect(["snapshot_20210401_000000.json", "snapshot_20210401_000000_0123abcd.json"].every(isSnapshotFile)).toBe(true);
  expect(["snapshot_2021.json", "snapshot_20210401_000000_x.json", "snapshot.json"].some(isSnapshotFile)).toBe(false);
});
