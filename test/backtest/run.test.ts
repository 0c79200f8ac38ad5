import { describe, expect, test } from "bun:test";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import { equalWeights } from "../../lib/backtest/judge.ts";
import { abstain, type Provider } from "../../lib/providers/provider.ts";
import {
  at,
  barsOf,
  CALM,
  DAY,
  decisionsOf,
  HOUR,
  type JobParts,
  makeSettings,
  NO_COSTS,
  outcomesOf,
  type Prices,
  runFresh,
  scripted,
  seriesOf,
  textOf,
} from "./world-samples.ts";

/** Friday noon, so that the 100th bar ends on a Tuesday at 16:00 and decisions begin there. */
const START = at("2021-01-01T12:00");
const HOLD = { action: "HOLD", confidence: 60 } as const;
const PERIOD = { startMs: at("2021-01-01"), endMs: at("2021-02-01") };

/** A calm market, but for what happens at some hours after the first decision. */
function world(events: Record<number, Prices | null> = {}, bars = 200): (Prices | null)[] {
  return Array.from({ length: bars }, (_, i) => {
    const event = events[i - 100];
    return event === undefined ? CALM : event;
  });
}

function job(
  parts: Partial<JobParts> & { worlds: Record<string, (Prices | null)[]>; votes?: Record<string, "BUY" | "SELL"> },
): JobParts {
  const { worlds, votes = {}, ...rest } = parts;
  return {
    settings: makeSettings({ assets: Object.keys(worlds) }, NO_COSTS),
    period: PERIOD,
    chunkKind: "month",
    series: new Map(Object.entries(worlds).map(([asset, prices]) => [asset, seriesOf(asset, barsOf(START, prices))])),
    providers: [scripted(votes)],
    ...rest,
  };
}

