/** Bars from an exchange, through ccxt, which is loaded only here. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CarryoverError, fail, messageOf } from "../errors.ts";
import type { Bar } from "../types.ts";
import { unlessAborted } from "../util/async.ts";
import { closest } from "../util/closest.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { barsFileName } from "./bars-file-name.ts";
import { assertOnlyFile, extendBarsFile, readBarsFile } from "./bars-file.node.ts";
import { gapsIn } from "./spacing.ts";
import { isoDate, parseTimeframe, timeframeName } from "../util/time.ts";

export interface FetchOptions {
  /** A name that ccxt knows, such as `binance`. */
  readonly exchange: string;
  /** As the exchange writes it, such as `BTC/USDT`. */
  readonly symbol: string;
  readonly timeframe: string;
  /** Epoch ms; the end is exclusive. */
  readonly startMs: number;
  readonly endMs: number;
  readonly dataDir: string;
  /** Stops between two pages; what was fetched is written. */
  readonly signal: AbortSignal;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Another address of the exchange's public interface. @default the exchange's own */
  readonly apiUrl?: string | undefined;
  readonly onPage?: (progress: { readonly symbol: string; readonly bars: number; readonly share: number }) => void;
  readonly onRetry?: (message: string) => void;
}

/** What the file now has. */
export interface FetchedBars {
  readonly symbol: string;
  readonly file: string;
  readonly fetched: number;
  readonly bars: number;
  readonly gaps: number;
  /** Starts of the first and the last bar, ISO 8601. */
  readonly first: string;
  readonly last: string;
}

/** The part of ccxt that is used here. */
interface Exchange {
  urls: { api: unknown };
  readonly timeframes: Readonly<Record<string, unknown>>;
  readonly markets: Readonly<Record<string, unknown>>;
  /** The text of the last answer. */
  readonly last_http_response?: string | undefined;
  readonly last_response_headers?: Readonly<Record<string, string>> | undefined;
  loadMarkets(): Promise<unknown>;
  fetchOHLCV(symbol: string, timeframe: string, sinceMs: number, limit: number): Promise<(number | undefined)[][]>;
}

/** An incomplete answer, which ccxt takes for one without bars. */
class CutAnswer extends Error {}

const PAGE_BARS = 1000;

/** Pages between two writes of the file: a kill loses no more. */
const PAGES_PER_WRITE = 25;

const MAX_TRIES = 8;
const MAX_WAIT_MS = 60_000;

/**
 * Fetches bars and writes `<dataDir>/<ASSET>_<timeframe>.csv`. Existing bars are not fetched again: the same call continues where
 * an earlier one was stopped. An unfinished bar is left out.
 *
 * @throws {CarryoverError} `NOT_FOUND` without ccxt, the exchange, the symbol, the timeframe or any bars; `BAD_USAGE` if the folder has the bars in
 * another file; `BAD_DATA` for bars that cannot be; `IO` if the exchange does not answer.
 */
export async function fetchBars(options: FetchOptions): Promise<FetchedBars> {
  const { symbol, dataDir, startMs, signal, now } = options;
  const timeframeMs = parseTimeframe(options.timeframe);
  if (timeframeMs === undefined) throw new RangeError(`Cannot fetch bars: found the timeframe "${options.timeframe}"`);
  const timeframe = timeframeName(timeframeMs);
  const file = join(dataDir, barsFileName(symbol, timeframe));
  assertOnlyFile(file, { asset: symbol, timeframeMs });
  const exchange = await openExchange(options, timeframe);
  // An unfinished bar would still change. Weeks begin on any day.
  const endMs = Math.min(options.endMs, now() - timeframeMs + 1);
  const known = readBarsFile(file, { asset: symbol, timeframeMs });
  const source = { asset: symbol, timeframeMs, from: options.exchange };
  let page: Bar[] = [];
  let fetched = 0;
  let pages = 0;
  const keep = (): void => {
    if (page.length > 0) extendBarsFile(file, page, source);
    fetched += page.length;
    page = [];
  };
  try {
    for (let sinceMs = firstMissing(known, { startMs, endMs, timeframeMs }); sinceMs < endMs;) {
      signal.throwIfAborted();
      const work = withRetries(() => fetchPage(exchange, { symbol, timeframe, sinceMs }), { ...options, exchange });
      const rows = await unlessAborted(work, signal);
      const bars = rows.map(barOf).filter(({ timestamp }) => timestamp >= sinceMs && timestamp < endMs);
      page.push(...bars);
      // Some exchanges return nothing for a window without trades.
      sinceMs = bars.length > 0 ? bars.at(-1)!.timestamp + timeframeMs : sinceMs + PAGE_BARS * timeframeMs;
      if (++pages % PAGES_PER_WRITE === 0) keep();
      options.onPage?.({
        symbol,
        bars: fetched + page.length,
        share: Math.min(1, (sinceMs - startMs) / (endMs - startMs)),
      });
    }
  } finally {
    keep();
  }
  const bars = readBarsFile(file, { asset: symbol, timeframeMs });
  const [first, last] = [bars[0], bars.at(-1)].map((bar) => bar && new Date(bar.timestamp).toISOString());
  if (first === undefined || last === undefined) {
    const found = `no complete bars from ${isoDate(startMs)} on at ${options.exchange}`;
    throw fail("NOT_FOUND", `Cannot fetch "${symbol}"`, { found, expected: "a period of which the exchange has some" });
  }
  return { symbol, file, fetched, bars: bars.length, gaps: gapsIn(bars, timeframeMs).missing, first, last };
}

