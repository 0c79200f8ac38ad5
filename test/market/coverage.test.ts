import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingEnds } from "../../lib/market/coverage.ts";
import type { BarSeries } from "../../lib/types.ts";
import { runScript } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Bars from `first` on whose start is before `end`, at the times that `isOpen` names. */
function series(
  first: string,
  end: string,
  options: { timeframeMs?: number; isOpen?: (time: Date) => boolean } = {},
): BarSeries {
  const { timeframeMs = HOUR, isOpen = () => true } = options;
  const bars = [];
  for (let timestamp = Date.parse(first); timestamp < Date.parse(end); timestamp += timeframeMs) {
    if (isOpen(new Date(timestamp))) bars.push({ timestamp, open: 1, high: 1, low: 1, close: 1, volume: 0 });
  }
  return { asset: "GOLD", timeframeMs, market: "bars", bars, gaps: 0 };
}

const notesOn = (bars: BarSeries, start: string, end: string): readonly string[] =>
  missingEnds([bars], { startMs: Date.parse(start), endMs: Date.parse(end) });

/** From Sunday 22:00 to Friday 22:00, as currencies. 2021-03-12 is a Friday. */
const isCurrencyTime = (time: Date): boolean => {
  const [day, hour] = [time.getUTCDay(), time.getUTCHours()];
  return day === 0 ? hour >= 22 : day === 5 ? hour < 22 : day !== 6;
};
/** From 14:30 to 21:00 on workdays, as stocks in New York. */
const isStockTime = (time: Date): boolean =>
  time.getUTCDay() % 6 !== 0 && time.getUTCHours() >= 14 && time.getUTCHours() < 21;

describe("a market that never closes", () => {
  test("is named where its bars stop before the period's end, by its last bar", () => {
    expect(notesOn(series("2021-01-01", "2021-03-11"), "2021-03-08", "2021-03-15")).toEqual([
      "GOLD: the last bar of the period is of 2021-03-10 23:00 UTC, and the period ends at 2021-03-15",
    ]);
  });

  test("misses a single bar", () => {
    expect(notesOn(series("2021-01-01", "2021-03-14T23:00Z"), "2021-03-08", "2021-03-15")).toHaveLength(1);
    expect(notesOn(series("2021-01-01", "2021-03-15"), "2021-03-08", "2021-03-15")).toEqual([]);
  });

  test("is named where its bars begin after the period's start, and not where only the warm-up is missing", () => {
    expect(notesOn(series("2021-03-09T05:00Z", "2021-03-15"), "2021-03-08", "2021-03-15")).toEqual([
      "GOLD: the first bar of the period is of 2021-03-09 05:00 UTC, and the period starts at 2021-03-08",
    ]);
    expect(notesOn(series("2021-03-08", "2021-03-15"), "2021-03-08", "2021-03-15")).toEqual([]);
  });

  test("is judged by the period's bars: later ones do not fill a hole at its end", () => {
    const isOpen = (time: Date): boolean => time.getTime() < Date.parse("2021-03-11") || time.getUTCDate() > 20;
    expect(notesOn(series("2021-01-01", "2021-04-01", { isOpen }), "2021-03-08", "2021-03-15")).toHaveLength(1);
  });

  test("of days that begin at a midnight elsewhere is complete", () => {
    for (const hours of [-10, -2, 5, 9]) {
      const [first, end] = ["2021-01-01", "2021-03-15"].map((day) => new Date(Date.parse(day) + hours * HOUR).toJSON());
      expect(notesOn(series(first!, end!, { timeframeMs: DAY }), "2021-02-01", "2021-03-15")).toEqual([]);
    }
  });
});

