import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Embedder } from "../../lib/embed/embedder.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import type { Outcome } from "../../lib/types.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { VECTORS_FILE } from "../../lib/memory/vectors.ts";
import { SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { cachesOf, countingEmbedder } from "./folder-samples.ts";
import { makeOutcomes } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";

// Many folders are filled here, and a machine may be busy.
setDefaultTimeout(60_000);

/** Vectors are written after 256, 512 and 768: each time half as many as are on disk, at least 256. */
const COUNT = 800;
const FILES = filesOf(makeOutcomes(COUNT));
let whole: Record<string, Uint8Array>;

beforeAll(async () => {
  const storage = await outcomesAlone();
  await openMemory(storage, { embedder: hashingEmbedder() });
  whole = await cachesOf(storage);
});

/** The outcomes as they are stored, by name. */
function filesOf(outcomes: readonly Outcome[]): ReadonlyMap<string, Uint8Array> {
  return new Map(outcomes.map((outcome) => [outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes]));
}

async function outcomesAlone(files = FILES): Promise<Storage> {
  const storage = inMemoryStorage();
  for (const [name, bytes] of files) await storage.createOnce(name, bytes);
  return storage;
}

const vectorsIn = async (storage: Storage): Promise<number> => (await readMemory(storage)).sidecar?.trades.length ?? 0;

/** The hashing embedder; fails after `count` sentences. */
function failingAfter(count: number): Embedder {
  const { embedder, sentences } = countingEmbedder();
  return {
    ...embedder,
    embed: (sentence) => {
      if (sentences.length >= count) throw new Error("stopped");
      return embedder.embed(sentence);
    },
  };
}

/** Opens a folder, which must end in the bytes of an opening that was not stopped. Returns how many vectors were made. */
async function finish(storage: Storage, expected = whole): Promise<number> {
  const { embedder, sentences } = countingEmbedder();
  const { embedded } = await openMemory(storage, { embedder });
  expect(sentences).toHaveLength(embedded);
  expect(Bun.deepEquals(await cachesOf(storage), expected)).toBe(true);
  return embedded;
}

/** A storage that calls `before` whenever vectors or their sidecar are written. */
function writingAfter(storage: Storage, before: () => void): Storage {
  return overrideCalls(storage, {
    replace: async (name, bytes) => {
      before();
      await storage.replace(name, bytes);
    },
    appendAt: async (name, offset, bytes) => {
      before();
      await storage.appendAt(name, offset, bytes);
    },
  });
}

/** The notes of an opening that is stopped after some vectors, with `error` instead of the signal's reason if given. */
async function notesOf(
  made: number,
  options: { error?: Error; resume?: string; isFull?: boolean },
): Promise<readonly string[]> {
  const { error, resume, isFull = false } = options;
  const storage = await outcomesAlone();
  const controller = new AbortController();
  const { sentences, embedder } = countingEmbedder();
  const disk = writingAfter(storage, () => {
    if (isFull && sentences.length === made) throw new Error("no space left on device");
  });
  const embed: Embedder["embed"] = (sentence) => {
    if (sentences.length < made) return embedder.embed(sentence);
    controller.abort(new Error("stopped"));
    throw error ?? controller.signal.reason;
  };
  const notes: string[] = [];
  const opening = openMemory(disk, {
    embedder: { ...embedder, embed },
    signal: controller.signal,
    resume,
    onNote: (note) => notes.push(note),
  });
  await expect(opening).rejects.toThrow(error ?? "stopped");
  const kept = error !== undefined ? made : isFull ? made - (made % 256) : made;
  expect(await vectorsIn(storage)).toBe(kept);
  return notes;
}

describe("vectors that are missing when a memory is opened", () => {
  test("are kept if making them is stopped, and the next opening makes only the rest", async () => {
    for (const made of [0, 256, COUNT - 1]) {
      const storage = await outcomesAlone();
      await expect(openMemory(storage, { embedder: failingAfter(made) })).rejects.toThrow("stopped");
      expect(await vectorsIn(storage)).toBe(made);
      expect(await finish(storage)).toBe(COUNT - made);
    }
  });

  test("are kept and noted if making them is stopped by the signal", async () => {
    expect(await notesOf(7, {})).toEqual([
      "Stopped: the 7 vectors that were made are kept, and the same command goes on",
    ]);
    expect(await notesOf(1, { resume: "this goes on: x" })).toEqual([
      "Stopped: the vector that was made is kept, and this goes on: x",
    ]);
    expect(await notesOf(300, {})).toEqual([
      "Stopped: the 300 vectors that were made are kept, and the same command goes on",
    ]);
  });

  test("are noted only as far as they could be written", async () => {
    expect(await notesOf(300, { isFull: true })).toEqual([
      "Stopped: the 256 vectors that were made are kept, and the same command goes on",
    ]);
    expect(await notesOf(7, { isFull: true })).toEqual([]);
  });

  test("are not noted if there are none, or if another error ends the opening", async () => {
    expect(await notesOf(0, {})).toEqual([]);
    expect(await notesOf(7, { error: new Error("no space left on device") })).toEqual([]);
  });

  test("survive a death at any write: at most a third are made again", async () => {
    for (let dies = 0; ; dies++) {
      const storage = await outcomesAlone();
      let writes = 0;
      const mortal = writingAfter(storage, () => {
        if (writes++ >= dies) throw new Error("dead");
      });
      const { embedder, sentences } = countingEmbedder();
      const isDead = await openMemory(mortal, { embedder }).then(
        () => false,
        () => true,
      );
      if (!isDead) break;
      const again = (await finish(storage)) - (COUNT - sentences.length);
      // The vectors' file may be written and its sidecar not: what it has is as good as not there.
      expect(again).toBeLessThanOrEqual(768 - 512);
    }
  });

  test("of a slow embedder are written at least every 1,024; of a quick one, when they are half of those on disk", async () => {
    const storage = await outcomesAlone(filesOf(makeOutcomes(4000)));
    for (const isSlow of [true, false]) {
      // What was made when each write of the sidecar, the commit point, began.
      const writes: number[] = [];
      const { embedder, sentences } = countingEmbedder();
      const replace: Storage["replace"] = async (name, bytes) => {
        if (name === SIDECAR_FILE && writes.at(-1) !== sentences.length) writes.push(sentences.length);
        await storage.replace(name, bytes);
      };
      await openMemory(overrideCalls(storage, { replace }), {
        embedder: { ...embedder, isSlow },
        rebuildVectors: true,
      });
      const last = isSlow ? [3616, 4000] : [3888, 4000];
      expect(writes).toEqual([256, 512, 768, 1152, 1728, 2592, ...last]);
    }
  });

  test("in a damaged block leave the sound ones on disk, wherever making them stops", async () => {
    const storage = await outcomesAlone(filesOf(makeOutcomes(1400)));
    await openMemory(storage, { embedder: hashingEmbedder() });
    const sound = await cachesOf(storage);
    const damaged = (sound[VECTORS_FILE] as Uint8Array).slice();
    damaged[1000]! ^= 1;
    await storage.replace(VECTORS_FILE, damaged);
    // The first 1,024 rows are to be made again; 376 after them are sound.
    await expect(openMemory(storage, { embedder: failingAfter(600) })).rejects.toThrow("stopped");
    expect(await vectorsIn(storage)).toBe(600 + 376);
    expect(await finish(storage, sound)).toBe(1024 - 600);
  });

  test("are reported one by one, with how many there will be", async () => {
    const storage = await outcomesAlone();
    await expect(openMemory(storage, { embedder: failingAfter(COUNT - 10) })).rejects.toThrow("stopped");
    const reported: number[][] = [];
    const onEmbedded = (made: number, wanted: number): void => void reported.push([made, wanted]);
    await openMemory(storage, { embedder: hashingEmbedder(), onEmbedded });
    expect(reported).toEqual(Array.from({ length: 10 }, (_, i) => [i + 1, 10]));
  });

  test("come with a note if they replace those of another embedder", async () => {
    const storage = await outcomesAlone();
    const notes: string[] = [];
    const open = async (embedder: Embedder): Promise<void> => {
      await openMemory(storage, { embedder, onNote: (note) => notes.push(note) });
    };
    const other = { id: "other", fingerprint: "other-1", dim: 2, embed: () => Float32Array.of(0.6, 0.8) };
    await open(hashingEmbedder());
    await open(hashingEmbedder());
    expect(notes).toEqual([]);
    await open(other);
    await open({ ...other, fingerprint: "other-2" });
    expect(notes).toEqual([
      "Replacing 800 vectors by hashing with vectors by other",
      "Replacing 800 vectors by another version of other with vectors by other",
    ]);
  });
});
