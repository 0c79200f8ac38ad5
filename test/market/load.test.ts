import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { BarSeries } from "../../lib/types.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { assertCostsOfAssets, loadBars } from "../../lib/market/load.node.ts";
import { PROJECT_DIR } from "../samples.ts";

const CSV = "timestamp,open,high,low,close\n2021-01-01T00:00:00Z,10,12,9,11\n2021-01-01T01:00:00Z,11,12,9,10\n";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carryover-bars-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(assets: string[], options: { dataDir?: string } = {}): Promise<readonly BarSeries[]> {
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

test("loadBars() finds a file by its asset and timeframe, however the timeframe is written", async () => {
  writeFileSync(join(folder, "BTC_USDT_60min.csv"), CSV);
  writeFileSync(join(folder, "GSPC_1H.CSV"), CSV);
  const series = await load(["BTC/USDT", "^GSPC"]);
  expect(series.map(({ asset, bars }) => [asset, bars.length])).toEqual([
    ["BTC/USDT", 2],
    ["^GSPC", 2],
  ]);
});

test("loadBars() names the timeframes that an asset has, if it has others", async () => {
  writeFileSync(join(folder, "B_4h.csv"), CSV);
  writeFileSync(join(folder, "B_15m.parquet"), "");
  expect(await refusal(load(["A", "B"]))).toEqual({
    code: "NOT_FOUND",
    message:
      'Cannot load bars: found no "A_1h.csv", no "B_1h.csv" in "<folder>", which has B_15m.parquet, B_4h.csv, ' +
      "expected a .csv, .csv.gz or .parquet of each asset\nThere are bars of 15m, 4h: --set backtest.timeframe=15m chooses them",
  });
});

test("loadBars() names the interval of decisions beside a timeframe that does not divide the usual one", async () => {
  writeFileSync(join(folder, "B_1d.csv"), CSV);
  expect((await refusal(load(["B"]))).message).toEndWith(
    "There are bars of 1d: --set backtest.timeframe=1d --set backtest.decision_interval=1d --set backtest.risk.max_holding=60d chooses them",
  );
});

test("loadBars() shows how to import the only file of a folder, whatever its name", async () => {
  writeFileSync(join(folder, "aggs.json"), "[]");
  const { message } = await refusal(load(["BTCUSD"]));
  expect(message).toEndWith("bun scripts/import-bars.ts <folder>/aggs.json --asset BTCUSD --data-dir <folder>");
});

test.each(["BTCUSD-1h.csv", "btcusd.Parquet", "BTCUSD_1h.csv.bak", "BTCUSD-1h.feather", "BINANCE_BTCUSD, 60.zip"])(
  "loadBars() names %s where BTCUSD_1h.csv is missing, and how to import it",
  async (name) => {
    writeFileSync(join(folder, name), CSV);
    const { code, message } = await refusal(load(["ETHUSD", "BTCUSD"]));
    expect(code).toBe("NOT_FOUND");
    expect(message).toContain(`no "BTCUSD_1h.csv" in "<folder>", which has ${name}, expected`);
    const file = name.includes(" ") ? `'<folder>/${name}'` : `<folder>/${name}`;
    expect(message).toEndWith(`bun scripts/import-bars.ts ${file} --asset BTCUSD --data-dir <folder>`);
  },
);

test.each([
  [[], "no files"],
  [["votes.csv", "DOGE_60m.csv"], "DOGE_60m.csv, votes.csv"],
  [["A_1h.csv"], "A_1h.csv"],
])("loadBars() refuses a folder with only %p for other assets, and says where bars come from", async (names, list) => {
  for (const name of names) writeFileSync(join(folder, name), CSV);
  expect(await refusal(load(["BTCUSD", "ETHUSD"]))).toEqual({
    code: "NOT_FOUND",
    message:
      `Cannot load bars: found no "BTCUSD_1h.csv", no "ETHUSD_1h.csv" in "<folder>", which has ${list}, ` +
      "expected a .csv, .csv.gz or .parquet of each asset\n" +
      "import-bars and fetch-bars make such files; --synthetic runs on made-up bars",
  });
});

describe("loadBars() refuses a file of another system with the command that imports it", () => {
  const command = (flags: string): string =>
    `bun scripts/import-bars.ts <folder>/BTCUSD_1h.csv --asset BTCUSD ${flags}--data-dir <folder>`;
  const row = (time: string): string => `${time},10,12,9,11,5\n`;

  test.each([
    [
      "epoch times without a header",
      "1609459200,10,12,9,11,5,3\n1609462800,11,12,9,10,5,3\n",
      `import-bars reads it (Kraken OHLCVT): ${command("")}`,
    ],
    [
      "other names of columns",
      "Date,O,H,L,C\n2021-01-01 00:00,10,12,9,11\n2021-01-01 01:00,11,12,9,10\n",
      `import-bars reads it (table): ${command("")}`,
    ],
    [
      "a date and a time of day, without the name of a vendor whose tables look so",
      "Date,Time,Open,High,Low,Close\n2021-01-01,00:00:00,10,12,9,11\n2021-01-01,01:00:00,11,12,9,10\n",
      `import-bars reads it (table): ${command("")}`,
    ],
    [
      "times of a broker",
      "2021.01.04,00:00,10,12,9,11,5\n2021.01.04,01:00,10,12,9,11,5\n",
      `import-bars reads it (MetaTrader 4, with the zone of your broker): ${command("--timezone Europe/Athens ")}`,
    ],
    [
      "rows out of order",
      `timestamp,open,high,low,close,volume\n${["02", "00", "01"].map((hour) => row(`2021-01-01T${hour}:00:00Z`)).join("")}`,
      `import-bars reads it (table): ${command("--repair ")}`,
    ],
    [
      "times that end their bars",
      `timestamp,open,high,low,close,volume\n${row("1609462799999")}${row("1609466399999")}`,
      `import-bars reads it (table): ${command("")}`,
    ],
  ])("%s", async (_, text, advice) => {
    writeFileSync(join(folder, "BTCUSD_1h.csv"), text);
    const { code, message } = await refusal(load(["BTCUSD"]));
    expect(code).toBe("BAD_DATA");
    expect(message.split("\n")[1]).toBe(advice);
  });

  test("but not one of another timeframe, nor one that no import mends", async () => {
    const header = "timestamp,open,high,low,close,volume\n";
    for (const text of [
      `${header}${[0, 15, 30, 45].map((minute) => row(`2021-01-01T00:${String(minute).padStart(2, "0")}:00Z`)).join("")}`,
      `${header}2021-01-01T00:00:00Z,10,8,9,11,5\n`,
    ]) {
      writeFileSync(join(folder, "BTCUSD_1h.csv"), text);
      expect((await refusal(load(["BTCUSD"]))).message.split("\n")).toHaveLength(1);
    }
  });
});

test("loadBars() suggests the asset that was meant, in another case or with a slip", async () => {
  for (const name of ["BTCUSD_1h.csv", "ETHUSD_1h.csv.gz", "notes.txt"]) writeFileSync(join(folder, name), "");
  const messageFor = async (...assets: string[]): Promise<string> =>
    (await refusal(load(assets))).message.split("\n").at(-1)!;
  expect(await messageFor("btcusd")).toBe('Did you mean "BTCUSD"?');
  expect(await messageFor("BTCUDS", "ethusd")).toBe('Did you mean "BTCUSD", "ETHUSD"?');
  const { message } = await refusal(loadBars({ assets: ["BTCUSD", "ETHUSD"], dataDir: folder, timeframe: "5m" }));
  expect(message.split("\n").at(-1)).toBe("There are bars of 1h: --set backtest.timeframe=1h chooses them");
  // BTCUSD is another asset of the run.
  const there = "--assets BTCUSD runs on those that have bars; import-bars and fetch-bars make such files";
  expect(await messageFor("BTCUSD", "GOLD")).toBe(there);
  expect(await messageFor("BTCUSD", "LTCUSD")).toBe('Did you mean "ETHUSD"?');
  rmSync(join(folder, "ETHUSD_1h.csv.gz"));
  expect(await messageFor("BTCUSD", "LTCUSD")).toBe(there);
});

test("costs of an asset that is nowhere are refused, each with what was meant", async () => {
  writeFileSync(join(folder, "EURUSD_1h.csv"), "");
  const check = (...named: string[]): void => assertCostsOfAssets({ named, assets: ["BTC/USDT"], dataDir: folder });
  check("BTC/USDT", "EURUSD");
  expect(() => check("BTC/USTD", "EURUSD", "GOLD")).toThrow(
    `Cannot use backtest.asset_costs: found "BTC/USTD", which is not in backtest.assets and has no bars in "${folder}", ` +
      `expected "BTC/USDT"\nCannot use backtest.asset_costs: found "GOLD", which is not in backtest.assets and has no bars in ` +
      `"${folder}", expected one of BTC/USDT, EURUSD`,
  );
});

test("loadBars() refuses a missing folder", async () => {
  expect(await refusal(load(["A"], { dataDir: join(folder, "absent") }))).toEqual({
    code: "NOT_FOUND",
    message:
      'Cannot load bars from "<folder>/absent": found nothing there, expected a folder: --data-dir or backtest.data_dir names it; --synthetic runs on made-up bars',
  });
  writeFileSync(join(folder, "file"), "");
  expect(await refusal(load(["A"], { dataDir: join(folder, "file") }))).toEqual({
    code: "NOT_FOUND",
    message:
      'Cannot load bars from "<folder>/file": found a file, expected a folder: --data-dir or backtest.data_dir names it; --synthetic runs on made-up bars',
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
  expect((await refusal(load(["../A"], { dataDir: join(folder, "inner") }))).code).toBe("NOT_FOUND");
});
