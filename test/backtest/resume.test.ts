import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Progress } from "../../lib/backtest/job.ts";
import type { Outcome } from "../../lib/types.ts";
import { copyInMemory, inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { assertUnchanged } from "../../lib/backtest/resume.ts";
import { repairMemory } from "../../lib/maintenance/repair.ts";
import { openMemory, type Memory } from "../../lib/memory/store.ts";
import type { EmbeddedTrade } from "../../lib/memory/trade.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { seeded } from "../samples.ts";
import { resumeJob } from "./resume-samples.ts";
import { filesOf, outcomesOf, runFresh, runOn, textOf, type JobParts } from "./world-samples.ts";
import { countingEmbedder } from "../memory/folder-samples.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { failureOf } from "../storage/storage-contract.ts";
import { overrideCalls } from "../storage/override-calls.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const CHUNKS = ["2018-02-08_10d", "2018-02-18_10d", "2018-02-28_10d", "2018-03-10_10d"];

let whole: {
  storage: Storage;
  files: Record<string, string>;
  ticks: number;
  writes: number;
  runId: string;
  trades: number;
};
let root = "";

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "carryover-resume-"));
  const storage = inMemoryStorage();
  let [ticks, writes] = [0, 0];
  const counted = failing(storage, { onWrite: () => (writes += 1) });
  const { summary, chunksRun } = await runOn(counted, resumeJob({ onProgress: () => (ticks += 1) }));
  expect(chunksRun).toEqual(CHUNKS);
  const { run_id: runId, total_trades: trades } = summary;
  whole = { storage, files: await filesOf(storage), ticks, writes, runId, trades };
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the finished run. */
function finished(): Promise<Storage> {
  return copyInMemory(whole.storage, "runs");
}

/** Runs again, and returns which chunks were run, the notes and the run id. */
async function again(
  storage: Storage,
  overrides: Partial<JobParts> = {},
): Promise<{ ran: readonly string[]; notes: string[]; runId: string }> {
  const notes: string[] = [];
  const { chunksRun, summary } = await runOn(storage, resumeJob({ onNote: (text) => notes.push(text), ...overrides }));
  return { ran: chunksRun, notes, runId: summary.run_id };
}

/** Runs until the tick of this number, and is stopped there. */
async function stoppedAt(storage: Storage, tick: number, overrides: Partial<JobParts> = {}): Promise<void> {
  const stop = new AbortController();
  let ticks = 0;
  const onProgress = (): void => {
    ticks += 1;
    if (ticks === tick) stop.abort(new Error("stopped"));
  };
  const outcome = await runOn(storage, resumeJob({ onProgress, signal: stop.signal, ...overrides })).then(
    () => "ran",
    (error: Error) => error.message,
  );
  expect(outcome).toBe("stopped");
}

test("the run of these tests has many trades, and a snapshot of every chunk", async () => {
  expect(whole.trades).toBeGreaterThan(40);
  expect(whole.ticks).toBeGreaterThan(700);
  expect(Object.keys(whole.files).filter((name) => name.startsWith("snapshot_"))).toHaveLength(CHUNKS.length);
});

