import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Outcome, Situation } from "../../lib/types.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { describeSituation } from "../../lib/memory/description.ts";
import { openMemory, type Memory } from "../../lib/memory/store.ts";
import type { EmbeddedTrade } from "../../lib/memory/trade.ts";
import { MemoryView, type MemoryViewOptions } from "../../lib/memory/view.ts";
import { makeOutcome, makeOutcomes, makeVote } from "./outcome-samples.ts";

// Properties are tried on many histories, and a machine may be busy.
setDefaultTimeout(60_000);

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2021, 5, 1);

const OPTIONS: MemoryViewOptions = {
  market: "bars",
  startMs: START_MS,
  providers: ["trend", "reversion"],
  enabled: true,
  maxMemorySize: 1000,
  learningRate: 0.1,
  contextDays: 20,
};

const OTHER_RUN = "b".repeat(64);

/** An outcome that closes on a day after the run's start, with the description of its situation. */
function closedAt(day: number, changes: Partial<Outcome> = {}): Outcome {
  const exit = new Date(START_MS + day * DAY_MS).toISOString();
  const { situation } = makeOutcome();
  return makeOutcome({
    decision_id: `day-${day}`,
    entry_timestamp: new Date(START_MS + (day - 1) * DAY_MS).toISOString(),
    exit_timestamp: exit,
    description: `${describeSituation({ ...situation, asset: "BTCUSD", timestamp: 0 })} Decided BUY.`,
    ...changes,
  });
}

function situationAt(day: number, changes: Partial<Situation> = {}): Situation {
  return { ...makeOutcome().situation, asset: "BTCUSD", timestamp: START_MS + day * DAY_MS, ...changes };
}

async function memoryOf(outcomes: readonly Outcome[]): Promise<Memory> {
  const memory = await openMemory(inMemoryStorage(), { embedder: hashingEmbedder() });
  for (const outcome of outcomes) await memory.record(outcome);
  return memory;
}

async function viewOf(outcomes: readonly Outcome[], options: Partial<MemoryViewOptions> = {}): Promise<MemoryView> {
  return new MemoryView(await memoryOf(outcomes), { ...OPTIONS, ...options });
}

/** Whatever the situation. */
const weightsOf = (view: MemoryView, asOf: number): readonly number[] => view.lessons(asOf)?.weights ?? [];

const idsOf = (view: MemoryView): string[] => view.carriedIn.map(({ id }) => id);

describe("what a run carries in", () => {
  test("is what had closed at or before its start, never what another run closed later", async () => {
    const view = await viewOf([closedAt(-1), closedAt(0), closedAt(1)]);
    expect(idsOf(view)).toEqual(["day--1", "day-0"]);
    expect(view.remembered(START_MS + 9 * DAY_MS)).toBe(2);
  });

  test("is of its own market alone", async () => {
    const outcomes = [closedAt(-2), closedAt(-1, { market: "synthetic" })];
    expect(idsOf(await viewOf(outcomes))).toEqual(["day--2"]);
    expect(idsOf(await viewOf(outcomes, { market: "synthetic" }))).toEqual(["day--1"]);
  });

  test("counts a trade that several runs made once, as the run of the smallest id has it", async () => {
    const twice = [closedAt(-1, { decision_id: "b" }), closedAt(-1, { decision_id: "a", run_id: OTHER_RUN })];
    expect(idsOf(await viewOf(twice))).toEqual(["b"]);
    const others: Partial<Outcome>[] = [
      { asset_pair: "ETHUSD" },
      { action: "SELL" },
      { entry_timestamp: new Date(START_MS - 3 * DAY_MS).toISOString() },
      { exit_timestamp: new Date(START_MS - DAY_MS / 2).toISOString() },
    ];
    const different = others.map((changes, i) => closedAt(-1, { decision_id: `c${i}`, ...changes }));
    expect(idsOf(await viewOf([...twice, ...different]))).toEqual(["b", "c0", "c1", "c2", "c3"]);
  });

  test("counts a trade once whose stop differed between runs: a loss is not two where a win is one", async () => {
    const opened = { entry_timestamp: new Date(START_MS - 9 * DAY_MS).toISOString() };
    const wide = { ...opened, run_id: OTHER_RUN };
    const outcomes = [
      closedAt(-3, { ...opened, decision_id: "lost-at-the-near-stop" }),
      closedAt(-2, { ...wide, decision_id: "lost-at-the-far-stop" }),
      closedAt(-1, { ...opened, asset_pair: "ETHUSD", decision_id: "won" }),
      closedAt(-1, { ...wide, asset_pair: "ETHUSD", decision_id: "won-again" }),
    ];
    expect(idsOf(await viewOf(outcomes))).toEqual(["lost-at-the-near-stop", "won"]);
  });

  test("has all parts of a position that one run or another system closed in parts", async () => {
    const opened = { entry_timestamp: new Date(START_MS - 9 * DAY_MS).toISOString() };
    const parts = [closedAt(-3, { ...opened, decision_id: "b" }), closedAt(-2, { ...opened, decision_id: "a" })];
    expect(idsOf(await viewOf(parts))).toEqual(["b", "a"]);
  });

  test("is the newest trades by exit and id, as many as the window holds", async () => {
    const outcomes = [-3, -1, -2].flatMap((day) => [
      closedAt(day, { decision_id: `b${day}`, asset_pair: "ETHUSD" }),
      closedAt(day, { decision_id: `a${day}` }),
    ]);
    expect(idsOf(await viewOf(outcomes, { maxMemorySize: 3 }))).toEqual(["b-2", "a-1", "b-1"]);
    expect(idsOf(await viewOf(outcomes, { maxMemorySize: 0 }))).toEqual([]);
  });

  test("is all trades for a view of all times, whose reads see as many as the window holds", async () => {
    const view = await viewOf(
      [-3, -2, -1, 1].map((day) => closedAt(day)),
      { startMs: Infinity, maxMemorySize: 2 },
    );
    expect(idsOf(view)).toEqual(["day--3", "day--2", "day--1", "day-1"]);
    expect(view.visible(START_MS - DAY_MS).map(({ id }) => id)).toEqual(["day--3", "day--2"]);
    expect(view.visible(START_MS + 2 * DAY_MS).map(({ id }) => id)).toEqual(["day--1", "day-1"]);
  });
});

