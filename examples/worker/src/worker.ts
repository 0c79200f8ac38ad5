/**
 * A worker that backtests the bars of a request, and remembers every trade for the requests after it.
 *
 *     POST /r2?asset=BTCUSD&timeframe=1h&start=2021-01-01&end=2021-02-01        CSV of bars
 *     POST /object?...                                                          likewise, in a Durable Object
 *
 * `/r2` keeps its memory in R2, `/object` in the SQLite of a Durable Object, where no file takes a request.
 */
import { durableObjectBucket, type DurableObjectSql, type R2Binding, r2Bucket } from "carryover";
import { answer } from "./backtest.ts";

/** What wrangler.jsonc binds the worker to. */
interface Environment {
  readonly MEMORY: R2Binding;
  readonly BACKTESTS: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export default {
  async fetch(request: Request, { MEMORY, BACKTESTS }: Environment): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/r2") return answer(request, r2Bucket(MEMORY));
    if (pathname === "/object") return BACKTESTS.getByName("memory").fetch(request);
    return new Response("Post bars to /r2 or /object\n", { status: 404 });
  },
};

/** A Durable Object that backtests in its own memory. */
export class Backtests {
  readonly #sql: DurableObjectSql;

  constructor(state: { readonly storage: { readonly sql: DurableObjectSql } }) {
    this.#sql = state.storage.sql;
  }

  fetch(request: Request): Promise<Response> {
    return answer(request, durableObjectBucket(this.#sql));
  }
}
