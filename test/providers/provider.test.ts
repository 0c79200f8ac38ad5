import { describe, expect, test } from "bun:test";
import type { BarColumns, DecisionContext, Situation } from "../../lib/types.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { actionOf, askProviders, type Provider } from "../../lib/providers/provider.ts";
import { defaultProviders, roughSeries } from "../backtest/market-samples.ts";
import { makeContext, NO_BARS } from "./situation-samples.ts";
import {
  at,
  barsOf,
  CALM,
  HOUR,
  makeSettings,
  NO_COSTS,
  runOn,
  seriesOf,
  type Prices,
} from "../backtest/world-samples.ts";

const ASSETS = ["AAA", "BBB", "CCC"];

/** Runs two days of three calm assets after five that only warm up. */
async function runWith(providers: readonly Provider[]): Promise<void> {
  const prices: Prices[] = Array.from({ length: 7 * 24 }, () => CALM);
  await runOn(inMemoryStorage(), {
    settings: makeSettings({ assets: ASSETS, maxPositions: 3 }, NO_COSTS),
    period: { startMs: at("2021-01-09"), endMs: at("2021-01-11") },
    chunkKind: "1d",
    series: new Map(ASSETS.map((asset) => [asset, seriesOf(asset, barsOf(at("2021-01-04"), prices))])),
    providers,
  });
}

test("all providers are asked about all assets of one decision time at once", async () => {
  let underWay = 0;
  const most = new Map<number, number>();
  const slow = (name: string): Provider => ({
    name,
    vote: async ({ timestamp }) => {
      underWay += 1;
      most.set(timestamp, Math.max(most.get(timestamp) ?? 0, underWay));
      await Bun.sleep(1);
      underWay -= 1;
      return { action: "HOLD", confidence: 50 };
    },
  });
  await runWith([slow("one"), slow("two")]);
  expect(most.size).toBe(12);
  expect(new Set(most.values())).toEqual(new Set([6]));
});

test("providers see open positions with their result so far, and nothing of what is decided at the same time", async () => {
  const seen = new Map<string, DecisionContext["positions"]>();
  const first = at("2021-01-09T04:00");
  await runWith([
    {
      name: "buyer",
      vote: ({ asset, timestamp }, { positions }) => {
        seen.set(`${asset} ${timestamp}`, positions);
        return timestamp === first ? { action: "BUY", confidence: 80 } : { action: "HOLD", confidence: 50 };
      },
    },
  ]);
  for (const asset of ASSETS) {
    expect(seen.get(`${asset} ${first}`)).toEqual([]);
    const opened = { action: "BUY", entry_timestamp: "2021-01-09T04:00:00.000Z", entry_price: 100, open_r: 0 };
    const held = ASSETS.map((each) => ({ asset: each, ...opened }));
    expect(seen.get(`${asset} ${first + 4 * 3_600_000}`)).toEqual(held as never);
  }
});

test("a provider that names what it reads gets that as every other provider does", async () => {
  const period = { startMs: at("2018-04-01"), endMs: at("2018-05-01") };
  const series = roughSeries({ startMs: at("2018-02-01"), endMs: period.endMs, seed: 3 });
  const reader = async (reads?: Provider["reads"]): Promise<string[]> => {
    const seen: string[] = [];
    const vote: Provider["vote"] = (_situation, { records, positions }) => {
      seen.push(JSON.stringify([records, positions]));
      return { action: "HOLD", confidence: 50 };
    };
    const providers = [...defaultProviders(), { name: "reader", reads, vote }];
    await runOn(inMemoryStorage(), {
      settings: makeSettings({ assets: ASSETS }),
      period,
      chunkKind: "month",
      series,
      providers,
    });
    return seen;
  };
  const seen = await reader();
  expect(seen.some((text) => text.includes('"trades"') && text.includes('"open_r"'))).toBe(true);
  expect(await reader(["records", "positions"])).toEqual(seen);
});

