/** The operations that faults interrupt: everything that writes, in a folder of its own, and what must hold afterwards. */
import fs from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Outcome } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { settleAll } from "../../lib/util/async.ts";
import { listBackups } from "../../lib/backup/list.node.ts";
import { MANIFEST } from "../../lib/backup/manifest.ts";
import { pruneBackups } from "../../lib/backup/prune.node.ts";
import { restoreBackup } from "../../lib/backup/restore.node.ts";
import { verifyBackup } from "../../lib/backup/verify.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { withLock } from "../../lib/storage/lock.node.ts";
import { forgetProviders } from "../../lib/maintenance/forget-providers.ts";
import { rebuildVectors } from "../../lib/maintenance/rebuild.ts";
import { recountProviders } from "../../lib/maintenance/recount.ts";
import { maintainMemory } from "../../lib/memory/open.node.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { openMemory, type Memory } from "../../lib/memory/store.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { RunSnapshots } from "../../lib/results/snapshot.ts";
import { runsIn } from "../../lib/runs/find.node.ts";
import { setLabel } from "../../lib/runs/labels.ts";
import { partsOfRun, removeRun } from "../../lib/runs/remove.node.ts";
import { resumeJob } from "../backtest/resume-samples.ts";
import { at, filesOf as hashesOf, runFresh, runOn } from "../backtest/world-samples.ts";
import { CACHES, cachesOf, recount } from "../memory/folder-samples.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { filesOf, writeMemory } from "../scripts/run-script.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { recordAnswers, recordAnswersAtOnce } from "./answers.ts";

/** An operation that writes, in a folder `work` with a memory, backups, or whatever else it needs. */
export interface Operation {
  readonly name: string;
  /** Prepares the folder. */
  prepare(work: string): Promise<void>;
  /** Performs it, and reports each acknowledgement at once. */
  perform(work: string, acknowledge: (what: string) => void): Promise<void>;
  /** Heals the folder as the next start does. @throws If something acknowledged is missing or something is damaged. */
  check(work: string, acknowledged: readonly string[]): Promise<void>;
}

/** Something acknowledged is missing. */
export class Lost extends Error {}

const OUTCOMES = makeOutcomes(600);
const BEFORE = OUTCOMES.slice(0, 5);
const NEW = OUTCOMES.slice(5, 8);
const BYTES = new Map(OUTCOMES.map((outcome) => [fileOf(outcome), latin1(encodeOutcome(outcome).bytes)]));
const DAMAGED = OUTCOMES[20] as Outcome;
const MARK = { provider: "trend", beforeMs: Date.UTC(2021, 0, 3) };
const RUN_ID = "c".repeat(64);
/** The run of all outcomes here. */
const STORED_RUN = OUTCOMES[0]!.run_id;
const DAY_MS = 86_400_000;
/** Prefix of a file whose removal or move is acknowledged. */
const GONE = "gone: ";
const RUN = { period: { startMs: at("2018-02-08"), endMs: at("2018-02-14") }, chunkKind: "3d" } as const;

