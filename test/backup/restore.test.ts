import { afterAll, afterEach, expect, jest, spyOn, test } from "bun:test";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatManifest, parseManifest } from "../../lib/backup/manifest.node.ts";
import { restoreBackup, verifyBackup, verifyBackups } from "../../lib/backup/restore.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { failureOf } from "../storage/storage-contract.ts";

const base = fs.mkdtempSync(join(tmpdir(), "carryover-restore-"));
let folders = 0;

afterAll(() => fs.rmSync(base, { recursive: true, force: true }));
afterEach(() => {
  jest.restoreAllMocks();
});

const ID = "20210401T060000Z";
const FILES = { "outcome_1.json": '{"n":1}', "runs/ab/2021Q1.json": "{}", "runs/ab/empty.ndjson": "" };

/** A backup of `FILES`, and a target that is not there. */
async function fixture(): Promise<{ backupDir: string; path: string; to: string }> {
  const root = join(base, String((folders += 1)));
  const memoryDir = join(root, "memory");
  for (const [name, text] of Object.entries(FILES)) {
    fs.mkdirSync(join(memoryDir, name, ".."), { recursive: true });
    fs.writeFileSync(join(memoryDir, name), text);
  }
  const backupDir = join(root, "backups");
  await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") });
  return { backupDir, path: join(backupDir, ID), to: join(root, "restored", "memory") };
}

function contentsOf(folder: string): Record<string, string> {
  const names = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.lstatSync(join(folder, name)).isFile());
  return Object.fromEntries(names.map((name) => [name, fs.readFileSync(join(folder, name), "utf8")]));
}

/** Kinds and files of what verify finds. */
async function findingsOf(backupDir: string): Promise<string[]> {
  return (await verifyBackup(backupDir, ID)).map((problem) => `${problem.kind} ${problem.file}`);
}

/** Writes a manifest with other files, its own SHA-256 right. */
function forge(path: string, files: readonly { name: string; size: number; sha256: string }[]): void {
  const manifest = { created: "2021-04-01T06:00:00.000Z", label: null, newBytes: 0, files };
  fs.writeFileSync(join(path, "MANIFEST.json"), formatManifest(manifest));
}

async function expectRefused(backupDir: string, to: string): Promise<string> {
  for (const dryRun of [true, false]) {
    const failure = await failureOf(restoreBackup({ backupDir, id: ID, to, dryRun }));
    expect(failure.code).toBe("CORRUPT");
    expect(fs.existsSync(to)).toBeFalse();
  }
  expect(fs.existsSync(join(to, "..")) ? fs.readdirSync(join(to, "..")) : []).toEqual([]);
  return (await failureOf(restoreBackup({ backupDir, id: ID, to }))).message;
}

test("a restore brings every byte to a folder that is not there or is empty, and nothing else", async () => {
  const { backupDir, to } = await fixture();
  const info = await restoreBackup({ backupDir, id: ID, to });
  expect(info).toMatchObject({ id: ID, files: 3, bytes: 9, outcomes: 1 });
  expect(contentsOf(to)).toEqual(FILES);
  expect(fs.readdirSync(join(to, ".."))).toEqual(["memory"]);
  const empty = `${to}-empty`;
  fs.mkdirSync(empty);
  await restoreBackup({ backupDir, id: ID, to: empty });
  expect(contentsOf(empty)).toEqual(FILES);
});

test("a restored file is a copy: changing it changes no backup", async () => {
  const { backupDir, to } = await fixture();
  await restoreBackup({ backupDir, id: ID, to });
  fs.writeFileSync(join(to, "outcome_1.json"), "changed");
  expect(await findingsOf(backupDir)).toEqual([]);
});

test("a dry run checks and writes nothing", async () => {
  const { backupDir, to } = await fixture();
  expect(await restoreBackup({ backupDir, id: ID, to, dryRun: true })).toMatchObject({ id: ID, files: 3 });
  expect(fs.existsSync(join(to, ".."))).toBeFalse();
});

