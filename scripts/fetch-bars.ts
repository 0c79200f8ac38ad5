#!/usr/bin/env bun
/**
 * Bars from an exchange.
 *
 *   bun scripts/fetch-bars.ts --exchange binance --assets BTC/USDT,ETH/USDT --timeframe 1h --start D [--end D]
 */
import { resolve } from "node:path";
import { CarryoverError } from "../lib/errors.ts";
import { fetchBars, type FetchedBars } from "../lib/market/fetch.node.ts";
import { parseTimeframe } from "../lib/market/timeframe.ts";
import { isoDate, parseTimestamp } from "../lib/util/time.ts";
import { parseFlags } from "./cli/args.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { countOf, progressLine, shownPath } from "./text/table.ts";

const COMMAND = {
  summary: `Fetches bars from an exchange, and writes them as <ASSET>_<timeframe>.csv. Bars that are there are not fetched again,
so the same command goes on where one before was stopped. It needs the package ccxt: bun add ccxt.`,
  usage: "bun scripts/fetch-bars.ts --exchange E --assets A,B --start D [--end D] [flags]",
  flags: {
    exchange: { type: "string", value: "E", help: "a name that ccxt knows, such as binance" },
    assets: { type: "string", value: "A,B", help: "as the exchange writes them, such as BTC/USDT" },
    timeframe: { type: "string", value: "T", help: "such as 15m, 1h or 1d (default: 1h)" },
    start: { type: "string", value: "D", help: "first day, YYYY-MM-DD" },
    end: { type: "string", value: "D", help: "day after the last (default: up to the last bar that is over)" },
    "api-url": { type: "string", value: "URL", help: "another host for the exchange's public interface" },
    "data-dir": { type: "string", value: "DIR", help: "where to write (default: data/market)" },
    json: { type: "boolean", help: "print the result as JSON" },
  },
  example: `bun scripts/fetch-bars.ts --exchange binance --assets BTC/USDT,ETH/USDT --start 2021-01-01
    bun scripts/fetch-bars.ts --exchange kraken --assets BTC/USD --timeframe 1d --start 2020-01-01 --end 2021-01-01`,
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const { exchange, assets, timeframe = "1h" } = flags;
  if (exchange === undefined) throw new CarryoverError("BAD_USAGE", "No --exchange, expected a name such as binance");
  if (assets === undefined) throw new CarryoverError("BAD_USAGE", "No --assets, expected such as BTC/USDT,ETH/USDT");
  if (flags.start === undefined) throw new CarryoverError("BAD_USAGE", "No --start, expected a day such as 2021-01-01");
  if (parseTimeframe(timeframe) === undefined) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --timeframe: found "${timeframe}", expected such as 15m, 1h or 1d`,
    );
  }
  const [startMs, endMs] = [
    dayOf("--start", flags.start),
    flags.end === undefined ? Infinity : dayOf("--end", flags.end),
  ];
  if (endMs <= startMs) {
    throw new CarryoverError("BAD_USAGE", `--end ${flags.end ?? ""} must be after --start ${flags.start}`);
  }
  const line = progressLine();
  const results: FetchedBars[] = [];
  for (const symbol of assets.split(",").map((name) => name.trim())) {
    const result = await fetchBars({
      exchange,
      symbol,
      timeframe,
      startMs,
      endMs,
      dataDir: resolve(flags["data-dir"] ?? "data/market"),
      signal,
      now: () => Date.now(),
      apiUrl: flags["api-url"],
      onPage: ({ bars, share }) => line.update(() => `${symbol}: ${countOf(bars, "bar")}  ${Math.floor(100 * share)}%`),
      onRetry: (message) => {
        line.clear();
        note(message);
      },
    }).finally(line.clear);
    results.push(result);
    if (!flags.json) await writeOut(renderFetched(result));
  }
  if (flags.json) await writeJson(results);
});

function renderFetched({ symbol, file, fetched, bars, gaps }: FetchedBars): string {
  return `${symbol}: ${countOf(bars, "bar")}, ${fetched} of them fetched now, ${countOf(gaps, "gap")}; ${shownPath(file)}\n`;
}

function dayOf(flag: string, text: string): number {
  const ms = parseTimestamp(text);
  if (ms === undefined || isoDate(ms) !== text) {
    throw new CarryoverError("BAD_USAGE", `Cannot use ${flag}: found "${text}", expected a day such as 2021-01-01`);
  }
  return ms;
}
