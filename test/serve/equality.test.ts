import { expect, setDefaultTimeout, test } from "bun:test";
import { parseConfig } from "../../lib/config/parse.ts";
import { toSettings } from "../../lib/config/config.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { breakout, reversion, trend } from "../../lib/providers/rules.ts";
import { MemoryServer } from "../../lib/serve/memory-server.ts";
import { MethodCalls } from "../../lib/serve/methods.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { at, decisionsOf, runFresh } from "../backtest/world-samples.ts";
import { comparedOfRun, type Game, playLoop } from "./loop-player.ts";

// The machine may be busy.
setDefaultTimeout(60_000);

test("a program that plays the loop gets the weights, confidences and sizes of the run, digit by digit", async () => {
  const config = await parseConfig("backtest:\n  assets: [BTCUSD, EURUSD]\n", { file: "config.yaml" });
  const settings = toSettings(config);
  const game: Game = {
    settings: settings.backtest,
    market: "synthetic",
    series: settings.backtest.assets.map((asset) =>
      syntheticBars({ asset, timeframe: "1h", seed: 3, end: "2018-01-17" }),
    ),
    rules: [trend(), reversion(), breakout()],
    period: { startMs: at("2018-01-10"), endMs: at("2018-01-17") },
  };
  const run = await runFresh({
    settings: game.settings,
    memorySettings: settings.memory,
    market: game.market,
    period: game.period,
    chunkKind: "quarter",
    series: new Map(game.series.map((each) => [each.asset, each])),
    providers: game.rules,
  });
  const memory = await openMemory(inMemoryStorage(), { embedder: hashingEmbedder() });
  const calls = new MethodCalls(new MemoryServer({ memory, config, now: () => 0, newName: () => "one" }));
  const played = await playLoop(game, (method, params) => calls.call(method, params));

  expect(played).toEqual((await decisionsOf(run.storage, "2018Q1")).map(comparedOfRun));
  // A year of it, with sizes in between, is in test/slow/serve.ts.
  expect(run.summary.total_trades).toBeGreaterThan(3);
});
