import { afterEach, expect, jest, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { DiskPlace } from "../../lib/backup/disk-place.node.ts";
import { findBackup, listBackups } from "../../lib/backup/list.node.ts";
import { formatManifest, MANIFEST } from "../../lib/backup/manifest.ts";
import { type KeepRules, pruneBackups } from "../../lib/backup/prune.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup, verifyBackups } from "../../lib/backup/verify.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { takeLock } from "../../lib/storage/lock.node.ts";
import { failureOf, HOLDER } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { entriesOf, MEMORY_JSON, writeFiles } from "./backup-samples.ts";

const base = temporaryFolder("prune");
let folders = 0;
afterEach(() => {
  jest.restoreAllMocks();
});

/** A folder with a backup of each time; the memory holds one outcome that never changes. */
async function backupsAt(times: readonly string[]): Promise<string> {
  const root = join(base, String((folders += 1)));
  writeFiles(join(root, "memory"), { "outcome_1.json": "{}", ...MEMORY_JSON });
  for (const time of times) {
    await createBackup({ memoryDir: join(root, "memory"), backupDir: join(root, "backups"), now: new Date(time) });
  }
  return join(root, "backups");
}

// 2020-12-28 is a Monday: the first day of ISO week 2020-W53, which lasts until Sunday, 2021-01-03.
const TIMES = [
  "2019-06-30T12:00:00Z",
  "2020-12-27T23:59:59Z",
  "2020-12-28T00:00:00Z",
  "2020-12-31T23:00:00Z",
  "2021-01-01T01:00:00Z",
  "2021-01-03T08:00:00Z",
  "2021-01-03T20:00:00Z",
  "2021-01-04T00:00:00Z",
];

const CASES: readonly (readonly [KeepRules, readonly string[]])[] = [
  [{ keepLast: 2 }, ["20210103T200000Z last", "20210104T000000Z last"]],
  [{ keepDaily: 3 }, ["20210101T010000Z daily", "20210103T200000Z daily", "20210104T000000Z daily"]],
  [{ keepWeekly: 3 }, ["20201227T235959Z weekly", "20210103T200000Z weekly", "20210104T000000Z weekly"]],
  [{ keepMonthly: 2 }, ["20201231T230000Z monthly", "20210104T000000Z monthly"]],
  [{ keepYearly: 9 }, ["20190630T120000Z yearly", "20201231T230000Z yearly", "20210104T000000Z yearly"]],
  [{ keepLast: 1, keepMonthly: 2 }, ["20201231T230000Z monthly", "20210104T000000Z last monthly"]],
];

test("keeps the newest of each span of a rule, and a dry run returns the same", async () => {
  const template = await backupsAt(TIMES);
  for (const [rules, expected] of CASES) {
    const backupDir = join(base, String((folders += 1)));
    fs.cpSync(template, backupDir, { recursive: true });
    const dry = await pruneBackups({ backupDir, ...rules, dryRun: true });
    expect(dry.kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([...expected]);
    expect(dry.removed).toHaveLength(8 - expected.length);
    expect(await listBackups(backupDir)).toHaveLength(8);
    expect(await pruneBackups({ backupDir, ...rules })).toEqual(dry);
    expect(entriesOf(backupDir)).toEqual(expected.map((line) => line.split(" ")[0]!));
  }
});

// Hand-worked after restic's rule: "If there are not enough snapshots to keep one for each duration related --keep-{within-,}
// option, the oldest snapshot in the group is kept additionally."
const FEW: readonly (readonly [KeepRules, readonly string[]])[] = [
  // Two years of five.
  [{ keepYearly: 5 }, ["20201229T120000Z oldest yearly", "20201231T120000Z yearly", "20210103T120000Z yearly"]],
  [{ keepYearly: 3 }, ["20201229T120000Z oldest yearly", "20201231T120000Z yearly", "20210103T120000Z yearly"]],
  // Both years are there, and no more are asked for.
  [{ keepYearly: 2 }, ["20201231T120000Z yearly", "20210103T120000Z yearly"]],
  // One ISO week, 2020-W53.
  [{ keepWeekly: 1 }, ["20210103T120000Z weekly"]],
  [{ keepWeekly: 2 }, ["20201229T120000Z oldest weekly", "20210103T120000Z weekly"]],
  // The oldest is the newest of its day.
  [
    { keepDaily: 9 },
    ["20201229T120000Z", "20201230T120000Z", "20201231T120000Z", "20210101T120000Z", "20210102T120000Z"]
      .concat("20210103T120000Z")
      .map((id) => `${id} daily`),
  ],
  [
    { keepLast: 1, keepMonthly: 3, keepYearly: 3 },
    ["20201229T120000Z oldest monthly oldest yearly", "20201231T120000Z monthly yearly"].concat(
      "20210103T120000Z last monthly yearly",
    ),
  ],
];

test("a rule with fewer spans than it asks for keeps the oldest backup too", async () => {
  const days = ["2020-12-29", "2020-12-30", "2020-12-31", "2021-01-01", "2021-01-02", "2021-01-03"];
  const backupDir = await backupsAt(days.map((day) => `${day}T12:00:00Z`));
  for (const [rules, expected] of FEW) {
    const { kept } = await pruneBackups({ backupDir, ...rules, dryRun: true });
    expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([...expected]);
  }
});

test("the oldest backup kept in addition is a good one, and goes when all spans are there", async () => {
  const backupDir = await backupsAt(["2020-12-28T12:00:00Z", "2020-12-29T12:00:00Z", "2020-12-30T12:00:00Z"]);
  fs.writeFileSync(join(backupDir, "20201228T120000Z/MANIFEST.json"), "");
  const keptBy = async (rules: KeepRules): Promise<string[]> =>
    (await pruneBackups({ backupDir, ...rules })).kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "));
  expect(await keptBy({ keepYearly: 2 })).toEqual([
    "20201228T120000Z damaged",
    "20201229T120000Z oldest yearly",
    "20201230T120000Z yearly",
  ]);
  expect(await keptBy({ keepYearly: 1 })).toEqual(["20201228T120000Z damaged", "20201230T120000Z yearly"]);
});

test("a kept backup stays good although the backups it shared links with are removed", async () => {
  const backupDir = await backupsAt(TIMES);
  await pruneBackups({ backupDir, keepLast: 1 });
  expect(await verifyBackup(backupDir, "20210104T000000Z")).toEqual([]);
});

test("refuses to keep nothing, and numbers that are negative, fractional or NaN", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 1));
  for (const rules of [
    {},
    { keepLast: 0 },
    { keepDaily: 0, keepYearly: 0 },
    { keepLast: -1 },
    { keepLast: 1.5 },
    { keepLast: NaN },
  ]) {
    expect((await failureOf(pruneBackups({ backupDir, ...rules }))).code).toBe("BAD_USAGE");
  }
  expect(await listBackups(backupDir)).toHaveLength(1);
});

