import type { Bar, BrokerState, ExitReason, Order, Position, TradeAction } from "../types.ts";
import { costsOf, directionOf, type ClosedTrade } from "./sizing.ts";
import type { BacktestSettings } from "../settings.ts";

/** Orders, fills, stops, costs and money of docs/RULES.md. Assets are passed in config order by the loop. */
export interface Broker {
  /** Step 1: the waiting order and the time-out, at the bar's open. */
  atOpen(asset: string, bar: Bar): ClosedTrade | undefined;
  /** Step 2: stop and target, at the open and inside the bar. The bar is known from here on. */
  insideBar(asset: string, bar: Bar): ClosedTrade | undefined;
  /** Closes an asset's position at its last close. */
  atEndOfRun(asset: string): ClosedTrade | undefined;
  /** The action of an asset's position as its waiting order will leave it; `undefined` where flat. */
  actionAfterOrders(asset: string): TradeAction | undefined;
  position(asset: string): Position | undefined;
  place(order: Order): void;
  /** Drops the waiting orders. */
  dropOrders(): number;
  /** Tells the broker of a bar before the run, so that equity knows a last close. */
  remember(asset: string, bar: Bar): void;
  /** Balance and open P&L at the last closes; fees are booked at the exit. */
  equity(): number;
  /** Realized and open P&L of one asset. */
  pnl(asset: string): number;
  openPositions(): number;
  state(): BrokerState;
}

/** Opens a broker at the state that an earlier chunk left, or with the initial balance. */
export function openBroker(settings: BacktestSettings, state?: BrokerState): Broker {
  const { timeframeMs, risk } = settings;
  let balance = state?.balance ?? settings.initialBalance;
  let turnover = state?.turnover_notional ?? 0;
  const positions = new Map((state?.positions ?? []).map((position) => [position.asset, position]));
  const orders = new Map((state?.orders ?? []).map((order) => [order.asset, order]));
  const realized = new Map(settings.assets.map((asset) => [asset, state?.realized_pnl[asset] ?? 0]));
  const lastBars = new Map<string, Bar>();

  const fillPrice = (asset: string, raw: number, side: 1 | -1): number => {
    const { spreadBps, slippageBps } = costsOf(settings, asset);
    return raw * (1 + (side * (spreadBps / 2 + slippageBps)) / 10_000);
  };

  const close = (
    position: Position,
    exit: { reason: ExitReason; bar: Bar; raw: number; atMs: number },
  ): ClosedTrade => {
    const { asset, size } = position;
    const direction = directionOf(position.action);
    const exitPrice = fillPrice(asset, exit.raw, direction === 1 ? -1 : 1);
    const feeCost = (costsOf(settings, asset).feeBps / 10_000) * (position.entry_price + exitPrice) * size;
    const realizedPnl = direction * (exitPrice - position.entry_price) * size - feeCost;
    positions.delete(asset);
    balance += realizedPnl;
    realized.set(asset, (realized.get(asset) ?? 0) + realizedPnl);
    turnover += exitPrice * size;
    return {
      position,
      exitReason: exit.reason,
      exitMs: exit.atMs,
      exitBarMs: exit.bar.timestamp,
      rawExitPrice: exit.raw,
      exitPrice,
      feeCost,
      realizedPnl,
    };
  };

  const open = (asset: string, bar: Bar, opens: NonNullable<Order["opens"]>): void => {
    const direction = directionOf(opens.action);
    const { atr } = opens.decision.situation;
    const entryPrice = fillPrice(asset, bar.open, direction);
    turnover += entryPrice * opens.size;
    positions.set(asset, {
      asset,
      action: opens.action,
      decision: opens.decision,
      size: opens.size,
      entry_ms: bar.timestamp,
      raw_entry_price: bar.open,
      entry_price: entryPrice,
      stop_price: bar.open - direction * risk.stopAtr * atr,
      target_price: bar.open + direction * risk.targetAtr * atr,
      risk_per_unit: risk.stopAtr * atr,
    });
  };

  const openPnl = (position: Position): number => {
    const bar = lastBars.get(position.asset);
    return bar === undefined ? 0 : directionOf(position.action) * (bar.close - position.entry_price) * position.size;
  };

  return {
    atOpen: (asset, bar) => {
      const order = orders.get(asset);
      const position = positions.get(asset);
      orders.delete(asset);
      let closed: ClosedTrade | undefined;
      if (position !== undefined) {
        const reason = order?.closes === true ? "reversed" : isDue(position, bar) ? "timeout" : undefined;
        if (reason !== undefined) closed = close(position, { reason, bar, raw: bar.open, atMs: bar.timestamp });
      }
      if (order !== undefined && order.opens !== null) open(asset, bar, order.opens);
      return closed;
    },

    insideBar: (asset, bar) => {
      lastBars.set(asset, bar);
      const position = positions.get(asset);
      if (position === undefined) return undefined;
      const exit = levelReached(position, bar);
      if (exit === undefined) return undefined;
      return close(position, { ...exit, bar, atMs: exit.atOpen ? bar.timestamp : bar.timestamp + timeframeMs });
    },

    atEndOfRun: (asset) => {
      const position = positions.get(asset);
      const bar = lastBars.get(asset);
      if (position === undefined || bar === undefined) return undefined;
      return close(position, { reason: "end_of_run", bar, raw: bar.close, atMs: bar.timestamp + timeframeMs });
    },

    actionAfterOrders: (asset) => {
      const order = orders.get(asset);
      return order === undefined ? positions.get(asset)?.action : order.opens?.action;
    },

    position: (asset) => positions.get(asset),
    place: (order) => void orders.set(order.asset, order),
    dropOrders: () => {
      const dropped = orders.size;
      orders.clear();
      return dropped;
    },
    remember: (asset, bar) => void lastBars.set(asset, bar),

    equity: () => {
      let equity = balance;
      // In config order: the sum of floats must not depend on the order in which positions were opened.
      for (const asset of settings.assets) {
        const position = positions.get(asset);
        if (position !== undefined) equity += openPnl(position);
      }
      return equity;
    },

    pnl: (asset) => {
      const position = positions.get(asset);
      return (realized.get(asset) ?? 0) + (position === undefined ? 0 : openPnl(position));
    },

    openPositions: () => positions.size,

    state: () => ({
      balance,
      positions: settings.assets.flatMap((asset) => positions.get(asset) ?? []),
      orders: settings.assets.flatMap((asset) => orders.get(asset) ?? []),
      realized_pnl: Object.fromEntries(realized),
      turnover_notional: turnover,
    }),
  };

  function isDue(position: Position, bar: Bar): boolean {
    return bar.timestamp >= position.entry_ms + risk.maxHoldingMs;
  }
}

/** Where a bar closes a position: the open comes first; then touching is enough, and of both levels it is the stop. */
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
