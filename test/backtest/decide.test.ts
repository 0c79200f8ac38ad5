import { describe, expect, test } from "bun:test";
import { askProviders, type Provider } from "../../lib/providers/provider.ts";
import { decide } from "../../lib/backtest/decide.ts";
import type { Action, DecisionContext, Situation, Vote } from "../../lib/types.ts";

function vote(action: Action, confidence: number, error?: string): Vote {
  return { provider: "p", action, confidence, ...(error === undefined ? {} : { error }) };
}

describe("decide()", () => {
  test("lets the greatest sum of weight x confidence/100 win", () => {
    // BUY 0.5 x 0.8 = 0.4, SELL 0.5 x 0.6 = 0.3: the share of BUY is 4/7.
    const { action, confidence } = decide([vote("BUY", 80), vote("SELL", 60)], [0.5, 0.5]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(80 * (0.8 + 0.4 * (4 / 7)), 10);
  });

  test("takes the plain mean of the winners' confidences, whatever their weights", () => {
    // BUY 0.1 x 0.6 + 0.4 x 0.9 = 0.42, SELL 0.5 x 0.7 = 0.35: mean 75, share 42/77.
    const { action, confidence } = decide([vote("BUY", 60), vote("BUY", 90), vote("SELL", 70)], [0.1, 0.4, 0.5]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(75 * (0.8 + 0.4 * (42 / 77)), 10);
  });

  test("lets HOLD compete like the others", () => {
    // HOLD 0.6 x 0.9 = 0.54 against BUY 0.4 x 0.8 = 0.32.
    const { action, confidence } = decide([vote("BUY", 80), vote("HOLD", 90)], [0.4, 0.6]);
    expect(action).toBe("HOLD");
    expect(confidence).toBeCloseTo(90 * (0.8 + 0.4 * (54 / 86)), 10);
  });

  test("caps the confidence at 100", () => {
    expect(decide([vote("SELL", 90)], [1])).toEqual({ action: "SELL", confidence: 100 });
    expect(decide([vote("SELL", 80)], [1]).confidence).toBeCloseTo(96, 10);
  });

  test("holds with confidence 0 on a tie, also between an action and HOLD", () => {
    const nothing = { action: "HOLD", confidence: 0 } as const;
    expect(decide([vote("BUY", 70), vote("SELL", 70)], [0.5, 0.5])).toEqual(nothing);
    expect(decide([vote("BUY", 70), vote("HOLD", 70)], [0.5, 0.5])).toEqual(nothing);
    // 0.15 + 0.2 and 0.35 differ in the last bits only.
    expect(decide([vote("BUY", 60), vote("BUY", 80), vote("SELL", 70)], [0.25, 0.25, 0.5])).toEqual(nothing);
  });

  test("takes sums within 1e-9 for a tie, and no others", () => {
    expect(decide([vote("BUY", 50), vote("SELL", 50 + 1e-7)], [0.5, 0.5]).action).toBe("HOLD");
    expect(decide([vote("BUY", 50), vote("SELL", 50 + 3e-7)], [0.5, 0.5]).action).toBe("SELL");
  });

  test("does not count providers that abstain, though they keep their weight", () => {
    const votes = [vote("BUY", 60), vote("SELL", 100, "timed out"), vote("SELL", 100, "")];
    const { action, confidence } = decide(votes, [0.2, 0.4, 0.4]);
    expect(action).toBe("BUY");
    expect(confidence).toBeCloseTo(60 * 1.2, 10);
  });

  test("holds with confidence 0 where nobody says anything", () => {
    const nothing = { action: "HOLD", confidence: 0 } as const;
    expect(decide([], [])).toEqual(nothing);
    expect(decide([vote("BUY", 80, "down")], [1])).toEqual(nothing);
    expect(decide([vote("BUY", 0), vote("SELL", 0)], [0.5, 0.5])).toEqual(nothing);
  });
});

describe("askProviders()", () => {
  const context: DecisionContext = {
    remembered: 0,
    similar: [],
    recent: { days: 20, trades: 0, wins: 0, mean_r: null },
    records: {},
    positions: [],
  };
  const input = { situation: {} as Situation, context };
  const answering = (name: string, answer: () => unknown): Provider => ({ name, vote: answer as Provider["vote"] });

  test("lists votes in the order of the providers, whoever answers first", async () => {
    const slow = new Promise((resolve) => setTimeout(() => resolve({ action: "BUY", confidence: 1 }), 5));
    const votes = await askProviders(
      [answering("slow", () => slow), answering("fast", () => ({ action: "SELL", confidence: 2, reason: "r" }))],
      input,
    );
    expect(votes).toEqual([
      { provider: "slow", action: "BUY", confidence: 1 },
      { provider: "fast", action: "SELL", confidence: 2, reason: "r" },
    ]);
  });

  test.each([
    ["throws", (): never => raise(new Error("no key")), "no key"],
    ["rejects", async () => raise(new Error("timed out")), "timed out"],
    ["throws what is no error", (): never => raise("odd"), "odd"],
    ["says nothing", () => undefined, 'found action undefined, expected "BUY", "SELL" or "HOLD"'],
    ["answers with a text", () => "BUY", 'found action undefined, expected "BUY", "SELL" or "HOLD"'],
    ["says another word", () => ({ action: "buy" }), 'found action "buy", expected "BUY", "SELL" or "HOLD"'],
    ["is too sure", () => ({ action: "BUY", confidence: 101 }), "found confidence 101, expected 0 to 100"],
    ["is less than unsure", () => ({ action: "BUY", confidence: -1 }), "found confidence -1, expected 0 to 100"],
    ["is NaN", () => ({ action: "BUY", confidence: Number.NaN }), "found confidence NaN, expected 0 to 100"],
    [
      "has a text for a number",
      () => ({ action: "BUY", confidence: "80" }),
      'found confidence "80", expected 0 to 100',
    ],
    ["has a bigint", () => ({ action: "BUY", confidence: 80n }), "found confidence bigint, expected 0 to 100"],
    ["abstains", () => ({ action: "BUY", confidence: 80, error: "asleep" }), "asleep"],
  ])("makes an abstention of a provider that %s", async (_what, say, error) => {
    const [answer] = await askProviders([answering("p", say)], input);
    expect(answer).toEqual({ provider: "p", action: "HOLD", confidence: 0, error });
  });

  test("makes an abstention of a provider whose answer can't be read, or that would change what others are told", async () => {
    const situation = { rsi: 50 } as Situation;
    const votes = await askProviders(
      [
        answering("getter", () => ({
          get action(): string {
            throw new Error("no answer");
          },
        })),
        {
          name: "meddler",
          vote: (told) => (Object.assign(told, { rsi: Number.NaN }), { action: "BUY", confidence: 50 }),
        },
        answering("thenable", () => ({
          // oxlint-disable-next-line no-thenable -- a provider may be written so
          then: (done: (answer: unknown) => void) => done({ action: "BUY", confidence: 9 }),
        })),
      ],
      { situation, context },
    );
    expect(votes.map(({ action, error }) => [action, error === undefined])).toEqual([
      ["HOLD", false],
      ["HOLD", false],
      ["BUY", true],
    ]);
    expect(votes[0]?.error).toBe("no answer");
    expect(situation.rsi).toBe(50);
  });

  test("stops waiting for a provider that never answers when the run is stopped", async () => {
    const stop = new AbortController();
    const asked = askProviders([answering("mute", () => new Promise(() => {}))], { ...input, signal: stop.signal });
    stop.abort(new Error("stopped"));
    expect(await asked.catch((error: unknown) => (error as Error).message)).toBe("stopped");
  });

  test("keeps only 1,000 characters of a reason, so that an outcome stays readable", async () => {
    const [answer] = await askProviders(
      [answering("p", () => ({ action: "BUY", confidence: 50, reason: "x".repeat(2_000_000) }))],
      input,
    );
    expect(answer!.reason).toBe(`${"x".repeat(997)}...`);
  });
});

function raise(what: unknown): never {
  throw what;
}