describe("context.bars", () => {
  // 180 bars, each one higher than the one before.
  const rising = Array.from({ length: 180 }, (_, i): Prices => [100 + i, 101 + i, 99 + i, 100.5 + i]);
  const bars = barsOf(at("2021-01-04"), rising);
  const run = (providers: readonly Provider[]): Promise<unknown> =>
    runOn(inMemoryStorage(), {
      settings: makeSettings({}, NO_COSTS),
      period: { startMs: at("2021-01-09"), endMs: at("2021-01-11") },
      chunkKind: "1d",
      series: new Map([["AAA", seriesOf("AAA", bars)]]),
      providers,
    });
  const seeing = (see: (context: DecisionContext, situation: Situation) => void, count?: number): Provider => ({
    name: `sees ${count ?? "the default"}`,
    bars: count,
    vote: (situation, context) => {
      see(context, situation);
      return { action: "HOLD", confidence: 50 };
    },
  });

  test("has the last 100 bars that have closed by the decision, or as many as the provider wants and there are", async () => {
    const seen: { close: readonly number[]; from: number; to: number; now: number; wanted: number }[] = [];
    const see = (wanted: number, { bars: columns }: DecisionContext, { timestamp }: Situation): void => {
      const [from, to] = [columns.timestamp[0]!, columns.timestamp.at(-1)!];
      expect(new Set(Object.values(columns).map(({ length }) => length)).size).toBe(1);
      seen.push({ close: columns.close, from, to, now: timestamp, wanted });
    };
    await run([
      seeing((context, situation) => see(100, context, situation)),
      seeing((context, situation) => see(2000, context, situation), 2000),
      seeing((context, situation) => see(3, context, situation), 3),
    ]);
    expect(seen).toHaveLength(3 * 12);
    for (const { close, from, to, now, wanted } of seen) {
      const known = bars.filter(({ timestamp }) => timestamp + HOUR <= now).slice(-wanted);
      expect(close).toEqual(known.map((bar) => bar.close));
      expect([from, to]).toEqual([known[0]!.timestamp, now - HOUR]);
    }
  });

  test("is one set of frozen columns for all who want as many, made only for those who look", async () => {
    const seen: unknown[] = [];
    const look = seeing(({ bars: columns }) => seen.push(columns));
    await run([look, { ...look, name: "another" }]);
    expect(seen.length).toBe(24);
    expect(seen[0]).toBe(seen[1]);
    expect(() => (seen[0] as { close: number[] }).close.push(1)).toThrow(TypeError);
    expect(Object.isFrozen(seen[0])).toBe(true);

    let made = 0;
    const lastBars = (): BarColumns => {
      made += 1;
      return NO_BARS;
    };
    const input = { situation: {} as Situation, context: makeContext(0), lastBars };
    await askProviders([{ name: "blind", vote: () => ({ action: "HOLD", confidence: 50 }) }], input);
    expect(made).toBe(0);
    await askProviders([seeing(({ bars: columns }) => void columns)], input);
    expect(made).toBe(1);
  });
});

