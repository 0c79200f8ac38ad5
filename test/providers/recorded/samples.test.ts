import { describe, expect, test } from "bun:test";
import { majorityVote } from "../../../lib/providers/recorded/samples.ts";
import { Recorder } from "../../../lib/providers/recorded/recorder.ts";
import { AnswerStore } from "../../../lib/providers/recorded/recordings.ts";
import { inMemoryStorage } from "../../../lib/storage/in-memory.ts";
import type { Action, Answer } from "../../../lib/types.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";
import { GOOD, ModelUnderTest, NEVER } from "./model-under-test.ts";

const votes = (...actions: readonly Action[]): Answer[] =>
  actions.map((action, i) => ({ action, confidence: 90, reason: `answer ${i}` }));
const NO_ANSWER: Answer = { action: "HOLD", confidence: 0, error: "no usable answer" };

describe("the vote of several answers", () => {
  test("is the majority's, with its share as confidence and the reason of the first of them", () => {
    expect(majorityVote(votes("SELL", "BUY", "BUY", "HOLD"))).toEqual({
      action: "BUY",
      confidence: 50,
      reason: "answer 1",
      samples: { BUY: 2, SELL: 1, HOLD: 1 },
    });
  });

  test("counts usable answers only", () => {
    expect(majorityVote([NO_ANSWER, ...votes("BUY", "BUY", "SELL", "BUY")])).toMatchObject({
      action: "BUY",
      confidence: 75,
    });
  });

  test("is a HOLD where two actions have as many", () => {
    expect(majorityVote(votes("BUY", "SELL"))).toEqual({
      action: "HOLD",
      confidence: 50,
      samples: { BUY: 1, SELL: 1, HOLD: 0 },
    });
  });

  test("is an abstention without a usable answer, of this run only if one of them is", () => {
    expect(majorityVote([NO_ANSWER, NO_ANSWER])).toEqual({
      action: "HOLD",
      confidence: 0,
      error: "none of 2 answers is usable: no usable answer",
    });
    expect(majorityVote([NO_ANSWER, { ...NO_ANSWER, unanswered: true }]).unanswered).toBeTrue();
  });
});

test("a question with samples is asked so often, and the first answer is that of one without", async () => {
  const model = new ModelUnderTest();
  const storage = inMemoryStorage();
  const asked = async (samples?: number): Promise<Answer> => {
    const recorder = new Recorder({
      store: new AnswerStore(storage, { onNote: () => {} }),
      signal: NEVER,
      now: () => 0,
    });
    return recorder.provider(model.client(), 0, { samples }).vote(makeSituation(), makeContext(0));
  };
  const actions = ["SELL", "BUY", "BUY"];
  model.respond = () => GOOD.replace("BUY", actions.shift()!);
  expect((await asked()).action).toBe("SELL");
  expect(await asked(3)).toMatchObject({ action: "BUY", samples: { BUY: 2, SELL: 1, HOLD: 0 } });
  expect(model.server.requests).toHaveLength(3);
  expect((await asked(2)).samples).toEqual({ BUY: 1, SELL: 1, HOLD: 0 });
  expect(model.server.requests).toHaveLength(3);
  await model.stop();
});
