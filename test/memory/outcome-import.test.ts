import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { decodeOutcome, encodeOutcome } from "../../lib/memory/outcome.ts";
import { FOREIGN_FILES_DIR } from "../samples.ts";
import { failureOf, textOf, utf8 } from "../storage/storage-contract.ts";
import { makeOutcome } from "./outcome-samples.ts";

/** The required fields of an imported outcome. */
const REQUIRED = {
  decision_id: "d1",
  asset_pair: "BTC/USD",
  action: "SELL",
  entry_timestamp: "2025-11-12T19:23:54.197462",
  exit_timestamp: "2025-11-13T19:23:54+01:00",
  realized_pnl: -20,
  pnl_percentage: -0.4,
};

const imported = async (changes: Record<string, unknown>, name = "outcome_d1.json") =>
  decodeOutcome(utf8(JSON.stringify({ ...REQUIRED, ...changes })), name);

describe("an outcome without a crc32", () => {
  test("is read with the fields that it has, and counts as unverified", async () => {
    const { trade, description } = await imported({});
    expect(trade).toEqual({
      id: "d1",
      bytes: JSON.stringify(REQUIRED).length,
      crc32: null,
      contentHash: createHash("sha256").update(JSON.stringify(REQUIRED)).digest("hex").slice(0, 32),
      runId: "",
      chunk: "",
      market: "bars",
      asset: "BTC/USD",
      regime: "UNKNOWN",
      action: "SELL",
      // What is finer than a millisecond counts as the next one; without a zone it is UTC.
      entryMs: Date.UTC(2025, 10, 12, 19, 23, 54, 198),
      exitMs: Date.UTC(2025, 10, 13, 18, 23, 54),
      exitReason: "unknown",
      won: false,
      pnl: -20,
      pnlPct: -0.4,
      resultR: null,
      confidence: 0,
      rawConfidence: 0,
      trendScore: null,
      votes: [],
    });
    expect(description).toBe("BTC/USD is in the regime UNKNOWN.");
  });

  test("has no -0.0, which freqtrade writes and JSON would not give back", async () => {
    const zero = "-0.0" as unknown as number;
    const situation = { adx: zero, atr: zero, ema_fast: zero, ema_slow: zero };
    const votes = [{ provider: "a", action: "BUY", confidence: zero }];
    const numbers = { realized_pnl: zero, pnl_percentage: zero, result_r: zero, decision_confidence: zero };
    const text = JSON.stringify({ ...REQUIRED, ...numbers, raw_confidence: zero, situation, votes });
    const { trade } = decodeOutcome(utf8(text.replaceAll('"-0.0"', "-0.0")), "outcome_d1.json");
    const { pnl, pnlPct, resultR, confidence, rawConfidence, votes: read } = trade;
    for (const value of [pnl, pnlPct, resultR, confidence, rawConfidence, read[0]?.confidence]) expect(value).toBe(0);
    expect(trade.votes[0]?.direction).toBe(1);
  });

  test("counts a single provider as having voted the trade's way, and an ensemble as no vote", async () => {
    const single = await imported({ ai_provider: "local", decision_confidence: 75 });
    expect(single.trade.votes).toEqual([{ provider: "local", direction: -1, confidence: 75 }]);
    expect((await imported({ ai_provider: "ensemble" })).trade.votes).toEqual([]);
  });

  test("is read with its votes, without abstentions, and with result_r clipped to 3 R", async () => {
    const votes = [
      { provider: "b", action: "BUY", confidence: 60 },
      { provider: "a", action: "SELL", confidence: 70, reason: "overbought" },
      { provider: "c", action: "HOLD", confidence: 0, error: "timed out" },
    ];
    const { trade } = await imported({ votes, ai_provider: "local", result_r: -7 });
    expect(trade.resultR).toBe(-3);
    expect(trade.votes).toEqual([
      { provider: "a", direction: -1, confidence: 70 },
      { provider: "b", direction: 1, confidence: 60 },
    ]);
  });

  test("may be one of ours without its crc32, and is read as the same trade", async () => {
    const { bytes, crc32 } = encodeOutcome(makeOutcome());
    const { crc32: _, ...fields } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const name = `outcome_${makeOutcome().decision_id}.json`;
    const { trade: ours } = decodeOutcome(bytes, name);
    const { trade, description } = decodeOutcome(utf8(JSON.stringify(fields)), name);
    expect(ours.crc32).toBe(crc32);
    const { bytes: size, contentHash } = trade;
    expect(trade).toEqual({ ...ours, bytes: size, crc32: null, contentHash, runId: "", chunk: "" });
    expect(description).toBe(makeOutcome().description);
  });

  test.each([
    [{ action: "HOLD" }, 'action "HOLD", expected BUY or SELL'],
    [{ exit_timestamp: "soon" }, 'exit_timestamp "soon", expected an ISO 8601 time'],
    [{ realized_pnl: "20" }, 'realized_pnl "20", expected a number of at most 1e100'],
    [{ pnl_percentage: undefined }, "pnl_percentage undefined, expected a number of at most 1e100"],
    [{ asset_pair: "" }, 'asset_pair "", expected a text'],
    [
      { situation: { adx: 1, atr: 2, ema_fast: 3 } },
      "situation.ema_slow undefined, expected a number of at most 1e100",
    ],
    [{ votes: ["a"] }, "votes.0, expected an object"],
    [
      { votes: [{ provider: "a", action: "BUY", confidence: null }] },
      "votes.0.confidence null, expected a number of at most 1e100",
    ],
    [
      {
        votes: [
          { provider: "a", action: "BUY", confidence: 1 },
          { provider: "a", action: "BUY", confidence: 1 },
        ],
      },
      'votes: two of "a", expected one of each provider',
    ],
  ])("is refused with %j, naming the field", async (changes, problem) => {
    const { code, message } = await failureOf(imported(changes));
    expect(code).toBe("CORRUPT");
    expect(message).toBe(`Cannot read "outcome_d1.json": found ${problem}`);
  });

  test("is refused with an infinite number, which JSON can say as 1e999", async () => {
    const text = JSON.stringify(REQUIRED).replace("-0.4", "1e999");
    expect((await failureOf(Promise.try(() => decodeOutcome(utf8(text), "outcome_d1.json")))).message).toContain(
      "found pnl_percentage",
    );
  });

  test("is refused with a number whose sums could be infinite, which JSON would write as null", async () => {
    const { message } = await failureOf(imported({ realized_pnl: 1.1e100 }));
    expect(message).toContain("found realized_pnl 1.1e+100, expected a number of at most 1e100");
    expect((await imported({ realized_pnl: -1e100 })).trade.pnl).toBe(-1e100);
  });

  test.each(["my trade", "CON", "x".repeat(121), ""])("is refused with the id %j", async (id) => {
    const { code, message } = await failureOf(imported({ decision_id: id }, `outcome_${id}.json`));
    expect(code).toBe("CORRUPT");
    expect(message).toContain("decision_id: Cannot name a file after decision_id");
  });
});