describe("a read as of a time", () => {
  test("sees what closed before it, not at it", async () => {
    const view = await viewOf([closedAt(-1)]);
    await view.beginRecord(closedAt(2));
    expect([1, 2, 2.001, 3].map((day) => view.remembered(START_MS + day * DAY_MS))).toEqual([1, 1, 2, 2]);
    expect((await view.recall(situationAt(2))).similar.map((trade) => trade.decision_id)).toEqual(["day--1"]);
    expect((await view.recall(situationAt(3))).remembered).toBe(2);
    expect((await view.recall(situationAt(-1))).similar).toEqual([]);
  });

  test("sees the newest trades of all assets, as many as the window holds", async () => {
    const view = await viewOf([closedAt(-2), closedAt(-1)], { maxMemorySize: 2 });
    await view.beginRecord(closedAt(1, { asset_pair: "ETHUSD" }));
    const { similar, remembered } = await view.recall(situationAt(2));
    expect(remembered).toBe(2);
    expect(similar.map((trade) => trade.decision_id).toSorted()).toEqual(["day--1", "day-1"]);
    expect((await view.recall(situationAt(0))).similar.map((trade) => trade.decision_id).toSorted()).toEqual([
      "day--1",
      "day--2",
    ]);
  });

  test("weighs by what is visible: numbers worked by hand from the rules", async () => {
    // trend voted for 1.5 R and reversion held: (6 + 1.5)/61 and 6.1/61.
    const view = await viewOf([]);
    await view.beginRecord(closedAt(1));
    const soon = START_MS + 1.5 * DAY_MS;
    expect(weightsOf(view, START_MS + DAY_MS)).toEqual([0.5, 0.5]);
    expect(weightsOf(view, soon)[0]).toBeCloseTo(7.5 / 13.6, 12);
    // A second trade of -1 R that both voted for, seen at the same time: (6 + 0.5)/62 and (6 - 1)/61.
    const both = [makeVote("trend", "BUY"), makeVote("reversion", "BUY")];
    await view.beginRecord(closedAt(1.1, { decision_id: "second", result_r: -1, votes: both }));
    const [trend, reversion] = [6.5 / 62, 5 / 61];
    expect(weightsOf(view, soon)[0]).toBeCloseTo(trend / (trend + reversion), 12);
    expect(weightsOf(view, soon)[1]).toBeCloseTo(reversion / (trend + reversion), 12);
  });

  test("does not weigh a trade before a forget mark, but recalls it", async () => {
    const memory = await memoryOf([closedAt(-3), closedAt(-1)]);
    await memory.forget({ provider: "trend", beforeMs: START_MS - DAY_MS });
    const view = new MemoryView(memory, OPTIONS);
    // Of the two trades, the one that closed at the mark still counts; it is more than a day old.
    const f = 0.9942404238175473;
    const trend = (6 + 1.5 * f) / (60 + f);
    expect(weightsOf(view, START_MS + 1)[0]).toBeCloseTo(trend / (trend + 0.1), 12);
    expect((await view.recall(situationAt(0))).similar.length).toBe(2);
  });

  test("counts the trades of the context's last days, and none before them", async () => {
    const view = await viewOf(
      [closedAt(-5), closedAt(-3, { result_r: -1, was_profitable: false }), closedAt(-1, { decision_id: "last" })],
      { contextDays: 3 },
    );
    expect((await view.recall(situationAt(0))).recent).toEqual({ days: 3, trades: 2, wins: 1, mean_r: 0.25 });
    expect((await view.recall(situationAt(30))).recent).toEqual({ days: 3, trades: 0, wins: 0, mean_r: null });
  });
});

