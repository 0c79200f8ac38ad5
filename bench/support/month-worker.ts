/** A worker that does nothing, or backtests the bars of a request with a memory of its own. */
import {
  backtest,
  breakout,
  inMemoryStorage,
  openMemory,
  parseBarsCsv,
  reversion,
  similarTrades,
  trend,
} from "../../lib/mod.ts";

/** The trades of a month of one asset, in chunks of a week. */
export async function backtestMonth(csv: Uint8Array): Promise<number> {
  const { summary } = await backtest({
    bars: [parseBarsCsv(csv, { asset: "BTCUSD", timeframe: "1h", file: "the request" })],
    providers: [trend(), reversion(), breakout(), similarTrades()],
    memory: await openMemory(inMemoryStorage()),
    start: "2021-02-01",
    end: "2021-03-01",
    chunks: "week",
  });
  return summary.total_trades;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    return new Response(String(request.url.endsWith("/month") ? await backtestMonth(bytes) : 0));
  },
};
