import { expect, spyOn, test } from "bun:test";
import fs from "node:fs";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { formatManifest } from "../../lib/backup/manifest.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup, verifyBackups } from "../../lib/backup/verify.node.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BACKUP_FILES, BACKUP_ID, contentsOf, expectRestoreRefused, sampleBackup } from "./backup-samples.ts";

const base = temporaryFolder("verify");

/** Kinds and files of the problems that verify finds. */
async function findingsOf(backupDir: string): Promise<string[]> {
  return (await verifyBackup(backupDir, BACKUP_ID)).map((problem) => `${problem.kind} ${problem.file}`);
}

/** Replaces the manifest by one with other files and a right SHA-256. */
function forge(path: string, files: readonly { name: string; size: number; sha256: string }[]): void {
  const manifest = { sequence: 1, created: "2021-04-01T06:00:00.000Z", label: null, new_bytes: 0, files };
  fs.writeFileSync(join(path, "MANIFEST.json"), formatManifest(manifest));
}

test("verifies all backups from the oldest to the newest, or only the latest; a signal stops in between", async () => {
  const { backupDir, to } = await sampleBackup(base);
  const later = "20210402T060000Z";
  await createBackup({ memoryDir: join(backupDir, "..", "memory"), backupDir, now: new Date("2021-04-02T06:00:00Z") });
  fs.rmSync(join(backupDir, BACKUP_ID, "outcome_1.json"));
  const all = await verifyBackups(backupDir);
  expect(all.map(({ id, problems }) => [id, problems.length])).toEqual([
    [BACKUP_ID, 1],
    [later, 0],
  ]);
  expect(await verifyBackups(backupDir, { id: "latest" })).toEqual([{ id: later, problems: [] }]);
  expect(await restoreBackup({ backupDir, id: "latest", to })).toMatchObject({ id: later });
  const signal = AbortSignal.abort();
  expect(await verifyBackups(backupDir, { signal }).catch(String)).toStartWith("AbortError: ");
  expect((await failureOf(verifyBackups(join(backupDir, "none")))).code).toBe("NOT_FOUND");
});

test("reports each file that is verified or restored", async () => {
  const { backupDir, to } = await sampleBackup(base);
  const steps: string[] = [];
  const onSteps = (what: string, done: number, of: number): void => void steps.push(`${what} ${done}/${of}`);
  await verifyBackup(backupDir, BACKUP_ID, { onSteps });
  await restoreBackup({ backupDir, id: BACKUP_ID, to, onSteps });
  const numbers = [0, 1, 2];
  expect(steps).toEqual([
    ...numbers.map((done) => `Verified ${BACKUP_ID}: ${done}/3`),
    ...numbers.map((done) => `Restored ${done}/3`),
  ]);
});

test("a restore names the first problem and counts the others", async () => {
  const { backupDir, path, to } = await sampleBackup(base);
  for (const name of ["outcome_1.json", "runs/ab/2021Q1.json"]) fs.writeFileSync(join(path, name), "");
  expect(await expectRestoreRefused(backupDir, to)).toContain('"outcome_1.json" has 0 bytes, expected 7 (and 1 more)');
  fs.writeFileSync(join(path, "runs/ab/empty.ndjson"), "x");
  expect(await expectRestoreRefused(backupDir, to)).toContain("(and 2 more)");
});

test("verify finds missing, flipped, cut and extra files and links; restore refuses all but the extra", async () => {
  const { backupDir, path, to } = await sampleBackup(base);
  const outcome = join(path, "outcome_1.json");
  fs.writeFileSync(join(path, "extra.json"), "");
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json"]);
  await restoreBackup({ backupDir, id: BACKUP_ID, to: `${to}-good` });
  expect(contentsOf(`${to}-good`)).toEqual(BACKUP_FILES);
  fs.rmSync(join(to, ".."), { recursive: true });

  fs.writeFileSync(outcome, '{"n":7}');
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "changed outcome_1.json"]);
  expect(await expectRestoreRefused(backupDir, to)).toBe(
    `Cannot restore "${path}": found that "outcome_1.json" has other bytes than were backed up, expected a good backup, which "backup verify" names`,
  );
  fs.writeFileSync(outcome, '{"n":');
  expect(await verifyBackup(backupDir, BACKUP_ID)).toContainEqual({
    file: "outcome_1.json",
    kind: "changed",
    message: `"outcome_1.json" has 5 bytes, expected 7`,
  });
  await expectRestoreRefused(backupDir, to);
  fs.rmSync(outcome);
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "missing outcome_1.json"]);
  expect(await expectRestoreRefused(backupDir, to)).toContain(`found that "outcome_1.json" is missing, expected`);
  fs.writeFileSync(join(base, "same bytes"), '{"n":1}');
  fs.symlinkSync(join(base, "same bytes"), outcome);
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "link outcome_1.json"]);
  await expectRestoreRefused(backupDir, to);
});

test("a manifest that the disk does not give back is a problem of the backup", async () => {
  const { backupDir, path } = await sampleBackup(base);
  const { openSync } = fs;
  const opening = spyOn(fs, "openSync").mockImplementation((...args) => {
    if (args[0] === join(path, "MANIFEST.json")) throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
    return openSync(...args);
  });
  try {
    expect(await findingsOf(backupDir)).toEqual(["manifest MANIFEST.json"]);
  } finally {
    opening.mockRestore();
  }
});

test("does not follow a folder of the backup that became a link", async () => {
  const { backupDir, path, to } = await sampleBackup(base);
  fs.renameSync(join(path, "runs"), join(base, `moved-runs`));
  fs.symlinkSync(join(base, `moved-runs`), join(path, "runs"));
  expect(await findingsOf(backupDir)).toEqual([
    "link runs",
    "missing runs/ab/2021Q1.json",
    "missing runs/ab/empty.ndjson",
  ]);
  await expectRestoreRefused(backupDir, to);
});

test("finds any flipped bit in any file of a backup", async () => {
  const { backupDir, path } = await sampleBackup(base);
  for (const name of Object.keys(contentsOf(path))) {
    const good = fs.readFileSync(join(path, name));
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      // Every bit of a small file; in the manifest a step that is prime to 8 visits every byte and every bit.
      if (good.length > 100 && bit % 7 !== 0) continue;
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      fs.writeFileSync(join(path, name), bad);
      const problems = await verifyBackup(backupDir, BACKUP_ID);
      if (problems.length === 0) throw new Error(`bit ${bit} of ${name} was not found`);
    }
    fs.writeFileSync(join(path, name), good);
  }
  expect(await findingsOf(backupDir)).toEqual([]);
});

test("refuses a manifest with a hostile path, a duplicate name or its own name, even with a right SHA-256", async () => {
  const { backupDir, path, to } = await sampleBackup(base);
  const sha256 = "0".repeat(64);
  for (const names of [
    ["../outside.json"],
    ["/etc/passwd"],
    ["runs/../../outside.json"],
    ["a\\..\\b"],
    ["C:\\x"],
    [".lock"],
    ["a", "a"],
    ["MANIFEST.json"],
    [""],
  ]) {
    forge(
      path,
      names.map((name) => ({ name, size: 0, sha256 })),
    );
    expect(await findingsOf(backupDir)).toEqual(["manifest MANIFEST.json"]);
    await expectRestoreRefused(backupDir, to);
  }
});