test("keeps a backup whose manifest cannot be read, and counts it for no rule", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  fs.writeFileSync(join(backupDir, "20201228T000000Z/MANIFEST.json"), "");
  const { kept } = await pruneBackups({ backupDir, keepLast: 1 });
  expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([
    "20201227T235959Z last",
    "20201228T000000Z damaged",
  ]);
});

test("counts a damaged backup for no rule, so that the good one before it stays", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 4));
  // A copy of its own: the others are links to the same bytes.
  const damaged = join(backupDir, "20201231T230000Z/outcome_1.json");
  fs.rmSync(damaged);
  fs.writeFileSync(damaged, "{]");
  for (const dryRun of [true, false]) {
    const { kept, removed } = await pruneBackups({ backupDir, keepLast: 1, dryRun });
    expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([
      "20201228T000000Z last",
      "20201231T230000Z damaged",
    ]);
    expect(kept[1]?.backup.problem).toContain('20201231T230000Z" is damaged: "outcome_1.json" has other bytes');
    expect(removed).toHaveLength(2);
  }
  expect(entriesOf(backupDir)).toEqual(["20201228T000000Z", "20201231T230000Z"]);
});

test("counts an older backup with a flipped byte for no rule, so that as many good ones stay", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 5));
  const damaged = join(backupDir, "20201231T230000Z/outcome_1.json");
  fs.rmSync(damaged);
  fs.writeFileSync(damaged, "{]");
  for (const dryRun of [true, false]) {
    const { kept, removed } = await pruneBackups({ backupDir, keepLast: 3, dryRun });
    expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([
      "20201227T235959Z last",
      "20201228T000000Z last",
      "20201231T230000Z damaged",
      "20210101T010000Z last",
    ]);
    expect(removed.map(({ id }) => id)).toEqual(["20190630T120000Z"]);
  }
});

