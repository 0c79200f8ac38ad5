import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Decided } from "../../lib/backtest/decide.ts";
import { DecisionLog } from "../../lib/backtest/decision-log.ts";
import type { DecisionRecord, Vote } from "../../lib/types.ts";
import { defaultProviders } from "./market-samples.ts";
import { anyText } from "../any-text.ts";

const vote = (provider: string, error?: string): Vote => ({
  provider,
  action: "HOLD",
  confidence: 0,
  ...(error === undefined ? {} : { error }),
});

/** What the log reads of a decision, and a text for its line. */
const decisions: fc.Arbitrary<Decided> = fc
  .record({
    decision_id: anyText({ maxLength: 3000 }),
    skipped: fc.constantFrom(null, "max_positions", "correlation", "size"),
    trend: fc.constantFrom(undefined, "asleep"),
    memory: fc.constantFrom(undefined, "too few"),
  })
  .map(({ decision_id, skipped, trend, memory }) => {
    const votes = [vote("trend", trend), vote("reversion"), vote("breakout"), vote("memory", memory)];
    const record = { decision_id, skipped, votes } as unknown as DecisionRecord;
    return { action: "HOLD", skipped, votes, toRecord: () => record };
  });

test("the log's bytes are one line of JSON for each decision, and it counts what they say", () => {
  fc.assert(
    fc.property(fc.array(decisions), (added) => {
      const log = new DecisionLog(defaultProviders(), { isRead: true });
      for (const decision of added) log.add(decision);
      const lines = added.map((decision) => `${JSON.stringify(decision.toRecord())}\n`).join("");
      expect(Buffer.from(log.bytes).equals(Buffer.from(lines))).toBe(true);
      const skips = (reason: string): number => added.filter(({ skipped }) => skipped === reason).length;
      const abstained = (i: number): number => added.filter(({ votes }) => votes[i]!.error !== undefined).length;
      expect(log.count).toBe(added.length);
      expect(log.skipped).toEqual({
        max_positions: skips("max_positions"),
        correlation: skips("correlation"),
        size: skips("size"),
      });
      expect(log.abstentions).toEqual({
        trend: abstained(0),
        reversion: abstained(1),
        breakout: abstained(2),
        memory: abstained(3),
      });
    }),
  );
});

test("the log grows to any size, and counts alone where nobody reads it", () => {
  const record = { decision_id: "\u{1F4C8}".repeat(250_000) } as DecisionRecord;
  const decision: Decided = { action: "BUY", skipped: "size", votes: [], toRecord: () => record };
  const log = new DecisionLog([], { isRead: true });
  const counts = new DecisionLog([], { isRead: false });
  for (let i = 0; i < 5; i++) {
    log.add(decision);
    counts.add(decision);
  }
  expect(new TextDecoder().decode(log.bytes)).toBe(`${JSON.stringify(record)}\n`.repeat(5));
  expect(counts.bytes).toEqual(new Uint8Array());
  expect([counts.count, counts.skipped.size]).toEqual([5, 5]);
});

test("a provider of one's own is quiet if it has errors, or votes neither BUY nor SELL, but not before the first vote of a file", () => {
  const names = ["voting", "failing", "holding", "starting", "late", "memory"];
  const log = new DecisionLog(
    names.map((name) => ({ name })),
    { isRead: false, own: names.slice(0, -1) },
  );
  const buy = (provider: string): Vote => ({ provider, action: "BUY", confidence: 60, reason: "up" });
  const add = (votes: readonly Vote[]): void => log.add({ action: "HOLD", skipped: null, votes, toRecord: () => ({}) });
  const early = "no vote yet";
  const flat: Vote = { provider: "holding", action: "HOLD", confidence: 50, reason: "flat" };
  add([
    buy("voting"),
    vote("failing", "no key"),
    flat,
    vote("starting", early),
    vote("late", early),
    vote("memory", "few"),
  ]);
  add([vote("voting"), buy("failing"), flat, buy("starting"), vote("late", early), vote("memory", "few")]);
  expect(log.quiet).toEqual({
    quiet: {
      failing: { directed: 1, last: "no key" },
      holding: { directed: 0, last: "flat" },
      late: { directed: 0, last: early },
    },
  });
});