describe("recall()", () => {
  test("shows the most similar trades first, with the cosine of their sentences", async () => {
    const far = describeSituation(
      situationAt(0, { asset: "EURUSD", regime: "RANGING", adx: 10, rsi: 25, return_pct: -9, zscore: -2, ema_fast: 1 }),
    );
    const view = await viewOf([
      closedAt(-2),
      closedAt(-1, { asset_pair: "EURUSD", action: "SELL", result_r: -1, was_profitable: false, description: far }),
    ]);
    const { similar } = await view.recall(situationAt(0));
    expect(similar.map((trade) => trade.decision_id)).toEqual(["day--2", "day--1"]);
    expect(similar[0]?.similarity).toBeCloseTo(1, 6);
    expect(similar[1]?.similarity).toBeLessThan(0.9);
    expect(similar[1]).toEqual({
      decision_id: "day--1",
      similarity: similar[1]?.similarity as number,
      asset: "EURUSD",
      regime: "TRENDING",
      action: "SELL",
      exit_timestamp: "2021-05-31T00:00:00.000Z",
      won: false,
      pnl_pct: 7.3318015845246425,
      result_r: -1,
    });
  });

  test("shows ten at most, and of equally similar trades the older ones", async () => {
    const view = await viewOf(Array.from({ length: 15 }, (_, i) => closedAt(i - 20, { decision_id: `t${i + 10}` })));
    const { similar } = await view.recall(situationAt(0));
    expect(similar.map((trade) => trade.decision_id)).toEqual(Array.from({ length: 10 }, (_, i) => `t${i + 10}`));
  });

  test("without similar trades has the counts and records alone", async () => {
    const view = await viewOf([closedAt(-1)], { similar: false });
    const { remembered, similar, records } = await view.recall(situationAt(0));
    expect([remembered, similar]).toEqual([1, []]);
    expect(records["trend"]).toMatchObject({ trades: 1, right: 1 });
  });

  test("without records has the similar trades alone", async () => {
    const view = await viewOf([closedAt(-1)], { records: false });
    const { similar, records } = await view.recall(situationAt(0));
    expect(similar.map((trade) => trade.decision_id)).toEqual(["day--1"]);
    expect(records).toEqual({});
  });

  test("compares the features that are named, too", async () => {
    const features = { funding: 3 };
    const recallFeatures = ["funding"];
    const sentence = describeSituation(situationAt(-1, { features }), recallFeatures);
    const outcomes = [closedAt(-1, { description: `${sentence} Decided BUY.` })];
    const similarityWith = async (options: Partial<MemoryViewOptions>): Promise<number> => {
      const { similar } = await (await viewOf(outcomes, options)).recall(situationAt(0, { features }));
      return similar[0]!.similarity;
    };
    expect(await similarityWith({ recallFeatures })).toBeCloseTo(1, 6);
    expect(await similarityWith({})).toBeLessThan(0.99);
  });
});

/** A view that puts trades in the place of others, as experiments do. */
class EditedView extends MemoryView {
  put(trade: EmbeddedTrade): void {
    this.replace(trade);
  }
}

test("a trade that an experiment puts in the place of another is read from then on, and no other changes", async () => {
  const view = new EditedView(await memoryOf([closedAt(-3), closedAt(-2), closedAt(-1)]), OPTIONS);
  // Of equally similar trades the older ones come first.
  const results = async (): Promise<(number | null)[]> => {
    const { similar, recent } = await view.recall(situationAt(0));
    return [...similar.map((trade) => trade.result_r), recent.mean_r];
  };
  expect(await results()).toEqual([1.5, 1.5, 1.5, 1.5]);
  const [before] = weightsOf(view, START_MS);
  view.put({ ...view.carriedIn[1]!, resultR: -3 });
  expect(await results()).toEqual([1.5, -3, 1.5, 0]);
  expect(weightsOf(view, START_MS)[0]!).toBeLessThan(before!);
});

