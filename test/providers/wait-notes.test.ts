import { expect, test } from "bun:test";
import type { Answer } from "../../lib/types.ts";
import { withWaitNotes } from "../../lib/providers/wait-notes.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

const BUY: Answer = { action: "BUY", confidence: 60 };
const SITUATION = makeSituation({ asset: "BTCUSD", timestamp: Date.parse("2022-01-05T12:00Z") });
const NOTE = 'Waiting for "mine": no vote yet on BTCUSD as of 2022-01-05T12:00:00.000Z';

test("a provider is named once if its vote takes long, and never if it comes in time", async () => {
  const notes: string[] = [];
  const later = (ms: number) =>
    withWaitNotes(
      { name: "mine", vote: () => new Promise((done) => setTimeout(() => done(BUY), ms)) },
      { onNote: (note) => notes.push(note), afterMs: 40 },
    );
  expect(await later(1).vote(SITUATION, makeContext(0))).toEqual(BUY);
  await new Promise((done) => setTimeout(done, 60));
  expect(notes).toEqual([]);
  const slow = later(80);
  for (let i = 0; i < 2; i++) expect(await slow.vote(SITUATION, makeContext(0))).toEqual(BUY);
  expect(notes).toEqual([NOTE]);
});

test("a provider that never votes is named where the run is stopped, and one that has voted is not", async () => {
  const notes: string[] = [];
  const stop = new AbortController();
  const options = { onNote: (note: string) => void notes.push(note), signal: stop.signal };
  const never = withWaitNotes({ name: "mine", vote: () => new Promise(() => {}) }, options);
  const done = withWaitNotes({ name: "other", vote: async () => BUY }, options);
  void never.vote(SITUATION, makeContext(0));
  await done.vote(SITUATION, makeContext(0));
  expect(withWaitNotes({ name: "rule", vote: () => BUY }, options).vote(SITUATION, makeContext(0))).toBe(BUY);
  stop.abort();
  expect(notes).toEqual([NOTE]);
});

test("a provider is not named where an error stops the run", async () => {
  const stop = new AbortController();
  const options = { onNote: () => expect.unreachable(), signal: stop.signal };
  void withWaitNotes({ name: "mine", vote: () => new Promise(() => {}) }, options).vote(SITUATION, makeContext(0));
  stop.abort(new Error("boom"));
});
