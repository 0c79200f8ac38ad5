import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Broker, costsOf } from "../../lib/backtest/broker.ts";
import type { Bar, Decision, Situation } from "../../lib/types.ts";
import type { Costs } from "../../lib/settings.ts";
import { barsOf, CALM, DAY, HOUR, makeSettings, NO_COSTS, type Prices } from "./world-samples.ts";

const START = Date.parse("2021-01-04");

/** A decision with an ATR of 2: stops are 6 away, targets 9. */
function decided(atr = 2): Decision {
  const situation = { asset: "AAA", timestamp: START, atr, close: 100 } as Situation;
  return {
    decision_id: "d",
    timestamp: "2021-01-04T00:00:00.000Z",
    raw_confidence: 60,
    confidence: 60,
    expected_r: null,
    situation,
    votes: [],
    description: "",
  };
}

function buy(size = 10): { action: "BUY"; size: number; decision: Decision } {
  return { action: "BUY", size, decision: decided() };
}

function sell(size = 10): { action: "SELL"; size: number; decision: Decision } {
  return { action: "SELL", size, decision: decided() };
}

/** Steps 1 and 2 for one bar. */
function step(broker: Broker, bar: Bar): string[] {
  const closed = [broker.atOpen("AAA", bar), broker.insideBar("AAA", bar)];
  return closed.flatMap((trade) =>
    trade === undefined
      ? []
      : `${trade.position.action} ${trade.exitReason} ${trade.rawExitPrice} at ${(trade.exitMs - START) / HOUR}h`,
  );
}

/** Opens at the first bar's open and steps through all bars; what was closed, with its hour. */
function play(action: "BUY" | "SELL", prices: readonly (Prices | null)[]): string[] {
  // A short is a long in the mirror: every price p becomes 200 - p, and highs become lows.
  const mirrored = prices.map((price): Prices | null => {
    if (price === null || action === "BUY") return price;
    const [open, high, low, close] = price;
    return [200 - open, 200 - low, 200 - high, 200 - close];
  });
  const broker = new Broker(makeSettings({}, NO_COSTS));
  broker.place({ asset: "AAA", closes: false, opens: action === "BUY" ? buy() : sell() });
  return barsOf(START, mirrored).flatMap((bar) => step(broker, bar));
}

/** The same scenario long and, in the mirror, short. */
function expectBoth(prices: readonly (Prices | null)[], reason: string, price: number, hour: number): void {
  expect(play("BUY", prices)).toEqual([`BUY ${reason} ${price} at ${hour}h`]);
  expect(play("SELL", prices)).toEqual([`SELL ${reason} ${200 - price} at ${hour}h`]);
}

describe("exits, entered at 100 with stop 94 and target 109", () => {
  test("fills the stop when a bar touches it, at its level and at the bar's end", () => {
    expectBoth([CALM, [100, 101, 94, 95]], "stop", 94, 2);
    expect(play("BUY", [CALM, [100, 101, 94.01, 95]])).toEqual([]);
  });

  test("fills the target when a bar touches it", () => {
    expectBoth([CALM, [100, 109, 99, 105]], "target", 109, 2);
    expect(play("BUY", [CALM, [100, 108.99, 99, 105]])).toEqual([]);
  });

  test("fills the stop when a bar touches both levels", () => {
    expectBoth([CALM, [100, 120, 80, 110]], "stop", 94, 2);
  });

  test("fills at the open when that is at or beyond the stop, at the bar's start", () => {
    expectBoth([CALM, [90, 112, 89, 110]], "stop", 90, 1);
    expectBoth([CALM, [94, 95, 94, 95]], "stop", 94, 1);
    expect(play("BUY", [CALM, [94.5, 95, 94.2, 95]])).toEqual([]);
  });

  test("fills at the open when that is at or beyond the target, even if the bar then reaches the stop", () => {
    expectBoth([CALM, [112, 113, 90, 91]], "target", 112, 1);
    expectBoth([CALM, [109, 110, 108, 109]], "target", 109, 1);
  });

  test("can close a position in the bar of its entry", () => {
    expectBoth([[100, 101, 93, 95]], "stop", 94, 1);
    expectBoth([[100, 110, 99, 105]], "target", 109, 1);
  });

  test("measures levels from the open of the entry, not from the close at the decision", () => {
    // Entered at 104: stop 98, target 113.
    expectBoth(
      [
        [104, 105, 103, 104],
        [104, 112, 98, 99],
      ],
      "stop",
      98,
      2,
    );
  });

  test("closes a position at the open of the first bar five days after its entry", () => {
    expectBoth([...Array<Prices>(120).fill(CALM), [103, 104, 102, 103]], "timeout", 103, 120);
    expect(play("BUY", Array<Prices>(120).fill(CALM))).toEqual([]);
  });

  test("closes a position whose time runs out in a gap at the first bar after it", () => {
    expectBoth([...Array<Prices>(119).fill(CALM), null, null, null, [103, 104, 102, 103]], "timeout", 103, 122);
  });

  test("closes for the time-out when an open is beyond the stop or target as well", () => {
    expectBoth([...Array<Prices>(120).fill(CALM), [90, 91, 89, 90]], "timeout", 90, 120);
    expectBoth([...Array<Prices>(120).fill(CALM), [115, 116, 114, 115]], "timeout", 115, 120);
  });
});