/** Every operation except `recordForLong` and `createOnce`. */
export const operations: readonly Operation[] = [
  {
    name: "record",
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: (work, acknowledge) => writing(work, (memory) => recordAll(memory, NEW, acknowledge)),
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  },
  recordAtOnce(2),
  recordAtOnce(64),
  {
    name: "record in a new folder",
    prepare: async () => {},
    perform: (work, acknowledge) => writing(work, (memory) => recordAll(memory, NEW.slice(0, 2), acknowledge)),
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "flush, with an append of vectors",
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: recordAndFlush,
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "flush, with new vectors in the middle",
    prepare: (work) => writeMemory(memoryOf(work), [...BEFORE, ...OUTCOMES.slice(10, 12)]),
    perform: recordAndFlush,
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "snapshot",
    // One fewer than are kept: the second new one removes the oldest.
    prepare: async (work) => {
      await writeMemory(memoryOf(work), BEFORE);
      for (let day = 1; day < 100; day += 1) {
        fs.writeFileSync(join(memoryOf(work), snapshotName(day)), encodeSealedJson(snapshotOf(day)));
      }
    },
    perform: async (work, acknowledge) => {
      const snapshots = new RunSnapshots(diskStorage(memoryOf(work)), RUN_ID);
      for (const day of [100, 101, 102]) {
        await snapshots.write(snapshotOf(day), { atMs: day * DAY_MS });
        acknowledge(snapshotName(day));
        if (day > 100) acknowledge(`${GONE}${snapshotName(day - 100)}`);
      }
    },
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "healing of a damaged memory",
    prepare: async (work) => {
      const memory = memoryOf(work);
      await writeMemory(memory, BEFORE);
      fs.writeFileSync(join(memory, fileOf(DAMAGED)), "half of an outc");
      fs.writeFileSync(join(memory, `.tmp-${crypto.randomUUID()}`), "left by a dead writer");
      fs.appendFileSync(join(memory, "vectors.f32"), "abc");
      fs.rmSync(join(memory, "memory.json"));
      fs.writeFileSync(join(memory, "provider_performance.json"), "");
    },
    perform: (work, acknowledge) =>
      writing(work, async () => {
        acknowledge("caches");
        acknowledge(`quarantine/${fileOf(DAMAGED)}`);
        acknowledge(`${GONE}${fileOf(DAMAGED)}`);
      }),
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  },
  {
    name: "discard",
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: (work, acknowledge) =>
      writing(work, async (memory) => {
        for (const { decision_id: id } of BEFORE.slice(1, 3)) {
          if (memory.trades.some((trade) => trade.id === id)) await memory.discard([id]);
          acknowledge(`quarantine/${outcomeFileName(id)}`);
          acknowledge(`${GONE}${outcomeFileName(id)}`);
        }
      }),
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "reset",
    prepare: async (work) => {
      await writeMemory(memoryOf(work), BEFORE);
      fs.writeFileSync(join(memoryOf(work), "regime_performance.json"), "{}");
    },
    perform: async (work, acknowledge) => {
      await maintain(work, (storage, embedder) => recountProviders(storage, { embedder }));
      acknowledge("caches");
    },
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  },
  {
    name: "reset --forget",
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: async (work, acknowledge) => {
      const { provider, beforeMs } = MARK;
      await maintain(work, (storage, embedder) =>
        forgetProviders(storage, { embedder, providers: [provider], beforeMs }),
      );
      acknowledge(encodeForgetMark(MARK).name);
      acknowledge("caches");
    },
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  },
  {
    name: "removal of a run with its outcomes",
    prepare: async (work) => {
      const memory = memoryOf(work);
      await writeMemory(memory, BEFORE);
      const storage = diskStorage(memory);
      for (const name of ["manifest", "2021Q1"])
        await storage.replace(`runs/${STORED_RUN}/${name}.json`, encodeSealedJson({}));
      await setLabel(storage, STORED_RUN, "to be removed");
    },
    perform: async (work, acknowledge) => {
      await writing(work, async (_memory, storage) => {
        const [run] = await runsIn(memoryOf(work));
        if (run !== undefined) await removeRun(run, await partsOfRun(run));
        await (await openMemory(storage, { embedder: hashingEmbedder() })).flush();
      });
      for (const outcome of BEFORE) acknowledge(`${GONE}${fileOf(outcome)}`);
      acknowledge(`${GONE}runs/${STORED_RUN}/manifest.json`);
      acknowledge("caches");
    },
    check: (work, acknowledged) => checkMemory(work, acknowledged),
  },
  {
    name: "rebuild of the vectors",
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: async (work, acknowledge) => {
      await maintain(work, (storage, embedder) => rebuildVectors(storage, { embedder, all: true }));
      acknowledge("caches");
    },
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  },
  {
    name: "backup",
    prepare: async (work) => {
      await writeMemory(memoryOf(work), BEFORE.slice(0, 3));
      await backup(work, 1);
      await writeMemory(memoryOf(work), BEFORE);
      await new RunSnapshots(diskStorage(memoryOf(work)), RUN_ID).write(snapshotOf(1), { atMs: DAY_MS });
    },
    perform: async (work, acknowledge) => {
      acknowledge(await backup(work, 2));
      acknowledge(await backup(work, 3));
    },
    check: async (work, acknowledged) => {
      await checkBackups(work, [backupId(1), ...acknowledged]);
      await checkMemory(work, BEFORE.map(fileOf));
    },
  },
  {
    name: "first backup",
    prepare: (work) => writeMemory(memoryOf(work), OUTCOMES.slice(0, 64)),
    perform: async (work, acknowledge) => acknowledge(await backup(work, 1)),
    check: async (work, acknowledged) => {
      await checkBackups(work, acknowledged);
      await checkMemory(work, OUTCOMES.slice(0, 64).map(fileOf));
    },
  },
  {
    name: "restore",
    prepare: async (work) => {
      await writeMemory(memoryOf(work), BEFORE);
      await backup(work, 1);
    },
    perform: async (work, acknowledge) => {
      await restoreBackup({ backupDir: backupsOf(work), id: backupId(1), to: restoredOf(work) });
      acknowledge("restored");
    },
    check: async (work, acknowledged) => {
      const to = restoredOf(work);
      if (acknowledged.length > 0 && !fs.existsSync(to)) throw new Lost("the restored folder is missing");
      if (!fs.existsSync(to)) await restoreBackup({ backupDir: backupsOf(work), id: backupId(1), to });
      const { [MANIFEST]: _, ...files } = filesOf(join(backupsOf(work), backupId(1)));
      if (!isDeepStrictEqual(filesOf(to), files)) throw new Error("the restored folder differs from the backup");
      await checkBackups(work, [backupId(1)]);
    },
  },
  {
    name: "prune",
    prepare: async (work) => {
      for (const second of [1, 2, 3]) {
        await writeMemory(memoryOf(work), OUTCOMES.slice(0, 2 * second));
        await backup(work, second);
      }
    },
    perform: async (work, acknowledge) => {
      const { kept } = await pruneBackups({ backupDir: backupsOf(work), keepLast: 1 });
      const unread = kept.filter(({ reasons }) => reasons.includes("damaged") || reasons.includes("unreadable"));
      acknowledge(unread.length === 0 ? "pruned" : `kept ${unread.length} that could not be read`);
    },
    check: async (work, acknowledged) => {
      const left = (await listBackups(backupsOf(work))).map(({ id }) => id);
      if (acknowledged.includes("pruned") && left.length > 1)
        throw new Lost(`removed backups are back: ${left.join(", ")}`);
      await checkBackups(work, [backupId(3)]);
    },
  },
  recordAnswers,
  recordAnswersAtOnce,
  {
    name: "a run of two chunks",
    prepare: async () => {},
    perform: async (work, acknowledge) => {
      const storage = diskStorage(memoryOf(work));
      const replace: Storage["replace"] = async (name, bytes) => {
        await storage.replace(name, bytes);
        const chunk = /^runs\/\w+\/(\d[^/.]*)\.json$/.exec(name)?.[1];
        if (chunk !== undefined) acknowledge(chunk);
      };
      await runOn(overrideCalls(storage, { replace }), resumeJob(RUN));
    },
    check: async (work, acknowledged) => {
      const storage = diskStorage(memoryOf(work));
      const { chunksRun } = await runOn(storage, resumeJob(RUN));
      const lost = chunksRun.filter((chunk) => acknowledged.includes(chunk));
      if (lost.length > 0) throw new Lost(`the finished chunks ${lost.join(", ")} had to be run again`);
      if (!isDeepStrictEqual(await hashesOf(storage), await filesOfTheRun())) {
        throw new Error("the run's files are not those of an uninterrupted run");
      }
    },
  },
];