test("reads the bytes that backups share once", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 4));
  const opened: string[] = [];
  const { openSync } = fs;
  spyOn(fs, "openSync").mockImplementation((...args) => {
    if (String(args[0]).endsWith("outcome_1.json")) opened.push(String(args[0]));
    return openSync(...args);
  });
  await verifyBackups(backupDir);
  expect(opened).toEqual([join(backupDir, "20190630T120000Z/outcome_1.json")]);
});

test("counts a backup to which a run added a file like any other", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  fs.writeFileSync(join(backupDir, "20201228T000000Z/outcome_2.json"), "{}");
  const { kept } = await pruneBackups({ backupDir, keepLast: 1 });
  expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual(["20201228T000000Z last"]);
});

test("removes nothing if every backup is damaged", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  // All are links to it.
  fs.chmodSync(join(backupDir, "20201228T000000Z/outcome_1.json"), 0o600);
  fs.writeFileSync(join(backupDir, "20201228T000000Z/outcome_1.json"), "{]");
  expect((await pruneBackups({ backupDir, keepLast: 1 })).removed).toEqual([]);
  expect(await listBackups(backupDir)).toHaveLength(3);
});

test("removes nothing from a missing folder, and does not make it", async () => {
  const backupDir = join(base, "nowhere");
  expect(await pruneBackups({ backupDir, keepLast: 1 })).toEqual({ kept: [], removed: [], fuller: [] });
  expect(fs.existsSync(backupDir)).toBeFalse();
});

