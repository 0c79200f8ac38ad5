/** The cases of test/recompute that the suite leaves out, and real months. */
import { describe, setDefaultTimeout, test } from "bun:test";
import { realSeries } from "../backtest/market-samples.ts";
import { at, DAY, HOUR, makeSettings } from "../backtest/world-samples.ts";
import { expectRecomputed, HAS_PYTHON, OFF_GRID_CASES, ROUGH_CASES, useFolder } from "../recompute/recompute.ts";
import { HAS_REAL_BARS } from "../samples.ts";

setDefaultTimeout(120_000);
useFolder();

describe.skipIf(!HAS_PYTHON)(`recomputed${HAS_PYTHON ? "" : " (skipped: no python3)"}`, () => {
  test.concurrent.each(ROUGH_CASES)("$name", (run) => expectRecomputed(run, { minTrades: 21 }));
  test.concurrent.each(OFF_GRID_CASES)("$name", (run) => expectRecomputed(run, { minTrades: 4 }));
});

const canRun = HAS_PYTHON && HAS_REAL_BARS;
describe.skipIf(!canRun)(`real months recomputed${canRun ? "" : " (skipped: no python3 or no real bars)"}`, () => {
  const assets = ["BTCUSD", "ETHUSD", "EURUSD"];
  const forex = { feeBps: 0, spreadBps: 1, slippageBps: 0.5 };
  const settings = makeSettings({ assets });
  const costs = new Map([...settings.costs, ["EURUSD", forex] as const]);

  test("the first half of 2021 with the default configuration, in quarters", async () => {
    const period = { startMs: at("2021-01-01"), endMs: at("2021-07-01") };
    const series = realSeries(assets, period.endMs);
    const run = { name: "half a year", series, settings: { ...settings, costs }, period, chunkKind: "quarter" };
    await expectRecomputed(run, { minTrades: 151 });
  });

  test("EURUSD alone, whose year has 252 days, in weeks", async () => {
    const period = { startMs: at("2021-02-01"), endMs: at("2021-02-01") + 10 * 7 * DAY };
    const alone = { ...settings, assets: ["EURUSD"], costs, decisionIntervalMs: HOUR };
    const series = realSeries(["EURUSD"], period.endMs);
    await expectRecomputed({ name: "EURUSD", series, settings: alone, period, chunkKind: "week" }, { minTrades: 1 });
  });
});
