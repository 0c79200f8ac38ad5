import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { decisionId } from "../../lib/backtest/decide.ts";
import { at } from "./world-samples.ts";

describe("decisionId()", () => {
  const runId = "a".repeat(64);
  const noon = at("2021-01-04T12:00");

  test("is the time to the minute, the asset, and eight digits of a hash with the run id", () => {
    const id = decisionId(runId, { asset: "BTCUSD", timestamp: noon });
    expect(id).toMatch(/^20210104T1200-BTCUSD-[0-9a-f]{8}$/);
    const hash = createHash("sha256").update(`${runId} BTCUSD ${noon}`).digest("hex");
    expect(id.slice(-8)).toBe(hash.slice(0, 8));
    expect(decisionId(runId, { asset: "BTCUSD", timestamp: noon })).toBe(id);
    expect(decisionId("b".repeat(64), { asset: "BTCUSD", timestamp: noon })).not.toBe(id);
  });

  test("sorts by time", () => {
    const ids = ["2021-01-04T20:00", "2021-01-05T00:00", "2021-10-01T00:00"].map((time) =>
      decisionId(runId, { asset: "BTCUSD", timestamp: at(time) }),
    );
    expect(ids.toSorted()).toEqual(ids);
  });
});
