import { describe, expect, test } from "bun:test";
import { shareToPercent, watchFirstAnswers } from "../../lib/providers/first-answers.ts";
import type { Action, Answer } from "../../lib/types.ts";
import { askProviders, type Provider } from "../../lib/providers/provider.ts";
import { makeContext, makeSituation, NO_BARS } from "./situation-samples.ts";

const ASK = { situation: makeSituation(), context: makeContext(0), lastBars: () => NO_BARS };

/** A provider that gives these confidences in turn, and throws for `undefined`. */
function giving(confidences: readonly (number | undefined)[]): Provider {
  let n = 0;
  return {
    name: "mine",
    vote: () => {
      const confidence = confidences[n++ % confidences.length];
      if (confidence === undefined) throw new Error(`boom ${n}`);
      return { action: confidence === 0 ? "HOLD" : "BUY", confidence };
    },
  };
}

/** HOLD with 50, and BUY with anything else. */
function mixedVote(confidence: number): Answer {
  return { action: confidence === 50 ? "HOLD" : "BUY", confidence };
}

/** The message that stopped the run after some votes, if it was stopped. */
async function stoppedAfter(votes: number, provider: Provider): Promise<string | undefined> {
  for (let i = 0; i < votes; i++) await askProviders([provider], ASK);
  return (provider.signal?.reason as Error | undefined)?.message;
}

describe("a provider whose first 50 confidences are at most 1", () => {
  test("stops the run at the 50th, and is told what to write", async () => {
    const provider = watchFirstAnswers(giving([0.7, 0.2, 0]), { stopsOnError: true });
    expect(await stoppedAfter(49, provider)).toBeUndefined();
    expect(await stoppedAfter(1, provider)).toBe(
      'Cannot use provider "mine": found confidences of at most 0.7 in all of its first 50 answers, expected 0 to 100; in its ' +
        "configuration, confidence_scale: 1 says that 1 is the highest, confidence_scale: 100 that they are out of 100",
    );
  });

  test.each([
    ["if one is above 1", [0.7, 0.2, 50], undefined],
    ["if all are 0, as of a provider that waits", [0], undefined],
    ["if the configuration says that 1 is the highest", [0.7], 1],
    ["if the configuration says that they are meant so", [0.7], 100],
  ] as const)("is taken %s", async (_, confidences, confidenceScale) => {
    const provider = watchFirstAnswers(giving(confidences), { confidenceScale, stopsOnError: true });
    expect(await stoppedAfter(60, provider)).toBeUndefined();
    expect(() => provider.beforeEnd!()).not.toThrow();
  });

  test.each([
    ["at the 50th vote of BUY and SELL", [50, 50, 50, 50, 50, 0.8], 299, "50 votes of BUY and SELL"],
    ["at the 50th answer, if ten are BUY or SELL", [50, 50, 50, 0.8], 49, "12 votes of BUY and SELL"],
  ] as const)("stops the run although its HOLDs have 50: %s", async (_, confidences, before, votes) => {
    let n = 0;
    const mixed = { name: "mine", vote: (): Answer => mixedVote(confidences[n++ % confidences.length]!) };
    const provider = watchFirstAnswers(mixed, { stopsOnError: true });
    expect(await stoppedAfter(before, provider)).toBeUndefined();
    expect(await stoppedAfter(1, provider)).toContain(
      `confidences of at most 0.8 in all of its first ${votes}, expected`,
    );
  });

  test("is taken if only a few votes of BUY and SELL are so low", async () => {
    let n = 0;
    const rare = { name: "mine", vote: (): Answer => mixedVote(n++ < 9 ? 0.8 : 50) };
    const provider = watchFirstAnswers(rare, { stopsOnError: true });
    expect(await stoppedAfter(60, provider)).toBeUndefined();
    expect(() => provider.beforeEnd!()).not.toThrow();
  });

  test("is refused at the end of a shorter run", async () => {
    const provider = watchFirstAnswers(giving([0.5]), { stopsOnError: true });
    await stoppedAfter(3, provider);
    expect(() => provider.beforeEnd!()).toThrow("found confidences of at most 0.5 in all of its first 3 answers");
  });
});

