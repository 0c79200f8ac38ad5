/** fetch-bars against a local server that speaks Binance's public protocol: exchangeInfo and klines. */
import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchBars, type FetchedBars, type FetchOptions } from "../../lib/market/fetch.node.ts";
import { PROJECT_DIR } from "../samples.ts";
import { hostScripts } from "./hosted-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy; ccxt alone takes most of a second to load.
setDefaultTimeout(60_000);

const HAS_CCXT = existsSync(join(PROJECT_DIR, "node_modules", "ccxt"));
const HOUR = 3_600_000;
const MONDAYS = [4, 11].map((day) => Date.UTC(2021, 0, day));
const START = Date.UTC(2021, 0, 1);
/** Hours that the exchange was closed. */
const CLOSED = [30, 31];

/** What happens to the request of this number, counted from 0. */
let faults: Record<number, "429" | "cut" | "500" | "zero"> = {};
let requests: URLSearchParams[] = [];
/** Bars that the exchange has by now; the last is not over. */
let hoursSoFar = 2500;

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.endsWith("/exchangeInfo")) return Response.json(exchangeInfo());
    if (!pathname.endsWith("/klines")) return new Response("no such page", { status: 404 });
    const fault = faults[requests.length];
    requests.push(searchParams);
    if (fault === "429")
      return Response.json(
        { code: -1003, msg: "Too many requests." },
        { status: 429, headers: { "retry-after": "0" } },
      );
    if (fault === "500") return new Response("busy", { status: 503 });
    if (searchParams.get("interval") === "1w")
      return Response.json(MONDAYS.map((day) => [day, "1", "1", "1", "1", "5"]));
    const rows = klines(Number(searchParams.get("startTime")), Number(searchParams.get("limit")));
    const body = JSON.stringify(rows).replace("100.5", fault === "zero" ? "0" : "100.5");
    if (fault === "cut") return new Response(body.slice(0, 200), { headers: { "content-type": "application/json" } });
    return new Response(body, { headers: { "content-type": "application/json" } });
  },
});
afterAll(() => server.stop(true));

const work = mkdtempSync(join(tmpdir(), "carryover-fetch-"));
afterAll(() => rmSync(work, { recursive: true }));

function exchangeInfo(): object {
  const symbol = {
    symbol: "BTCUSDT",
    status: "TRADING",
    baseAsset: "BTC",
    quoteAsset: "USDT",
    isSpotTradingAllowed: true,
  };
  const precision = { baseAssetPrecision: 8, quotePrecision: 8, quoteAssetPrecision: 8 };
  const filters = [{ filterType: "PRICE_FILTER", minPrice: "0.01", maxPrice: "1000000", tickSize: "0.01" }];
  return {
    timezone: "UTC",
    serverTime: Date.now(),
    symbols: [{ ...symbol, ...precision, filters, permissions: ["SPOT"] }],
  };
}

function klines(startMs: number, limit: number): unknown[] {
  const rows: unknown[] = [];
  for (let hour = Math.max(0, Math.ceil((startMs - START) / HOUR)); hour < hoursSoFar && rows.length < limit; hour++) {
    if (CLOSED.includes(hour)) continue;
    const open = START + hour * HOUR;
    rows.push([
      open,
      "100.5",
      "102",
      "99",
      String(100 + (hour % 7) / 4),
      "3.25",
      open + HOUR - 1,
      "1",
      9,
      "1",
      "1",
      "0",
    ]);
  }
  return rows;
}

/** In this process, which is faster. */
const fetchHere = (folder: string, options: Partial<FetchOptions> = {}): Promise<FetchedBars> =>
  fetchBars({
    exchange: "binance",
    symbol: "BTC/USDT",
    timeframe: "1h",
    startMs: START,
    endMs: START + 48 * HOUR,
    dataDir: folder,
    signal: new AbortController().signal,
    now: () => Date.now(),
    apiUrl: `http://127.0.0.1:${server.port}`,
    ...options,
  });

let folders = 0;
const newFolder = (): string => join(work, String(folders++));
const run = (folder: string, flags: Readonly<Record<string, string>> = {}, ...more: readonly string[]) => {
  const all = {
    "--exchange": "binance",
    "--assets": "BTC/USDT",
    "--start": "2021-01-01",
    "--data-dir": folder,
    "--api-url": `http://127.0.0.1:${server.port}`,
    ...flags,
  };
  return runScript("fetch-bars.ts", [...Object.entries(all).flat(), ...more]);
};
const linesOf = (folder: string): string[] =>
  readFileSync(join(folder, "BTC_USDT_1h.csv"), "utf8").trimEnd().split("\n");