test("records are as of each time that is asked about, later times first or not", async () => {
  const view = await viewOf([closedAt(-3), closedAt(-1)]);
  const tradesAt = async (day: number): Promise<number | undefined> =>
    (await view.recall(situationAt(day))).records["trend"]?.trades;
  expect([await tradesAt(0), await tradesAt(-2), await tradesAt(0)]).toEqual([2, 1, 2]);
});

test("with memory disabled nothing is visible or learned, but outcomes are recorded", async () => {
  const memory = await memoryOf([closedAt(-1)]);
  const view = new MemoryView(memory, { ...OPTIONS, enabled: false, providers: ["a", "b", "c", "d"] });
  await view.beginRecord(closedAt(1));
  expect(memory.trades.length).toBe(2);
  expect(view.carriedIn).toEqual([]);
  expect(view.lessons(START_MS + 5 * DAY_MS)).toBeUndefined();
  expect(await view.recall(situationAt(5))).toEqual({
    remembered: 0,
    similar: [],
    recent: { days: 20, trades: 0, wins: 0, mean_r: null },
    records: {},
  });
});

test("an outcome that is made again after a resume counts once", async () => {
  const memory = await memoryOf([]);
  const trade = await memory.record(closedAt(1));
  const view = new MemoryView(memory, OPTIONS);
  expect(view.remembered(START_MS + 5 * DAY_MS)).toBe(0);
  view.add(trade);
  view.add(trade);
  await view.beginRecord(closedAt(1));
  expect(view.remembered(START_MS + 5 * DAY_MS)).toBe(1);
});

describe("nothing reads the future", () => {
  const outcome = fc.record({
    day: fc.integer({ min: -6, max: 6 }),
    asset: fc.constantFrom("BTCUSD", "ETHUSD"),
    resultR: fc.constantFrom(-3, -1, 0.5, 1.5),
    trend: fc.constantFrom("BUY" as const, "SELL" as const, "HOLD" as const),
    mood: fc.constantFrom("rising", "falling", "calm"),
    own: fc.boolean(),
  });
  type Drawn = typeof outcome extends fc.Arbitrary<infer T> ? T : never;

  const outcomeOf = (drawn: Drawn, i: number): Outcome =>
    closedAt(drawn.day, {
      decision_id: `o${i}`,
      asset_pair: drawn.asset,
      result_r: drawn.resultR,
      was_profitable: drawn.resultR > 0,
      votes: [makeVote("trend", drawn.trend), makeVote("reversion", "SELL")],
      description: `${drawn.asset} is ${drawn.mood}. Decided BUY.`,
    });

  /** All that a run reads as of a day, with these outcomes in memory, of which it has recorded its own. */
  async function readAt(day: number, all: readonly Outcome[], own: ReadonlySet<string>): Promise<unknown> {
    const memory = await memoryOf(all.filter(({ decision_id: id }) => !own.has(id)));
    const view = new MemoryView(memory, { ...OPTIONS, maxMemorySize: 6, contextDays: 3 });
    for (const one of all) if (own.has(one.decision_id)) await view.beginRecord(one);
    const asOf = START_MS + day * DAY_MS;
    const lessons = view.lessons(asOf);
    const votes = [makeVote("trend", "BUY", { confidence: 80 }), makeVote("reversion", "SELL")];
    const weighed = lessons?.weigh(situationAt(day), votes);
    const scaled = lessons?.scale({ regime: "TRENDING", votesR: 0.1, costR: 0.05 });
    const learned = [lessons?.weights, weighed, lessons?.calibrate(70), scaled];
    return [view.remembered(asOf), learned, await view.recall(situationAt(day))];
  }

  test("what is read as of a time does not depend on trades that close at it or later, nor on who recorded them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { maxLength: 20 }),
        fc.integer({ min: 0, max: 6 }),
        fc.array(outcome, { maxLength: 8 }),
        async (drawn, day, later) => {
          const outcomes = drawn.map(outcomeOf);
          // A run's own outcomes close after its start.
          const own = new Set(
            outcomes.filter((_, i) => drawn[i]?.own && drawn[i].day > 0).map((one) => one.decision_id),
          );
          const known = outcomes.filter((_, i) => (drawn[i]?.day ?? 0) < day);
          const unknown = later.map((one, i) => outcomeOf({ ...one, day: day + Math.abs(one.day) }, 100 + i));
          for (const one of unknown.slice(0, 4))
            if (Date.parse(one.exit_timestamp) > START_MS) own.add(one.decision_id);
          const before = await readAt(day, known, own);
          // A trade that closed at the start is carried in, but is not visible as of the start.
          const changed = [...known, ...unknown.filter((one) => Date.parse(one.exit_timestamp) > START_MS)];
          expect(await readAt(day, changed.toReversed(), own)).toEqual(before as object);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("what is read is what counting all outcomes one by one gives", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(outcome, { maxLength: 20 }), fc.integer({ min: 1, max: 7 }), async (drawn, day) => {
        const outcomes = drawn.map(outcomeOf);
        const own = new Set(outcomes.filter((_, i) => drawn[i]?.own && drawn[i].day > 0).map((one) => one.decision_id));
        const [remembered, , context] = (await readAt(day, outcomes, own)) as [number, unknown, { recent: object }];
        const carriedIn = outcomes.filter((_, i) => (drawn[i]?.day ?? 0) <= 0);
        const distinct = carriedIn.filter(
          (one, i) =>
            !carriedIn.some(
              (other, j) =>
                j !== i &&
                other.exit_timestamp === one.exit_timestamp &&
                other.asset_pair === one.asset_pair &&
                other.decision_id < one.decision_id,
            ),
        );
        const visible = [...distinct, ...outcomes.filter((one) => own.has(one.decision_id))]
          .filter((one) => Date.parse(one.exit_timestamp) < START_MS + day * DAY_MS)
          .toSorted((a, b) => (a.exit_timestamp + a.decision_id < b.exit_timestamp + b.decision_id ? -1 : 1));
        // The run starts with the newest six. As more close, the window moves on.
        expect(remembered).toBe(Math.min(6, visible.length));
        const recent = visible
          .slice(-6)
          .filter((one) => Date.parse(one.exit_timestamp) >= START_MS + (day - 3) * DAY_MS);
        expect(context.recent).toEqual({
          days: 3,
          trades: recent.length,
          wins: recent.filter((one) => one.was_profitable).length,
          mean_r: recent.length === 0 ? null : recent.reduce((sum, one) => sum + one.result_r, 0) / recent.length,
        });
      }),
      { numRuns: 40 },
    );
  });
});

