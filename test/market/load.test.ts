import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BarSeries } from "../../lib/types.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { loadBars } from "../../lib/market/load.node.ts";
import { PROJECT_DIR } from "../samples.ts";

const CSV = "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,10,12,9,11\n2021-01-01T01:00:00Z,11,12,9,10\n";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carryover-bars-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(
  assets: string[],
  options: { dataDir?: string; mustExist?: boolean } = {},
): Promise<readonly BarSeries[]> {
  return loadBars({ assets, dataDir: folder, timeframe: "1h", ...options });
}

async function refusal(loading: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await loading.then(
    () => new Error("nothing was refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CarryoverError);
  const { code, message } = error as CarryoverError;
  return { code, message: message.replaceAll(folder, "<folder>") };
}

test("loadBars() reads CSV, packed CSV and Parquet, in the order of the assets", async () => {
  writeFileSync(join(folder, "A_1h.csv"), CSV);
  writeFileSync(join(folder, "B_1h.csv.gz"), gzipSync(CSV));
  copyFileSync(join(PROJECT_DIR, "test/fixtures/market/bars_timestamp_ns_zstd.parquet"), join(folder, "C_1h.parquet"));
  // Files of other timeframes and assets are ignored.
  writeFileSync(join(folder, "A_4h.csv"), "broken");
  writeFileSync(join(folder, "AA_1h.csv"), "broken");
  const series = await load(["C", "B", "A"]);
  expect(series.map(({ asset, bars }) => [asset, bars.length])).toEqual([
    ["C", 5],
    ["B", 2],
    ["A", 2],
  ]);
  const first = series[2]!;
  expect(first).toMatchObject({ asset: "A", timeframeMs: 3_600_000, market: "bars", gaps: 0 });
  expect(series[1]).toEqual({ ...first, asset: "B" });
});

test("loadBars() refuses a folder that has files of an asset, but none named as expected", async () => {
  writeFileSync(join(folder, "B_4h.csv"), CSV);
  writeFileSync(join(folder, "B_15m.parquet"), "");
  for (const mustExist of [true, false]) {
    expect(await refusal(load(["A", "B"], { mustExist }))).toEqual({
      code: "NOT_FOUND",
      message:
        'Cannot load bars of "B": found B_15m.parquet, B_4h.csv in "<folder>", expected B_1h.csv ' +
        "(or .csv.gz, .parquet), or another backtest.timeframe",
    });
  }
});

test.each([
  ["BTCUSD_1h.CSV", true],
  ["BTCUSD-1h.csv", true],
  ["BTCUSD_1w.csv", true],
  ["BTCUSD_1min.csv.gz", true],
  ["btcusd.Parquet", true],
  ["my_notes_30d.csv", false],
  ["DOGE_60m.csv", false],
  ["BTCUSD_1h.csv.bak", false],
])("loadBars() refuses a folder with only %s instead of BTCUSD_1h.csv: %p", async (name, isRefused) => {
  writeFileSync(join(folder, name), CSV);
  const loading = load(["ETHUSD", "BTCUSD"]);
  if (isRefused)
    expect((await refusal(loading)).message).toContain(`found ${name} in "<folder>", expected BTCUSD_1h.csv`);
  else expect(await loading).toEqual([]);
});

test("loadBars() returns nothing if there are no bars, so that synthetic ones can be used", async () => {
  writeFileSync(join(folder, "README.md"), "");
  writeFileSync(join(folder, "votes.csv"), "");
  expect(await load(["A", "B"])).toEqual([]);
  expect(await load(["A"], { dataDir: join(folder, "absent"), mustExist: false })).toEqual([]);
});

test("loadBars() refuses a missing folder", async () => {
  expect(await refusal(load(["A"], { dataDir: join(folder, "absent") }))).toEqual({
    code: "NOT_FOUND",
    message: 'Cannot load bars from "<folder>/absent": found nothing there, expected a folder',
  });
  writeFileSync(join(folder, "file"), "");
  expect(await refusal(load(["A"], { dataDir: join(folder, "file") }))).toEqual({
    code: "NOT_FOUND",
    message: 'Cannot load bars from "<folder>/file": found a file, expected a folder',
  });
});

test("loadBars() refuses to mix real and synthetic bars, and names the missing files", async () => {
  writeFileSync(join(folder, "A_1h.csv"), CSV);
  expect(await refusal(load(["A", "B", "C"], { mustExist: false }))).toEqual({
    code: "NOT_FOUND",
    message:
      'Cannot load bars: found no "B_1h.csv", no "C_1h.csv" (or .csv.gz, .parquet) in "<folder>" beside ' +
      "A_1h.csv, expected one for each asset: synthetic and real bars never mix",
  });
});

test("loadBars() refuses to choose between two files of an asset", async () => {
  writeFileSync(join(folder, "A_1h.csv"), CSV);
  writeFileSync(join(folder, "A_1h.csv.gz"), gzipSync(CSV));
  expect(await refusal(load(["A"]))).toEqual({
    code: "BAD_USAGE",
    message: 'Cannot load bars of "A": found "A_1h.csv" and "A_1h.csv.gz" in "<folder>", expected one of them',
  });
});

test("loadBars() names the file whose bars are malformed", async () => {
  writeFileSync(join(folder, "A_1h.csv"), CSV);
  writeFileSync(join(folder, "B_1h.csv.gz"), gzipSync(CSV.replace("12,9,10", "8,9,10")));
  expect(await refusal(load(["A", "B"]))).toEqual({
    code: "BAD_DATA",
    message:
      'Cannot read "<folder>/B_1h.csv.gz": found a high of "8" in line 3, column "high", expected at least the low, "9"',
  });
});

test("loadBars() reports an I/O error for a file that cannot be read", async () => {
  mkdirSync(join(folder, "A_1h.csv"));
  expect((await refusal(load(["A"]))).code).toBe("IO");
});

test("an asset's name cannot lead out of the folder", async () => {
  mkdirSync(join(folder, "inner"));
  writeFileSync(join(folder, "A_1h.csv"), CSV);
  expect(await load(["../A"], { dataDir: join(folder, "inner") })).toEqual([]);
});