describe("orders", () => {
  const openAt = (action: "BUY" | "SELL", costs?: Costs): Broker => {
    const broker = new Broker(makeSettings({}, costs ?? NO_COSTS));
    broker.place({ asset: "AAA", closes: false, opens: action === "BUY" ? buy() : sell() });
    expect(step(broker, barsOf(START, [CALM])[0]!)).toEqual([]);
    return broker;
  };
  const barAt = (hour: number, prices: Prices): Bar => barsOf(START + hour * HOUR, [prices])[0]!;

  test("fill at the asset's next bar, however late, with the size and ATR of their decision", () => {
    const broker = new Broker(makeSettings({}, NO_COSTS));
    broker.place({ asset: "AAA", closes: false, opens: buy(7) });
    step(broker, barAt(72, [105, 106, 104, 105]));
    expect(broker.position("AAA")).toMatchObject({
      action: "BUY",
      size: 7,
      entry_ms: START + 3 * DAY,
      raw_entry_price: 105,
      stop_price: 99,
      target_price: 114,
      risk_per_unit: 6,
    });
  });

  test("of the opposite action close at the next open, and open the other way there", () => {
    const broker = openAt("BUY");
    broker.place({ asset: "AAA", closes: true, opens: sell(5) });
    expect(step(broker, barAt(1, [102, 103, 101, 102]))).toEqual(["BUY reversed 102 at 1h"]);
    expect(broker.position("AAA")).toMatchObject({ action: "SELL", size: 5, stop_price: 108, target_price: 93 });
    // 10 units won 2 each.
    expect(broker.state().balance).toBe(10_020);
  });

  test("can reverse a position and be stopped in the same bar", () => {
    const broker = openAt("BUY");
    broker.place({ asset: "AAA", closes: true, opens: sell(5) });
    expect(step(broker, barAt(1, [102, 109, 101, 102]))).toEqual(["BUY reversed 102 at 1h", "SELL stop 108 at 2h"]);
    expect(broker.openCount).toBe(0);
  });

  test("reverse a position before a time-out, a stop or a target at the same open", () => {
    for (const open of [100, 90, 115]) {
      const broker = openAt("BUY");
      broker.place({ asset: "AAA", closes: true, opens: sell() });
      expect(step(broker, barAt(120, [open, open + 1, open - 1, open]))).toEqual([`BUY reversed ${open} at 120h`]);
    }
  });

  test("close the old position of a reversal whose new one is skipped", () => {
    const broker = openAt("SELL");
    broker.place({ asset: "AAA", closes: true, opens: null });
    expect(step(broker, barAt(1, CALM))).toEqual(["SELL reversed 100 at 1h"]);
    expect(broker.openCount).toBe(0);
  });

  test("count at once: an asset is as its order will leave it, and open until a time-out closes it", () => {
    const broker = openAt("BUY");
    expect(broker.actionAfterOrders("AAA")).toBe("BUY");
    broker.place({ asset: "AAA", closes: true, opens: sell() });
    expect(broker.actionAfterOrders("AAA")).toBe("SELL");
    broker.place({ asset: "AAA", closes: true, opens: null });
    expect(broker.actionAfterOrders("AAA")).toBeUndefined();

    const due = openAt("BUY");
    due.insideBar("AAA", barAt(300, CALM));
    expect(due.actionAfterOrders("AAA")).toBe("BUY");
  });

  test("make open positions, which providers see with their result at the last close in units of their risk", () => {
    // Three up of a risk of six.
    for (const [action, openR] of [
      ["BUY", 0.5],
      ["SELL", -0.5],
    ] as const) {
      const broker = openAt(action);
      step(broker, barAt(1, [100, 104, 99, 103]));
      expect(broker.openPositions()).toEqual([
        { asset: "AAA", action, entry_timestamp: "2021-01-04T00:00:00.000Z", entry_price: 100, open_r: openR },
      ]);
    }
    // A risk of 0.6, and none.
    for (const [atr, openR] of [
      [0.2, 0.5],
      [0, null],
    ] as const) {
      const broker = new Broker(makeSettings({}, NO_COSTS));
      broker.place({ asset: "AAA", closes: false, opens: { action: "BUY", size: 1, decision: decided(atr) } });
      broker.atOpen("AAA", barAt(0, [100, 100.3, 100, 100.3]));
      broker.setLastBar("AAA", barAt(0, [100, 100.3, 100, 100.3]));
      expect(broker.openPositions()[0]!.open_r).toEqual(openR === null ? null : expect.closeTo(openR, 9));
    }
  });

  test("of an asset that never traded made nothing; the P&L of those that did adds up", () => {
    const broker = openAt("BUY");
    expect(broker.pnl("BBB")).toBe(0);
    broker.place({ asset: "AAA", closes: true, opens: null });
    step(broker, barAt(1, [102, 103, 101, 102]));
    expect(broker.pnl("AAA")).toBe(20);
    broker.place({ asset: "AAA", closes: false, opens: sell(5) });
    step(broker, barAt(2, CALM));
    broker.place({ asset: "AAA", closes: true, opens: null });
    step(broker, barAt(3, [101, 102, 100, 101]));
    expect(broker.pnl("AAA")).toBe(20 - 5);
  });

  test("are dropped at the end of the run, which closes positions at the last close and that bar's end", () => {
    const broker = openAt("BUY");
    step(broker, barAt(1, [100, 104, 99, 103]));
    broker.place({ asset: "AAA", closes: true, opens: sell() });
    expect(broker.dropOrders()).toBe(1);
    expect(broker.atEndOfRun("AAA")).toMatchObject({
      exitReason: "end_of_run",
      rawExitPrice: 103,
      exitMs: START + 2 * HOUR,
      exitTickMs: START + HOUR,
      realizedPnl: 30,
    });
    expect(broker.atEndOfRun("AAA")).toBeUndefined();
    expect(broker.dropOrders()).toBe(0);
  });
});

