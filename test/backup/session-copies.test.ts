/** A session has several states under one run id, and a session that was removed gives its id to the next. */
import { beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findCopies } from "../../lib/backup/copies.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { isSnapshotOfSameState } from "../../lib/backup/session-copies.ts";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { openSession, testServer, tradeOf } from "../serve/server-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";

// Files are synced here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("session-copies");
const backupDir = join(base, "backups");
const memoryDir = join(base, "memory");

beforeEach(() => {
  for (const folder of [backupDir, memoryDir]) rmSync(folder, { recursive: true, force: true });
});

/** Opens the session, or goes on with it, and trades on days of January. It stays open unless `isClosed`. */
async function play(days: readonly string[], options: { isClosed: boolean; exit?: number }): Promise<void> {
  const server = await testServer({ storage: diskStorage(memoryDir) });
  const session = await openSession(server, { resume: pathsOf(/manifest\.json$/).length > 0 });
  for (const day of days) {
    await server.call("record_outcome", tradeOf(session, `2024-01-${day}`, options.exit ?? 115));
  }
  if (options.isClosed) await server.call("close_session", { session });
  await server.stop();
}

async function backUp(day: string): Promise<string> {
  return (await createBackup({ memoryDir, backupDir, now: new Date(`2024-02-${day}`) })).path;
}

/** The files of memory whose path matches. */
function pathsOf(pattern: RegExp): readonly string[] {
  const paths = readdirSync(base, { recursive: true, withFileTypes: true }).map((each) =>
    join(each.parentPath, each.name),
  );
  return paths.filter((path) => path.startsWith(`${memoryDir}/`) && pattern.test(path));
}

/** The names of the copies that are found, without folders. They mend memory. */
async function mend(): Promise<readonly string[]> {
  const { findings } = await checkOnce(diskStorage(memoryDir));
  const damaged = findings.filter((finding) => finding.damaged);
  expect(damaged).not.toEqual([]);
  const copies = await findCopies(memoryDir, { backupDir, findings: damaged });
  for (const name of copies?.names ?? []) cpSync(join(copies!.backup, name), join(memoryDir, name));
  if (copies !== undefined) {
    const after = await checkOnce(diskStorage(memoryDir));
    expect(after.findings.filter((finding) => finding.damaged)).toEqual([]);
  }
  return (copies?.names ?? []).map((name) => basename(name));
}

/** Damages a file as by a bad block. */
function spoil(path: string, change: (bytes: Buffer) => Buffer = (bytes) => bytes.fill(0, 0, 1)): void {
  writeFileSync(path, change(readFileSync(path)));
}

test("outcomes of a removed session are no copies of those that the next one with its run id misses", async () => {
  await play(["02", "03", "04"], { isClosed: true });
  await backUp("01");
  rmSync(memoryDir, { recursive: true });
  await play(["05", "06", "07"], { isClosed: true });
  const [outcome] = pathsOf(/outcome_20240106/);
  const bytes = readFileSync(outcome!);
  rmSync(outcome!);
  expect(await mend()).toEqual([]);
  writeFileSync(outcome!, bytes);
  await backUp("02");
  for (const caches of [[], pathsOf(/vectors\.meta/)]) {
    for (const path of [outcome!, ...caches]) rmSync(path);
    expect(await mend()).toEqual([basename(outcome!)]);
  }
});

test("an outcome with the same name that a removed session had is no copy, missing or damaged, committed or not", async () => {
  await play(["02", "03"], { isClosed: true, exit: 90 });
  await backUp("01");
  for (const isClosed of [true, false]) {
    rmSync(memoryDir, { recursive: true });
    await play(["02", "03"], { isClosed });
    const [outcome] = pathsOf(/outcome_20240103/);
    spoil(outcome!);
    expect(await mend()).toEqual([]);
    rmSync(pathsOf(/vectors\.meta/)[0]!);
    expect(await mend()).toEqual([]);
    rmSync(outcome!);
    if (isClosed) expect(await mend()).toEqual([]);
  }
});

test("the summary of a session is copied only if the backup has the records of memory", async () => {
  await play(["02", "03"], { isClosed: true });
  await backUp("01");
  await play(["04", "05"], { isClosed: true });
  const [summary] = pathsOf(/summary\.json$/);
  const bytes = readFileSync(summary!);
  writeFileSync(summary!, "");
  expect(await mend()).toEqual([]);
  writeFileSync(summary!, bytes);
  await backUp("02");
  spoil(summary!, (whole) => Buffer.concat([whole, whole]));
  expect(await mend()).toEqual(["summary.json"]);
  expect(readFileSync(summary!)).toEqual(bytes);
});

test("a record, decisions, equity and the key of a session are copied whatever length is damaged, if they are of its state", async () => {
  await play(["02", "03"], { isClosed: true });
  const older = await backUp("01");
  await play(["04", "05"], { isClosed: true });
  const names = ["2024Q1.json", "2024Q1.decisions.ndjson", "2024Q1.equity.csv", "manifest.json"];
  const copy = join(base, "whole");
  cpSync(memoryDir, copy, { recursive: true });
  const damage = (name: string): void => {
    rmSync(memoryDir, { recursive: true });
    cpSync(copy, memoryDir, { recursive: true });
    spoil(pathsOf(new RegExp(`/${name}$`))[0]!, (bytes) => Buffer.concat([bytes.subarray(5), bytes]));
  };
  for (const name of names.slice(0, 3)) {
    damage(name);
    expect([name, await mend()]).toEqual([name, []]);
  }
  rmSync(memoryDir, { recursive: true });
  cpSync(copy, memoryDir, { recursive: true });
  expect(dirname(await backUp("02"))).toBe(dirname(older));
  for (const name of names) {
    damage(name);
    expect(await mend()).toEqual([name]);
  }
});

test("damaged decisions of an open session are found, and copied if all other lines are the same", async () => {
  await play(["02", "03", "04"], { isClosed: false });
  const [decisions] = pathsOf(/decisions\.ndjson$/);
  await backUp("01");
  spoil(decisions!);
  expect(await mend()).toEqual(["2024Q1.decisions.ndjson"]);
  const bytes = readFileSync(decisions!);
  spoil(decisions!, (whole) => Buffer.from(`${whole}`.replaceAll("{", "[")));
  expect(await mend()).toEqual([]);
  writeFileSync(decisions!, bytes);
  await play(["05"], { isClosed: false });
  spoil(decisions!);
  expect(await mend()).toEqual([]);
});

test("a snapshot is of the state that memory has if its chunk's record is the same", async () => {
  const [memory, backup] = [inMemoryStorage(), inMemoryStorage()];
  const name = "snapshot_20240103_000000.json";
  const places = { memory, backup };
  const snapshot = (runId: string): Promise<void> =>
    backup.replace(name, new TextEncoder().encode(JSON.stringify({ run_id: runId, chunk: "2024Q1" })));
  const record = (storage: Storage, text: string): Promise<void> =>
    storage.replace("runs/r/2024Q1.json", new TextEncoder().encode(text));
  await snapshot("r");
  expect(await isSnapshotOfSameState(name, places)).toBe(false);
  await record(backup, "two trades");
  await record(memory, "two trades");
  expect(await isSnapshotOfSameState(name, places)).toBe(true);
  await record(memory, "four trades");
  expect(await isSnapshotOfSameState(name, places)).toBe(false);
  await snapshot("..");
  expect(await isSnapshotOfSameState(name, places)).toBe(false);
});