/** Records so many outcomes side by side: all of them are on their way to disk at the same time. */
function recordAtOnce(count: number): Operation {
  return {
    name: `record of ${count} at once`,
    prepare: (work) => writeMemory(memoryOf(work), BEFORE),
    perform: (work, acknowledge) =>
      writing(work, async (memory) => {
        await settleAll(OUTCOMES.slice(5, 5 + count).map((outcome) => recordAll(memory, [outcome], acknowledge)));
      }),
    check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
  };
}

let wholeRun: Promise<Readonly<Record<string, string>>> | undefined;

/** Returns the files of an uninterrupted run. */
function filesOfTheRun(): Promise<Readonly<Record<string, string>>> {
  wholeRun ??= runFresh(resumeJob(RUN)).then(({ storage }) => hashesOf(storage));
  return wholeRun;
}

/** Records until it is interrupted: one, two or 64 outcomes at once, with snapshots and flushes in between. */
export const recordForLong: Operation = {
  name: "record at random moments",
  prepare: (work) => writeMemory(memoryOf(work), BEFORE),
  perform: (work, acknowledge) =>
    writing(work, async (memory, storage) => {
      const snapshots = new RunSnapshots(storage, RUN_ID);
      for (let round = 1, from = BEFORE.length; from < OUTCOMES.length; round += 1) {
        const outcomes = OUTCOMES.slice(from, (from += round % 8 === 0 ? 64 : 1 + (round % 2)));
        await settleAll(outcomes.map((outcome) => recordAll(memory, [outcome], acknowledge)));
        if (round % 4 === 0) await memory.flush();
        await snapshots.write(snapshotOf(round), { atMs: round * DAY_MS });
        acknowledge(snapshotName(round));
      }
    }),
  check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
};

