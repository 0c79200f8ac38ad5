import { expect, test } from "bun:test";
import type { ProviderConfig } from "../../../lib/config/config.ts";
import type { LookaheadCheck, LookaheadReport } from "../../../lib/experiments/lookahead.ts";
import { renderLookahead } from "../../../scripts/text/lookahead.ts";

const SOUND: LookaheadCheck = {
  at: "2021-01-29T00:00:00.000Z",
  changed: "memory",
  changed_bars: 0,
  changed_votes: 0,
  changed_features: 0,
  changed_outcomes: 22,
  decisions: 378,
  entries: 30,
  outcomes: 29,
  marks: 672,
  later_decisions_changed: 42,
  leaks: 0,
  first_leak: null,
};
const LEAK: LookaheadCheck["first_leak"] = {
  kind: "decision",
  timestamp: "2021-01-28T20:00:00.000Z",
  asset: "BTCUSD",
  fields: ["action"],
};

function linesOf(
  checks: readonly LookaheadCheck[],
  full: boolean,
  rareVotes: LookaheadReport["rare_votes"] = [],
): string[] {
  const report = { period: "2021-01-01/2021-03-01", assets: ["BTCUSD"], data: "bars", memory_enabled: true, checks };
  const rest = { decisions: 876, outcomes: 54, carried_in: 0, repeatable: true, first_difference: null };
  const ofVotes = { vote_leaks: [], rare_votes: rareVotes };
  const found = { entered_early: 0, ...ofVotes, leaks: checks.reduce((sum, { leaks }) => sum + leaks, 0) };
  return renderLookahead({ ...report, ...rest, ...found } as LookaheadReport, { providers: [], full }).split("\n");
}

test("checks that found nothing are a sentence, and a table in full", () => {
  expect(linesOf([SOUND, SOUND], false).slice(2)).toEqual([
    "The run: 876 decisions, 54 outcomes, 0 carried in",
    "Two identical runs agree. In others the data was changed from a time on.",
    "No look-ahead in 2 checks: nothing before the changed data differs",
    "",
  ]);
  const full = linesOf([SOUND, SOUND], true);
  expect(full.filter((line) => line.startsWith("2021-01-29 00:00  22 outcomes"))).toHaveLength(2);
  expect(full).toContain("outcomes: those of the memory folder, carried in or not, and the run's own");
});

test("a clean result says that nobody changed what modules, programs and models know from elsewhere", () => {
  const report = { period: "2021-01-01/2021-03-01", assets: ["BTCUSD"], checks: [SOUND], repeatable: true };
  const found = { entered_early: 0, vote_leaks: [], rare_votes: [], leaks: 0 };
  const providers: ProviderConfig[] = [
    { name: "trend", type: "trend" },
    { name: "mine", type: "module", path: "mine.ts" },
  ];
  const text = renderLookahead({ ...report, ...found } as unknown as LookaheadReport, { providers, full: false });
  expect(text).toEndWith('differs\nNot changed: what "mine" may read or know from elsewhere\n');
});

test("a file of votes that change too rarely is named before the conclusion, which does not speak for it", () => {
  const lines = linesOf([SOUND], false, [{ provider: "weekly", changes: 151 }]);
  expect(lines.at(-3)).toBe(
    'The votes of "weekly" change too rarely (151 times, fewer than 500) to tell whether they know the future: ' +
      "make sure that each counts from when it was known (docs/PROVIDERS.md)",
  );
  expect(lines.at(-2)).toStartWith("No look-ahead in 1 check");
});

test("a check that found a leak has its line always", () => {
  const lines = linesOf([SOUND, { ...SOUND, leaks: 2, first_leak: LEAK }], false);
  expect(lines.filter((line) => line.startsWith("2021-01-29 00:00"))).toEqual([
    expect.stringMatching(/2 CHANGED +42$/) as unknown as string,
  ]);
  expect(lines.at(-2)).toStartWith(
    "Changing the data from 2021-01-29 00:00 on changed the decision of 2021-01-28 20:00",
  );
});
