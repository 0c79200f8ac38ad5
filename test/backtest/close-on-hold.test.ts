/** Positions that a HOLD closes, with `risk.close_on_hold`. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { abstain, type Provider } from "../../lib/providers/provider.ts";
import type { ChunkRecord } from "../../lib/results/chunks.ts";
import type { BacktestSettings, Costs, Risk } from "../../lib/settings.ts";
import type { Action, Answer } from "../../lib/types.ts";
import {
  at,
  barsOf,
  CALM,
  DAY,
  decisionsOf,
  HOUR,
  type JobParts,
  makeSettings,
  MEMORY_ON,
  NO_COSTS,
  outcomesOf,
  type Prices,
  runFresh,
  seriesOf,
  textOf,
} from "./world-samples.ts";

/** The 100th bar ends on a Tuesday at 16:00, and decisions begin there, every four hours. */
const START = at("2021-01-01T12:00");
const FIRST_DECISION = START + 100 * HOUR;

/** What is voted at each decision, from the first on; `undefined` abstains. The last one stays. */
function voting(votes: readonly (Action | undefined)[], { name = "votes", confidence = 60 } = {}): Provider {
  return {
    name,
    vote: ({ timestamp }): Answer => {
      const action = votes[Math.min(votes.length - 1, (timestamp - FIRST_DECISION) / (4 * HOUR))];
      return action === undefined ? abstain("silent") : { action, confidence };
    },
  };
}

interface World {
  readonly providers: readonly Provider[];
  /** Bars that are not calm, by hours after the first decision. */
  readonly events?: Record<number, Prices>;
  readonly assets?: readonly string[];
  readonly costs?: Costs;
  readonly risk?: Partial<Risk>;
  readonly settings?: Partial<BacktestSettings>;
}

/** A market that stands at 100 with an ATR of 2, without memory. */
function job({ providers, events = {}, assets = ["AAA"], costs = NO_COSTS, risk, settings }: World): JobParts {
  const prices = Array.from({ length: 200 }, (_, i) => events[i - 100] ?? CALM);
  const { risk: defaults } = makeSettings();
  return {
    settings: makeSettings({ assets, risk: { ...defaults, closeOnHold: true, ...risk }, ...settings }, costs),
    memorySettings: { ...MEMORY_ON, enabled: false },
    period: { startMs: at("2021-01-01"), endMs: at("2021-02-01") },
    chunkKind: "month",
    series: new Map(assets.map((asset) => [asset, seriesOf(asset, barsOf(START, prices))])),
    providers,
  };
}

/** What ended the trades, and at which hour after the first decision. */
async function exitsOf(world: World): Promise<readonly string[]> {
  const { storage } = await runFresh(job(world));
  return (await outcomesOf(storage)).map(
    ({ exit_reason: reason, exit_timestamp: exit }) => `${reason} at ${(Date.parse(exit) - FIRST_DECISION) / HOUR}h`,
  );
}

const BUY_THEN_HOLD = voting(["BUY", "HOLD"]);

