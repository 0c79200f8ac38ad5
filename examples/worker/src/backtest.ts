import {
  backtest,
  breakout,
  type Bucket,
  CarryoverError,
  openMemory,
  openObjectStore,
  parseBarsCsv,
  type Provider,
  reversion,
  similarTrades,
  type Storage,
  trend,
} from "carryover";

/** Providers beside the rules, and what they want to know of a run. */
export interface Models {
  readonly providers: readonly Provider[];
  readonly onStart?: (runId: string) => Promise<void>;
  readonly close?: () => Promise<void>;
  /** How many questions were asked. */
  readonly asked?: () => number;
}

/** Backtests the bars of a request with what the bucket remembers. */
export async function answer(
  request: Request,
  bucket: Bucket,
  models: (bucket: Bucket) => Promise<Models> = async () => ({ providers: [] }),
): Promise<Response> {
  try {
    return Response.json(await run(request, bucket, models));
  } catch (error) {
    if (!(error instanceof CarryoverError || error instanceof RangeError)) throw error;
    const code = error instanceof CarryoverError ? error.code : "BAD_USAGE";
    const status = code === "LOCKED" ? 409 : code.startsWith("BAD_") ? 400 : 500;
    return Response.json({ error: error.message }, { status });
  }
}

/** A folder of files in the bucket. */
export function openFolder(bucket: Bucket, name: string): Promise<Storage> {
  const prefix = `${name}/`;
  return openObjectStore(bucket, { label: name, prefix, now: Date.now, newId: () => crypto.randomUUID() });
}

async function run(request: Request, bucket: Bucket, makeModels: (bucket: Bucket) => Promise<Models>): Promise<object> {
  const { searchParams } = new URL(request.url);
  const parameter = (name: string): string => searchParams.get(name) ?? "";
  const [asset, timeframe] = [parameter("asset"), parameter("timeframe")];
  const bytes = new Uint8Array(await request.arrayBuffer());
  const bars = parseBarsCsv(bytes, { asset, timeframe, file: "the request" });
  const storage = await openFolder(bucket, "memory");
  // One request at a time: another one gets status 409.
  const lock = await storage.lock({ pid: 0, command: "worker", host: "edge", since: new Date().toISOString() });
  try {
    const memory = await openMemory(storage);
    const rememberedBefore = memory.trades.length;
    const { providers, onStart, close, asked } = await makeModels(bucket);
    const { summary } = await backtest({
      bars: [bars],
      providers: [trend(), reversion(), breakout(), similarTrades(), ...providers],
      memory,
      start: parameter("start"),
      end: parameter("end"),
      chunks: "month",
      onStart,
    }).finally(close);
    return { remembered_before: rememberedBefore, questions_asked: asked?.() ?? 0, summary };
  } finally {
    await lock.release();
  }
}
