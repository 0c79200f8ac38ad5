/**
 * How fast bars of other systems are imported.
 *
 *     bun bench/import.ts
 */
import { importBars } from "../lib/market/import-bars.ts";
import { syntheticBars, SYNTHETIC_START } from "../lib/market/synthetic.ts";
import type { Bar } from "../lib/types.ts";
import { HOUR_MS } from "../lib/util/time.ts";
import { asMs, elapsed, median, renderReport, type BenchReport, type BenchRow } from "./support/measure.ts";

const GOAL_PER_SECOND = 300_000;

/** Lines of a file, by its format. */
const FORMATS: readonly { readonly what: string; readonly header: string; readonly line: (bar: Bar) => string }[] = [
  {
    what: "CSV of pandas, naive times",
    header: ",Open,High,Low,Close,Volume",
    line: (bar) => [isoOf(bar).slice(0, 19).replace("T", " "), ...pricesOf(bar)].join(),
  },
  {
    what: "CSV with ISO times in UTC",
    header: "date,open,high,low,close,volume",
    line: (bar) => [isoOf(bar), ...pricesOf(bar)].join(),
  },
  {
    what: "CSV of Excel: semicolons, decimal commas, days first",
    header: "Date;Open;High;Low;Close;Volume",
    line: (bar) => [dayFirst(bar), ...pricesOf(bar)].join(";").replaceAll(".", ","),
  },
  {
    what: "Binance archive",
    header: "",
    line: (bar) => [bar.timestamp, ...pricesOf(bar), bar.timestamp + HOUR_MS - 1, "1.5", 9, "1.5", "1.5", 0].join(),
  },
];

export async function importing(options: { rounds?: number; bars?: number } = {}): Promise<BenchReport> {
  const { rounds = 7, bars: count = 100_000 } = options;
  const { bars } = syntheticBars({ asset: "BTCUSD", timeframe: "1h", seed: 1, end: SYNTHETIC_START + count * HOUR_MS });
  const rows: BenchRow[] = [];
  for (const { what, header, line } of FORMATS) {
    const lines = [...(header === "" ? [] : [header]), ...bars.map(line), ""];
    const bytes = new TextEncoder().encode(lines.join("\n"));
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      times.push(await elapsed(() => importBars([{ name: "bars.csv", bytes }], { asset: "BTCUSD" })));
    }
    const perSecond = (1000 * bars.length) / median(times);
    const ours = `${asMs(median(times))} (${Math.round(perSecond).toLocaleString("en")} rows/s)`;
    const goal = { goal: `${GOAL_PER_SECOND.toLocaleString("en")} rows/s`, met: perSecond >= GOAL_PER_SECOND };
    rows.push({ what, ours, ...goal });
  }
  return {
    title: "Imports",
    notes: [`${count.toLocaleString("en")} hourly bars a file, without reading and writing it; medians of ${rounds}.`],
    rows,
  };
}

function isoOf({ timestamp }: Bar): string {
  return new Date(timestamp).toISOString().replace(".000", "");
}

function dayFirst(bar: Bar): string {
  const [, year, month, day, clock] = /^(\d+)-(\d+)-(\d+)T(\d+:\d+)/.exec(isoOf(bar))!;
  return `${day}/${month}/${year} ${clock}`;
}

function pricesOf({ open, high, low, close, volume }: Bar): readonly (number | string)[] {
  return [open, high, low, close, `${volume}.12345678`];
}

if (import.meta.main) console.log(renderReport(await importing()));
