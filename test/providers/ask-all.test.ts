import { expect, test } from "bun:test";
import type { DecisionContext } from "../../lib/types.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { at, barsOf, CALM, makeSettings, NO_COSTS, runOn, seriesOf, type Prices } from "../backtest/world-samples.ts";

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

test("all providers are asked about all assets of a time at once", async () => {
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

test("what is decided at the same time is told to nobody; what is open is, with its result so far", async () => {
  const told = new Map<string, DecisionContext["positions"]>();
  const first = at("2021-01-09T04:00");
  await runWith([
    {
      name: "buyer",
      vote: ({ asset, timestamp }, { positions }) => {
        told.set(`${asset} ${timestamp}`, positions);
        return timestamp === first ? { action: "BUY", confidence: 80 } : { action: "HOLD", confidence: 50 };
      },
    },
  ]);
  for (const asset of ASSETS) {
    expect(told.get(`${asset} ${first}`)).toEqual([]);
    const opened = { action: "BUY", entry_timestamp: "2021-01-09T04:00:00.000Z", entry_price: 100, open_r: 0 };
    const held = ASSETS.map((each) => ({ asset: each, ...opened }));
    expect(told.get(`${asset} ${first + 4 * 3_600_000}`)).toEqual(held as never);
  }
});