async function fetchPage(
  exchange: Exchange,
  page: { symbol: string; timeframe: string; sinceMs: number },
): Promise<readonly (number | undefined)[][]> {
  const rows = await exchange.fetchOHLCV(page.symbol, page.timeframe, page.sinceMs, PAGE_BARS);
  if (rows.length > 0) return rows;
  try {
    JSON.parse(exchange.last_http_response ?? "");
    return rows;
  } catch (cause) {
    throw new CutAnswer("an answer that broke off", { cause });
  }
}

/** Where to begin: after the known bars, if they reach back to the start. */
function firstMissing(known: readonly Bar[], span: { startMs: number; endMs: number; timeframeMs: number }): number {
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || first.timestamp > span.startMs) return span.startMs;
  return Math.max(span.startMs, last.timestamp + span.timeframeMs);
}

function barOf(row: readonly (number | undefined)[]): Bar {
  const [timestamp = 0, open = 0, high = 0, low = 0, close = 0, volume = 0] = row;
  return { timestamp, open, high, low, close, volume };
}

async function openExchange(options: FetchOptions, timeframe: string): Promise<Exchange> {
  const { exchange: name, symbol, apiUrl } = options;
  const ccxt = await loadCcxt();
  const Constructor = ccxt[name] as (new (settings: object) => Exchange) | undefined;
  const known = ccxt["exchanges"] as readonly string[];
  if (!known.includes(name) || Constructor === undefined) throw unknown("exchange", name, known);
  // Currencies and derivatives would take many requests.
  const exchange = new Constructor({
    enableRateLimit: true,
    options: { fetchMarkets: { types: ["spot"] }, fetchCurrencies: false },
  });
  if (apiUrl !== undefined) exchange.urls.api = withHost(exchange.urls.api, apiUrl);
  if (exchange.timeframes[timeframe] === undefined)
    throw unknown(`timeframe of ${name}`, timeframe, Object.keys(exchange.timeframes));
  await withRetries(() => exchange.loadMarkets(), { ...options, exchange });
  if (exchange.markets[symbol] === undefined) throw unknown(`symbol of ${name}`, symbol, Object.keys(exchange.markets));
  return exchange;
}

async function loadCcxt(): Promise<Readonly<Record<string, unknown>>> {
  const loaded = await loadOptional(() => import("ccxt"), { tried: "Cannot fetch bars", packages: ["ccxt"] });
  return (loaded as unknown as { readonly default: Readonly<Record<string, unknown>> }).default;
}

function unknown(what: string, name: string, known: readonly string[]): CarryoverError {
  const near = closest(name, known);
  const hint =
    near === undefined
      ? `known: ${known.slice(0, 8).join(", ")}${known.length > 8 ? ", ..." : ""}`
      : `did you mean "${near}"?`;
  return new CarryoverError("NOT_FOUND", `Unknown ${what} "${name}"; ${hint}`);
}

function withHost(urls: unknown, host: string): unknown {
  if (typeof urls === "string") return urls.replace(/^https?:\/\/[^/]+/, host.replace(/\/$/, ""));
  if (typeof urls !== "object" || urls === null) return urls;
  return Object.fromEntries(Object.entries(urls).map(([key, value]) => [key, withHost(value, host)]));
}

/** Tries again, more and more slowly, after failures that pass: rate limits, lost connections, busy servers. */
async function withRetries<T>(
  work: () => Promise<T>,
  { signal, onRetry, exchange, symbol }: Pick<FetchOptions, "signal" | "onRetry" | "symbol"> & { exchange: Exchange },
): Promise<T> {
  const { NetworkError } = (await loadCcxt()) as { readonly NetworkError: new () => Error };
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (cause) {
      const message = messageOf(cause).slice(0, 200);
      const isPassing = cause instanceof NetworkError || cause instanceof CutAnswer;
      if (!isPassing || tries === MAX_TRIES) {
        const expected = "an answer; the same command goes on where this one stopped";
        throw fail("IO", `Cannot fetch "${symbol}"`, { found: message, expected, cause });
      }
      const waitMs = retryAfterMs(exchange) ?? Math.min(MAX_WAIT_MS, 1000 * 2 ** (tries - 1));
      onRetry?.(`Trying again in ${Math.ceil(waitMs / 1000)} s: ${message}`);
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

function retryAfterMs({ last_response_headers: headers = {} }: Exchange): number | undefined {
  const value = Object.entries(headers).find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  const seconds = Number(value);
  return value === undefined || Number.isNaN(seconds) ? undefined : Math.min(MAX_WAIT_MS, 1000 * seconds);
}
