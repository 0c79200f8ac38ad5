import { expect, test } from "bun:test";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { openNoting } from "../../lib/memory/open.node.ts";
import { encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { makeOutcomes } from "./outcome-samples.ts";
import { overrideCalls } from "../storage/override-calls.ts";

/** Opens a memory that is stopped after so many vectors, with what then is thrown. */
async function notesOf(made: number, options: { thrown?: Error; resume?: string; full?: boolean }): Promise<string[]> {
  const storage = inMemoryStorage();
  for (const outcome of makeOutcomes(10)) {
    await storage.createOnce(outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
  }
  const noSpace = async (): Promise<void> => {
    throw new Error("no space left on device");
  };
  const disk = options.full === true ? overrideCalls(storage, { replace: noSpace, appendAt: noSpace }) : storage;
  const controller = new AbortController();
  const embedder = hashingEmbedder();
  let count = 0;
  const embed = (sentence: string): Float32Array | Promise<Float32Array> => {
    if (count++ < made) return embedder.embed(sentence);
    controller.abort(new Error("stopped"));
    throw options.thrown ?? controller.signal.reason;
  };
  const notes: string[] = [];
  const opening = openNoting(disk, {
    embedder: { ...embedder, embed },
    signal: controller.signal,
    resume: options.resume,
    onNote: (note) => notes.push(note),
  });
  await expect(opening).rejects.toThrow(options.thrown ?? "stopped");
  return notes;
}

test("A memory that is stopped while it is opened says how many vectors are kept, and what goes on", async () => {
  expect(await notesOf(7, {})).toEqual([
    "Stopped: the 7 vectors that were made are kept, and the same command goes on",
  ]);
  const one = "Stopped: the vector that was made is kept, and this goes on: x";
  expect(await notesOf(1, { resume: "this goes on: x" })).toEqual([one]);
});

test("It says nothing where none is kept, or where something else went wrong", async () => {
  expect(await notesOf(0, {})).toEqual([]);
  expect(await notesOf(7, { full: true })).toEqual([]);
  expect(await notesOf(7, { thrown: new Error("no space left on device") })).toEqual([]);
});