const ORIGINAL_DIR = join(FOREIGN_FILES_DIR, "original");

test.skipIf(!existsSync(ORIGINAL_DIR))(
  "outcomes of the original system are read as unverified, and count",
  async () => {
    const storage = inMemoryStorage();
    const names = readdirSync(ORIGINAL_DIR).filter((name) => name.startsWith("outcome_"));
    expect(names.length).toBe(5);
    for (const name of names) {
      await storage.createOnce(name, new Uint8Array(readFileSync(join(ORIGINAL_DIR, name))));
    }
    const memory = await openMemory(storage, { embedder: hashingEmbedder() });
    expect(memory.damaged).toEqual([]);
    expect(memory.trades.map((trade) => trade.crc32)).toEqual([null, null, null, null, null]);

    const fields = names.map(
      (name) => JSON.parse(readFileSync(join(ORIGINAL_DIR, name), "utf8")) as Record<string, unknown>,
    );
    const providers = JSON.parse((await textOf(storage, "provider_performance.json")) ?? "") as Record<
      string,
      { total_trades: number; total_pnl: number }
    >;
    for (const [provider, { total_trades, total_pnl }] of Object.entries(providers)) {
      const ofProvider = fields.filter((outcome) => outcome["ai_provider"] === provider);
      expect(total_trades).toBe(ofProvider.length);
      expect(total_pnl).toBeCloseTo(
        ofProvider.reduce((sum, outcome) => sum + Number(outcome["realized_pnl"]), 0),
        9,
      );
    }
    expect(Object.keys(providers)).not.toContain("ensemble");
  },
);