describe("a run of one asset that stands at 100 with an ATR of 2", () => {
  test("decides from the 100th bar of the file on, every four hours", async () => {
    const { storage, summary } = await runFresh(job({ worlds: { AAA: world({}, 109) } }));
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.map(({ timestamp }) => timestamp.slice(0, 16))).toEqual([
      "2021-01-05T16:00",
      "2021-01-05T20:00",
      "2021-01-06T00:00",
    ]);
    expect(decisions[0]!.situation).toMatchObject({ close: 100, atr: 2, volatility_pct: 2, zscore: 0, return_pct: 0 });
    expect(summary.decisions).toBe(3);
  });

  test("buys at the next open after a decision, with one percent of equity at risk, and sells at the target", async () => {
    const { storage, summary } = await runFresh(
      job({
        worlds: { AAA: world({ 0: [101, 102, 100, 101], 3: [101, 110, 100, 109] }) },
        votes: { "AAA 2021-01-05T16:00": "BUY" },
      }),
    );
    const [decision] = await decisionsOf(storage, "2021-01");
    // 100 / (3 x 2) units, less than 10,000 / 3 / 100.
    expect(decision).toMatchObject({ action: "BUY", order: "open", equity: 10_000, skipped: null });
    expect(decision!.size).toBeCloseTo(100 / 6, 10);
    // The only vote: of 60, a quarter of what it goes beyond 50 is believed, x (0.8 + 0.4). No experience supports it yet.
    expect(decision!.raw_confidence).toBeCloseTo(63, 10);
    expect(decision!.confidence).toBeCloseTo(50, 10);

    const outcomes = await outcomesOf(storage);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({
      decision_id: decision!.decision_id,
      entry_timestamp: "2021-01-05T16:00:00.000Z",
      exit_timestamp: "2021-01-05T20:00:00.000Z",
      raw_entry_price: 101,
      stop_price: 95,
      target_price: 110,
      raw_exit_price: 110,
      exit_reason: "target",
      result_r: 1.5,
      holding_period_hours: 4,
      chunk: "2021-01",
    });
    // 9 x 100/6
    expect(outcomes[0]!.realized_pnl).toBeCloseTo(150, 9);
    expect(summary.final_balance).toBeCloseTo(10_150, 9);
    expect(summary.total_return_pct).toBeCloseTo(1.5, 9);
    // 101 and 110 x 100/6 of 10,000.
    expect(summary.turnover).toBeCloseTo((211 * 100) / 6 / 10_000, 9);
    // Held after the bars of hours 0, 1 and 2 of 200.
    expect(summary.exposure_pct).toBeCloseTo(1.5, 9);
    expect(summary.profit_factor).toBeNull();
  });

  test("ignores a second decision in the same direction, and reverses on the opposite one", async () => {
    const { storage } = await runFresh(
      job({
        worlds: { AAA: world({ 8: [103, 104, 102, 103] }) },
        votes: {
          "AAA 2021-01-05T16:00": "BUY",
          "AAA 2021-01-05T20:00": "BUY",
          "AAA 2021-01-06T00:00": "SELL",
        },
      }),
    );
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.slice(0, 4).map(({ action, order }) => `${action} ${order}`)).toEqual([
      "BUY open",
      "BUY none",
      "SELL reverse",
      "HOLD none",
    ]);
    const outcomes = await outcomesOf(storage);
    expect(outcomes.map((o) => [o.action, o.exit_reason, o.raw_entry_price, o.raw_exit_price])).toEqual([
      ["BUY", "reversed", 100, 103],
      ["SELL", "end_of_run", 103, 100],
    ]);
    // At 16:00, 20:00 and 00:00 the market stood at 100; the long then earned 3 x 100/6 = 50.
    expect(decisions.slice(0, 3).map(({ equity }) => equity)).toEqual([10_000, 10_000, 10_000]);
    expect(outcomes[0]!.realized_pnl).toBeCloseTo(50, 9);
  });

  test("ends with everything closed at the last close, the last mark taken again, and waiting orders dropped", async () => {
    // The last two bars close at 102; the last decision, at the end of the last bar, comes too late.
    const { storage, summary } = await runFresh({
      ...job({
        worlds: { AAA: world({ 98: [100, 103, 99, 102], 99: [102, 103, 101, 102] }) },
        votes: { "AAA 2021-01-05T16:00": "BUY", "AAA 2021-01-09T20:00": "SELL" },
      }),
      settings: makeSettings({ assets: ["AAA"] }, { feeBps: 10, spreadBps: 0, slippageBps: 0 }),
    });
    const outcomes = await outcomesOf(storage);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({
      exit_reason: "end_of_run",
      raw_exit_price: 102,
      exit_timestamp: "2021-01-09T20:00:00.000Z",
    });
    // Costs of 0.001 x 200 / 6 R leave a third of the full size, as 0.05 R are expected: 2 x 100/18, less 0.001 x 202 x 100/18.
    const pnl = (2 - 0.202) * (100 / 18);
    expect(outcomes[0]!.realized_pnl).toBeCloseTo(pnl, 9);
    expect(summary.final_balance).toBeCloseTo(10_000 + pnl, 9);
    expect(summary.not_filled).toBe(1);
    const [runId] = (await storage.list("runs")).folders;
    const marks = (await textOf(storage, `runs/${runId}/2021-01.equity.csv`)).trim().split("\n");
    expect(marks).toHaveLength(1 + 200);
    const [time, equity, open] = marks.at(-2)!.split(",");
    expect([time, open]).toEqual(["2021-01-09T18:00:00.000Z", "1"]);
    expect(Number(equity)).toBeCloseTo(10_000 + (2 * 100) / 18, 9);
    expect(marks.at(-1)!.split(",")).toEqual(["2021-01-09T19:00:00.000Z", String(summary.final_balance), "0"]);
  });

  test("does not trade a market without a range, as no size can be computed", async () => {
    const flat: Prices = [100, 100, 100, 100];
    const { storage, summary } = await runFresh(
      job({ worlds: { AAA: Array.from({ length: 120 }, () => flat) }, votes: { "AAA 2021-01-05T16:00": "BUY" } }),
    );
    expect((await decisionsOf(storage, "2021-01"))[0]).toMatchObject({ order: "none", size: null, skipped: "size" });
    expect(summary.skipped).toEqual({ max_positions: 0, correlation: 0, size: 1 });
  });
});

