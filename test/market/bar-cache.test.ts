import { expect, test } from "bun:test";
import { join } from "node:path";
import { BarCache } from "../../lib/market/bar-cache.node.ts";
import { loadBars } from "../../lib/market/load.node.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { PROJECT_DIR } from "../samples.ts";
import { failureOf } from "../storage/storage-contract.ts";

const FOLDER = { dataDir: join(PROJECT_DIR, "data", "sample"), timeframe: "1h" };

test("reads each asset's bars once, and in the order that is asked for", async () => {
  const cache = new BarCache();
  const [bitcoin, euro] = await cache.load({ ...FOLDER, assets: ["BTCUSD", "EURUSD"] });
  const [euroAgain, ether, bitcoinAgain] = await cache.load({ ...FOLDER, assets: ["EURUSD", "ETHUSD", "BTCUSD"] });
  expect(bitcoinAgain).toBe(bitcoin!);
  expect(euroAgain).toBe(euro!);
  expect(ether).toEqual((await loadBars({ ...FOLDER, assets: ["ETHUSD"] }))[0]!);
});

test("makes synthetic bars once for a seed, and lets go of those that were not used for long", () => {
  const cache = new BarCache();
  const options = (seed: number): Parameters<typeof syntheticBars>[0] => ({
    asset: "A",
    timeframe: "1d",
    seed,
    end: "2018-03-01",
  });
  const first = cache.synthetic(options(1));
  expect(first).toEqual(syntheticBars(options(1)));
  expect(cache.synthetic(options(1))).toBe(first);
  for (let seed = 2; seed <= 32; seed++) cache.synthetic(options(seed));
  expect(cache.synthetic(options(1))).toBe(first);
  for (let seed = 2; seed <= 33; seed++) cache.synthetic(options(seed));
  expect(cache.synthetic(options(1))).not.toBe(first);
});

test("names all assets without bars, as loadBars() does", async () => {
  const folder = { ...FOLDER, assets: ["BTCUSD", "GOLD", "TIN"] };
  const cache = new BarCache();
  await cache.load({ ...FOLDER, assets: ["BTCUSD"] });
  const { code, message } = await failureOf(cache.load(folder));
  expect([code, message]).toEqual(["NOT_FOUND", (await failureOf(loadBars(folder))).message]);
});