describe("a run that was stopped goes on to the same bytes", () => {
  test("after several stops, a little later each time", async () => {
    const storage = inMemoryStorage();
    // A chunk that was cut off is run again from its start, so that each stop comes later in it, or in the next.
    for (const tick of [5, 100, 239, 241, 150, 230, 250]) await stoppedAt(storage, tick);
    const { ran } = await again(storage);
    expect(ran.length).toBeLessThan(CHUNKS.length);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test("after an error of the progress callback", async () => {
    const storage = inMemoryStorage();
    const onProgress = ({ trades }: Progress): void => {
      if (trades === 30) throw new Error("terminal gone");
    };
    await expect(runOn(storage, resumeJob({ onProgress }))).rejects.toThrow("terminal gone");
    await again(storage);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test("after a failure of the storage before or after any of its writes", async () => {
    const random = seeded(2);
    // `bun run test:faults` tries every write of a run.
    for (let n = 0; n < 2; n++) {
      const storage = inMemoryStorage();
      const fatal = 1 + Math.floor(random() * whole.writes);
      let count = 0;
      const onWrite = (): void => {
        count += 1;
        if (count === fatal) throw new Error("power cut");
      };
      await expect(runOn(failing(storage, { onWrite, late: n % 2 === 0 }), resumeJob())).rejects.toThrow("power cut");
      await again(storage);
      expect(await filesOf(storage)).toEqual(whole.files);
    }
  });

  test("after a stop in the second chunk, without touching the files of the first", async () => {
    const storage = inMemoryStorage();
    await stoppedAt(storage, 400);
    const inFirst = async (): Promise<Record<string, string>> => {
      const files = Object.entries(await filesOf(storage));
      return Object.fromEntries(
        files.filter(([name]) => name.includes(CHUNKS[0]!) || name === "snapshot_20180218_000000.json"),
      );
    };
    const before = await inFirst();
    expect(Object.keys(before)).toHaveLength(4);
    const written: string[] = [];
    const { ran } = await again(failing(storage, { onWrite: (name) => written.push(name) }));
    expect(ran).toEqual(CHUNKS.slice(1));
    expect(await inFirst()).toEqual(before);
    expect(written.filter((name) => name.includes(CHUNKS[0]!))).toEqual([]);
  });

  test("after kill -9 at some trade, on disk", async () => {
    const folder = mkdtempSync(join(root, "killed-"));
    // `bun run test:faults` kills runs more than once.
    await killedAt(folder, 20 + Math.floor(seeded(3)() * 20));
    const { ran } = await again(diskStorage(folder));
    expect(ran.length).toBeGreaterThan(0);
    expect(await filesOf(diskStorage(folder))).toEqual(whole.files);
  });
});

describe("a finished run that is run again", () => {
  test("returns at once and changes no file", async () => {
    const storage = await finished();
    const { ran, notes } = await again(storage);
    expect(ran).toEqual([]);
    expect(notes).toEqual([]);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test("writes a missing summary again", async () => {
    const storage = await finished();
    await storage.remove(`runs/${whole.runId}/summary.json`);
    expect((await again(storage)).ran).toEqual([]);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test.each(["json", "decisions.ndjson", "equity.csv"])("runs from the chunk whose %s is missing", async (kind) => {
    const storage = await finished();
    await storage.remove(`runs/${whole.runId}/${CHUNKS[2]}.${kind}`);
    expect((await again(storage)).ran).toEqual(CHUNKS.slice(2));
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test("runs from the chunk whose record was cut short", async () => {
    const storage = await finished();
    const name = `runs/${whole.runId}/${CHUNKS[1]}.json`;
    await storage.replace(name, new TextEncoder().encode((await textOf(storage, name)).slice(0, 500)));
    expect((await again(storage)).ran).toEqual(CHUNKS.slice(1));
    expect(await filesOf(storage)).toEqual(whole.files);
  });
});

describe("memory that someone changed between two runs", () => {
  const ofChunk = async (storage: Storage, chunk: string): Promise<Outcome> =>
    (await outcomesOf(storage)).find((outcome) => outcome.chunk === chunk)!;

  test("makes the run again from the start if all outcomes were deleted, with the same bytes", async () => {
    const storage = await finished();
    for (const { decision_id } of await outcomesOf(storage)) await storage.remove(outcomeFileName(decision_id));
    const { ran, notes } = await again(storage);
    expect(ran).toEqual(CHUNKS);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toStartWith(`Memory no longer matches chunk ${CHUNKS[0]}: found 0 outcomes`);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test("makes the run again from the chunk of a deleted outcome, and says so", async () => {
    const storage = await finished();
    await storage.remove(outcomeFileName((await ofChunk(storage, CHUNKS[2]!)).decision_id));
    const { ran, notes } = await again(storage);
    expect(ran).toEqual(CHUNKS.slice(2));
    expect(notes[0]).toMatch(
      /^Memory no longer matches chunk 2018-02-28_10d: found (\d+) outcomes .* expected the (\d+) /,
    );
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test.each([
    ["before it makes the outcome again", { index: -1, tick: 2, expected: CHUNKS.slice(1) }],
    ["after it made the outcome again", { index: 0, tick: 230, expected: [] }],
  ])("repairs a deletion, even if the run is stopped %s", async (_when, { index, tick, expected }) => {
    const storage = await finished();
    const inChunk = (await outcomesOf(storage)).filter(({ chunk }) => chunk === CHUNKS[1]);
    await storage.remove(outcomeFileName(inChunk.at(index)!.decision_id));
    await stoppedAt(storage, tick);
    expect((await again(storage)).ran).toEqual(expected);
    expect(await filesOf(storage)).toEqual(whole.files);
  });

  test.each([CHUNKS[1]!, "2017Q3"])(
    "moves an outcome to quarantine that the run does not make, of chunk %s",
    async (chunk) => {
      const storage = await finished();
      const { crc32: _crc32, ...real } = (await ofChunk(storage, CHUNKS[1]!)) as Outcome & { crc32: string };
      const unexpected = { ...real, decision_id: `${real.decision_id.slice(0, -8)}00000000`, chunk };
      await storage.createOnce(outcomeFileName(unexpected.decision_id), encodeOutcome(unexpected).bytes);
      const { ran, notes } = await again(storage);
      expect(ran).toEqual(chunk === CHUNKS[1] ? CHUNKS.slice(1) : CHUNKS);
      expect(notes.at(-1)).toBe(`Moved to quarantine, as the run does not make them: ${unexpected.decision_id}`);
      const { [`quarantine/${outcomeFileName(unexpected.decision_id)}`]: moved, ...rest } = await filesOf(storage);
      expect(moved).toBeDefined();
      expect(rest).toEqual(whole.files);
    },
  );

  test("names damage where an outcome and the record of its chunk are damaged, and goes on after the repair", async () => {
    const storage = await finished();
    const { decision_id: id } = await ofChunk(storage, CHUNKS[0]!);
    for (const name of [outcomeFileName(id), `runs/${whole.runId}/${CHUNKS[0]}.json`]) {
      const text = await textOf(storage, name);
      await storage.replace(
        name,
        new TextEncoder().encode(text.replace(/\d(?=\D*$)/, (digit) => `${9 - Number(digit)}`)),
      );
    }
    const { code, message } = await failureOf(again(storage));
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith(`Cannot record "${id}": found a damaged file in its place (`);

    await repairMemory(storage, { onNote: () => {} });
    expect((await again(storage)).ran).toEqual(CHUNKS);
    const files = Object.entries(await filesOf(storage));
    expect(Object.fromEntries(files.filter(([name]) => !name.startsWith("quarantine/")))).toEqual(whole.files);
  });

  test("makes a new run if an outcome was deleted that it carried in, and leaves the old run as it is", async () => {
    const storage = await finished();
    const next = { startMs: resumeJob().period.endMs, endMs: resumeJob().period.endMs + 10 * 86_400_000 };
    // The later weeks have the same bars, moved in time.
    const later = (): Partial<JobParts> => ({
      period: next,
      series: shiftedSeries(next.startMs - resumeJob().period.startMs),
    });
    const first = await again(storage, later());
    expect(first.notes).toEqual([]);
    const before = await filesOf(storage, `runs/${first.runId}`);
    const carried: { base: [string, string][] } = JSON.parse(
      await textOf(storage, `runs/${first.runId}/manifest.json`),
    ).key;
    expect(carried.base).toHaveLength(whole.trades);

    await storage.remove(outcomeFileName(carried.base[3]![0]));
    const second = await again(storage, later());
    expect(second.runId).not.toBe(first.runId);
    expect(second.notes).toEqual([
      `This is a new run, ${second.runId.slice(0, 12)}: run ${first.runId.slice(0, 12)} of 2018-03-15 to 2018-03-25 ` +
        `differs in the outcomes carried in (${whole.trades} then, ${whole.trades - 1} now, 1 gone). The older one stays as it is. ` +
        "Runs of later days remember its 21 trades, too; another --memory-dir begins afresh. " +
        `To remove the older run and its 21 trades: runs remove ${first.runId.slice(0, 12)} --with-outcomes --yes. ` +
        `For this one, name ${second.runId.slice(0, 12)}`,
    ]);
    expect(await filesOf(storage, `runs/${first.runId}`)).toEqual(before);
  });
});

describe("assertUnchanged()", () => {
  /** A memory of three trades whose embedder counts what it is asked. */
  async function remembered(options: { isSlow?: boolean } = {}): Promise<{ memory: Memory; sentences: string[] }> {
    const { embedder, sentences } = countingEmbedder();
    const memory = await openMemory(inMemoryStorage(), { embedder: { ...embedder, ...options } });
    for (const outcome of makeOutcomes(3)) await memory.record(outcome);
    sentences.length = 0;
    return { memory, sentences };
  }

  test("makes every vector again, but not those of a slow embedder", async () => {
    const { memory, sentences } = await remembered();
    await assertUnchanged(memory, memory.trades);
    expect(sentences).toHaveLength(3);
    const slow = await remembered({ isSlow: true });
    await assertUnchanged(slow.memory, slow.memory.trades);
    expect(slow.sentences).toEqual([]);
  });

  test("refuses a trade whose outcome is gone", async () => {
    const { memory } = await remembered();
    await memory.storage.remove(outcomeFileName(memory.trades[1]!.id));
    expect(await failureOf(assertUnchanged(memory, memory.trades))).toEqual({
      code: "CORRUPT",
      message:
        "Cannot go on with the run: found no such outcome, expected what it was when the run began: see memory-stats --check, then --repair",
    });
  });

  test("refuses a trade that says something else than its outcome, or has another vector", async () => {
    const { memory } = await remembered();
    const [first, second, third] = memory.trades as [EmbeddedTrade, EmbeddedTrade, EmbeddedTrade];
    const name = outcomeFileName(second.id);
    for (const changed of [
      { ...second, resultR: 3 },
      { ...second, vector: second.vector.with(127, 0.5) },
    ]) {
      const { code, message } = await failureOf(assertUnchanged(memory, [first, changed, third]));
      expect(code).toBe("CORRUPT");
      expect(message).toContain(`found "${name}" changed, or its row in the caches`);
    }
  });
});

describe("which run it is", () => {
  test("changed rules, another version or other bars make a new run, which names what differs", async () => {
    const storage = await finished();
    const { settings, series } = resumeJob();
    const [bar, ...rest] = series.get("AAA")!.bars;
    const changedSeries = new Map(series).set("AAA", {
      ...series.get("AAA")!,
      bars: [{ ...bar!, volume: bar!.volume + 1 }, ...rest],
    });
    const changes: [Partial<JobParts>, string][] = [
      [{ settings: { ...settings, maxPositions: 2 } }, "config.settings.maxPositions"],
      [
        { key: { version: "test-2", seed: 1, files: {} } },
        "version (test then, test-2 now; only test can continue it)",
      ],
      [{ series: changedSeries }, "bars.AAA"],
      [{ chunkKind: "month" }, "config.chunks"],
    ];
    const ids = new Set([whole.runId.slice(0, 12)]);
    for (const [change, what] of changes) {
      const notes: string[] = [];
      await stoppedAt(storage, 1, { onNote: (text) => notes.push(text), ...change });
      expect(notes).toHaveLength(1);
      expect(notes[0]).toContain(` differs in ${what}. The older one stays as it is`);
      ids.add(/^This is a new run, (\w{12}): /.exec(notes[0]!)![1]!);
    }
    expect(ids.size).toBe(1 + changes.length);
    // The first run is found again, and its files are its own.
    expect((await again(storage)).ran).toEqual([]);
    expect(await filesOf(storage, `runs/${whole.runId}`)).toEqual(
      Object.fromEntries(Object.entries(whole.files).filter(([name]) => name.startsWith("runs/"))),
    );
  });

  test("a restart is another attempt with the same trades, and the highest attempt goes on", async () => {
    const storage = await finished();
    const second = await again(storage, { restart: true });
    expect(second.ran).toEqual(CHUNKS);
    expect(second.notes[0]).toContain(" differs in attempt. ");
    expect(second.runId).not.toBe(whole.runId);
    const tradesOf = async (runId: string): Promise<unknown[]> =>
      (await outcomesOf(storage))
        .filter((outcome) => outcome.run_id === runId)
        .map((o) => [o.asset_pair, o.entry_timestamp, o.exit_timestamp, o.position_size, o.realized_pnl]);
    expect(await tradesOf(second.runId)).toEqual(await tradesOf(whole.runId));

    expect(await again(storage)).toMatchObject({ ran: [], runId: second.runId });
    // The same without the folder of an earlier attempt.
    for (const name of Object.keys(await filesOf(storage, `runs/${whole.runId}`))) await storage.remove(name);
    expect(await again(storage)).toMatchObject({ ran: [], runId: second.runId });
    expect((await again(storage, { restart: true })).runId).not.toBe(second.runId);
  });
});

test("runs at the same time, in folders of their own, write the same bytes", async () => {
  const storages = [inMemoryStorage(), diskStorage(join(root, "at-once"))];
  await Promise.all(storages.map((storage) => runOn(storage, resumeJob())));
  for (const storage of storages) expect(await filesOf(storage)).toEqual(whole.files);
});

test("every kind of chunk gives the same trades", async () => {
  const tradesIn = async (storage: Storage): Promise<unknown[]> =>
    (await outcomesOf(storage)).map((o) => [
      o.asset_pair,
      o.action,
      o.entry_timestamp,
      o.exit_timestamp,
      o.exit_reason,
      o.position_size,
      o.realized_pnl,
    ]);
  const expected = await tradesIn(whole.storage);
  expect(expected).toHaveLength(whole.trades);
  for (const chunkKind of ["1d", "week", "month"]) {
    const { storage } = await runFresh(resumeJob({ chunkKind }));
    expect(await tradesIn(storage)).toEqual(expected);
  }
});

/** Calls `onWrite` before every change of a storage, or after it if `late`. */
function failing(storage: Storage, hooks: { onWrite: (name: string) => void; late?: boolean }): Storage {
  const change = async <T>(name: string, make: () => Promise<T>): Promise<T> => {
    if (hooks.late !== true) hooks.onWrite(name);
    const made = await make();
    if (hooks.late === true) hooks.onWrite(name);
    return made;
  };
  return overrideCalls(storage, {
    createOnce: (name, bytes) => change(name, () => storage.createOnce(name, bytes)),
    replace: (name, bytes) => change(name, () => storage.replace(name, bytes)),
    appendAt: (name, offset, bytes) => change(name, () => storage.appendAt(name, offset, bytes)),
    move: (from, to) => change(from, () => storage.move(from, to)),
    remove: (name) => change(name, () => storage.remove(name)),
  });
}

/** Starts the run in a process of its own, which SIGKILL ends after some trades. */
async function killedAt(folder: string, trades: number): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "resume-child.ts"), folder, String(trades)]);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
}

/** The bars of the job, moved in time. */
function shiftedSeries(byMs: number): JobParts["series"] {
  return new Map(
    [...resumeJob().series].map(([asset, series]) => [
      asset,
      { ...series, bars: series.bars.map((bar) => ({ ...bar, timestamp: bar.timestamp + byMs })) },
    ]),
  );
}