describe("a run of several assets", () => {
  test("counts waiting orders as positions, so that the third asset gets none", async () => {
    const decision = "2021-01-05T16:00";
    const { storage, summary } = await runFresh({
      ...job({
        worlds: { AAA: world(), BBB: world(), CCC: world() },
        votes: { [`AAA ${decision}`]: "BUY", [`BBB ${decision}`]: "SELL", [`CCC ${decision}`]: "BUY" },
      }),
      settings: makeSettings({ assets: ["AAA", "BBB", "CCC"], maxPositions: 2 }, NO_COSTS),
    });
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.slice(0, 3).map(({ asset, order, skipped }) => `${asset} ${order} ${skipped}`)).toEqual([
      "AAA open null",
      "BBB open null",
      "CCC none max_positions",
    ]);
    expect(summary.skipped.max_positions).toBe(1);
    // An equal share of two: 10,000 / 2 / 100 is more than 100/6.
    expect(decisions[0]!.size).toBeCloseTo(100 / 6, 10);
  });

  test("skips a position that moves with another in its direction, but still closes the one that it reverses", async () => {
    const zigzag = Array.from({ length: 140 }, (_, i): Prices => [100, 101, 99, i % 2 === 0 ? 100 : 100.5]);
    const { storage, summary } = await runFresh(
      job({
        worlds: { AAA: zigzag, BBB: zigzag },
        votes: {
          "AAA 2021-01-05T16:00": "BUY",
          "BBB 2021-01-05T16:00": "SELL",
          "BBB 2021-01-05T20:00": "BUY",
        },
      }),
    );
    const decisions = (await decisionsOf(storage, "2021-01")).filter(({ action }) => action !== "HOLD");
    expect(decisions.map(({ asset, action, order, skipped }) => `${asset} ${action} ${order} ${skipped}`)).toEqual([
      "AAA BUY open null",
      "BBB SELL open null",
      "BBB BUY close correlation",
    ]);
    const short = (await outcomesOf(storage)).find(({ asset_pair }) => asset_pair === "BBB");
    expect(short).toMatchObject({
      action: "SELL",
      exit_reason: "reversed",
      exit_timestamp: "2021-01-05T20:00:00.000Z",
    });
    expect(summary.skipped.correlation).toBe(1);
  });

  test("opens positions that move differently, or exactly as the threshold allows", async () => {
    const zigzag = (period: number): Prices[] =>
      Array.from({ length: 140 }, (_, i): Prices => [100, 101, 99, i % period < period / 2 ? 100 : 100.5]);
    const votes = { "AAA 2021-01-05T16:00": "BUY", "BBB 2021-01-05T16:00": "BUY" } as const;
    for (const [other, correlationThreshold] of [
      // +-+- and ++-- have a correlation of 0; a market has one of 1 with itself.
      [zigzag(4), 0.9],
      [zigzag(2), 1],
    ] as const) {
      const { storage } = await runFresh({
        ...job({ worlds: { AAA: zigzag(2), BBB: other }, votes }),
        settings: makeSettings({ assets: ["AAA", "BBB"], correlationThreshold }, NO_COSTS),
      });
      const decisions = (await decisionsOf(storage, "2021-01")).filter(({ action }) => action !== "HOLD");
      expect(decisions.map(({ asset, order }) => `${asset} ${order}`)).toEqual(["AAA open", "BBB open"]);
    }
  });

  test("reverses the only position that may be open: its own place is free", async () => {
    const { storage } = await runFresh({
      ...job({ worlds: { AAA: world() }, votes: { "AAA 2021-01-05T16:00": "BUY", "AAA 2021-01-05T20:00": "SELL" } }),
      settings: makeSettings({ assets: ["AAA"], maxPositions: 1 }, NO_COSTS),
    });
    expect((await decisionsOf(storage, "2021-01")).slice(0, 2).map(({ order }) => order)).toEqual(["open", "reverse"]);
  });

  test("fills an order at its asset's next bar, and decides only on assets that have a bar", async () => {
    const closed = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [i, null]));
    const { storage, summary } = await runFresh(
      job({ worlds: { AAA: world(closed), BBB: world() }, votes: { "AAA 2021-01-05T16:00": "BUY" } }),
    );
    const decided = (await decisionsOf(storage, "2021-01")).map(
      ({ asset, timestamp }) => `${asset} ${timestamp.slice(8, 13)}`,
    );
    expect(decided.slice(0, 6)).toEqual(["AAA 05T16", "BBB 05T16", "BBB 05T20", "BBB 06T00", "AAA 06T04", "BBB 06T04"]);
    expect((await outcomesOf(storage))[0]!.entry_timestamp).toBe("2021-01-06T02:00:00.000Z");
    expect(summary.bar_gaps).toEqual({ AAA: 1, BBB: 0 });
  });

  test("closes an asset whose bars end early at its own last close, in the chunk of that bar", async () => {
    const long = Array<Prices>(800).fill(CALM);
    const parts = job({
      worlds: { AAA: world({ 49: [100, 102, 99, 101] }, 150), BBB: long },
      votes: { "AAA 2021-01-05T16:00": "BUY", "BBB 2021-02-02T16:00": "SELL" },
      period: { startMs: at("2021-01-01"), endMs: at("2021-03-01") },
    });
    const { storage, summary } = await runFresh({
      ...parts,
      settings: makeSettings(
        { assets: ["AAA", "BBB"], risk: { ...makeSettings().risk, maxHoldingMs: 90 * DAY } },
        NO_COSTS,
      ),
    });
    const outcomes = await outcomesOf(storage);
    expect(outcomes.map((o) => [o.asset_pair, o.chunk, o.exit_reason, o.exit_timestamp.slice(0, 13)])).toEqual([
      ["AAA", "2021-01", "end_of_run", "2021-01-07T18"],
      ["BBB", "2021-02", "end_of_run", "2021-02-03T20"],
    ]);
    // 1 x 100/6, booked at the end of the run, though it belongs to January.
    expect(summary.quarterly_breakdown.map((q) => [q.quarter, q.total_trades])).toEqual([
      ["2021-01", 1],
      ["2021-02", 1],
    ]);
    const [runId] = (await storage.list("runs")).folders;
    const january: ChunkRecord = JSON.parse(await textOf(storage, `runs/${runId}/2021-01.json`));
    expect(january).toMatchObject({ outcomes_so_far: 0 });
    expect(january.state.broker.positions).toHaveLength(1);
    expect(january.final_value).toBeCloseTo(10_000 + 100 / 6, 9);
  });
});