describe("a market that closes at weekends", () => {
  const currency = series("2021-01-01", "2021-03-12T22:00Z", { isOpen: isCurrencyTime });
  const stock = series("2021-01-04", "2021-03-12T22:00Z", { isOpen: isStockTime });

  test("is complete on Friday evening for periods that end up to Sunday", () => {
    for (const end of ["2021-03-13", "2021-03-14"]) {
      expect(notesOn(currency, "2021-03-01", end)).toEqual([]);
      expect(notesOn(stock, "2021-03-01", end)).toEqual([]);
    }
    expect(notesOn(stock, "2021-03-01", "2021-03-15")).toEqual([]);
  });

  test("misses its next day of trading", () => {
    expect(notesOn(stock, "2021-03-01", "2021-03-16")).toHaveLength(1);
    // Currencies trade again on Sunday evening.
    expect(notesOn(currency, "2021-03-01", "2021-03-15")).toHaveLength(1);
  });

  test("misses the rest of its last day, but not the hour by which clocks change", () => {
    // 2021-03-10 is a Wednesday, on which currencies trade to the end and stocks to 21:00.
    for (const [isOpen, hour, count] of [
      [isCurrencyTime, 10, 1],
      [isCurrencyTime, 23, 0],
      [isStockTime, 17, 1],
      [isStockTime, 20, 0],
    ] as const) {
      const cut = series("2021-01-01", `2021-03-10T${hour}:00Z`, { isOpen });
      expect({ hour, notes: notesOn(cut, "2021-03-10", "2021-03-11").length }).toEqual({ hour, notes: count });
    }
  });

  test("may begin a period on Saturday, and a year after its holiday", () => {
    expect(notesOn(stock, "2021-03-06", "2021-03-13")).toEqual([]);
    // 2021-01-01 is a Friday.
    expect(notesOn(stock, "2021-01-01", "2021-03-13")).toEqual([]);
    const late = series("2021-01-05", "2021-03-12T22:00Z", { isOpen: isStockTime });
    expect(notesOn(late, "2021-01-01", "2021-03-13")).toHaveLength(1);
  });

  test("is complete on the Friday before a Monday that is a holiday", () => {
    // 2024-01-01 is a Monday.
    const year = series("2023-12-01", "2023-12-29T22:00Z", { isOpen: isCurrencyTime });
    expect(notesOn(year, "2023-12-01", "2024-01-01")).toEqual([]);
    expect(notesOn(year, "2023-12-01", "2024-01-03")).toHaveLength(1);
  });

  test("is known as one also by its first week", () => {
    const week = series("2021-03-08", "2021-03-13", { isOpen: isStockTime });
    expect(notesOn(week, "2021-03-08", "2021-03-15")).toEqual([]);
    expect(notesOn(week, "2021-03-08", "2021-03-16")).toHaveLength(1);
  });
});

test("weekly bars may end within the period, up to a week before its end", () => {
  const weeks = series("2020-01-06", "2021-03-08", { timeframeMs: 7 * DAY });
  expect(notesOn(weeks, "2021-01-04", "2021-03-12")).toEqual([]);
  expect(notesOn(weeks, "2021-01-04", "2021-03-16")).toHaveLength(1);
});

describe("run-chunks and doctor", () => {
  const base = temporaryFolder("coverage");
  const rows = series("2021-01-01", "2021-03-11").bars.map(({ timestamp }, i) => {
    const close = 100 + (i % 7);
    return `${new Date(timestamp).toISOString()},${close},${close + 1},${close - 1},${close},1\n`;
  });
  mkdirSync(join(base, "bars"));
  writeFileSync(join(base, "bars/GOLD_1h.csv"), `timestamp,open,high,low,close,volume\n${rows.join("")}`);
  const period = "--assets GOLD --start 2021-03-08 --end 2021-03-15".split(" ");
  const args = [...period, "--data-dir", join(base, "bars"), "--memory-dir", join(base, "memory")];
  const sentence = "GOLD: the last bar of the period is of 2021-03-10 23:00 UTC, and the period ends at 2021-03-15";

  test("--require-bars refuses with 3, before anything is written", async () => {
    const { code, stdout, stderr } = await runScript("run-chunks.ts", [...args, "--require-bars"]);
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toStartWith(`error: ${sentence}\nerror: --require-bars expects bars of the whole period`);
    expect(existsSync(join(base, "memory"))).toBeFalse();
  });

  test("without it a note says so, and the summary keeps it", async () => {
    const { code, stdout, stderr } = await runScript("run-chunks.ts", [...args, "--json"]);
    expect(code).toBe(0);
    expect(stderr).toContain(`${sentence}; --require-bars refuses this\n`);
    expect((JSON.parse(stdout) as { notes: string[] }).notes).toContain(sentence);
  });

  test("doctor warns of it", async () => {
    const set = ["start=2021-03-08", "end=2021-03-15", `data_dir=${join(base, "bars")}`, "assets=[GOLD]"];
    const flags = set.flatMap((each) => ["--set", `backtest.${each}`]);
    const { stdout } = await runScript("doctor.ts", [...flags, "--memory-dir", join(base, "memory"), "--json"]);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; found: string }[] };
    expect(checks.find(({ name }) => name === "bars")).toMatchObject({ state: "note", found: sentence });
  });
});
