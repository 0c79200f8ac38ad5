import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { standIn, unlessInDoubt } from "../../lib/config/quick-check.ts";
import { paramSchemas } from "../../lib/serve/param-schemas.ts";
import { type MethodName, parseParams } from "../../lib/serve/params.ts";

// Thousands of messages are tried here, and a machine may be busy.
setDefaultTimeout(60_000);

const QUICK = paramSchemas(standIn);
const FULL = paramSchemas(z);

const VOTES = [
  { provider: "trend", action: "BUY", confidence: 60, reason: "up" },
  { provider: "news", error: "no answer" },
];
const SITUATION = { close: 100, rsi: -0, regime: "TRENDING", funding: 0.5 };
const TIME = "2024-01-02T03:04:05Z";

/** Parameters that are right, by method. */
const RIGHT: Readonly<Record<MethodName, Readonly<Record<string, unknown>>>> = {
  open_session: {
    engine: "mine",
    mode: "live",
    market: "synthetic",
    providers: ["trend", "news"],
    start: 1_704_164_645_000,
    resume: true,
    settings: { backtest: { risk: { stop_atr: 2 } }, portfolio_memory: {} },
  },
  decide: {
    session: "s-1",
    decision_id: "mine-1",
    as_of: TIME,
    asset: "BTC/USD",
    situation: SITUATION,
    description: "calm",
    votes: VOTES,
    price: 100,
    stop: 90,
    atr: 2.5,
  },
  record_outcome: {
    session: "s-1",
    decision_id: "mine-1",
    votes: VOTES,
    asset: "BTC/USD",
    situation: SITUATION,
    description: "calm",
    action: "SELL",
    entry_timestamp: TIME,
    exit_timestamp: 1_704_164_645_000,
    entry_price: 100,
    exit_price: 101,
    raw_entry_price: 100,
    raw_exit_price: 101,
    position_size: 1e-9,
    fees: -0.1,
    stop_price: 110,
    target_price: 80,
    atr: 2.5,
    exit_reason: "stop",
    as_of: "2024-01-03",
  },
  close_session: { session: "s-1" },
  recall_trades: { query: "calm", situation: SITUATION, as_of: TIME, k: 3, asset: "X", regime: "calm", session: "s-1" },
  provider_weights: { as_of: TIME, situation: SITUATION, session: "s-1" },
  provider_records: { as_of: TIME, regime: "RANGING", session: "s-1" },
  memory_stats: {},
  forget_provider: { provider: "news", before: "2024-01-01" },
};
const METHODS = Object.keys(RIGHT) as MethodName[];

const TEXTS = ["", " ", "x", "BUY", "2024-02-30", "1704164645000", "a\0b", "x".repeat(201), "../x", "con"];
const NUMBERS = [0, -0, -1, 0.5, 101, 1e100, 1e101, 1e12, NaN, Infinity];
const LISTS = [[], [[]], [1], ["a", "a"], [{}], [{ provider: "a", action: "BUY", confidence: 101 }]];
const MAPS = [{}, { asset: 1 }, { a: "" }, { "a b": 1 }, { a: [] }, { backtest: 1 }, { backtest: {}, x: 1 }];
const odd = fc.constantFrom<unknown>(
  ...TEXTS,
  ...NUMBERS,
  ...LISTS,
  ...MAPS,
  true,
  null,
  undefined,
  Array.from({ length: 101 }, (_, i) => ({ provider: `p${i}`, error: "none" })),
  Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`p${i}`, i])),
  JSON.parse('{"__proto__": 1, "a": 2}'),
);

/** A method and parameters: some of the right ones, now and then another value or an unknown key. */
const messages = fc.constantFrom(...METHODS).chain((method) => {
  const entries = Object.entries(RIGHT[method]).map(([key, right]) =>
    fc.tuple(fc.nat(19), odd).map(([chance, other]) => (chance === 0 ? [] : [[key, chance === 1 ? other : right]])),
  );
  const unknown = fc.nat(19).map((chance) => (chance === 0 ? [["extra", 1]] : []));
  return fc
    .tuple(...entries, unknown)
    .map((parts) => ({ method, params: Object.fromEntries(parts.flat()) as Record<string, unknown> }));
});

describe("the parameters of a method", () => {
  test("are the same without zod as with it, and in doubt where zod refuses them", () => {
    const counts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(messages, ({ method, params }) => {
        const quick = unlessInDoubt(() => QUICK[method].safeParse(params).data);
        const full = FULL[method].safeParse(params).data;
        counts[full === undefined ? "refused" : "accepted"] += 1;
        // As text, so that the order of keys counts.
        if (quick !== undefined) expect(JSON.stringify(quick)).toBe(JSON.stringify(full));
        if (full === undefined) expect(quick).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(500);
  });

  test.each(METHODS)("of %s need no zod if they are right", (method) => {
    expect(unlessInDoubt(() => QUICK[method].safeParse(RIGHT[method]).data)).toBeDefined();
  });

  test("may name a value __proto__, which is left out", async () => {
    const situation: unknown = JSON.parse('{"__proto__": {"polluted": 1}, "rsi": 50}');
    const parsed = await parseParams("provider_weights", { as_of: TIME, situation });
    expect(parsed.situation).toEqual({ rsi: 50 });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