test("a target with anything in it, a file or a link is refused and stays, with the command that moves it away", async () => {
  const { backupDir, to } = await fixture();
  fs.mkdirSync(to, { recursive: true });
  fs.writeFileSync(join(to, "mine"), "mine");
  const failure = await failureOf(restoreBackup({ backupDir, id: ID, to }));
  expect(failure.code).toBe("BAD_USAGE");
  expect(failure.message).toBe(
    `Cannot restore to "${to}": found 1 entries, expected nothing or an empty folder: move it away first (mv "${to}" "${to}.old")`,
  );
  expect(contentsOf(to)).toEqual({ mine: "mine" });
  fs.symlinkSync(base, `${to}-link`);
  expect((await failureOf(restoreBackup({ backupDir, id: ID, to: `${to}-link` }))).message).toContain(
    "a symbolic link",
  );
  expect((await failureOf(restoreBackup({ backupDir, id: ID, to: join(to, "mine") }))).message).toContain(
    "found a file",
  );
});

test("a backup that is not there, or an id that is a path, is NOT_FOUND", async () => {
  const { backupDir, to } = await fixture();
  for (const id of ["20200101T000000Z", "../memory", "", ".", ID.toLowerCase()]) {
    expect((await failureOf(verifyBackup(backupDir, id))).code).toBe("NOT_FOUND");
    expect((await failureOf(restoreBackup({ backupDir, id, to }))).code).toBe("NOT_FOUND");
  }
  fs.symlinkSync(join(backupDir, ID), join(backupDir, "20220101T000000Z"));
  expect((await failureOf(verifyBackup(backupDir, "20220101T000000Z"))).code).toBe("NOT_FOUND");
});

test("the latest is the newest, and all are verified from the oldest on, unless a signal stops it in between", async () => {
  const { backupDir, to } = await fixture();
  const later = "20210402T060000Z";
  await createBackup({ memoryDir: join(backupDir, "..", "memory"), backupDir, now: new Date("2021-04-02T06:00:00Z") });
  fs.rmSync(join(backupDir, ID, "outcome_1.json"));
  const all = await verifyBackups(backupDir);
  expect(all.map(({ id, problems }) => [id, problems.length])).toEqual([
    [ID, 1],
    [later, 0],
  ]);
  expect(await verifyBackups(backupDir, { id: "latest" })).toEqual([{ id: later, problems: [] }]);
  expect(await restoreBackup({ backupDir, id: "latest", to })).toMatchObject({ id: later });
  const signal = AbortSignal.abort(new Error("stopped"));
  expect(await verifyBackups(backupDir, { signal }).catch(String)).toBe("Error: stopped");
  expect((await failureOf(verifyBackups(join(backupDir, "none")))).code).toBe("NOT_FOUND");
});

test("verify finds what is missing, flipped, cut, extra or a link; restore refuses all but the extra", async () => {
  const { backupDir, path, to } = await fixture();
  const outcome = join(path, "outcome_1.json");
  fs.writeFileSync(join(path, "extra.json"), "");
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json"]);
  await restoreBackup({ backupDir, id: ID, to: `${to}-good` });
  expect(contentsOf(`${to}-good`)).toEqual(FILES);
  fs.rmSync(join(to, ".."), { recursive: true });

  fs.writeFileSync(outcome, '{"n":7}');
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "changed outcome_1.json"]);
  expect(await expectRefused(backupDir, to)).toBe(
    `Cannot restore "${path}": found that "outcome_1.json" has other bytes than were backed up, expected a backup that verifies`,
  );
  fs.writeFileSync(outcome, '{"n":');
  expect(await verifyBackup(backupDir, ID)).toContainEqual({
    file: "outcome_1.json",
    kind: "changed",
    message: `"outcome_1.json" has 5 bytes, expected 7`,
  });
  await expectRefused(backupDir, to);
  fs.rmSync(outcome);
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "missing outcome_1.json"]);
  expect(await expectRefused(backupDir, to)).toContain(`found that "outcome_1.json" is missing, expected`);
  fs.writeFileSync(join(base, "same bytes"), '{"n":1}');
  fs.symlinkSync(join(base, "same bytes"), outcome);
  expect(await findingsOf(backupDir)).toEqual(["extra extra.json", "link outcome_1.json"]);
  await expectRefused(backupDir, to);
});

