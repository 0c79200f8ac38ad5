import { directionOf } from "../memory/trade.ts";
import type { BacktestSettings, Costs } from "../settings.ts";
import type { Bar, ExitReason, OpenPosition, Order, Position, TradeAction } from "../types.ts";
import type { BrokerState } from "../results/chunks.ts";

export interface ClosedTrade {
  readonly position: Position;
  readonly exitReason: ExitReason;
  readonly exitMs: number;
  /** The tick of the bar in which it closed. */
  readonly exitTickMs: number;
  readonly rawExitPrice: number;
  readonly exitPrice: number;
  readonly feeCost: number;
  readonly realizedPnl: number;
}

export function costsOf(settings: BacktestSettings, asset: string): Costs {
  const costs = settings.costs.get(asset);
  if (costs === undefined) {
    throw new RangeError(`Cannot trade "${asset}": found no costs, expected them in the settings`);
  }
  return costs;
}

/** Orders, fills, stops, costs and money (docs/RULES.md). The loop calls it for one asset after the other, in config order. */
export class Broker {
  readonly #settings: BacktestSettings;
  readonly #positions: Map<string, Position>;
  readonly #orders: Map<string, Order>;
  readonly #realizedPnl: Map<string, number>;
  /** The last bar of each asset, and its tick (see Feed). */
  readonly #lastBars = new Map<string, { readonly bar: Bar; readonly tickMs: number }>();
  #balance: number;
  #turnover: number;

  /** @param state What an earlier chunk left. @default the initial balance, and nothing open */
  constructor(settings: BacktestSettings, state?: BrokerState) {
    this.#settings = settings;
    this.#balance = state?.balance ?? settings.initialBalance;
    this.#turnover = state?.turnover_notional ?? 0;
    this.#positions = new Map(state?.positions.map((position) => [position.asset, position]));
    this.#orders = new Map(state?.orders.map((order) => [order.asset, order]));
    this.#realizedPnl = new Map(settings.assets.map((asset) => [asset, state?.realized_pnl[asset] ?? 0]));
  }

  /** Sets an asset's last bar before the run, so that its close is known. */
  setLastBar(asset: string, bar: Bar, tickMs: number = bar.timestamp): void {
    this.#lastBars.set(asset, { bar, tickMs });
  }

  /** Places an order for the asset's next bar. It replaces one that waits. */
  place(order: Order): void {
    this.#orders.set(order.asset, order);
  }

  /** Step 1 of a tick, `tickMs`: fills the waiting order, or closes a position that is held too long, at the bar's open. */
  atOpen(asset: string, bar: Bar, tickMs: number = bar.timestamp): ClosedTrade | undefined {
    const order = this.#orders.get(asset);
    const position = this.#positions.get(asset);
    this.#orders.delete(asset);
    let closed: ClosedTrade | undefined;
    if (position !== undefined) {
      const isDue = bar.timestamp >= position.entry_ms + this.#settings.risk.maxHoldingMs;
      const reason = order?.closes === true ? (order.exit_reason ?? "reversed") : isDue ? "timeout" : undefined;
      if (reason !== undefined) closed = this.#close(position, { reason, tickMs, raw: bar.open, atMs: bar.timestamp });
    }
    if (order !== undefined && order.opens !== null) this.#open(asset, bar, order.opens);
    return closed;
  }

  /** Step 2 of a tick: stop and target, at the open and inside the bar. From here on the bar is known. */
  insideBar(asset: string, bar: Bar, tickMs: number = bar.timestamp): ClosedTrade | undefined {
    this.#lastBars.set(asset, { bar, tickMs });
    const position = this.#positions.get(asset);
    const exit = position && levelReached(position, bar);
    if (position === undefined || exit === undefined) return undefined;
    const { reason, raw, atOpen } = exit;
    return this.#close(position, { reason, tickMs, raw, atMs: atOpen ? bar.timestamp : this.#endOf(tickMs) });
  }

  /** Closes an asset's position at its last close. */
  atEndOfRun(asset: string): ClosedTrade | undefined {
    const position = this.#positions.get(asset);
    const last = this.#lastBars.get(asset);
    if (position === undefined || last === undefined) return undefined;
    const { bar, tickMs } = last;
    return this.#close(position, { reason: "end_of_run", tickMs, raw: bar.close, atMs: this.#endOf(tickMs) });
  }

  /** Drops the waiting orders, and counts them. */
  dropOrders(): number {
    const dropped = this.#orders.size;
    this.#orders.clear();
    return dropped;
  }

  position(asset: string): Position | undefined {
    return this.#positions.get(asset);
  }

  /** The action of an asset's position as its waiting order will leave it; `undefined` where flat. */
  actionAfterOrders(asset: string): TradeAction | undefined {
    const order = this.#orders.get(asset);
    return order === undefined ? this.#positions.get(asset)?.action : order.opens?.action;
  }

  get openCount(): number {
    return this.#positions.size;
  }