beforeEach(() => {
  faults = {};
  requests = [];
  hoursSoFar = 2500;
});

describe.skipIf(!HAS_CCXT)(`fetch-bars${HAS_CCXT ? "" : " (skipped: no ccxt)"}`, () => {
  test("fetches page by page, through limits, cut lines and busy servers, and counts the gap", async () => {
    faults = { 1: "429", 3: "cut", 4: "500" };
    const folder = newFolder();
    const { code, stdout, stderr } = await run(folder, { "--end": "2021-04-10" }, "--json");
    expect({ code, tried: stderr.match(/Trying again/g)?.length }).toEqual({ code: 0, tried: 3 });
    const hours = 99 * 24 - CLOSED.length;
    expect(JSON.parse(stdout)).toEqual([
      {
        symbol: "BTC/USDT",
        file: join(folder, "BTC_USDT_1h.csv"),
        fetched: hours,
        bars: hours,
        gaps: 1,
        first: "2021-01-01T00:00:00.000Z",
        last: "2021-04-09T23:00:00.000Z",
      },
    ]);
    const lines = linesOf(folder);
    expect(lines.slice(0, 2)).toEqual([
      "timestamp,open,high,low,close,volume",
      "2021-01-01T00:00:00Z,100.5,102,99,100,3.25",
    ]);
    expect(lines[31]).toStartWith("2021-01-02T08:00:00Z");
    expect(lines.at(-1)).toStartWith("2021-04-09T23:00:00Z");
  });

  test("goes on where it was, and asks for nothing that is there", async () => {
    const folder = newFolder();
    await run(folder, { "--end": "2021-01-03" });
    const first = linesOf(folder);
    requests = [];
    expect((await run(folder, { "--end": "2021-01-05" })).stdout).toContain(
      "BTC/USDT: 94 bars from 2021-01-01 00:00 to 2021-01-04 23:00, 48 of them fetched now, 1 gap;",
    );
    expect(requests.map((params) => Number(params.get("startTime")))).toEqual([START + 48 * HOUR]);
    expect(linesOf(folder).slice(0, first.length)).toEqual(first);
  });

  test("leaves out the bar that is not over yet", async () => {
    hoursSoFar = 10;
    const { last } = await fetchHere(newFolder(), { now: () => START + 9.5 * HOUR });
    expect(last).toBe("2021-01-01T08:00:00.000Z");
  });

  test("leaves out a week that is not over yet, though the days of its grid are", async () => {
    // Epoch weeks begin on Thursdays, those of exchanges on Mondays.
    const now = (): number => Date.UTC(2021, 0, 16);
    const { last } = await fetchHere(newFolder(), { timeframe: "1w", endMs: Infinity, now });
    expect(last).toBe("2021-01-04T00:00:00.000Z");
  });

  test("writes no bars that a run would refuse", async () => {
    faults = { 0: "zero" };
    const folder = newFolder();
    await expect(fetchHere(folder)).rejects.toThrow(
      'Cannot read "binance": found "0" in 2021-01-01T00:00:00.000Z, column "open", expected a price above 0',
    );
    expect(existsSync(folder)).toBe(false);
  });

  test("writes no second file of the same bars", async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, "BTC_USDT_60min.csv.gz"), "");
    await expect(fetchHere(folder)).rejects.toThrow("expected one file of its bars in a folder");
    expect(requests).toEqual([]);
  });

  test.each([
    [{ exchange: "binanse" }, 'Unknown exchange "binanse"; did you mean "binance"?'],
    [{ symbol: "BTC/USDC" }, 'Unknown symbol of binance "BTC/USDC"; did you mean "BTC/USDT"?'],
    [{ timeframe: "7h" }, 'Unknown timeframe of binance "7h"'],
    [
      { startMs: Date.UTC(2022, 0, 1), endMs: Date.UTC(2022, 1, 1) },
      "found no complete bars from 2022-01-01 on at binance",
    ],
  ])("refuses %j", async (options: Partial<FetchOptions>, message) => {
    const folder = newFolder();
    const refused: unknown = await fetchHere(folder, options).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining(message) });
    expect(existsSync(folder)).toBe(false);
  });

  test.each([
    [{ "--timeframe": "1x" }, '--timeframe must be such as 15m, 1h or 1d, found "1x"'],
    [{ "--end": "2020-01-01" }, "--end 2020-01-01 must be after --start 2021-01-01"],
  ])("refuses %j with exit code 2", async (flags: Readonly<Record<string, string>>, message) => {
    const refused = await run(newFolder(), flags);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(message);
  });
});