test("ends with the last bars if the period is longer, and carries the balance through the later chunks", async () => {
  const parts = job({ worlds: { AAA: world({}, 150) }, votes: { "AAA 2021-01-05T16:00": "BUY" } });
  const fees = makeSettings({ assets: ["AAA"] }, { feeBps: 10, spreadBps: 0, slippageBps: 0 });
  const run = (endMs: number): ReturnType<typeof runFresh> =>
    runFresh({ ...parts, settings: fees, period: { startMs: PERIOD.startMs, endMs } });
  const [short, long] = [await run(at("2021-02-01")), await run(at("2021-04-01"))];
  // Held from 100 to 100 at a third of the full size: the loss is the fee, 0.001 x 200 x 100/18.
  expect(short.summary.final_balance).toBeCloseTo(10_000 - 20 / 18, 9);
  for (const key of ["final_balance", "annualized_sharpe", "max_drawdown_pct", "exposure_pct", "turnover"] as const) {
    expect(long.summary[key]).toBe(short.summary[key]);
  }
  expect(long.summary.max_drawdown_pct).toBeCloseTo((100 * 20) / 18 / 10_000, 9);
  expect(long.summary.quarterly_breakdown.map((q) => [q.quarter, q.total_trades, q.sharpe_ratio === null])).toEqual([
    ["2021-01", 1, false],
    ["2021-02", 0, true],
    ["2021-03", 0, true],
  ]);
  expect(long.summary.quarterly_breakdown[2]).toMatchObject({
    initial_balance: short.summary.final_balance,
    final_value: short.summary.final_balance,
    return_pct: 0,
    remembered_at_start: 1,
  });
});

