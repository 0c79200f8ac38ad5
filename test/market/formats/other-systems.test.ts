/** Files as their makers document them: two bars each, of 4 January 2021 at 14:00 and 15:00 UTC. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { importBars, type ImportOptions } from "../../../lib/market/import-bars.ts";
import { PROJECT_DIR } from "../../samples.ts";

const BARS = [
  [Date.parse("2021-01-04T14:00Z"), 100, 104, 99, 103, 7],
  [Date.parse("2021-01-04T15:00Z"), 103, 105, 101, 102, 9],
];
const NEW_YORK = { timezone: "America/New_York" };

const FILES: readonly (readonly [what: string, text: string, format: string, options?: Partial<ImportOptions>])[] = [
  [
    "NinjaTrader, in UTC, with the end of the bar",
    "20210104 150000;100;104;99;103;7\n20210104 160000;103;105;101;102;9\n",
    "NinjaTrader",
  ],
  [
    "Sierra Chart",
    "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n" +
      "2021/1/4, 09:00:00, 100, 104, 99, 103, 7, 3, 1, 1\n2021/1/4, 10:00:00, 103, 105, 101, 102, 9, 3, 1, 1\n",
    "Sierra Chart",
    NEW_YORK,
  ],
  [
    "Interactive Brokers with a zone",
    "date,open,high,low,close,volume,average,barCount\n" +
      "20210104 09:00:00 US/Eastern,100,104,99,103,7,101,3\n20210104 10:00:00 US/Eastern,103,105,101,102,9,103,3\n",
    "Interactive Brokers",
  ],
  [
    "Interactive Brokers on the clock of TWS",
    ",date,open,high,low,close,volume,average,barCount\n" +
      "0,20210104  09:00:00,100,104,99,103,7,101,3\n1,20210104  10:00:00,103,105,101,102,9,103,3\n",
    "Interactive Brokers",
    NEW_YORK,
  ],
  [
    "Databento with whole numbers of 1e-9",
    "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n" +
      "1609768800000000000,34,1,5,100000000000,104000000000,99000000000,103000000000,7\n" +
      "1609772400000000000,34,1,5,103000000000,105000000000,101000000000,102000000000,9\n",
    "Databento",
  ],
  [
    "Databento with decimals",
    "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n" +
      "2021-01-04T14:00:00.000000000Z,34,1,5,100.000000000,104.0,99.0,103.0,7,BTC\n" +
      "2021-01-04T15:00:00.000000000Z,34,1,5,103.000000000,105.0,101.0,102.0,9,BTC\n",
    "Databento",
  ],
  [
    "ends of bars in ns, to the last one",
    "time,open,high,low,close,volume\n1609772399999999999,100,104,99,103,7\n1609775999999999999,103,105,101,102,9\n",
    "table",
  ],
  [
    "ends of bars in ISO with microseconds",
    "date,open,high,low,close,volume\n2021-01-04T14:59:59.999999Z,100,104,99,103,7\n2021-01-04T15:59:59.999999Z,103,105,101,102,9\n",
    "table",
  ],
  [
    "ends of bars to the second",
    "date,open,high,low,close,volume\n2021-01-04 14:59:59,100,104,99,103,7\n2021-01-04 15:59:59,103,105,101,102,9\n",
    "table",
  ],
  [
    "rows of MetaTrader 5's Python package, from a broker without real volumes",
    "time,open,high,low,close,tick_volume,spread,real_volume\n1609768800,100,104,99,103,7,1,0\n1609772400,103,105,101,102,9,1,0\n",
    "MetaTrader 5, Python",
  ],
  [
    "TradingView with a column whose name begins with a number",
    "time,open,high,low,close,50 EMA,Volume\n2021-01-04T15:00:00+01:00,100,104,99,103,,7\n2021-01-04T16:00:00+01:00,103,105,101,102,101,9\n",
    "table",
  ],
  [
    "yfinance grouped by ticker, of which the asset's is taken",
    "Ticker,7203.T,7203.T,7203.T,7203.T,7203.T,BTCUSD,BTCUSD,BTCUSD,BTCUSD,BTCUSD\nPrice,Open,High,Low,Close,Volume,Open,High,Low,Close,Volume\n" +
      "Datetime,,,,,,,,,,\n2021-01-04 14:00:00+00:00,1,1,1,1,1,100,104,99,103,7\n2021-01-04 15:00:00+00:00,1,1,1,1,1,103,105,101,102,9\n",
    "yfinance, several header rows",
  ],
  [
    "yfinance with several tickers below the prices",
    "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAPL,BTCUSD,AAPL,BTCUSD,AAPL,BTCUSD,AAPL,BTCUSD,AAPL,BTCUSD\n" +
      "Datetime,,,,,,,,,,\n2021-01-04 14:00:00+00:00,1,103,1,104,1,99,1,100,1,7\n2021-01-04 15:00:00+00:00,1,102,1,105,1,101,1,103,1,9\n",
    "yfinance, several header rows",
  ],
  [
    "Kibot: a day and a time without a header",
    "01/04/2021,09:00,100,104,99,103,7\n01/04/2021,10:00,103,105,101,102,9\n01/14/2021,10:00,103,105,101,102,9\n",
    "columns without a header",
    NEW_YORK,
  ],
  [
    "Finam, in Moscow",
    "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\nBTC;60;20210104;170000;100;104;99;103;7\nBTC;60;20210104;180000;103;105;101;102;9\n",
    "Finam",
    { timezone: "Europe/Moscow" },
  ],
  [
    "Barchart, with its last line",
    "Time,Open,High,Low,Last,Change,%Chg,Volume\n2021-01-04 15:00,103,105,101,102,-1,-1%,9\n2021-01-04 14:00,100,104,99,103,1,1%,7\n" +
      '"Downloaded from Barchart.com as of 01-05-2021 08:12am CST"\n',
    "table",
  ],
  [
    "NASDAQ's prices in dollars",
    "Date,Close/Last,Volume,Open,High,Low\n2021-01-04 15:00,$102.00,9,$103.00,$105.00,$101.00\n2021-01-04 14:00,$103.00,7,$100.00,$104.00,$99.00\n",
    "table",
  ],
  [
    "months by name",
    "Date,Open,High,Low,Close,Volume\n04-Jan-2021 14:00,100,104,99,103,7\n04-Jan-2021 15:00,103,105,101,102,9\n",
    "table",
  ],
  [
    "Alpaca's API: the list of the asset",
    '{"bars":{"ETH/USD":[{"t":"2021-01-04T14:00:00Z","o":1,"h":1,"l":1,"c":1,"v":1}],"BTC/USD":[' +
      '{"t":"2021-01-04T14:00:00Z","o":100,"h":104,"l":99,"c":103,"v":7},{"t":"2021-01-04T15:00:00Z","o":103,"h":105,"l":101,"c":102,"v":9}]}}',
    "JSON records",
  ],
  [
    "JSON lines",
    '{"ts":1609768800000,"open":100,"high":104,"low":99,"close":103,"volume":7}\n{"ts":1609772400000,"open":103,"high":105,"low":101,"close":102,"volume":9}\n',
    "JSON records",
  ],
  [
    "Bitget's API: three volumes",
    '{"data":[["1609768800000","100","104","99","103","7","700","700"],["1609772400000","103","105","101","102","9","900","900"]]}',
    "Binance, ccxt or freqtrade JSON",
  ],
  [
    "OANDA's API: prices in a map of their own",
    '{"candles":[{"complete":true,"volume":7,"time":"2021-01-04T14:00:00.000000000Z","mid":{"o":"100","h":"104","l":"99","c":"103"}},' +
      '{"complete":true,"volume":9,"time":"2021-01-04T15:00:00.000000000Z","mid":{"o":"103","h":"105","l":"101","c":"102"}}]}',
    "JSON records",
  ],
  [
    "Deribit's API: columns",
    '{"result":{"ticks":[1609768800000,1609772400000],"open":[100,103],"high":[104,105],"low":[99,101],"close":[103,102],"volume":[7,9],"cost":[1,1],"status":"ok"}}',
    "JSON columns",
  ],
  [
    "Coinbase's candles: low and high first",
    "[[1609772400,101,105,103,102,9],[1609768800,99,104,100,103,7]]",
    "Coinbase candles",
  ],
  [
    "Coinbase's Advanced Trade API",
    '{"candles":[{"start":"1609772400","low":"101","high":"105","open":"103","close":"102","volume":"9"},' +
      '{"start":"1609768800","low":"99","high":"104","open":"100","close":"103","volume":"7"}]}',
    "JSON records",
  ],
  [
    "Bitfinex' candles: the close second",
    "[[1609772400000,103,102,105,101,9],[1609768800000,100,103,104,99,7]]",
    "Bitfinex candles",
  ],
  [
    "Kraken's API: a mean price before the volume",
    '{"error":[],"result":{"XXBTZUSD":[[1609768800,"100","104","99","103","101","7",3],[1609772400,"103","105","101","102","103","9",3]],"last":1}}',
    "Kraken JSON",
  ],
  [
    "Bybit's API, newest first",
    '{"retCode":0,"result":{"list":[["1609772400000","103","105","101","102","9","1"],["1609768800000","100","104","99","103","7","1"]]}}',
    "Binance, ccxt or freqtrade JSON",
  ],
  [
    "Bitstamp's API",
    '{"data":{"pair":"BTC/USD","ohlc":[{"timestamp":"1609768800","open":"100","high":"104","low":"99","close":"103","volume":"7"},' +
      '{"timestamp":"1609772400","open":"103","high":"105","low":"101","close":"102","volume":"9"}]}}',
    "JSON records",
  ],
  [
    "Finnhub's columns",
    '{"c":[103,102],"h":[104,105],"l":[99,101],"o":[100,103],"s":"ok","t":[1609768800,1609772400],"v":[7,9]}',
    "JSON columns",
  ],
  [
    "Alpha Vantage's JSON, in the zone that it states",
    '{"Meta Data":{"1. Information":"Intraday","6. Time Zone":"US/Eastern"},"Time Series (60min)":{' +
      '"2021-01-04 10:00:00":{"1. open":"103","2. high":"105","3. low":"101","4. close":"102","5. volume":"9"},' +
      '"2021-01-04 09:00:00":{"1. open":"100","2. high":"104","3. low":"99","4. close":"103","5. volume":"7"}}}',
    "JSON rows by time",
  ],
];

test.each(FILES)("%s", async (_, text, format, options = {}) => {
  const bytes = new TextEncoder().encode(text);
  const imported = await importBars([{ name: "bars", bytes }], { asset: "BTCUSD", ...options });
  expect(imported.format).toBe(format);
  const rows = imported.series.bars.map(({ timestamp, open, high, low, close, volume }) => {
    return [timestamp, open, high, low, close, volume];
  });
  expect(rows.slice(0, 2)).toEqual(BARS);
});

test.each(["51 320.76", "51\u00A0320.76", "51\u202F320.76", "51’320.76", "51,320.76", "51320.76", "$51,320.76"])(
  "the price %j is one number",
  async (price) => {
    const row = (hour: number): string => `2021-01-04 0${hour}:00;${price};${price};${price};${price}`;
    const bytes = new TextEncoder().encode(`date;open;high;low;close\n${row(0)}\n${row(1)}\n`);
    const { series } = await importBars([{ name: "bars", bytes }], { asset: "BTCUSD" });
    expect(series.bars[0]).toMatchObject({ open: 51320.76, close: 51320.76 });
  },
);

test("nanoseconds of Arrow are exact: the last one of a bar is its end", async () => {
  const ends = BARS.map(([ms]) => 1_000_000n * BigInt(ms! + 3_600_000) - 1n);
  const column = (i: number): Float64Array => Float64Array.from(BARS, (bar) => bar[i]!);
  const prices = { open: column(1), high: column(2), low: column(3), close: column(4), volume: column(5) };
  const integers = tableToIPC(tableFromArrays({ time: BigInt64Array.from(ends), ...prices }), { format: "file" })!;
  const timestamps = readFileSync(join(PROJECT_DIR, "test/fixtures/market/bar_ends_ns_lz4.feather"));
  for (const bytes of [integers, new Uint8Array(timestamps)]) {
    const { series, stamp } = await importBars([{ name: "bars", bytes }], { asset: "BTCUSD" });
    expect(stamp).toBe("end");
    expect(series.bars.map(({ timestamp, close, volume }) => [timestamp, close, volume])).toEqual(
      BARS.map((bar) => [bar[0]!, bar[4]!, bar[5]!]),
    );
  }
});

test.each([
  [
    "TradeStation",
    '"Date","Time","Open","High","Low","Close","Up","Down"\n01/14/2021,10:00,100,104,99,103,7,3\n',
    'found TradeStation, whose times are in the time zone of the chart, expected --timezone: "America/New_York" for US stocks',
  ],
  [
    "Sierra Chart",
    "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n2021/1/4, 09:00:00, 1, 1, 1, 1, 7, 3, 1, 1\n",
    "found Sierra Chart, whose times are in the time zone of the chart, expected --timezone",
  ],
])("the zone of %s has to be named", async (_, text, message) => {
  const bytes = new TextEncoder().encode(text);
  await expect(importBars([{ name: "bars", bytes }], { asset: "BTCUSD" })).rejects.toThrow(message);
});

test("TradeStation's bars are stamped with their end", async () => {
  const text =
    '"Date","Time","Open","High","Low","Close","Up","Down"\n01/14/2021,10:00,100,104,99,103,7,3\n01/14/2021,11:00,103,105,101,102,9,1\n';
  const bytes = new TextEncoder().encode(text);
  const { series } = await importBars([{ name: "bars", bytes }], { asset: "SPY", ...NEW_YORK });
  expect(new Date(series.bars[0]!.timestamp).toISOString()).toBe("2021-01-14T14:00:00.000Z");
});
