/** A clean run has no leak. That leaks are found is tested by test/slow/mutants.ts. */
import { describe, expect, mock, test } from "bun:test";
import { Feed } from "../../lib/backtest/feed.ts";
import { checkLookahead, isClean, type LookaheadReport } from "../../lib/experiments/lookahead.ts";
import { barColumns } from "../../lib/market/bar.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import type { Features } from "../../lib/market/features.ts";
import type { BarSeries } from "../../lib/types.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { cachingEmbedder } from "../../lib/memory/in-memory.ts";
import { defaultProviders, roughSeries } from "../backtest/market-samples.ts";
import { at, DAY, HOUR, makeSettings, MEMORY_ON } from "../backtest/world-samples.ts";

const PERIOD = { startMs: at("2018-02-08"), endMs: at("2018-02-23") };

/** What a job has with an empty memory and without files of votes. */
const NOTHING_KNOWN = {
  remembered: { embedder: cachingEmbedder(hashingEmbedder()), trades: [], marks: [] },
  key: { version: "test", seed: 1, files: {} },
  voteLeaks: [],
  votes: new Map(),
};

/** Checks a provider on three assets. */
async function checkProvider(provider: Provider, features?: ReadonlyMap<string, Features>): Promise<LookaheadReport> {
  const providers = [...defaultProviders(), provider];
  return checkLookahead(
    {
      settings: makeSettings({ assets: ["AAA", "BBB", "CCC"] }),
      memorySettings: MEMORY_ON,
      period: PERIOD,
      chunkKind: "10d",
      series: new Map(roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 })),
      market: "bars",
      features,
      providers,
      ...NOTHING_KNOWN,
      ownPrograms: [provider.name],
      providersWith: () => Promise.resolve({ providers }),
    },
    { dates: [at("2018-02-17")] },
  );
}

test("days that end at different hours are no look-ahead: what closed at the open of one is not known to the other before its end", async () => {
  const [first, second] = ["AAA", "BBB"].map((asset) =>
    syntheticBars({ asset, timeframe: "1d", seed: 1, end: at("2020-01-01") }),
  ) as [BarSeries, BarSeries];
  const earlier = second.bars.map((bar) => ({ ...bar, timestamp: bar.timestamp - HOUR }));
  const providers = defaultProviders();
  const settings = makeSettings({ assets: ["AAA", "BBB"], timeframeMs: DAY, decisionIntervalMs: DAY });
  const job = {
    settings: { ...settings, risk: { ...settings.risk, maxHoldingMs: 20 * DAY } },
    memorySettings: MEMORY_ON,
    period: { startMs: at("2018-06-01"), endMs: at("2020-01-01") },
    chunkKind: "year",
    series: new Map([
      ["AAA", first],
      ["BBB", { ...second, bars: earlier }],
    ]),
    market: "synthetic" as const,
    features: undefined,
    providers,
    ...NOTHING_KNOWN,
    providersWith: () => Promise.resolve({ providers }),
  };
  const report = await checkLookahead(job, { dates: [at("2019-09-01")] });
  expect(report.outcomes).toBeGreaterThan(20);
  expect(report.checks.some(({ changed, changed_outcomes: outcomes }) => changed === "memory" && outcomes > 0)).toBe(
    true,
  );
  expect(report.leaks).toBe(0);
});

test("a provider that reads the future from a file of its own is caught, though no change of the bars shows it", async () => {
  const file = roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 });
  const report = await checkProvider({
    name: "oracle",
    vote: ({ asset, timestamp, close }) => {
      const next = file.get(asset)!.bars.find((bar) => bar.timestamp >= timestamp + 3 * HOUR);
      return { action: (next?.close ?? 0) > close ? "BUY" : "SELL", confidence: 60 };
    },
  });
  expect(report.leaks).toBe(0);
  expect(report.vote_leaks).toMatchObject([{ provider: "oracle" }]);
  expect(isClean(report)).toBe(false);
});

describe("a provider that looks at context.bars", () => {
  const momentum: Provider = {
    name: "momentum",
    bars: 30,
    vote: (_, { bars: { close } }) => ({ action: close.at(-1)! > close[0]! ? "BUY" : "SELL", confidence: 60 }),
  };

  test("is caught if the bars have one that has not closed", async () => {
    const { lastBars } = Feed.prototype;
    Feed.prototype.lastBars = function peek(this: Feed, count) {
      return barColumns(this.bars.slice(Math.max(0, this.count + 1 - count), this.count + 1));
    };
    const report = await checkProvider(momentum).finally(() => void (Feed.prototype.lastBars = lastBars));
    expect(report.leaks).toBeGreaterThan(0);
    expect(report.checks.find(({ first_leak: leak }) => leak !== null)!.first_leak!.fields.join()).toContain("votes");
  });
});

