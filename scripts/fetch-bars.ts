#!/usr/bin/env bun
/** Fetches bars from an exchange. */
import { resolve } from "node:path";
import { fetchBars, type FetchedBars } from "../lib/market/fetch.node.ts";
import { isoDate, parseTimeframe, parseTimestamp } from "../lib/util/time.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { openProgress } from "./cli/progress.ts";
import { count, countOf, minute } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Fetches bars from an exchange, and writes them as <ASSET>_<timeframe>.csv. Existing bars are not fetched again: " +
    "if it was stopped, run the same command again. It needs the package ccxt: bun add ccxt.",
  usage: ["bun scripts/fetch-bars.ts --exchange E --assets A,B --start D [--end D]", "    [flags]"],
  flags: {
    exchange: { type: "string", value: "E", help: "a name that ccxt knows, such as binance" },
    assets: { type: "string", value: "A,B", help: "as the exchange writes them, such as BTC/USDT" },
    timeframe: { type: "string", value: "T", help: "such as 15m, 1h or 1d (default: 1h)" },
    start: { type: "string", value: "D", help: "first day, YYYY-MM-DD" },
    end: { type: "string", value: "D", help: "day after the last (default: up to the last complete bar)" },
    "api-url": { type: "string", value: "URL", help: "another host for the exchange's public API" },
    "data-dir": { type: "string", value: "DIR", help: "target folder (default: data/market)" },
    json: SHARED_FLAGS.json,
  },
  examples: [
    "bun scripts/fetch-bars.ts --exchange binance --assets BTC/USDT,ETH/USDT \\",
    "    --start 2021-01-01",
    "bun scripts/fetch-bars.ts --exchange bitstamp --assets BTC/USD \\",
    "    --timeframe 1d --start 2020-01-01 --end 2021-01-01",
  ],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const { exchange, assets, start, end, timeframe = "1h" } = flags;
  if (exchange === undefined) throw usageError("fetch-bars needs --exchange, such as --exchange binance");
  if (assets === undefined) throw usageError("fetch-bars needs --assets, such as --assets BTC/USDT,ETH/USDT");
  if (start === undefined) throw usageError("fetch-bars needs --start, such as --start 2021-01-01");
  if (parseTimeframe(timeframe) === undefined) {
    throw usageError(`--timeframe must be such as 15m, 1h or 1d, found "${timeframe}"`);
  }
  const startMs = dayOf("--start", start);
  const endMs = end === undefined ? Infinity : dayOf("--end", end);
  if (endMs <= startMs) throw usageError(`--end ${end} must be after --start ${start}`);
  const progress = openProgress();
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
      onPage: ({ bars, share }) =>
        progress.update(() => `${symbol}: ${countOf(bars, "bar")}  ${Math.floor(100 * share)}%`),
      onRetry: (message) => {
        progress.clear();
        note(message);
      },
    }).finally(progress.clear);
    results.push(result);
    if (!flags.json) await writeOut(renderFetched(result));
  }
  if (flags.json) await writeJson(results);
});

function renderFetched({ symbol, file, fetched, bars, gaps, first, last }: FetchedBars): string {
  const figures = `${countOf(bars, "bar")} from ${minute(first)} to ${minute(last)}, ${count(fetched)} of them fetched now`;
  return `${symbol}: ${figures}, ${countOf(gaps, "gap")}; ${shownPath(file)}\n`;
}

function dayOf(flag: string, text: string): number {
  const ms = parseTimestamp(text);
  if (ms === undefined || isoDate(ms) !== text) {
    throw usageError(`${flag} must be a day such as 2021-01-01, found "${text}"`);
  }
  return ms;
}