describe("with close_on_hold, a HOLD", () => {
  test("closes the position at the next open, after the costs of any fill", async () => {
    const { storage, summary } = await runFresh(
      job({
        providers: [BUY_THEN_HOLD],
        events: { 4: [103, 104, 102, 103] },
        costs: { feeBps: 10, spreadBps: 4, slippageBps: 3 },
      }),
    );
    const [outcome, ...others] = await outcomesOf(storage);
    expect(others).toEqual([]);
    expect(outcome).toMatchObject({
      action: "BUY",
      entry_timestamp: "2021-01-05T16:00:00.000Z",
      exit_timestamp: "2021-01-05T20:00:00.000Z",
      raw_entry_price: 100,
      raw_exit_price: 103,
      exit_reason: "hold",
      hit_stop_loss: false,
      hit_take_profit: false,
      result_r: 0.5,
    });
    // Half of 4 and 3 basis points: 5 up to buy, 5 down to sell. A percent of 10,000 over 3 x 2 a unit.
    const [entry, exit, size] = [100.05, 102.9485, 100 / 6];
    const fee = 0.001 * (entry + exit) * size;
    expect(outcome!.entry_price).toBeCloseTo(entry, 9);
    expect(outcome!.exit_price).toBeCloseTo(exit, 9);
    expect(outcome!.fee_cost).toBeCloseTo(fee, 9);
    expect(outcome!.realized_pnl).toBeCloseTo((exit - entry) * size - fee, 9);
    expect(summary.final_balance).toBeCloseTo(10_000 + outcome!.realized_pnl, 9);
    expect(summary.exits).toEqual({ hold: 1 });
  });

  test("is an order to close, and later ones are none", async () => {
    const { storage } = await runFresh(job({ providers: [BUY_THEN_HOLD] }));
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.slice(0, 3).map(({ action, order, size, skipped }) => [action, order, size, skipped])).toEqual([
      ["BUY", "open", 100 / 6, null],
      ["HOLD", "close", null, null],
      ["HOLD", "none", null, null],
    ]);
  });

  test("closes a short position, and one of a tie, and one of no confidence", async () => {
    expect(await exitsOf({ providers: [voting(["SELL", "HOLD"])] })).toEqual(["hold at 4h"]);
    const tie = [voting(["BUY"], { name: "one" }), voting(["BUY", "SELL"], { name: "two" })];
    expect(await exitsOf({ providers: tie })).toEqual(["hold at 4h"]);
    const sure = voting(["BUY", undefined], { name: "sure" });
    expect(await exitsOf({ providers: [sure, voting(["HOLD"], { confidence: 0 })] })).toEqual(["hold at 4h"]);
  });

  test("closes nothing where every provider abstained", async () => {
    const silent = voting(["BUY", undefined, undefined, "HOLD"]);
    expect(await exitsOf({ providers: [silent] })).toEqual(["hold at 12h"]);
    const other = voting([undefined, undefined, "HOLD"], { name: "other" });
    expect(await exitsOf({ providers: [silent, other] })).toEqual(["hold at 8h"]);
  });

  test("comes before a time-out and a stop at the same open, but not before a stop inside the bar before", async () => {
    const risk = { maxHoldingMs: 4 * HOUR };
    expect(await exitsOf({ providers: [BUY_THEN_HOLD], events: { 4: [90, 91, 89, 90] }, risk })).toEqual([
      "hold at 4h",
    ]);
    expect(await exitsOf({ providers: [BUY_THEN_HOLD], events: { 3: [100, 101, 93, 100] } })).toEqual(["stop at 4h"]);
  });

  test("frees the place of its position for an asset that is decided after it", async () => {
    const buysLater: Provider = {
      name: "votes",
      vote: (situation, context) =>
        (situation.asset === "AAA" ? BUY_THEN_HOLD : voting(["HOLD", "BUY"])).vote(situation, context),
    };
    const world = { providers: [buysLater], assets: ["AAA", "BBB"], settings: { maxPositions: 1 } };
    const { storage } = await runFresh(job(world));
    const decisions = await decisionsOf(storage, "2021-01");
    expect(decisions.slice(2, 4).map(({ asset, order, skipped }) => [asset, order, skipped])).toEqual([
      ["AAA", "close", null],
      ["BBB", "open", null],
    ]);
  });

  test("closes in the next chunk what it has ordered at the end of one", async () => {
    const providers = [voting(["BUY", "BUY", "HOLD"])];
    const { storage } = await runFresh({ ...job({ providers }), chunkKind: "1d" });
    const [runId] = (await storage.list("runs")).folders;
    const record = JSON.parse(await textOf(storage, `runs/${runId}/2021-01-05_1d.json`)) as ChunkRecord;
    expect(record.state.broker.orders).toEqual([{ asset: "AAA", closes: true, opens: null, exit_reason: "hold" }]);
    expect((await outcomesOf(storage)).map(({ chunk, exit_reason: reason }) => [chunk, reason])).toEqual([
      ["2021-01-06_1d", "hold"],
    ]);
  });
});

test("without close_on_hold a HOLD leaves the position open", async () => {
  expect(await exitsOf({ providers: [BUY_THEN_HOLD], risk: { closeOnHold: false } })).toEqual(["end_of_run at 100h"]);
});

test("positions of 1, 0 and -1 are those of the account, if its levels are out of reach", async () => {
  const risk = { stopAtr: 1000, targetAtr: 1000, maxHoldingMs: 90 * DAY };
  const arbitrary = fc.array(fc.constantFrom<Action | undefined>("BUY", "SELL", "HOLD", undefined), {
    minLength: 1,
    maxLength: 24,
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async (votes) => {
      const { storage } = await runFresh(job({ providers: [voting(votes)], risk }));
      const trades = (await outcomesOf(storage)).map(({ action, entry_timestamp: entry, exit_timestamp: exit }) =>
        [action, ...[entry, exit].map((time) => (Date.parse(time) - FIRST_DECISION) / HOUR)].join(" "),
      );
      expect(trades).toEqual(spansOf(votes));
    }),
    { numRuns: 50 },
  );
});

/** The spans in which a position is not flat, in hours: an abstention changes nothing, and the run ends after 100 hours. */
function spansOf(votes: readonly (Action | undefined)[]): string[] {
  const spans: string[] = [];
  let [held, since] = ["HOLD", 0];
  [...votes, "end"].forEach((vote = held, i) => {
    if (vote === held) return;
    const hours = vote === "end" ? 100 : 4 * i;
    if (held !== "HOLD") spans.push(`${held} ${since} ${hours}`);
    [held, since] = [vote, hours];
  });
  return spans;
}
