/** What a run does while its outcomes and chunks are on their way to disk. */
import { beforeAll, describe, expect, test } from "bun:test";
import { PendingWrites } from "../../lib/backtest/pending-writes.ts";
import { outcomeFileName } from "../../lib/memory/outcome.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { overrideCalls } from "../storage/override-calls.ts";
import { resumeJob } from "./resume-samples.ts";
import { filesOf, outcomesOf, runFresh, runOn } from "./world-samples.ts";

const CHUNKS = ["2018-02-08_10d", "2018-02-18_10d", "2018-02-28_10d", "2018-03-10_10d"];

const isOutcome = (name: string): boolean => name.startsWith("outcome_");
const isCommit = (name: string): boolean => /^runs\/\w+\/2018-[^.]+\.json$/.test(name);

let whole: Record<string, string> = {};

beforeAll(async () => {
  whole = await filesOf((await runFresh(resumeJob())).storage);
});

/** A storage that takes `ms` to make an outcome or a chunk's record durable, or to fail. Notes begins and ends. */
function slow(
  storage: Storage,
  options: { ms: number; fails?: (name: string, nth: number) => boolean },
): {
  storage: Storage;
  events: string[];
} {
  const events: string[] = [];
  let count = 0;
  const change = async <T>(name: string, perform: () => Promise<T>): Promise<T> => {
    if (!isOutcome(name) && !isCommit(name)) return perform();
    events.push(`begin ${name}`);
    const fails = options.fails?.(name, (count += 1)) === true;
    await Bun.sleep(options.ms);
    events.push(`end ${name}`);
    if (fails) throw new Error(`"${name}": disk full`);
    return perform();
  };
  const slowly = overrideCalls(storage, {
    createOnce: (name, bytes) => change(name, () => storage.createOnce(name, bytes)),
    replace: (name, bytes) => change(name, () => storage.replace(name, bytes)),
  });
  return { storage: slowly, events };
}

/** Names of what has begun and has not ended, after each event. */
function underWay(events: readonly string[]): (readonly string[])[] {
  const names: string[] = [];
  return events.map((event) => {
    const [what, name = ""] = event.split(" ");
    if (what === "begin") names.push(name);
    if (what === "end") names.splice(names.indexOf(name), 1);
    return [...names];
  });
}

/** Runs again in the same storage, undisturbed. */
async function endsAlike(storage: Storage): Promise<void> {
  await runOn(storage, resumeJob());
  expect(await filesOf(storage)).toEqual(whole);
}

