import type { BarSeries } from "../types.ts";
import { sha256OfBytes } from "../util/sha256.ts";

/** SHA-256 of the bars that start before `endMs`, six little-endian doubles each: the same for every file format. */
export function hashBars(series: BarSeries, endMs: number): Promise<string> {
  const bars = series.bars.filter((bar) => bar.timestamp < endMs);
  const view = new DataView(new ArrayBuffer(bars.length * 48));
  bars.forEach((bar, i) => {
    const at = i * 48;
    view.setFloat64(at, bar.timestamp, true);
    view.setFloat64(at + 8, bar.open, true);
    view.setFloat64(at + 16, bar.high, true);
    view.setFloat64(at + 24, bar.low, true);
    view.setFloat64(at + 32, bar.close, true);
    view.setFloat64(at + 40, bar.volume, true);
  });
  return sha256OfBytes(new Uint8Array(view.buffer));
}