/** Creates an outcome without opening a memory, which could sync it. */
export const createOnce: Operation = {
  name: "make an outcome",
  prepare: (work) => writeMemory(memoryOf(work), BEFORE),
  perform: async (work, acknowledge) => {
    const outcome = NEW[0] as Outcome;
    await diskStorage(memoryOf(work)).createOnce(fileOf(outcome), encodeOutcome(outcome).bytes);
    acknowledge(fileOf(outcome));
  },
  check: (work, acknowledged) => checkMemory(work, [...acknowledged, ...BEFORE.map(fileOf)]),
};

/**
 * @param required Names of files that must exist, those with `GONE` that must not; `caches` if the caches must be current.
 */
async function checkMemory(work: string, required: readonly string[]): Promise<void> {
  const storage = diskStorage(memoryOf(work));
  const wasThere = (await storage.list()).files.length > 0;
  // Before healing, which could repeat what was acknowledged.
  if (required.includes("caches")) await checkCaches(storage, "acknowledged");
  for (const what of required) assertKept(work, what);
  // Only the file that was damaged from the start may be moved to quarantine.
  const isPlanted = (name: string): boolean => name === fileOf(DAMAGED);
  await writing(work, async ({ damaged }) => {
    const partial = damaged.filter(({ name }) => !isPlanted(name));
    if (partial.length > 0) throw new Error(`partial file under a final name: ${partial[0]?.problem}`);
  });
  const files = filesOf(memoryOf(work));
  for (const [name, text] of Object.entries(files)) {
    if (/(^|\/)\.tmp-/.test(name)) throw new Error(`the temporary file ${name} is left`);
    const expected = expectedOf(name);
    if (expected !== undefined && text !== expected) throw new Error(`${name} has other bytes than were written`);
  }
  for (const what of required) assertKept(work, what);
  if (wasThere) await checkCaches(storage, "healed");
  await writing(work, async () => {});
  if (!isDeepStrictEqual(filesOf(memoryOf(work)), files)) throw new Error("a second start changed files");

  const more = OUTCOMES.filter((outcome) => files[fileOf(outcome)] === undefined && outcome !== DAMAGED).slice(0, 2);
  await writing(work, async (memory) => {
    await recordAll(memory, more, () => {});
    await memory.flush();
  });
  const after = filesOf(memoryOf(work));
  for (const name of [...Object.keys(files), ...more.map(fileOf)]) {
    const expected = expectedOf(name);
    if (expected !== undefined && after[name] !== expected)
      throw new Error(`work went on, and ${name} is missing or wrong`);
  }
  await checkCaches(storage, "continued");
}

