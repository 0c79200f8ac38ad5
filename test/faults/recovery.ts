/** What follows an operation that was killed or failed: readers, the next start, and the same operation again. */
import fs from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { decodeJsonObject } from "../../lib/util/json.ts";
import { checkSeal } from "../../lib/storage/sealed-json.ts";
import { decodeSidecar } from "../../lib/memory/sidecar.ts";
import { listBackups } from "../../lib/backup/list.node.ts";
import { parseManifest } from "../../lib/backup/manifest.ts";
import { verifyBackup } from "../../lib/backup/verify.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { lockHolder, withLock } from "../../lib/storage/lock.node.ts";
import { readMemoryReport } from "../../lib/maintenance/memory-report.ts";
import { decodeForgetMark, isForgetFile } from "../../lib/memory/forget.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { decodeOutcome, idOfOutcomeFile, outcomeFileName } from "../../lib/memory/outcome.ts";
import { isSnapshotFile, RunSnapshots } from "../../lib/results/snapshot.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { filesOf } from "../scripts/run-script.ts";
import type { Operation } from "./operations.ts";

/** Operations that heal when they are started again. The others heal when any writer opens the memory. */
const HEALED_BY_THEMSELVES = [
  "a run of two chunks",
  "restore",
  "prune",
  "record of answers",
  "record of answers at once",
];
/** Operations that end differently when performed twice: a second backup, a target that is taken. */
const NOT_TWICE = ["backup", "first backup", "restore"];

/** Whether performing an operation again ends in the same bytes. */
export function isRepeatable(operation: Operation): boolean {
  return !NOT_TWICE.includes(operation.name);
}

/** Does what a user starts next, which heals. */
export async function recover(operation: Operation, work: string): Promise<void> {
  // If the target exists, nothing is left to do.
  if (operation.name === "restore" && fs.existsSync(join(work, "restored"))) return;
  if (HEALED_BY_THEMSELVES.includes(operation.name)) return operation.perform(work, () => {});
  const storage = diskStorage(join(work, "memory"));
  await withLock(storage, () => openMemory(storage, { embedder: hashingEmbedder() }));
}

/**
 * Goes on writing after every error, everything that a memory can write. Reports `ack <what>` or `refused <code>` for each step.
 *
 * @returns The exit code: 1 if anything was refused.
 */
export async function insist(work: string, say: (text: string) => void): Promise<number> {
  const storage = diskStorage(join(work, "memory"));
  const lock = await storage.lock(lockHolder());
  let refused = 0;
  const step = async (what: string, write: () => Promise<unknown>): Promise<void> => {
    try {
      await write();
      say(`ack ${what}`);
    } catch (error) {
      if (!(error instanceof CarryoverError)) throw error;
      refused += 1;
      say(`refused ${error.code}`);
    }
  };
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  for (const outcome of makeOutcomes(8).slice(5)) {
    await step(outcomeFileName(outcome.decision_id), () => memory.record(outcome));
    await step("flush", () => memory.flush());
    await step("shared", () => storage.createOnce(`shared-${outcome.decision_id}`, new Uint8Array(9)));
  }
  const snapshots = new RunSnapshots(storage, "d".repeat(64));
  await step("forget", () => memory.forget({ provider: "trend", beforeMs: 0 }));
  await step("snapshot", () => snapshots.write({ run_id: "d".repeat(64) }, { atMs: 0 }));
  await step("remove", () => storage.remove("snapshot_19700101_000000.json"));
  await step("lock", () => storage.lock(lockHolder()).catch(tolerateLocked));
  await lock.release();
  return refused === 0 ? 0 : 1;
}

/** This process holds the lock itself: LOCKED shows that the storage would have written. */
function tolerateLocked(error: unknown): void {
  if (!(error instanceof CarryoverError && error.code === "LOCKED")) throw error;
}

/**
 * Checks a folder before anything heals it: readers work and write nothing, and every file under a final name is whole.
 * Files that were damaged in `start` may be unchanged.
 */
export async function look(work: string, start: Readonly<Record<string, string>>): Promise<void> {
  const before = filesOf(work);
  for (const [name, text] of Object.entries(before)) {
    if (start[name] === text || /(^|\/)(\.tmp-|quarantine\/)/.test(name)) continue;
    await assertWhole(name, text);
  }
  const memory = join(work, "memory");
  if (fs.existsSync(memory)) {
    const { damaged } = await readMemoryReport(diskStorage(memory));
    const unexpected = damaged.filter(({ name }) => start[`memory/${name}`] !== before[`memory/${name}`]);
    if (unexpected.length > 0) throw new Error(`a reader finds damage: ${unexpected[0]?.problem}`);
  }
  for (const { id, problem } of await listBackups(join(work, "backups"))) {
    const [first] = await verifyBackup(join(work, "backups"), id);
    if (problem !== undefined || first !== undefined) throw new Error(`backup ${id}: ${problem ?? first?.message}`);
  }
  if (!isDeepStrictEqual(filesOf(work), before)) throw new Error("a reader changed files");
}

async function assertWhole(path: string, text: string): Promise<void> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const bytes = Buffer.from(text, "latin1");
  if (idOfOutcomeFile(name) !== undefined) {
    const { trade } = decodeOutcome(bytes, name);
    if (trade.crc32 === null) throw new Error(`${path} has no crc32`);
  } else if (isForgetFile(name)) decodeForgetMark(bytes, name);
  else if (name === "MANIFEST.json") parseManifest(bytes, name);
  else if (name.endsWith(".json.gz")) await decodeSidecar(bytes, name);
  else if (name.endsWith(".json")) {
    const fields = decodeJsonObject(bytes, path);
    // Files that only their run can make again.
    if (isSnapshotFile(name) || /^(memory\/runs|answers)\//.test(path)) checkSeal({ bytes, fields }, path);
  } else if (name.endsWith(".ndjson")) {
    for (const line of text.trimEnd().split("\n")) decodeJsonObject(Buffer.from(line, "latin1"), path);
  } else if (name.endsWith(".csv") && !text.endsWith("\n")) throw new Error(`${path} is cut`);
}

/** Inodes of the files that are written only once: outcomes, marks, answers, and all files of committed chunks. */
export function writtenOnce(work: string): Readonly<Record<string, string>> {
  const files = filesOf(work);
  const committed = Object.keys(files).flatMap(
    (name) => /^memory\/(runs\/\w+\/(\S+_\w+)\.)json$/.exec(name)?.[1] ?? [],
  );
  const isCommitted = (name: string): boolean => committed.some((chunk) => name.startsWith(`memory/${chunk}`));
  const isSnapshotOfCommitted = (name: string): boolean =>
    isSnapshotFile(name.slice("memory/".length)) && committed.some((chunk) => files[name]?.includes(chunkOf(chunk)));
  const once = Object.keys(files).filter(
    (name) =>
      /^(memory\/(outcome|forget)_|answers\/[^.])/.test(name) || isCommitted(name) || isSnapshotOfCommitted(name),
  );
  return Object.fromEntries(
    once.map((name) => {
      const { ino, mtimeMs } = fs.statSync(join(work, name));
      return [name, `${ino} ${mtimeMs}`];
    }),
  );
}

/** `"chunk": "<name>"` of `runs/<id>/<name>.`. */
function chunkOf(prefix: string): string {
  return `"chunk": "${prefix.slice(prefix.lastIndexOf("/") + 1, -1)}"`;
}