test("a clock that was or is wrong neither removes the newest backup nor keeps an old one as the newest", async () => {
  const backupDir = await backupsAt(["2026-01-01T00:00:00Z", "2040-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]);
  expect((await listBackups(backupDir)).map(({ id, sequence }) => [id, sequence])).toEqual([
    ["20260101T000000Z", 1],
    ["20400101T000000Z", 2],
    ["20260102T000000Z", 3],
  ]);
  expect(await findBackup(new DiskPlace(backupDir), "latest")).toBe("20260102T000000Z");
  expect(await findBackup(new DiskPlace(backupDir), "20260102")).toBe("20260102T000000Z");
  const { kept } = await pruneBackups({ backupDir, keepLast: 1 });
  expect(kept.map(({ backup }) => backup.id)).toEqual(["20260102T000000Z"]);
  // The clock goes back to 1970; the number goes on after those that are gone.
  const memoryDir = join(backupDir, "../memory");
  expect(await createBackup({ memoryDir, backupDir, now: new Date(0) })).toMatchObject({ sequence: 4 });
  expect((await pruneBackups({ backupDir, keepLast: 1 })).kept.map(({ backup }) => backup.id)).toEqual([
    "19700101T000000Z",
  ]);
});

test("backups of version 0.2.0 come before all others, also one that is dated 2040", async () => {
  const backupDir = await backupsAt(["2040-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]);
  for (const id of ["20400101T000000Z", "20260101T000000Z"]) {
    const path = join(backupDir, id, MANIFEST);
    fs.writeFileSync(path, formatManifest({ ...(await new DiskPlace(backupDir).readManifest(id)), sequence: 0 }));
  }
  expect((await listBackups(backupDir)).map(({ id, problem }) => [id, problem])).toEqual([
    ["20260101T000000Z", undefined],
    ["20400101T000000Z", undefined],
    ["20260102T000000Z", undefined],
  ]);
});

test("what the caller has just made stays, although another process made a newer one since", async () => {
  const backupDir = await backupsAt(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]);
  const { kept, removed } = await pruneBackups({ backupDir, keepLast: 1, keepId: "20260102T000000Z" });
  expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([
    "20260102T000000Z just made",
    "20260103T000000Z last",
  ]);
  expect(removed.map(({ id }) => id)).toEqual(["20260101T000000Z"]);
});

test("where memory has shrunk, a prune names the backups with more outcomes, and none goes for one just made", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 1));
  const memoryDir = join(backupDir, "../memory");
  writeFiles(memoryDir, { "outcome_2.json": "{}", "outcome_3.json": "{}" });
  await createBackup({ memoryDir, backupDir, now: new Date("2021-02-01T00:00:00Z") });
  for (const name of ["outcome_2.json", "outcome_3.json"]) fs.rmSync(join(memoryDir, name));
  const { id: keepId } = await createBackup({ memoryDir, backupDir, now: new Date("2021-02-02T00:00:00Z") });
  // 1, 3 and 1 outcomes.
  const spared = await pruneBackups({ backupDir, keepLast: 1, keepId });
  expect(spared.kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual([
    "20190630T120000Z spared",
    "20210201T000000Z spared",
    "20210202T000000Z last",
  ]);
  expect(spared.removed).toEqual([]);
  expect(spared.fuller.map(({ id, outcomes }) => [id, outcomes])).toEqual([["20210201T000000Z", 3]]);
  // The fullest stays.
  expect(await pruneBackups({ backupDir, keepLast: 2, keepId })).toMatchObject({
    removed: [{ id: "20190630T120000Z" }],
    fuller: [],
  });
  expect(await pruneBackups({ backupDir, keepLast: 1 })).toMatchObject({
    removed: [{ id: "20210201T000000Z" }],
    fuller: [{ id: "20210201T000000Z" }],
  });
});

test("a backup that is pruned while it is verified or restored was pruned, and is not damaged", async () => {
  const [old, latest] = ["20260101T000000Z", "20260102T000000Z"];
  const scene = (): Promise<string> => backupsAt(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]);
  /** Takes a backup away, as a prune does, when its first outcome is opened. */
  const pruneWhenRead = (backupDir: string, id: string): void => {
    const { openSync, renameSync } = fs;
    spyOn(fs, "openSync").mockImplementation((...args) => {
      if (String(args[0]) === join(backupDir, id, "outcome_1.json")) {
        jest.restoreAllMocks();
        renameSync(join(backupDir, id), join(backupDir, `.tmp-pruned-${crypto.randomUUID()}`));
      }
      return openSync(...args);
    });
  };
  const ofVerify = await scene();
  pruneWhenRead(ofVerify, old);
  expect(await verifyBackups(ofVerify)).toEqual([
    { id: old, problems: [], pruned: true },
    { id: latest, problems: [] },
  ]);

  const ofLatest = await scene();
  pruneWhenRead(ofLatest, latest);
  expect(await verifyBackups(ofLatest, { id: "latest" })).toEqual([{ id: old, problems: [] }]);

  const ofDryRun = await scene();
  pruneWhenRead(ofDryRun, latest);
  const dryRun = await pruneBackups({ backupDir: ofDryRun, keepLast: 1, dryRun: true });
  expect(dryRun.kept.map(({ backup }) => backup.id)).toEqual([old]);
  expect(dryRun.removed).toEqual([]);

  const ofRestore = await scene();
  pruneWhenRead(ofRestore, latest);
  const to = join(ofRestore, "../restored");
  expect(await restoreBackup({ backupDir: ofRestore, id: "latest", to })).toMatchObject({ id: old });
  expect(fs.readFileSync(join(to, "outcome_1.json"), "utf8")).toBe("{}");

  const ofOne = await scene();
  pruneWhenRead(ofOne, old);
  const failure = await failureOf(restoreBackup({ backupDir: ofOne, id: old, to: join(ofOne, "../to") }));
  expect([failure.code, failure.message]).toEqual([
    "NOT_FOUND",
    `Cannot restore "${join(ofOne, old)}": found that it was pruned meanwhile, expected a backup that stays`,
  ]);
  expect(fs.existsSync(join(ofOne, "../to"))).toBeFalse();
});