describe("a run on a slow disk", () => {
  test("goes on while outcomes are written, and commits a chunk when all of its outcomes are durable", async () => {
    const real = inMemoryStorage();
    const { storage, events } = slow(real, { ms: 20 });
    await runOn(storage, resumeJob());
    expect(await filesOf(real)).toEqual(whole);
    const states = underWay(events);
    expect(Math.max(...states.map((names) => names.length))).toBeGreaterThan(5);
    const chunkOf = new Map((await outcomesOf(real)).map(({ decision_id: id, chunk }) => [outcomeFileName(id), chunk]));
    const commits = events.flatMap((event, i) => (event.startsWith("begin runs/") ? [i] : []));
    expect(commits).toHaveLength(CHUNKS.length);
    for (const [index, chunk] of CHUNKS.entries()) {
      const ofLaterChunks = states[commits[index]!]!.filter(isOutcome).map((name) => chunkOf.get(name)!);
      for (const later of ofLaterChunks) expect(later > chunk).toBeTrue();
    }
  });

  test("begins the next chunk while one is committed, and commits them one after the other", async () => {
    const real = inMemoryStorage();
    const { storage, events } = slow(real, { ms: 20 });
    await runOn(storage, resumeJob({ onProgress: ({ chunk }) => events.push(`tick ${chunk}`) }));
    const [begun, ended] = ["begin", "end"].map((what) =>
      events.findIndex((event) => event.startsWith(`${what} runs/`) && event.endsWith(`${CHUNKS[0]}.json`)),
    );
    expect(events.slice(begun, ended)).toContain(`tick ${CHUNKS[1]}`);
    for (const names of underWay(events)) expect(names.filter(isCommit).length).toBeLessThanOrEqual(1);
    expect(await filesOf(real)).toEqual(whole);
  });

  test("stops at an outcome that cannot be written, names it, and waits for the others", async () => {
    const real = inMemoryStorage();
    const { storage, events } = slow(real, { ms: 20, fails: (_, nth) => nth === 5 });
    await expect(runOn(storage, resumeJob())).rejects.toThrow("disk full");
    expect(underWay(events).at(-1)).toEqual([]);
    const files = await filesOf(real);
    const failed = events.filter((event) => event.startsWith("begin"))[4]!.slice("begin ".length);
    expect(files[failed]).toBeUndefined();
    expect(Object.keys(files).filter(isOutcome).length).toBeGreaterThan(4);
    expect(Object.keys(files).filter(isCommit)).toEqual([]);
    await endsAlike(real);
  });

  test("stops in the next chunk if one cannot be committed", async () => {
    const real = inMemoryStorage();
    const ticks: string[] = [];
    const { storage } = slow(real, { ms: 2, fails: (name) => name.includes(CHUNKS[1]!) });
    const job = resumeJob({ onProgress: ({ chunk }) => ticks.push(chunk) });
    await expect(runOn(storage, job)).rejects.toThrow(`${CHUNKS[1]}.json": disk full`);
    const inChunk = (chunk: number): number => ticks.filter((name) => name === CHUNKS[chunk]).length;
    expect(inChunk(1)).toBe(240);
    expect(inChunk(2)).toBeLessThan(240);
    expect(Object.keys(await filesOf(real)).filter(isCommit)).toEqual([expect.stringContaining(CHUNKS[0]!)]);
    await endsAlike(real);
  });

  test("that is stopped waits for what is under way: all outcomes that were begun are kept", async () => {
    const real = inMemoryStorage();
    const { storage, events } = slow(real, { ms: 20 });
    const stop = new AbortController();
    const job = resumeJob({
      onProgress: ({ trades }) => trades >= 7 && stop.abort(new Error("stopped")),
      signal: stop.signal,
    });
    await expect(runOn(storage, job)).rejects.toThrow("stopped");
    const begun = events.filter((event) => event.startsWith("begin")).map((event) => event.slice("begin ".length));
    expect(begun.length).toBeGreaterThanOrEqual(7);
    expect(
      Object.keys(await filesOf(real))
        .filter(isOutcome)
        .toSorted(),
    ).toEqual(begun.toSorted());
    await endsAlike(real);
  });

  test("that is stopped and then fails to write reports the write", async () => {
    const real = inMemoryStorage();
    const { storage } = slow(real, { ms: 20, fails: (_, nth) => nth === 7 });
    const stop = new AbortController();
    const job = resumeJob({
      onProgress: ({ trades }) => trades >= 7 && stop.abort(new Error("stopped")),
      signal: stop.signal,
    });
    await expect(runOn(storage, job)).rejects.toThrow("disk full");
    await endsAlike(real);
  });
});

test("pending() waits for what is under way", async () => {
  const writes = new PendingWrites();
  let isWritten = false;
  writes.add(Bun.sleep(5).then(() => void (isWritten = true)));
  await writes.pending();
  expect(isWritten).toBeTrue();
});

test("beyond 64 writes under way, the loop waits for them", async () => {
  const writes = new PendingWrites();
  const ends: (() => void)[] = [];
  const add = (): void => writes.add(new Promise((resolve) => ends.push(resolve)));
  for (let i = 0; i < 63; i++) add();
  await writes.makeRoom();
  add();
  let hasRoom = false;
  const room = writes.makeRoom().then(() => (hasRoom = true));
  await Bun.sleep(1);
  expect(hasRoom).toBeFalse();
  for (const end of ends) end();
  await room;
  expect(writes.isEmpty).toBeTrue();
});
