import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unlikelyPrices } from "../../lib/market/price-jumps.ts";
import { barSeries } from "../../lib/market/series-builder.ts";
import { runScript } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("jumps");

/** Hourly bars `[open, high, low, close]`. */
function messagesFor(prices: readonly (readonly [number, number, number, number])[]): string[] {
  const bars = prices.map(([open, high, low, close], i) => ({
    timestamp: Date.UTC(2021, 0, 1, i),
    open,
    high,
    low,
    close,
    volume: 0,
  }));
  return unlikelyPrices([barSeries(bars, { asset: "GOLD", timeframe: "1h" })]).map(({ message }) => message);
}

const FLAT = [100, 101, 99, 100] as const;
const AT = "at 2021-01-01T01:00:00.000Z after a close of 100";

test.each([
  [
    "a high of 9e99",
    [FLAT, [100, 9e99, 99, 100], FLAT] as const,
    `a high of 9e+99 ${AT}, 9e+97 times as much, expected`,
  ],
  [
    "a bar ten times too high",
    [FLAT, [1000, 1010, 990, 1000], FLAT] as const,
    `a high of 1010 ${AT}, 10 times as much, and 1 more such bars, expected`,
  ],
  ["a low of a tenth", [FLAT, [100, 101, 10, 100], FLAT] as const, `a low of 10 ${AT}, 10 times less, expected`],
  [
    "a split of one to ten",
    [FLAT, [10, 10, 9.9, 10], [10, 10, 10, 10]] as const,
    `a low of 9.9 ${AT}, 10 times less, expected`,
  ],
])("%s is named with its bar", (_name, prices, found) => {
  expect(messagesFor(prices)).toEqual([`Cannot trust the bars of "GOLD": found ${found} at most 4 times`]);
});

test("four times as much, or a quarter, is no error, also in the first bar", () => {
  expect(
    messagesFor([
      [100, 400, 25, 400],
      [400, 1600, 100, 400],
      [100, 100, 100, 100],
    ]),
  ).toEqual([]);
  expect(messagesFor([[100, 401, 99, 100]])).toHaveLength(1);
});

/** A year of hourly bars in which one high is ten times too high. */
function folderWithSpike(): string {
  const folder = join(base, crypto.randomUUID());
  mkdirSync(folder);
  const lines = Array.from({ length: 24 * 90 }, (_, i) => {
    const close = 100 + (i % 7);
    return `${new Date(Date.UTC(2021, 0, 1, i)).toISOString()},${close},${i === 500 ? 1070 : close + 1},${close - 1},${close},1\n`;
  });
  writeFileSync(join(folder, "GOLD_1h.csv"), `timestamp,open,high,low,close,volume\n${lines.join("")}`);
  return folder;
}

const PERIOD = "--assets GOLD --start 2021-02-01 --end 2021-03-01".split(" ");
const args = (folder: string): string[] => [...PERIOD, "--data-dir", folder, "--memory-dir", join(folder, "memory")];

test("a run goes on with a note", async () => {
  const { code, stderr } = await runScript("run-chunks.ts", args(folderWithSpike()));
  expect(code).toBe(0);
  expect(stderr).toContain('Cannot trust the bars of "GOLD": found a high of 1070 at 2021-01-21T20:00:00.000Z');
  expect(stderr).toContain("--strict-bars refuses them");
});

test("--strict-bars refuses with 4, before anything is written", async () => {
  const folder = folderWithSpike();
  const { code, stdout, stderr } = await runScript("run-chunks.ts", [...args(folder), "--strict-bars"]);
  expect([code, stdout]).toEqual([4, ""]);
  expect(stderr).toStartWith(
    'error: Cannot trust the bars of "GOLD": found a high of 1070 at 2021-01-21T20:00:00.000Z',
  );
  expect(existsSync(join(folder, "memory"))).toBeFalse();
});
