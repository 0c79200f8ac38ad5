/** Files as their makers document them: two bars each, of 4 January 2021 at 14:00 and 15:00 UTC. */
import { expect, test } from "bun:test";
import { importBars, type ImportOptions } from "../../../lib/market/import-bars.ts";

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
    "TradingView",
  ],
  [
    "ends of bars in ISO with microseconds",
    "date,open,high,low,close,volume\n2021-01-04T14:59:59.999999Z,100,104,99,103,7\n2021-01-04T15:59:59.999999Z,103,105,101,102,9\n",
    "table",
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
    "ccxt or freqtrade JSON",
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
  expect(rows).toEqual(BARS);
});

test.each([
  [
    "TradeStation",
    '"Date","Time","Open","High","Low","Close","Up","Down"\n01/14/2021,10:00,100,104,99,103,7,3\n',
    'found TradeStation, whose times are those of the chart, expected --timezone: "America/New_York" for US stocks',
  ],
  [
    "Sierra Chart",
    "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n2021/1/4, 09:00:00, 1, 1, 1, 1, 7, 3, 1, 1\n",
    "found Sierra Chart, whose times are those of the chart, expected --timezone",
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