test("three hundred trades are recalled alike, whether the run starts with them or records them", async () => {
  const outcomes = makeOutcomes(300);
  const startMs = Date.UTC(2022, 0, 1);
  const opened = new MemoryView(await memoryOf(outcomes), { ...OPTIONS, startMs });
  const recorded = new MemoryView(await memoryOf([]), { ...OPTIONS, startMs: 0 });
  for (const outcome of outcomes) await recorded.beginRecord(outcome);
  const situation = { ...situationAt(0), timestamp: startMs };
  expect(await opened.recall(situation)).toEqual(await recorded.recall(situation));
  expect(weightsOf(opened, startMs)).toEqual(weightsOf(recorded, startMs));
});

test("a provider's record counts its votes in the situation's regime, as of the situation's time", async () => {
  const votes = (trend: "BUY" | "SELL" | "HOLD"): Outcome["votes"] => [
    makeVote("trend", trend),
    makeVote("reversion", "HOLD"),
  ];
  const view = await viewOf([], { startMs: START_MS });
  // Long trades: +1 R and -0.5 R that trend voted for, +0.25 R against, one on which it held, one in another regime.
  const trades: readonly [day: number, r: number, vote: "BUY" | "SELL" | "HOLD", regime: Outcome["regime"]][] = [
    [1, 1, "BUY", "RANGING"],
    [2, -0.5, "BUY", "RANGING"],
    [3, 0.25, "SELL", "RANGING"],
    [4, 1, "HOLD", "RANGING"],
    [5, 3, "BUY", "VOLATILE"],
    [9, 3, "BUY", "RANGING"],
  ];
  for (const [day, result_r, vote, regime] of trades) {
    await view.beginRecord(closedAt(day, { action: "BUY", result_r, regime, votes: votes(vote) }));
  }
  const { records } = await view.recall(situationAt(9, { regime: "RANGING" }));
  expect(records).toEqual({
    // (1 - 0.5 - 0.25) / 3, right on one of three. With the other regime, right on two of four at a confidence of 50.
    trend: {
      trades: 3,
      right: 1,
      mean_r: 0.25 / 3,
      calibration: [{ from: 50, to: 60, trades: 4, right: 2 }],
    },
    reversion: { trades: 0, right: 0, mean_r: null, calibration: [] },
  });
});
