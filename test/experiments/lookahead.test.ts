/** A clean run has no leak. That leaks are found is tested by test/slow/mutants.ts. */
import { describe, expect, test } from "bun:test";
import { checkLookahead, isClean } from "../../lib/experiments/lookahead.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { cachingEmbedder } from "../../lib/memory/in-memory.ts";
import { defaultProviders, roughSeries } from "../backtest/market-samples.ts";
import { at, makeSettings, MEMORY_ON } from "../backtest/world-samples.ts";

const PERIOD = { startMs: at("2018-02-08"), endMs: at("2018-04-01") };

describe("checkLookahead()", () => {
  test("finds no leak in a position that stays open after the last bar of its asset", async () => {
    const series = new Map(roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 }));
    const whole = series.get("BBB")!;
    const stopsMs = at("2018-02-17");
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
        remembered: { embedder: cachingEmbedder(hashingEmbedder()), trades: [], marks: [] },
        key: { version: "test", seed: 1, files: {} },
        voteLeaks: [],
        providersWith: () => Promise.resolve({ providers }),
      },
      // Runs that end before the run's end has closed it.
      { dates: [at("2018-02-23"), at("2018-03-05")] },
    );
    expect(report.checks.length).toBeGreaterThan(4);
    expect(report.checks.flatMap(({ first_leak: leak }) => leak ?? [])).toEqual([]);
    expect(isClean(report)).toBe(true);
  });
});
