import { expect, test } from "bun:test";
import { renderDecision } from "../../../scripts/text/decision.ts";
import {
  at,
  barsOf,
  CALM,
  decisionsOf,
  makeSettings,
  runFresh,
  scripted,
  seriesOf,
} from "../../backtest/world-samples.ts";

test("a HOLD that closed the position says so, and a later one nothing", async () => {
  const { risk } = makeSettings();
  const { storage } = await runFresh({
    settings: makeSettings({ risk: { ...risk, closeOnHold: true } }),
    period: { startMs: at("2021-01-01"), endMs: at("2021-02-01") },
    chunkKind: "month",
    series: new Map([
      [
        "AAA",
        seriesOf(
          "AAA",
          barsOf(
            at("2021-01-01T12:00"),
            Array.from({ length: 120 }, () => CALM),
          ),
        ),
      ],
    ]),
    providers: [scripted({ "AAA 2021-01-05T16:00": "BUY" })],
  });
  const [, closes, later] = (await decisionsOf(storage, "2021-01")).map((decision) =>
    renderDecision({ chunk: "2021-01", decision, outcome: null, recalled: [] }).replaceAll(/\s+/g, " "),
  );
  expect(closes).toContain("said HOLD at a confidence of 63.0. It closed the open position. ");
  expect(later).not.toContain("It closed");
});
