import type { Market } from "../domain.ts";
import type { RunMemory } from "../memory/run-memory.ts";
import type { Provider } from "../providers/provider.ts";
import type { AssetFeed } from "./asset-feed.ts";
import type { Broker } from "./broker.ts";
import type { Chunk } from "./chunks.ts";
import type { DrawdownState } from "./metrics.ts";
import type { BacktestSettings } from "./settings.ts";

/** What stays the same, or goes on, from chunk to chunk. */
export interface LoopContext {
  readonly settings: BacktestSettings;
  readonly providers: readonly Provider[];
  readonly memory: RunMemory;
  readonly broker: Broker;
  /** In config order. */
  readonly feeds: readonly AssetFeed[];
  readonly drawdown: DrawdownState;
  readonly runId: string;
  readonly market: Market;
  readonly chunks: readonly Chunk[];
  /** Stops the run, also while a provider is being waited for. */
  readonly signal: AbortSignal | undefined;
  /** Called after every tick; it may throw to stop the run between two ticks. */
  readonly onTick: (tick: TickReport) => void;
}

/** What a tick came to. */
export interface TickReport {
  readonly chunk: string;
  /** The end of the tick's bars, epoch ms. */
  readonly knownMs: number;
  readonly equity: number;
  /** Trades that closed at this tick. */
  readonly closed: number;
}
