/**
 * How fast bars come in and situations come out.
 *
 *     bun bench/market.ts
 *
 * The first call of each is measured as well as the median of eleven: a run reads its bars once, and cold.
 */
import { parseBarsCsv } from "../lib/market/csv.ts";
import { gunzip } from "../lib/market/gzip.ts";
import { createSituationTracker } from "../lib/market/indicators.ts";
import { syntheticBars, SYNTHETIC_START } from "../lib/market/synthetic.ts";

const HOUR_MS = 3_600_000;
const BARS = 17_520;
const ROUNDS = 11;

const options = { asset: "BTCUSD", timeframeMs: HOUR_MS, file: "BTCUSD_1h.csv" };
const end = SYNTHETIC_START + BARS * HOUR_MS;
const make = { asset: "BTCUSD", timeframeMs: HOUR_MS, seed: 1, end };

/** Measures `work`, which handles `bars` bars a call, and prints the first call and the median. */
async function measure(name: string, bars: number, work: () => unknown): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  const first = times[0] ?? NaN;
  const median = times.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? NaN;
  const shown = [first, median].map(
    (ms) =>
      `${ms.toFixed(1).padStart(7)} ms ${Math.round((bars / ms) * 1000)
        .toLocaleString("en")
        .padStart(12)} bars/s`,
  );
  console.log(`${name.padEnd(26)} first ${shown[0]}   median ${shown[1]}`);
}

const { bars } = syntheticBars(make);
const rows = bars.map(
  ({ timestamp, open, high, low, close, volume }) =>
    `${new Date(timestamp).toISOString().replace(".000", "")},${open},${high},${low},${close},${volume}.12345678`,
);
const csv = new TextEncoder().encode(`timestamp,open,high,low,close,volume\n${rows.join("\n")}\n`);
const packer = new Blob([csv]).stream().pipeThrough(new CompressionStream("gzip"));
const packed = new Uint8Array(await new Response(packer).arrayBuffer());

await measure("CSV", BARS, () => parseBarsCsv(csv, options));
await measure("CSV.gz", BARS, async () => parseBarsCsv(await gunzip(packed, options), options));
await measure("synthetic", BARS, () => syntheticBars(make));

/** Two years of three assets, the first to warm up: `next` each bar, a situation each fourth bar of the second year. */
function track(withSituations: boolean): void {
  for (const asset of ["A", "B", "C"]) {
    const tracker = createSituationTracker(asset, HOUR_MS);
    bars.forEach((bar, index) => {
      tracker.next(bar);
      if (withSituations && index >= BARS / 2 && index % 4 === 3) tracker.situation();
    });
  }
}

await measure("tracker, next()", 3 * BARS, () => track(false));
await measure("tracker, situations", 3 * BARS, () => track(true));