test("a dry run that is stopped while it verifies says so", async () => {
  const backupDir = await backupsAt(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]);
  const signal = AbortSignal.abort(new DOMException("stopped", "AbortError"));
  await expect(pruneBackups({ backupDir, keepLast: 1, dryRun: true, signal })).rejects.toThrow("stopped");
});

test("waits for whoever makes or removes backups, and names him if he does not finish in time", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 2));
  const lock = await takeLock(backupDir, HOLDER);
  const failure = await failureOf(pruneBackups({ backupDir, keepLast: 1, waitMs: 0 }));
  expect(failure.code).toBe("LOCKED");
  expect(failure.message).toContain(`found it locked by process ${HOLDER.pid} ("${HOLDER.command}" on`);
  expect(failure.message).toContain("one at a time: wait for it, or use a folder of your own with --backup-dir");
  let waits = 0;
  const pruned = pruneBackups({
    backupDir,
    keepLast: 1,
    onWait: () => {
      waits += 1;
      setTimeout(() => void lock.release(), 120);
    },
  });
  expect((await pruned).removed.map(({ id }) => id)).toEqual(["20190630T120000Z"]);
  expect(waits).toBe(1);
});

test.each(["create", "prune"] as const)(
  "a %s whose lock was lost neither names nor removes a backup",
  async (command) => {
    const backupDir = await backupsAt(TIMES.slice(0, 3));
    const before = entriesOf(backupDir);
    const rename = fs.renameSync;
    // The lock's own file gets its name.
    spyOn(fs, "renameSync").mockImplementationOnce((from, to) => {
      rename(from, to);
      fs.rmSync(join(backupDir, ".lock"));
    });
    const memoryDir = join(backupDir, "../memory");
    const failure = await failureOf(
      command === "create"
        ? createBackup({ memoryDir, backupDir, now: new Date() })
        : pruneBackups({ backupDir, keepLast: 1 }),
    );
    expect(failure.code).toBe("LOCKED");
    expect(failure.message).toStartWith(
      `Cannot write to "${backupDir}": found that its lock was removed or taken over`,
    );
    expect(entriesOf(backupDir)).toEqual(before.filter((name) => name !== ".lock"));
  },
);

test("a rule of none is no rule, and does not keep another from counting", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  const { kept } = await pruneBackups({ backupDir, keepLast: 0, keepDaily: 1 });
  expect(kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "))).toEqual(["20201228T000000Z daily"]);
});

test("verifies nothing if nothing goes", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 2));
  const damaged = join(backupDir, "20201227T235959Z/outcome_1.json");
  fs.rmSync(damaged);
  const { kept, removed } = await pruneBackups({ backupDir, keepLast: 5 });
  expect(kept.map(({ reasons }) => reasons)).toEqual([["last"], ["last"]]);
  expect(removed).toEqual([]);
});

test("a backup that was just made is kept for that alone if no rule keeps it", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  const reasonsWith = async (keepId: string): Promise<readonly string[]> => {
    const { kept } = await pruneBackups({ backupDir, keepLast: 1, keepId, dryRun: true });
    return kept.map(({ backup, reasons }) => [backup.id, ...reasons].join(" "));
  };
  expect(await reasonsWith("20201228T000000Z")).toEqual(["20201228T000000Z last"]);
  expect(await reasonsWith("20190630T120000Z")).toEqual(["20190630T120000Z just made", "20201228T000000Z last"]);
});

test("the folder is synced after backups were taken out of it", async () => {
  const backupDir = await backupsAt(TIMES.slice(0, 3));
  const calls: string[] = [];
  for (const call of ["renameSync", "fsyncSync"] as const) {
    const original: (...args: never[]) => unknown = fs[call];
    spyOn(fs, call).mockImplementation(((...args: never[]) => {
      // Not the lock's own file.
      if (call === "fsyncSync" || String(args[1]).includes("pruned")) calls.push(call);
      return original(...args);
    }) as never);
  }
  await pruneBackups({ backupDir, keepLast: 1 });
  expect(calls.slice(0, 3)).toEqual(["renameSync", "renameSync", "fsyncSync"]);
});
