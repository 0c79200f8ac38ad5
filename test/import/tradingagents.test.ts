import { describe, expect, test } from "bun:test";
import { importOf, source } from "./import-samples.ts";

const DECISION = "DECISION:\n**Rating**: Buy\n\n**Executive Summary**: Chips are short. Demand holds.";

/** A log as TradingMemoryLog of TradingAgents 0.2.4 and newer writes it. */
const log = (...entries: string[]) =>
  source("trading_memory.md", entries.map((entry) => `${entry}\n\n<!-- ENTRY_END -->\n\n`).join(""));

describe("TradingAgents' decision log", () => {
  test("gives a trade for a decision whose return is known, with its words as the situation", () => {
    const { fields } = importOf([
      log(`[2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]\n\n${DECISION}\n\nREFLECTION:\nIt rose as expected.`),
    ]);
    expect(fields[0]).toMatchObject({
      imported_from: "tradingagents",
      asset_pair: "NVDA",
      action: "BUY",
      entry_timestamp: "2026-01-16T00:00:00.000Z",
      realized_pnl: 2.9,
      pnl_percentage: 2.9,
      result_r: null,
      rating: "Buy",
      votes: [{ provider: "tradingagents", action: "BUY", confidence: 0 }],
    });
    expect(fields[0]!["description"]).toBe(
      "NVDA is rated Buy: Rating: Buy Executive Summary: Chips are short, Demand holds. Imported from tradingagents.",
    );
  });

  test("has no words that were written when the result was known", () => {
    const later = "MILESTONES:\n- margin above 40 % [met]\n\nREFLECTION:\nIt rose.\n\nTHESIS_REFLECTION:\nIt held.";
    const { fields } = importOf([
      log(`[2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]\n\nDECISION:\nHold on.\n\n${later}`),
    ]);
    expect(fields[0]!["description"]).toBe("NVDA is rated Buy: Hold on. Imported from tradingagents.");
  });

  test.each([
    // A Thursday; five trading days end on the next Thursday, or on Friday if a day was a holiday.
    ["2026-01-15", "5d", "2026-01-24T00:00:00.000Z"],
    // A Friday; the next trading day is Monday, or Tuesday.
    ["2026-01-16", "1d", "2026-01-21T00:00:00.000Z"],
  ])("from %s, held %s, is known by %s: a holiday a week is allowed for", (date, held, exit) => {
    const { fields } = importOf([log(`[${date} | NVDA | Buy | +1.0% | +1.0% | ${held}]`)]);
    expect(fields[0]).toMatchObject({ exit_timestamp: exit });
  });

  test("turns the asset's return around for a sale, and reads all five ratings", () => {
    const rated = (rating: string) => log(`[2026-01-15 | NVDA | ${rating} | -3.0% | +1.2% | 5d]\n\n${DECISION}`);
    const of = (rating: string) => importOf([rated(rating)]).fields[0];
    expect(of("Sell")).toMatchObject({ action: "SELL", pnl_percentage: 3 });
    expect(of("Underweight")).toMatchObject({ action: "SELL", pnl_percentage: 3 });
    expect(of("Overweight")).toMatchObject({ action: "BUY", pnl_percentage: -3 });
    expect(() => of("Hold")).toThrow("found entries rated Hold, which are no trades: 1 (trading_memory.md, entry 1)");
  });

  test("leaves out what is pending, and names what it cannot read", () => {
    const { fields, skipped } = importOf([
      log(
        "[2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]",
        "[2026-01-20 | NVDA | Buy | pending]\n\nDECISION:\nx",
        "a note",
        "[2026-01-21 | NVDA | Buy | n/a | n/a | 5d]",
      ),
    ]);
    expect(fields).toHaveLength(1);
    expect(skipped.map(({ reason, first }) => `${reason} ${first.split(", ")[1]}`)).toEqual([
      "trades that are still open entry 2",
      "entries without a head such as [2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d] entry 3",
      "trades without date, return or holding days entry 4",
    ]);
  });
});