test("a folder of the backup that became a link is not followed", async () => {
  const { backupDir, path, to } = await fixture();
  fs.renameSync(join(path, "runs"), join(base, `runs-${folders}`));
  fs.symlinkSync(join(base, `runs-${folders}`), join(path, "runs"));
  expect(await findingsOf(backupDir)).toEqual([
    "link runs",
    "missing runs/ab/2021Q1.json",
    "missing runs/ab/empty.ndjson",
  ]);
  await expectRefused(backupDir, to);
});

test("any one flipped bit in any file of a backup is found", async () => {
  const { backupDir, path } = await fixture();
  for (const name of Object.keys(contentsOf(path))) {
    const good = fs.readFileSync(join(path, name));
    for (let bit = 0; bit < good.length * 8; bit += 1) {
      // Every bit of a small file; in the manifest a step that is prime to 8 visits every byte and every bit.
      if (good.length > 100 && bit % 7 !== 0) continue;
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      fs.writeFileSync(join(path, name), bad);
      const problems = await verifyBackup(backupDir, ID);
      if (problems.length === 0) throw new Error(`bit ${bit} of ${name} was not found`);
    }
    fs.writeFileSync(join(path, name), good);
  }
  expect(await findingsOf(backupDir)).toEqual([]);
});

test("a manifest with a hostile path, a name twice or its own name is refused, even with a right SHA-256", async () => {
  const { backupDir, path, to } = await fixture();
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
    await expectRefused(backupDir, to);
  }
});

test("parseManifest() reads back what formatManifest() wrote and refuses anything else, saying where", () => {
  const manifest = {
    created: "2021-04-01T06:00:00.000Z",
    label: 'a "label", \n "manifest_sha256"',
    newBytes: 3,
    files: [{ name: "a", size: 3, sha256: "ab".repeat(32) }],
  };
  expect(parseManifest(formatManifest(manifest), "M")).toEqual(manifest);
  expect(parseManifest(formatManifest({ ...manifest, files: [] }), "M").files).toEqual([]);
  const bad =
    (text: string): (() => unknown) =>
    () =>
      parseManifest(new TextEncoder().encode(text), "M");
  expect(bad("")).toThrow(/^Cannot read "M": found .*, expected the manifest of a backup$/);
  expect(bad("[]")).toThrow(/expected the manifest of a backup$/);
  const text = new TextDecoder().decode(formatManifest(manifest));
  expect(bad(text.replace('"size":3', '"size":-3'))).toThrow(/files\.0\.size/);
  expect(bad(text.replace('"new_bytes": 3', '"new_bytes": 4'))).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(`${text} `)).toThrow(/bytes that do not match its own SHA-256/);
  expect(bad(text.replace('"version": 1', '"version": 2'))).toThrow(/version/);
});

test("a restore that fails half-way leaves no target and no rest", async () => {
  const { backupDir, to } = await fixture();
  for (const call of ["writeSync", "fsyncSync", "renameSync"] as const) {
    fs.mkdirSync(join(to, ".."), { recursive: true });
    spyOn(fs, call).mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: injected"), { code: "ENOSPC" });
    });
    expect((await failureOf(restoreBackup({ backupDir, id: ID, to }))).code).toBe("IO");
    expect(fs.readdirSync(join(to, ".."))).toEqual([]);
  }
});