function assertKept(work: string, what: string): void {
  if (what === "caches") return;
  const isGone = what.startsWith(GONE);
  const name = isGone ? what.slice(GONE.length) : what;
  const isThere = fs.existsSync(join(memoryOf(work), name));
  if (isThere === isGone)
    throw new Lost(`${name} ${isGone ? "was removed and is back" : "was acknowledged and is missing"}`);
}

/** The bytes that a file must have; `undefined` for a cache. */
function expectedOf(name: string): string | undefined {
  if (name === `quarantine/${fileOf(DAMAGED)}`) return "half of an outc";
  if (name.startsWith("snapshot_")) {
    const day =
      Date.UTC(Number(name.slice(9, 13)), Number(name.slice(13, 15)) - 1, Number(name.slice(15, 17))) / DAY_MS;
    return latin1(encodeSealedJson(snapshotOf(day)));
  }
  const mark = encodeForgetMark(MARK);
  if (name === mark.name) return latin1(mark.bytes);
  return BYTES.get(name);
}

async function checkCaches(storage: Storage, what: string): Promise<void> {
  const expected = await recount(storage);
  const found = await cachesOf(storage).catch((error: Error) => error);
  if (found instanceof Error) throw new Lost(`${what} caches: ${found.message}`);
  const wrong = CACHES.filter((name) => !isDeepStrictEqual(found[name], expected[name]));
  if (wrong.length > 0) throw new Lost(`${what} caches: ${wrong.join(", ")} does not match the outcomes`);
}

async function checkBackups(work: string, required: readonly string[]): Promise<void> {
  const id = await backup(work, 59);
  const backups = await listBackups(backupsOf(work));
  for (const { id: found } of backups) {
    const [problem] = await verifyBackup(backupsOf(work), found);
    if (problem !== undefined) throw new Error(`the backup ${found} does not verify: ${problem.message}`);
  }
  for (const wanted of [...required, id]) {
    if (!backups.some((found) => found.id === wanted)) throw new Lost(`the backup ${wanted} is missing`);
  }
}

/** Opens a memory for writing, under its lock. */
async function writing(work: string, use: (memory: Memory, storage: Storage) => Promise<void>): Promise<void> {
  const storage = diskStorage(memoryOf(work));
  await withLock(storage, async () => use(await openMemory(storage, { embedder: hashingEmbedder() }), storage));
}

function recordAndFlush(work: string, acknowledge: (what: string) => void): Promise<void> {
  return writing(work, async (memory) => {
    await recordAll(memory, NEW.slice(0, 2), acknowledge);
    await memory.flush();
    acknowledge("caches");
  });
}

async function recordAll(
  memory: Memory,
  outcomes: readonly Outcome[],
  acknowledge: (what: string) => void,
): Promise<void> {
  for (const outcome of outcomes) {
    await memory.record(outcome);
    acknowledge(fileOf(outcome));
  }
}

async function backup(work: string, second: number): Promise<string> {
  const now = new Date(Date.UTC(2021, 0, 1, 0, 0, second));
  return (await createBackup({ memoryDir: memoryOf(work), backupDir: backupsOf(work), now })).id;
}

function backupId(second: number): string {
  return `20210101T0000${String(second).padStart(2, "0")}Z`;
}

/** Maintains a memory as a script does. */
async function maintain(work: string, use: Parameters<typeof maintainMemory<unknown>>[2]): Promise<void> {
  const memory = { dir: memoryOf(work), embedder: "hashing", model_dir: work, answers_dir: work } as const;
  await maintainMemory(memory, { name: "maintain" }, use);
}

function snapshotOf(day: number): { run_id: string; day: number; text: string } {
  // More than a page, so that only a part of it may reach the disk.
  return { run_id: RUN_ID, day, text: "x".repeat(9000) };
}

function snapshotName(day: number): string {
  return `snapshot_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")}_000000.json`;
}

function fileOf(outcome: Outcome): string {
  return outcomeFileName(outcome.decision_id);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function memoryOf(work: string): string {
  return join(work, "memory");
}

function backupsOf(work: string): string {
  return join(work, "backups");
}

function restoredOf(work: string): string {
  return join(work, "restored");
}