describe("what a run remembers", () => {
  const stopped = job({
    worlds: { AAA: world({ 20: [100, 101, 90, 95], 21: [95, 96, 94, 95] }) },
    votes: { "AAA 2021-01-05T16:00": "BUY" },
  });

  test("is visible to decisions strictly after the exit", async () => {
    // The stop is touched in the bar that ends at 13:00; with decisions every hour, the one at 13:00 does not know it yet.
    const { storage } = await runFresh({
      ...stopped,
      settings: makeSettings({ assets: ["AAA"], decisionIntervalMs: HOUR }, NO_COSTS),
    });
    const remembered = (await decisionsOf(storage, "2021-01")).map((d) => [
      d.timestamp.slice(8, 13),
      d.context.remembered,
    ]);
    expect(remembered.slice(20, 24)).toEqual([
      ["06T12", 0],
      ["06T13", 0],
      ["06T14", 1],
      ["06T15", 1],
    ]);
  });

  test("is invisible with memory disabled, though outcomes are recorded", async () => {
    const { storage, summary } = await runFresh({
      ...stopped,
      memorySettings: { enabled: false, maxMemorySize: 1000, learningRate: 0.1, contextDays: 20 },
      providers: [...stopped.providers, scripted({}, "other"), scripted({}, "third")],
    });
    expect(summary).toMatchObject({ memory_enabled: false });
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.every(({ context }) => context.remembered === 0 && context.similar.count === 0)).toBe(true);
    for (const weight of Object.values(decisions.at(-1)!.weights)) expect(weight).toBeCloseTo(1 / 3, 12);
  });

  test("without it nothing is expected of a decision, and its size is full", async () => {
    const votes = { "AAA 2021-01-05T16:00": "BUY" } as const;
    const off = { enabled: false, maxMemorySize: 1000, learningRate: 0.1, contextDays: 20 };
    const { storage } = await runFresh({ ...job({ worlds: { AAA: world() }, votes }), memorySettings: off });
    const [buy, hold] = await decisionsOf(storage, "2021-01");
    expect(buy).toMatchObject({ action: "BUY", expected_r: null, size_scale: 1, size: expect.closeTo(100 / 6, 10) });
    expect(hold).toMatchObject({ action: "HOLD", expected_r: null, size_scale: 1 });
    // Without memory, providers are worth the same and nothing.
    const abstention = { action: "HOLD", confidence: 0, error: "down" } as const;
    expect(
      equalWeights([
        { provider: "a", action: "BUY", confidence: 70 },
        { provider: "b", ...abstention },
      ]),
    ).toEqual({
      weights: [0.5, 0.5],
      confidences: [70, 0],
      expectedR: [0, 0],
    });
  });

  test("expects of a decision what the votes for it are worth less those against it; HOLD says nothing", async () => {
    const expectedOf = async (others: readonly Provider[]): Promise<number | null> => {
      const votes = { "AAA 2021-01-05T16:00": "BUY" } as const;
      const parts = job({ worlds: { AAA: world() }, votes });
      const { storage } = await runFresh({ ...parts, providers: [...parts.providers, ...others] });
      const [decision, later] = await decisionsOf(storage, "2021-01");
      expect(decision!.action).toBe("BUY");
      expect(later).toMatchObject({ action: "HOLD", expected_r: null, size_scale: 1 });
      return decision!.expected_r;
    };
    const alone = await expectedOf([]);
    expect(alone).toBeGreaterThan(0);
    expect(await expectedOf([{ name: "b", vote: () => ({ action: "HOLD", confidence: 1 }) }])).toBe(alone);
    // Before the first trade every provider is worth the same, so one for and one against come to nothing.
    const sellOnce: Provider = {
      name: "b",
      vote: ({ timestamp }) => (timestamp === at("2021-01-05T16:00") ? { action: "SELL", confidence: 55 } : HOLD),
    };
    expect(await expectedOf([sellOnce])).toBeCloseTo(0, 12);
  });

  test("is summed up in a decision: how many similar trades there were, how many won, and their mean R", async () => {
    // Bought after bar 99: a win of 1.5 R at the target. Sold after bar 123: a loss of 1 R at the stop.
    const { storage } = await runFresh(
      job({
        worlds: { AAA: world({ 10: [100, 110, 99, 100], 30: [100, 107, 99, 100] }) },
        votes: { "AAA 2021-01-05T16:00": "BUY", "AAA 2021-01-06T16:00": "SELL" },
      }),
    );
    const decisions = await decisionsOf(storage, "2021-01");
    const similarAt = (timestamp: string): unknown =>
      decisions.find((decision) => decision.timestamp.startsWith(timestamp))!.context.similar;
    expect(similarAt("2021-01-06T00:00")).toMatchObject({ count: 0, wins: 0, mean_r: null });
    expect(similarAt("2021-01-06T08:00")).toMatchObject({ count: 1, wins: 1, mean_r: expect.closeTo(1.5, 9) });
    expect(similarAt("2021-01-08T00:00")).toMatchObject({ count: 2, wins: 1, mean_r: expect.closeTo(0.25, 9) });
  });

  test("includes at a chunk's start what closed at its border", async () => {
    // The bar that ends at midnight of Thursday touches the stop.
    const { summary } = await runFresh({
      ...job({ worlds: { AAA: world({ 31: [100, 101, 90, 95] }) }, votes: { "AAA 2021-01-05T16:00": "BUY" } }),
      chunkKind: "1d",
    });
    const starts = summary.quarterly_breakdown.map((q) => [q.quarter.slice(0, 10), q.remembered_at_start]);
    expect(starts.slice(5, 8)).toEqual([
      ["2021-01-06", 0],
      ["2021-01-07", 1],
      ["2021-01-08", 1],
    ]);
    const [wednesday, thursday] = summary.quarterly_breakdown.slice(5, 7);
    expect(wednesday!.total_trades).toBe(1);
    expect(thursday!.provider_multipliers_at_start).toEqual(wednesday!.provider_multipliers);
  });
});

