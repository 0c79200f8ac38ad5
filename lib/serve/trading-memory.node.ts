/** Memory in the process of a program that trades with an engine of its own: what `serve` does, without a server. */
import { resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { parseConfig } from "../config/parse.ts";
import type { ForgottenProvider } from "../maintenance/forget-providers.ts";
import { openServer } from "./open.node.ts";
import type { MethodParams } from "./params.ts";
import type {
  CloseResult,
  DecideResult,
  OpenResult,
  RecallTradesResult,
  RecordResult,
  RecordsResult,
  WeightsResult,
} from "./session-results.ts";

type TimeField = "start" | "before" | "as_of" | "entry_timestamp" | "exit_timestamp";

/** Parameters as they are given: times as ISO 8601 or a `Date`, too, and without what has a default. */
type Given<T, WithDefault extends keyof T = never> = {
  readonly [K in keyof T as Exclude<K, WithDefault>]: K extends TimeField ? T[K] | string | Date : T[K];
} & { readonly [K in WithDefault]?: T[K] };

/** What each method takes and returns, by its name. docs/SERVE.md describes them. */
export interface TradingMemoryMethods {
  readonly open_session: { params: Given<MethodParams["open_session"], "market">; result: OpenResult };
  readonly decide: { params: Given<MethodParams["decide"]>; result: DecideResult };
  readonly record_outcome: {
    params: Given<MethodParams["record_outcome"], "fees" | "exit_reason">;
    result: RecordResult;
  };
  readonly close_session: { params: MethodParams["close_session"]; result: CloseResult };
  readonly recall_trades: { params: Given<MethodParams["recall_trades"], "k">; result: RecallTradesResult };
  readonly provider_weights: { params: Given<MethodParams["provider_weights"]>; result: WeightsResult };
  readonly provider_records: { params: Given<MethodParams["provider_records"]>; result: RecordsResult };
  readonly memory_stats: { params: MethodParams["memory_stats"]; result: Readonly<Record<string, unknown>> };
  readonly forget_provider: { params: Given<MethodParams["forget_provider"]>; result: ForgottenProvider };
}

/** A memory folder that this process trades with. No other process can write to it until it is closed. */
export interface TradingMemory {
  /**
   * Calls a method. Calls are done in their order, and each resolves when what it says is durable.
   *
   * @throws {CarryoverError} For parameters that are refused, whose `field` the message names; nothing of such a call is stored.
   */
  readonly call: <Name extends keyof TradingMemoryMethods>(
    method: Name,
    params: TradingMemoryMethods[Name]["params"],
  ) => Promise<TradingMemoryMethods[Name]["result"]>;
  /** Makes durable what sessions have, and releases the folder. Sessions that are not closed can be resumed. */
  readonly close: () => Promise<void>;
}

export interface TradingMemoryOptions {
  /** What sessions keep to where they set nothing, and the embedder: `loadConfig()` reads it. @default the defaults of config.yaml */
  readonly config?: Config | undefined;
  /** Called with what the user should know, a sentence a call. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Stops the opening. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a memory folder for a program that decides and trades by itself: it sends its providers' votes, gets weights, confidence and
 * size, and reports each trade that has closed. A missing folder is created.
 *
 * @throws {CarryoverError} `LOCKED` if another process writes to it; as `openMemoryFolder()` does.
 *
 * @example
 * ```ts
 * const memory = await openTradingMemory("data/memory");
 * const { session } = await memory.call("open_session", { engine: "mybot", mode: "live", providers: ["trend", "news"] });
 * const { similar } = await memory.call("decide", { session, as_of: Date.now(), asset: "BTCUSD", votes: [] });
 * await memory.close();
 * ```
 */
export async function openTradingMemory(folder: string, options: TradingMemoryOptions = {}): Promise<TradingMemory> {
  const { onNote = () => {}, signal = new AbortController().signal } = options;
  const config = options.config ?? (await parseConfig("{}", { file: "the defaults" }));
  const memory = { ...config.memory, dir: resolve(folder), model_dir: resolve(config.memory.model_dir) };
  const { calls, close } = await openServer({ config, memory, onNote, signal });
  return { call: (method, params) => calls.call(method, withEpochTimes(params)) as Promise<never>, close };
}

function withEpochTimes(params: object): Record<string, unknown> {
  const entries = Object.entries(params).map(([name, value]) => [
    name,
    value instanceof Date ? value.getTime() : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