describe("a provider that looks at features and context.bars", () => {
  const rows = Array.from({ length: 30 * 24 }, (_, i) => ({
    timestamp: at("2018-02-01") + i * HOUR,
    values: [Math.sin(i / 7)],
  }));
  const features = new Map(["AAA", "BBB"].map((asset) => [asset, { names: ["mood"], rows }]));
  const moody: Provider = {
    name: "moody",
    bars: 30,
    vote: ({ features: { mood } = {} }, { bars: { close } }) => ({
      action: Number(mood) > 0.2 ? "BUY" : "SELL",
      confidence: close.at(-1)! > close[0]! ? 70 : 60,
    }),
  };

  test("leaks nothing, and the check changes the features", async () => {
    const report = await checkProvider(moody, features);
    const market = report.checks.filter(({ changed }) => changed === "market");
    expect(market.length).toBeGreaterThan(0);
    expect(market.every(({ changed_features: changed }) => changed > 500)).toBe(true);
    expect(isClean(report)).toBe(true);
  });

  test("is caught if a row counts before its time", async () => {
    const original = { ...(await import("../../lib/market/features.ts")) };
    const early: typeof original.featuresAt = (known, ms) => original.featuresAt(known, ms + 4 * HOUR);
    await mock.module("../../lib/market/features.ts", () => ({ ...original, featuresAt: early }));
    const report = await checkProvider(moody, features).finally(() =>
      mock.module("../../lib/market/features.ts", () => original),
    );
    expect(report.leaks).toBeGreaterThan(0);
    expect(report.checks.find(({ first_leak: leak }) => leak !== null)!.first_leak!.fields).toContain(
      "situation.features.mood",
    );
  });
});

describe("checkLookahead()", () => {
  test("looks inside the bar at whose open a HOLD closed a position, and finds no leak", async () => {
    // Every 40 hours BUY, and HOLD from 20 hours later on.
    const blinking: Provider = {
      name: "blinking",
      vote: ({ timestamp }) => ({ action: (timestamp / HOUR) % 40 < 20 ? "BUY" : "HOLD", confidence: 60 }),
    };
    const settings = makeSettings({ assets: ["AAA"] });
    const closing = { ...settings, risk: { ...settings.risk, closeOnHold: true, stopAtr: 50, targetAtr: 50 } };
    const series = new Map(roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 }));
    const report = await checkLookahead(
      {
        settings: closing,
        memorySettings: MEMORY_ON,
        period: PERIOD,
        chunkKind: "10d",
        series: new Map([["AAA", series.get("AAA")!]]),
        market: "bars",
        providers: [blinking],
        ...NOTHING_KNOWN,
        providersWith: () => Promise.resolve({ providers: [blinking] }),
      },
      { dates: [at("2018-02-17")] },
    );
    // One for the first entry after the date, one for the first exit.
    expect(report.checks.filter(({ changed }) => changed === "bar")).toHaveLength(2);
    expect(isClean(report)).toBe(true);
  });

  test("finds no leak in a position that stays open after the last bar of its asset", async () => {
    const series = new Map(roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 }));
    const whole = series.get("BBB")!;
    const stopsMs = at("2018-02-16");
    series.set("BBB", { ...whole, bars: whole.bars.filter(({ timestamp }) => timestamp < stopsMs) });
    const providers = defaultProviders();
    const report = await checkLookahead(
      {
        settings: makeSettings({ assets: ["AAA", "BBB", "CCC"] }),
        memorySettings: MEMORY_ON,
        period: PERIOD,
        chunkKind: "10d",
        series,
        market: "bars",
        providers,
        ...NOTHING_KNOWN,
        providersWith: () => Promise.resolve({ providers }),
      },
      // Runs that end before the run's end has closed it.
      { dates: [at("2018-02-17"), at("2018-02-22")] },
    );
    expect(report.checks.length).toBeGreaterThan(4);
    expect(report.checks.flatMap(({ first_leak: leak }) => leak ?? [])).toEqual([]);
    expect(isClean(report)).toBe(true);
  });
});