describe("askProviders()", () => {
  const context = makeContext(0);
  const input = { situation: {} as Situation, context, lastBars: () => NO_BARS };
  const answering = (name: string, answer: () => unknown): Provider => ({ name, vote: answer as Provider["vote"] });

  test("lists votes in the order of the providers, not of their answers", async () => {
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
    ["throws a string", (): never => raise("odd"), "odd"],
    ["returns nothing", () => undefined, 'found undefined, expected an object with "action" and "confidence"'],
    ["answers with a text", () => "BUY", 'found "BUY", expected an object with "action" and "confidence"'],
    [
      "answers another word",
      () => ({ action: "exit" }),
      'found action "exit", expected BUY, SELL or HOLD, long, short or flat, or 1, -1 or 0',
    ],
    [
      "has a confidence above 100",
      () => ({ action: "BUY", confidence: 101 }),
      "found confidence 101, expected 0 to 100",
    ],
    ["has a negative confidence", () => ({ action: "BUY", confidence: -1 }), "found confidence -1, expected 0 to 100"],
    [
      "has a confidence of NaN",
      () => ({ action: "BUY", confidence: Number.NaN }),
      "found confidence NaN, expected 0 to 100",
    ],
    [
      "has a text as confidence",
      () => ({ action: "BUY", confidence: "80" }),
      'found confidence "80", expected 0 to 100',
    ],
    [
      "has a bigint as confidence",
      () => ({ action: "BUY", confidence: 80n }),
      "found confidence bigint, expected 0 to 100",
    ],
    ["abstains", () => ({ action: "BUY", confidence: 80, error: "asleep" }), "asleep"],
  ])("makes an abstention of a provider that %s", async (_what, say, error) => {
    const [answer] = await askProviders([answering("p", say)], input);
    expect(answer).toEqual({ provider: "p", action: "HOLD", confidence: 0, error });
  });

  test("makes an abstention of a provider whose answer cannot be read, or that would change what others see", async () => {
    const situation = { rsi: 50 } as Situation;
    const votes = await askProviders(
      [
        answering("getter", () => ({
          get action(): string {
            throw new Error("no answer");
          },
        })),
        { name: "reader", reads: [], vote: () => ({ action: "HOLD", confidence: 50 }) },
        {
          name: "meddler",
          vote: (given) => (Object.assign(given, { rsi: Number.NaN }), { action: "BUY", confidence: 50 }),
        },
        answering("thenable", () => ({
          // oxlint-disable-next-line no-thenable -- a provider may be written so
          then: (done: (answer: unknown) => void) => done({ action: "BUY", confidence: 9 }),
        })),
      ],
      { situation, context, lastBars: () => NO_BARS },
    );
    expect(votes.map(({ action, error }) => [action, error === undefined])).toEqual([
      ["HOLD", false],
      ["HOLD", true],
      ["HOLD", false],
      ["BUY", true],
    ]);
    expect(votes[0]?.error).toBe("no answer");
    expect(situation.rsi).toBe(50);
  });

  test("no provider can change the records that other providers get", async () => {
    const records = (): DecisionContext["records"] => ({
      trend: { trades: 2, right: 1, mean_r: 0.5, calibration: [{ from: 50, to: 60, trades: 2, right: 1 }] },
    });
    const changes: readonly ((seen: DecisionContext["records"]) => unknown)[] = [
      (seen) => Object.assign(seen, { trend: undefined }),
      ({ trend }) => Object.assign(trend!, { trades: 3 }),
      ({ trend }) => (trend!.calibration as unknown[]).push({}),
      ({ trend }) => Object.assign(trend!.calibration[0]!, { right: 2 }),
    ];
    const meddlers = changes.map((change, i): Provider => ({
      name: `meddler ${i}`,
      vote: (_, { records: seen }) => (change(seen), { action: "BUY", confidence: 50 }),
    }));
    const seen = records();
    const votes = await askProviders(meddlers, { ...input, context: { ...context, records: seen } });
    expect(votes.filter(({ error }) => error === undefined)).toEqual([]);
    expect(seen).toEqual(records());
  });

  test("stops waiting for a provider that never answers if the run is stopped", async () => {
    const stop = new AbortController();
    const votes = askProviders([answering("mute", () => new Promise(() => {}))], { ...input, signal: stop.signal });
    stop.abort(new Error("stopped"));
    expect(await votes.catch((error: unknown) => (error as Error).message)).toBe("stopped");
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

describe("actionOf() reads", () => {
  test.each([
    ["BUY", ["BUY", "buy", "Long", 1, "1", "+1", "1.0", "1e0", "1.000000000000000000e+00"]],
    ["SELL", ["SELL", "sell", "SHORT", -1, "-1", "-1.0"]],
    ["HOLD", ["HOLD", "hold", "flat", 0, -0, "0", "0.", "-0.0", "-.0"]],
    [undefined, ["", " ", "exit", "close", 0.5, "0.5", 2, "2", "1e1", "0x1", true, null, undefined, [1], Number.NaN]],
  ] as const)("%p", (action, words) => {
    expect(words.map((word) => actionOf(word))).toEqual(words.map(() => action));
  });
});