describe("costs, with fees of 5 bps, a spread of 2 and slippage of 2, so that fills are 3 bps worse than raw prices", () => {
  test("leave 88.3280135 of a long of 10 from 100 to its target 109", () => {
    const broker = new Broker(makeSettings());
    broker.place({ asset: "AAA", closes: false, opens: buy() });
    const [first, second] = barsOf(START, [CALM, [100, 109, 100, 108]]);
    step(broker, first!);
    // 100.03 paid, marked at the close of 100; the fee is booked at the exit.
    expect(broker.equity()).toBeCloseTo(10_000 - 0.3, 9);
    expect(broker.pnl("AAA")).toBeCloseTo(-0.3, 9);
    broker.atOpen("AAA", second!);
    const trade = broker.insideBar("AAA", second!)!;
    expect(trade.position.entry_price).toBeCloseTo(100.03, 10);
    expect(trade.exitPrice).toBeCloseTo(108.9673, 10);
    // 0.0005 x (100.03 + 108.9673) x 10
    expect(trade.feeCost).toBeCloseTo(1.0449865, 10);
    expect(trade.realizedPnl).toBeCloseTo(88.3280135, 10);
    expect(broker.state().balance).toBe(10_000 + trade.realizedPnl);
    expect(broker.equity()).toBe(broker.state().balance);
    expect(broker.state().turnover_notional).toBeCloseTo(10 * (100.03 + 108.9673), 9);
  });

  test("make 61.648009 the loss of a short of 10 from 100 to its stop 106", () => {
    const broker = new Broker(makeSettings());
    broker.place({ asset: "AAA", closes: false, opens: sell() });
    const [first, second] = barsOf(START, [CALM, [100, 107, 100, 101]]);
    step(broker, first!);
    expect(broker.equity()).toBeCloseTo(10_000 - 0.3, 9);
    broker.atOpen("AAA", second!);
    const trade = broker.insideBar("AAA", second!)!;
    expect(trade.position.entry_price).toBeCloseTo(99.97, 10);
    expect(trade.exitPrice).toBeCloseTo(106.0318, 10);
    expect(trade.feeCost).toBeCloseTo(1.030009, 10);
    expect(trade.realizedPnl).toBeCloseTo(-61.648009, 10);
  });

  test("are each asset's own, and so is the P&L", () => {
    const costs = new Map([
      ["AAA", { feeBps: 0, spreadBps: 10, slippageBps: 0 }],
      ["BBB", { feeBps: 10, spreadBps: 0, slippageBps: 0 }],
    ]);
    const broker = new Broker(makeSettings({ assets: ["AAA", "BBB"], costs }));
    for (const asset of ["AAA", "BBB"]) {
      broker.place({ asset, closes: false, opens: buy() });
      broker.atOpen(asset, barsOf(START, [CALM])[0]!);
      broker.insideBar(asset, barsOf(START, [CALM])[0]!);
    }
    expect(broker.pnl("AAA")).toBeCloseTo(-0.5, 9);
    expect(broker.pnl("BBB")).toBe(0);
    // Sold at 100 x 0.9995; a fee of 0.001 x 200 x 10.
    expect(broker.atEndOfRun("AAA")!.realizedPnl).toBeCloseTo(-1, 9);
    expect(broker.atEndOfRun("BBB")!.realizedPnl).toBeCloseTo(-2, 9);
    expect(broker.state().realized_pnl["AAA"]).toBeCloseTo(-1, 9);
    expect(broker.equity()).toBeCloseTo(9_997, 9);
  });
});

