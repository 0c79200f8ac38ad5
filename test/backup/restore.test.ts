import { afterEach, expect, jest, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup, verifyBackups } from "../../lib/backup/verify.node.ts";
import { runsIn } from "../../lib/runs/find.node.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BACKUP_FILES, BACKUP_ID, contentsOf, MEMORY_JSON, sampleBackup, writeFiles } from "./backup-samples.ts";

const base = temporaryFolder("restore");
afterEach(() => {
  jest.restoreAllMocks();
});

test("restores every byte to a missing or empty folder, and nothing else", async () => {
  const { backupDir, to } = await sampleBackup(base);
  const info = await restoreBackup({ backupDir, id: BACKUP_ID, to });
  expect(info).toMatchObject({ id: BACKUP_ID, files: 3, bytes: 9, outcomes: 1 });
  expect(contentsOf(to)).toEqual(BACKUP_FILES);
  expect(fs.readdirSync(join(to, ".."))).toEqual(["memory"]);
  const empty = `${to}-empty`;
  fs.mkdirSync(empty);
  await restoreBackup({ backupDir, id: BACKUP_ID, to: empty });
  expect(contentsOf(empty)).toEqual(BACKUP_FILES);
});

test("finds a backup by its label, unless several have it", async () => {
  const { backupDir, to } = await sampleBackup(base);
  const memoryDir = join(backupDir, "..", "memory");
  const label = "before the upgrade";
  const labelled = await createBackup({ memoryDir, backupDir, now: new Date("2021-04-02T06:00:00Z"), label });
  expect(await restoreBackup({ backupDir, id: label, to })).toMatchObject({ id: labelled.id, label });
  expect(await verifyBackup(backupDir, label)).toEqual([]);
  const other = await createBackup({ memoryDir, backupDir, now: new Date("2021-04-03T06:00:00Z"), label });
  expect(await failureOf(verifyBackup(backupDir, label))).toEqual({
    code: "NOT_FOUND",
    message:
      `Cannot find the backup: found several with the label "${label}" in "${backupDir}", ` +
      `expected latest or one of ${BACKUP_ID}, ${labelled.id} ("${label}"), ${other.id} ("${label}")`,
  });
});

test("takes a label for itself although an id begins like it", async () => {
  const { backupDir } = await sampleBackup(base);
  const memoryDir = join(backupDir, "..", "memory");
  const label = "20210403";
  const labelled = await createBackup({ memoryDir, backupDir, now: new Date("2021-04-02T06:00:00Z"), label });
  await createBackup({ memoryDir, backupDir, now: new Date("2021-04-03T06:00:00Z") });
  const [found] = await verifyBackups(backupDir, { id: label });
  expect(found).toEqual({ id: labelled.id, problems: [] });
});

test("restores copies: changing a restored file does not change the backup", async () => {
  const { backupDir, to } = await sampleBackup(base);
  await restoreBackup({ backupDir, id: BACKUP_ID, to });
  fs.writeFileSync(join(to, "outcome_1.json"), "changed");
  expect(await verifyBackup(backupDir, BACKUP_ID)).toEqual([]);
});

test("runs keep their order, which is that of their files' times", async () => {
  const root = fs.mkdtempSync(join(base, "order-"));
  const [memoryDir, backupDir, to] = ["memory", "backups", "restored"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  const [newest, older] = ["a".repeat(64), "b".repeat(64)];
  writeFiles(memoryDir, {
    ...MEMORY_JSON,
    [`runs/${newest}/summary.json`]: "{}",
    [`runs/${older}/summary.json`]: "{}",
  });
  const day = 86_400;
  fs.utimesSync(join(memoryDir, `runs/${newest}/summary.json`), 20_000 * day, 20_000 * day);
  fs.utimesSync(join(memoryDir, `runs/${older}/summary.json`), 19_000 * day, 19_000 * day);
  await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") });
  await restoreBackup({ backupDir, id: BACKUP_ID, to });
  for (const folder of [join(backupDir, BACKUP_ID), to]) {
    expect((await runsIn(folder)).map(({ id, writtenMs }) => [id, writtenMs])).toEqual([
      [newest, 20_000 * day * 1000],
      [older, 19_000 * day * 1000],
    ]);
  }
});

test("a dry run checks the backup and writes nothing", async () => {
  const { backupDir, to } = await sampleBackup(base);
  expect(await restoreBackup({ backupDir, id: BACKUP_ID, to, dryRun: true })).toMatchObject({
    id: BACKUP_ID,
    files: 3,
  });
  expect(fs.existsSync(join(to, ".."))).toBeFalse();
});

test("refuses a target that is a file, a link or not empty, and says how to move it away", async () => {
  const { backupDir, to } = await sampleBackup(base);
  fs.mkdirSync(to, { recursive: true });
  fs.writeFileSync(join(to, "mine"), "mine");
  const failure = await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to }));
  expect(failure.code).toBe("BAD_USAGE");
  expect(failure.message).toBe(
    `Cannot restore to "${to}": found 1 entry, expected nothing or an empty folder: move it away first (mv "${to}" "${to}.old")`,
  );
  expect(contentsOf(to)).toEqual({ mine: "mine" });
  fs.symlinkSync(base, `${to}-link`);
  expect((await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to: `${to}-link` }))).message).toContain(
    "a symbolic link",
  );
  expect((await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to: join(to, "mine") }))).message).toContain(
    "found a file",
  );
});

test("an unknown id, or one that is a path, is NOT_FOUND", async () => {
  const { backupDir, to } = await sampleBackup(base);
  for (const id of ["20200101T000000Z", "../memory", "", ".", BACKUP_ID.toLowerCase()]) {
    expect((await failureOf(verifyBackup(backupDir, id))).code).toBe("NOT_FOUND");
    expect((await failureOf(restoreBackup({ backupDir, id, to }))).code).toBe("NOT_FOUND");
  }
  fs.symlinkSync(join(backupDir, BACKUP_ID), join(backupDir, "20220101T000000Z"));
  expect((await failureOf(verifyBackup(backupDir, "20220101T000000Z"))).code).toBe("NOT_FOUND");
});

test("a restore that fails half-way leaves nothing behind", async () => {
  const { backupDir, to } = await sampleBackup(base);
  for (const call of ["writeSync", "fsyncSync", "renameSync"] as const) {
    fs.mkdirSync(join(to, ".."), { recursive: true });
    spyOn(fs, call).mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
    });
    expect((await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to }))).code).toBe("IO");
    expect(fs.readdirSync(join(to, ".."))).toEqual([]);
  }
  spyOn(fs, "fsync").mockImplementationOnce(((_fd: number, done: fs.NoParamCallback) =>
    done(Object.assign(new Error("EIO: injected"), { code: "EIO" }))) as typeof fs.fsync);
  const { message } = await failureOf(restoreBackup({ backupDir, id: BACKUP_ID, to }));
  expect(message).toMatch(/^Cannot restore to ".*": found EIO: injected, expected a disk without errors/);
  expect(fs.readdirSync(join(to, ".."))).toEqual([]);
});
