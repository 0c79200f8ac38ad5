import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { Outcome } from "../../lib/types.ts";
import { decodeOutcome, encodeOutcome, idOfOutcomeFile, MAX_OUTCOME_BYTES } from "../../lib/memory/outcome.ts";
import { PROJECT_DIR } from "../samples.ts";
import { failureOf, utf8 } from "../storage/storage-contract.ts";
import { makeOutcome, makeVote } from "./outcome-samples.ts";
import { anyText } from "../any-text.ts";

const NAME = "outcome_20210104T1200-BTCUSD-0a1b2c3d.json";
/** Written by hand, its crc32 by Python's zlib. */
const GOLDEN_PATH = join(PROJECT_DIR, "test/fixtures/memory", NAME);
const GOLDEN = new Uint8Array(readFileSync(GOLDEN_PATH));

/** As `sha256sum FILE | cut -c1-32` prints it. */
function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}

function refusal(changes: Partial<Outcome>): Promise<{ code: string; message: string }> {
  return failureOf((async () => encodeOutcome(makeOutcome(changes)))());
}

function damage(bytes: Uint8Array): Promise<{ code: string; message: string }> {
  return failureOf(Promise.try(() => decodeOutcome(bytes, NAME)));
}

describe("the file of an outcome", () => {
  test("has the bytes of the golden file", () => {
    const { bytes, crc32, contentHash } = encodeOutcome(makeOutcome());
    expect(new TextDecoder().decode(bytes)).toBe(new TextDecoder().decode(GOLDEN));
    expect([crc32, contentHash]).toEqual(["d22a5772", hashOf(GOLDEN)]);
  });

  test("is read as a trade, with the votes by provider name", async () => {
    const { trade, description } = decodeOutcome(GOLDEN, NAME);
    expect(description).toBe(makeOutcome().description);
    expect(trade).toEqual({
      id: "20210104T1200-BTCUSD-0a1b2c3d",
      bytes: GOLDEN.length,
      crc32: "d22a5772",
      contentHash: hashOf(GOLDEN),
      runId: "a".repeat(64),
      chunk: "2021Q1",
      market: "bars",
      asset: "BTCUSD",
      regime: "TRENDING",
      action: "BUY",
      entryMs: Date.UTC(2021, 0, 4, 12),
      exitMs: Date.UTC(2021, 0, 5, 8),
      exitReason: "target",
      won: true,
      pnl: 110.010016875,
      pnlPct: 7.3318015845246425,
      resultR: 1.5,
      confidence: 72,
      rawConfidence: 81,
      // Half of (31 - 25) / 15 and of 2 x 800 / (4 x 500) - 1.
      trendScore: expect.closeTo(0.1, 12),
      votes: [
        { provider: "reversion", direction: 0, confidence: 50 },
        { provider: "trend", direction: 1, confidence: 80 },
      ],
    });
  });

  test("of version 1, which had no calibration, is read with its confidence as the raw one", async () => {
    const old = new Uint8Array(readFileSync(join(PROJECT_DIR, "test/fixtures/memory/version-1", NAME)));
    const [now, before] = [decodeOutcome(GOLDEN, NAME), decodeOutcome(old, NAME)];
    expect(before.trade).toEqual({
      ...now.trade,
      bytes: old.length,
      crc32: "a69dbd4e",
      contentHash: hashOf(old),
      rawConfidence: 72,
    });
  });

  test("of version 2, which expected nothing, is read", async () => {
    const old = new Uint8Array(readFileSync(join(PROJECT_DIR, "test/fixtures/memory/version-2", NAME)));
    const [now, before] = [decodeOutcome(GOLDEN, NAME), decodeOutcome(old, NAME)];
    expect(before.trade).toEqual({ ...now.trade, bytes: old.length, crc32: "92fed28c", contentHash: hashOf(old) });
  });

  test.skipIf(process.platform !== "linux")("can be checked in a shell: head prints what the crc32 is taken of", () => {
    const command = `head -c -22 "$0" | gzip -c | tail -c 8 | head -c 4 | od -An -tx4`;
    const { stdout } = Bun.spawnSync(["sh", "-c", command, GOLDEN_PATH]);
    expect(stdout.toString().trim()).toBe("d22a5772");
  });

  test("is read back unchanged, whatever its texts and numbers are", async () => {
    const number = fc.double({ min: -1e100, max: 1e100, noNaN: true });
    const changes = fc.record({
      realized_pnl: number,
      result_r: number,
      decision_confidence: number,
      chunk: fc.string(),
      description: anyText(),
      votes: fc.uniqueArray(
        fc.record({
          provider: fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "1")),
          action: fc.constantFrom("BUY" as const, "SELL" as const, "HOLD" as const),
          confidence: number,
          reason: anyText(),
        }),
        { selector: (vote) => vote.provider, maxLength: 4 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(changes, async (some) => {
        const outcome = makeOutcome(some);
        const { bytes, crc32 } = encodeOutcome(outcome);
        expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(JSON.parse(JSON.stringify({ ...outcome, crc32 })));
        const { trade, description } = decodeOutcome(bytes, NAME);
        expect(description).toBe(JSON.parse(JSON.stringify(some.description)));
        expect([trade.pnl + 0, trade.resultR, trade.chunk, trade.crc32]).toEqual([
          some.realized_pnl + 0,
          some.result_r + 0,
          some.chunk,
          crc32,
        ]);
        expect(trade.votes.map(({ provider }) => provider)).toEqual(
          some.votes.map(({ provider }) => provider).toSorted((a, b) => (a < b ? -1 : 1)),
        );
      }),
      { numRuns: 40 },
    );
  }, 20_000);
});

describe("encodeOutcome() refuses what could not be read back", () => {
  test.each([
    ["entry_price", NaN],
    ["exit_price", Infinity],
    ["realized_pnl", -Infinity],
    ["pnl_percentage", NaN],
    ["result_r", NaN],
    ["realized_pnl", 1.1e100],
    ["position_size", Infinity],
  ] as const)("%s %p", async (field, value) => {
    const { code, message } = await refusal({ [field]: value });
    expect(code).toBe("BAD_OUTCOME");
    expect(message).toBe(
      `Cannot record "${makeOutcome().decision_id}": found ${field} ${value}, expected a number of at most 1e100`,
    );
  });

  test("a number that is not finite inside the situation or a vote, naming its key", async () => {
    const { situation } = makeOutcome();
    expect((await refusal({ situation: { ...situation, atr: NaN } })).message).toContain("found situation.atr NaN");
    const votes = [makeVote("trend", "BUY"), makeVote("memory", "BUY", { confidence: Infinity })];
    expect((await refusal({ votes })).message).toContain("found votes.1.confidence Infinity");
  });

  test.each(["../x", "a/b", "a\\b", "a\0b", "", "x".repeat(300), "CON", "nul.json", ".hidden", "a."])(
    "the decision_id %j",
    async (bad) => {
      const { code, message } = await refusal({ decision_id: bad });
      expect(code).toBe("BAD_OUTCOME");
      expect(message).toStartWith("Cannot name a file after decision_id: found ");
    },
  );

  test.each(["../x", "a\\b", "a\0b", "", "x".repeat(300), "CON", "nul.json"])("the asset %j", async (bad) => {
    const { code, message } = await refusal({ asset_pair: bad });
    expect(code).toBe("BAD_OUTCOME");
    expect(message).toContain("expected an asset's name such as");
    expect(message.length).toBeLessThan(300);
  });

  test.each(["", "soon", "2021-02-30T00:00:00Z", "2021-01-04T12:00:00", "2021-01-04", "1609761600000"])(
    "the time %j",
    async (time) => {
      const { code, message } = await refusal({ exit_timestamp: time });
      expect(code).toBe("BAD_OUTCOME");
      expect(message).toContain(`found exit_timestamp "${time}", expected a time such as 2021-01-01T00:00:00Z`);
    },
  );

  test("two votes of one provider", async () => {
    const votes = [makeVote("trend", "BUY"), makeVote("trend", "SELL")];
    expect((await refusal({ votes })).message).toContain('found two votes of "trend", expected one of each provider');
  });

  test("more than a megabyte", async () => {
    const votes = [{ ...makeVote("talker", "BUY"), reason: "x".repeat(MAX_OUTCOME_BYTES) }];
    expect((await refusal({ votes })).message).toContain(`expected at most ${MAX_OUTCOME_BYTES}`);
  });
});

describe("decodeOutcome() finds damage", () => {
  test("in every bit, the checksum and its key included", async () => {
    for (let bit = 0; bit < 8 * GOLDEN.length; bit++) {
      const flipped = GOLDEN.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect((await damage(flipped)).code).toBe("CORRUPT");
    }
  });

  test("in a file that was cut anywhere", async () => {
    for (let length = 0; length < GOLDEN.length; length += 7) {
      expect((await damage(GOLDEN.subarray(0, length))).code).toBe("CORRUPT");
    }
    expect((await damage(GOLDEN.subarray(0, -1))).code).toBe("CORRUPT");
  });

  test.each([
    ["zero bytes", new Uint8Array()],
    ["NULs", new Uint8Array(2000)],
    ["an array", utf8("[1, 2]")],
    ["brackets a million deep", utf8("[".repeat(1 << 20))],
    ["something after the end", Uint8Array.from([...GOLDEN, 10])],
    ["more than a megabyte", utf8(" ".repeat(MAX_OUTCOME_BYTES + 1))],
  ])("that is %s, and names the file", async (_, bytes) => {
    const { code, message } = await damage(bytes);
    expect(code).toBe("CORRUPT");
    expect(message).toStartWith(`Cannot read "${NAME}": `);
  });

  test("in a file with the name of another outcome", async () => {
    expect((await failureOf(Promise.try(() => decodeOutcome(GOLDEN, "outcome_x.json")))).message).toBe(
      'Cannot read "outcome_x.json": found another decision_id in it, expected "x" as in its name',
    );
  });
});

test("idOfOutcomeFile() finds the id in the name of an outcome's file, and none in other names", () => {
  expect(idOfOutcomeFile(NAME)).toBe("20210104T1200-BTCUSD-0a1b2c3d");
  expect(idOfOutcomeFile("outcome_.json")).toBe("");
  for (const other of [
    "snapshot_20210101_000000.json",
    "outcome_a.json.bak",
    "my_outcome_a.json",
    "outcome_a\\b.json",
  ]) {
    expect(idOfOutcomeFile(other)).toBeUndefined();
  }
});