test("a broker that is made again from its state, through JSON, goes on as if it had never stopped", () => {
  const price = fc.integer({ min: 85, max: 115 });
  const bar = fc
    .tuple(price, price, fc.nat(6), fc.nat(6))
    .map(([open, close, up, down]): Prices => [open, Math.max(open, close) + up, Math.min(open, close) - down, close]);
  const move = fc.record({ bar, order: fc.constantFrom("none", "BUY", "SELL"), reopens: fc.boolean() });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const settings = makeSettings();
      const replay = (mayReopen: boolean): unknown => {
        let broker = new Broker(settings);
        let sum = 0;
        const equity = moves.map(({ bar: prices, order, reopens }, i) => {
          const next = barsOf(START + i * HOUR, [prices])[0]!;
          for (const trade of [broker.atOpen("AAA", next), broker.insideBar("AAA", next)])
            sum += trade?.realizedPnl ?? 0;
          const held = broker.position("AAA");
          if (order !== "none" && held?.action !== order) {
            broker.place({ asset: "AAA", closes: held !== undefined, opens: order === "BUY" ? buy() : sell() });
          }
          if (mayReopen && reopens) {
            broker = new Broker(settings, JSON.parse(JSON.stringify(broker.state())));
            broker.setLastBar("AAA", next);
          }
          return broker.equity();
        });
        expect(broker.state().balance).toBeCloseTo(10_000 + sum, 6);
        return [equity, broker.state()];
      };
      expect(replay(true)).toEqual(replay(false));
    }),
    { numRuns: 60 },
  );
});

test("costsOf() an asset without costs is a mistake of the caller", () => {
  expect(() => costsOf(makeSettings(), "BBB")).toThrow('Cannot trade "BBB": found no costs');
});
