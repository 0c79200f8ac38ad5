import { describe, expect, test } from "bun:test";
import { toSettings } from "../../lib/config/config.ts";
import { parseConfig } from "../../lib/config/parse.ts";

describe("toSettings()", () => {
  test("converts durations to milliseconds and gives every asset its costs", async () => {
    const { backtest, memory } = toSettings(
      await parseConfig(
        "backtest:\n  assets: [BTCUSD, EURUSD, constructor]\n  timeframe: 15m\n  decision_interval: 1h\n" +
          "  costs: { fee_bps: 10 }\n  asset_costs: { EURUSD: { spread_bps: 0.5 } }\n  risk: { max_holding: 2d }",
        { file: "config.yaml" },
      ),
    );
    expect([backtest.timeframeMs, backtest.decisionIntervalMs, backtest.risk.maxHoldingMs]).toEqual([
      900_000, 3_600_000, 172_800_000,
    ]);
    expect([...backtest.costs]).toEqual([
      ["BTCUSD", { feeBps: 10, spreadBps: 2, slippageBps: 2 }],
      ["EURUSD", { feeBps: 10, spreadBps: 0.5, slippageBps: 2 }],
      ["constructor", { feeBps: 10, spreadBps: 2, slippageBps: 2 }],
    ]);
    expect(memory).toEqual({ enabled: true, maxMemorySize: 1000, learningRate: 0.1, contextDays: 20 });
  });
});