test("with confidence_scale: 1 a confidence is a share, and one above 1 is out of range", async () => {
  const provider = watchFirstAnswers(giving([0.57, 1.2]), { confidenceScale: 1, stopsOnError: true });
  expect(await askProviders([provider], ASK)).toEqual([{ provider: "mine", action: "BUY", confidence: 57 }]);
  expect(await askProviders([provider], ASK)).toMatchObject([{ error: "found confidence 120, expected 0 to 100" }]);
  expect(shareToPercent(0.29)).toBe(29);
});

describe("a provider that throws in every call", () => {
  test("stops the run at the 50th, with its last error", async () => {
    const provider = watchFirstAnswers(giving([undefined]), { stopsOnError: true });
    expect(await stoppedAfter(49, provider)).toBeUndefined();
    expect(await stoppedAfter(1, provider)).toBe(
      'Cannot use provider "mine": found an error in each of its 50 calls (the last: boom 50), expected votes; ' +
        "on_error: abstain in its configuration lets it abstain",
    );
  });

  test("may also reject, and is refused at the end of a shorter run", async () => {
    const provider = watchFirstAnswers(
      { name: "mine", vote: () => Promise.reject(new Error("no key")) },
      { stopsOnError: true },
    );
    expect(await askProviders([provider], ASK)).toMatchObject([{ error: "no key" }]);
    expect(() => provider.beforeEnd!()).toThrow("in each of its 1 calls (the last: no key)");
  });

  test.each([
    ["abstains if the configuration says so", [undefined], false],
    ["is no such provider if it answers once", [50, ...Array<undefined>(70).fill(undefined)], true],
  ] as const)("%s", async (_, confidences, stopsOnError) => {
    const provider = watchFirstAnswers(giving(confidences), { stopsOnError });
    expect(await stoppedAfter(70, provider)).toBeUndefined();
    expect(() => provider.beforeEnd!()).not.toThrow();
  });
});

describe("a provider whose answers are no votes", () => {
  const answering = (answers: readonly unknown[]): Provider => {
    let n = 0;
    return { name: "mine", vote: () => answers[Math.min(n++, answers.length - 1)] as Answer };
  };

  test.each([
    ["texts", "BUY", 'found "BUY", expected an object with "action" and "confidence"'],
    [
      "other words",
      { action: "exit", confidence: 60 },
      'found action "exit", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    ],
    ["votes without a confidence", { action: "BUY" }, "found confidence undefined, expected 0 to 100"],
  ])("stops the run at the 50th: %s", async (_, answer, problem) => {
    const provider = watchFirstAnswers(answering([answer]), { stopsOnError: true });
    expect(await stoppedAfter(49, provider)).toBeUndefined();
    expect(await stoppedAfter(1, provider)).toBe(
      `Cannot use provider "mine": found no vote in its first 50 answers (the last: ${problem}), expected votes such as ` +
        '{ action: "BUY", confidence: 60 }; on_error: abstain in its configuration lets it abstain',
    );
  });

  test("is refused at the end of a shorter run, also if some calls throw", async () => {
    const provider = watchFirstAnswers(giving([undefined, 200]), { stopsOnError: true });
    await stoppedAfter(4, provider);
    expect(() => provider.beforeEnd!()).toThrow("found no vote in its first 4 answers (the last: found confidence 200");
  });

  test.each([
    ["abstains if the configuration says so", ["BUY"], false],
    ["is taken if one answer is a vote", [{ action: "BUY", confidence: 60 }, "BUY"], true],
    ["is taken if it says why it abstains", [{ action: "HOLD", confidence: 0, error: "closed" }], true],
  ] as const)("%s", async (_, answers, stopsOnError) => {
    const provider = watchFirstAnswers(answering(answers), { stopsOnError });
    expect(await stoppedAfter(60, provider)).toBeUndefined();
    expect(() => provider.beforeEnd!()).not.toThrow();
  });
});

test("an action may be in any case", async () => {
  const provider: Provider = { name: "mine", vote: () => ({ action: "Buy" as Action, confidence: 60 }) };
  expect(await askProviders([provider], ASK)).toEqual([{ provider: "mine", action: "BUY", confidence: 60 }]);
});
