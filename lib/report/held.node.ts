/** What holding a run's assets would have given, from its bars. */
import type { RunKey } from "../backtest/run-key.ts";
import { hashBars } from "../market/hash-bars.ts";
import { CarryoverError } from "../errors.ts";
import { loadBars } from "../market/load.node.ts";
import { syntheticBars } from "../market/synthetic.ts";
import { type HeldAsset, valueOfHeld } from "../results/baselines.ts";
import { isSession } from "../runs/describe.ts";
import type { BarSeries } from "../types.ts";
import type { HeldLine } from "./data.ts";
import { ALL_HELD, backtestOf, heldName } from "./run-settings.ts";
import type { RunData } from "./run-data.ts";

/**
 * The value of each asset, and of all with equal shares, by day; none without the bars of the run.
 *
 * @param options `dataDir`: where the bars of a run on real ones are. `onNote`: called with why there are none.
 */
export async function heldLines(
  { key, summary }: RunData,
  options: { dataDir: string | undefined; onNote: (note: string) => void },
): Promise<readonly HeldLine[]> {
  if (isSession(key)) {
    options.onNote("Buy and hold is left out: a session of serve has no bars");
    return [];
  }
  const [startMs, endMs] = key.period.split("/").map((date) => Date.parse(date)) as [number, number];
  const series = await barsOf(key, { ...options, assets: summary.assets, endMs });
  if (series === undefined) return [];
  const held = series.map(({ asset, bars, timeframeMs }): HeldAsset => {
    const { fee_bps, spread_bps, slippage_bps } = backtestOf(key).costsOf(asset);
    return {
      asset,
      timeframeMs,
      bars: bars.filter(({ timestamp }) => timestamp >= startMs && timestamp < endMs),
      feeShare: fee_bps / 10_000,
      fillShare: (spread_bps / 2 + slippage_bps) / 10_000,
    };
  });
  const some = held.filter(({ bars }) => bars.length > 0);
  if (some.length === 0) return [];
  const each = some.map((one) => ({ name: heldName(one.asset), days: valueOfHeld([one]) }));
  return some.length === 1 ? each : [...each, { name: ALL_HELD, days: valueOfHeld(some) }];
}

/** The run's bars, if they are what they were. */
async function barsOf(
  key: RunKey,
  options: { assets: readonly string[]; dataDir: string | undefined; endMs: number; onNote: (note: string) => void },
): Promise<readonly BarSeries[] | undefined> {
  const { assets, dataDir, endMs, onNote } = options;
  const { timeframe } = backtestOf(key);
  const leftOut = (why: string): undefined =>
    onNote(
      `Buy and hold is left out: ${why}${/[.?]$/.test(why) ? "" : "."} --data-dir names the folder of the run's bars`,
    ) as undefined;
  if (key.market === "synthetic")
    return assets.map((asset) => syntheticBars({ asset, timeframe, seed: key.seed, end: endMs }));
  if (dataDir === undefined) return leftOut("no folder of bars is known");
  try {
    const series = await loadBars({ assets, dataDir, timeframe });
    for (const each of series) {
      if ((await hashBars(each, endMs)) !== key.bars[each.asset])
        return leftOut(`the bars of ${each.asset} in "${dataDir}" are not those of the run`);
    }
    return series;
  } catch (error) {
    if (!(error instanceof CarryoverError)) throw error;
    return leftOut(error.message);
  }
}