test("providers may have any name, even __proto__", async () => {
  const votes = { "AAA 2021-01-05T16:00": "BUY" } as const;
  const { storage, summary } = await runFresh({
    ...job({ worlds: { AAA: world({ 3: [100, 109, 99, 105] }) } }),
    providers: [scripted(votes, "__proto__"), { name: "constructor", vote: () => abstain("asleep") }],
  });
  expect(Object.entries(summary.providers).map(([name, own]) => [name, own.total_trades, own.abstentions])).toEqual([
    ["__proto__", 1, 0],
    ["constructor", 0, summary.decisions],
  ]);
  // One win of 1.5 R: (60 x 0.1 + 1.5) / 61 against 0.1.
  const [learned, prior] = Object.values((await decisionsOf(storage, "2021-01")).at(-1)!.weights);
  expect(learned! / prior!).toBeGreaterThan(1.2);
  const stored: unknown = JSON.parse(await textOf(storage, "provider_performance.json"));
  expect(Object.keys(stored as object)).toEqual(["__proto__"]);
});

describe("a job that contradicts itself is refused", () => {
  const good = job({ worlds: { AAA: world({}, 110) } });
  const message = async (parts: JobParts): Promise<string> =>
    runFresh(parts).then(
      () => "ran",
      (error: unknown) => (error instanceof RangeError ? error.message : String(error)),
    );

  test.each([
    [
      "a timeframe that does not divide the decision interval",
      { settings: makeSettings({ decisionIntervalMs: 90 * 60_000 }) },
      "found a decision interval of 5400000 ms, expected a multiple of the timeframe, 3600000 ms",
    ],
    [
      "bars of another timeframe",
      { settings: makeSettings({ timeframeMs: 2 * HOUR }) },
      'found bars of "AAA" every 3600000 ms, expected bars every 7200000 ms',
    ],
    ["bars of another market", { market: "synthetic" as const }, "expected synthetic every 3600000 ms"],
    ["an asset without bars", { settings: makeSettings({ assets: ["AAA", "BBB"] }) }, 'found no bars of "BBB"'],
    ["two providers of one name", { providers: [scripted({}), scripted({})] }, 'found two providers "script"'],
  ])("%s", async (_what, change, expected) => {
    expect(await message({ ...good, ...change })).toContain(expected);
  });
});
