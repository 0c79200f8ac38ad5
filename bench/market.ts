/**
 * How fast bars are parsed and situations are made.
 *
 *     bun bench/market.ts
 */
import { parseBarsCsv } from "../lib/market/csv.ts";
import { gunzipBars } from "../lib/market/load.node.ts";
import { SituationTracker } from "../lib/market/situation.ts";
import { syntheticBars, SYNTHETIC_START } from "../lib/market/synthetic.ts";
import { asMs, elapsed, median, renderReport, type BenchReport, type BenchRow } from "./support/measure.ts";
import { HOUR_MS } from "../lib/util/time.ts";

const GOAL_PER_SECOND = 500_000;

export async function market(options: { rounds?: number; bars?: number } = {}): Promise<BenchReport> {
  const { rounds = 15, bars: count = 17_520 } = options;
  const asset = { asset: "BTCUSD", timeframe: "1h", file: "BTCUSD_1h.csv" };
  const make = { asset: "BTCUSD", timeframe: "1h", seed: 1, end: SYNTHETIC_START + count * HOUR_MS };
  const { bars } = syntheticBars(make);
  const rows = bars.map(
    ({ timestamp, open, high, low, close, volume }) =>
      `${new Date(timestamp).toISOString().replace(".000", "")},${open},${high},${low},${close},${volume}.12345678`,
  );
  const csv = new TextEncoder().encode(`timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`);
  const packer = new Blob([csv]).stream().pipeThrough(new CompressionStream("gzip"));
  const packed = new Uint8Array(await new Response(packer).arrayBuffer());

  /** Adds the bars of three assets. With situations, makes one at every fourth bar of the second half. */
  const track = (withSituations: boolean): void => {
    for (const name of ["A", "B", "C"]) {
      const tracker = new SituationTracker({ asset: name, timeframeMs: HOUR_MS });
      bars.forEach((bar, index) => {
        tracker.add(bar);
        if (withSituations && index >= count / 2 && index % 4 === 3) tracker.situation();
      });
    }
  };
  const measure = async (
    what: string,
    work: () => unknown,
    handled: { bars: number; goal?: boolean },
  ): Promise<BenchRow> => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await elapsed(work));
    const perSecond = (ms: number): number => Math.round((1000 * handled.bars) / ms);
    const shown = (ms: number): string => `${asMs(ms)} (${perSecond(ms).toLocaleString("en")} bars/s)`;
    const first = times[0] ?? Number.NaN;
    const goal = { goal: `${GOAL_PER_SECOND.toLocaleString("en")} bars/s`, met: perSecond(first) >= GOAL_PER_SECOND };
    return { what, ours: `first ${shown(first)}, median ${shown(median(times))}`, ...(handled.goal ? goal : {}) };
  };
  return {
    title: "Bars",
    notes: [
      `${count.toLocaleString("en")} hourly bars (three assets of them for the tracker). The first call counts as much as the median of ${rounds}: a run reads its bars once.`,
    ],
    rows: [
      await measure("CSV", () => parseBarsCsv(csv, asset), { bars: count, goal: true }),
      await measure("CSV.gz", async () => parseBarsCsv(await gunzipBars(packed, asset), asset), {
        bars: count,
        goal: true,
      }),
      await measure("synthetic", () => syntheticBars(make), { bars: count }),
      await measure("tracker, add()", () => track(false), { bars: 3 * count }),
      await measure("tracker, situations", () => track(true), { bars: 3 * count }),
    ],
  };
}

if (import.meta.main) console.log(renderReport(await market()));