  /** The open positions as providers see them, in config order. */
  openPositions(): readonly OpenPosition[] {
    return this.#inOrder(this.#positions).map((position) => {
      const { asset, action, entry_ms, entry_price, raw_entry_price, risk_per_unit } = position;
      const gross = directionOf(action) * (this.#lastClose(position) - raw_entry_price);
      const entry_timestamp = new Date(entry_ms).toISOString();
      return { asset, action, entry_timestamp, entry_price, open_r: risk_per_unit > 0 ? gross / risk_per_unit : null };
    });
  }

  /** Balance and open P&L at the last closes. Fees are booked at the exit. */
  equity(): number {
    // In config order, as a sum of floats depends on the order of its terms. The map has the order of entry.
    return this.#inOrder(this.#positions).reduce((sum, position) => sum + this.#openPnl(position), this.#balance);
  }

  /** Realized and open P&L of one asset. */
  pnl(asset: string): number {
    const position = this.#positions.get(asset);
    return (this.#realizedPnl.get(asset) ?? 0) + (position === undefined ? 0 : this.#openPnl(position));
  }

  /** What another broker needs to continue from here, except the last bars. */
  state(): BrokerState {
    return {
      balance: this.#balance,
      positions: this.#inOrder(this.#positions),
      orders: this.#inOrder(this.#orders),
      realized_pnl: Object.fromEntries(this.#realizedPnl),
      turnover_notional: this.#turnover,
    };
  }

  #open(asset: string, bar: Bar, opens: NonNullable<Order["opens"]>): void {
    const { action, size, decision } = opens;
    const { stopAtr, targetAtr } = this.#settings.risk;
    const { atr } = decision.situation;
    const direction = directionOf(action);
    const entryPrice = this.#fillPrice(asset, bar.open, direction);
    this.#turnover += entryPrice * size;
    this.#positions.set(asset, {
      asset,
      action,
      decision,
      size,
      entry_ms: bar.timestamp,
      raw_entry_price: bar.open,
      entry_price: entryPrice,
      stop_price: bar.open - direction * stopAtr * atr,
      target_price: bar.open + direction * targetAtr * atr,
      risk_per_unit: stopAtr * atr,
    });
  }

  #close(
    position: Position,
    { reason, tickMs, raw, atMs }: { reason: ExitReason; tickMs: number; raw: number; atMs: number },
  ): ClosedTrade {
    const { asset, size, entry_price: entryPrice } = position;
    const direction = directionOf(position.action);
    const exitPrice = this.#fillPrice(asset, raw, direction === 1 ? -1 : 1);
    const feeCost = (costsOf(this.#settings, asset).feeBps / 10_000) * (entryPrice + exitPrice) * size;
    const realizedPnl = direction * (exitPrice - entryPrice) * size - feeCost;
    this.#positions.delete(asset);
    this.#balance += realizedPnl;
    this.#realizedPnl.set(asset, (this.#realizedPnl.get(asset) ?? 0) + realizedPnl);
    this.#turnover += exitPrice * size;
    return {
      position,
      exitReason: reason,
      exitMs: atMs,
      exitTickMs: tickMs,
      rawExitPrice: raw,
      exitPrice,
      feeCost,
      realizedPnl,
    };
  }

  /** The raw price moved by half the spread and the slippage, against the trader. */
  #fillPrice(asset: string, raw: number, side: 1 | -1): number {
    const { spreadBps, slippageBps } = costsOf(this.#settings, asset);
    return raw * (1 + (side * (spreadBps / 2 + slippageBps)) / 10_000);
  }

  #openPnl(position: Position): number {
    return directionOf(position.action) * (this.#lastClose(position) - position.entry_price) * position.size;
  }

  #lastClose(position: Position): number {
    return this.#lastBars.get(position.asset)?.bar.close ?? position.entry_price;
  }

  #endOf(tickMs: number): number {
    return tickMs + this.#settings.timeframeMs;
  }

  #inOrder<T>(byAsset: ReadonlyMap<string, T>): readonly T[] {
    return this.#settings.assets.flatMap((asset) => byAsset.get(asset) ?? []);
  }
}

/** Where a bar closes a position: at its open, else at the level that it touches, the stop if it touches both. */
function levelReached(
  position: Position,
  bar: Bar,
): { reason: "stop" | "target"; raw: number; atOpen: boolean } | undefined {
  const direction = directionOf(position.action);
  const { stop_price: stop, target_price: target } = position;
  const [worst, best] = direction === 1 ? [bar.low, bar.high] : [bar.high, bar.low];
  if (direction * (bar.open - stop) <= 0) return { reason: "stop", raw: bar.open, atOpen: true };
  if (direction * (bar.open - target) >= 0) return { reason: "target", raw: bar.open, atOpen: true };
  if (direction * (worst - stop) <= 0) return { reason: "stop", raw: stop, atOpen: false };
  if (direction * (best - target) >= 0) return { reason: "target", raw: target, atOpen: false };
  return undefined;
}
