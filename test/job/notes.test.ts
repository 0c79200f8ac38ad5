import { describe, expect, test } from "bun:test";
import { parseConfig, parseProvider } from "../../lib/config/parse.ts";
import type { ProviderConfig } from "../../lib/config/config.ts";
import {
  apiNotes,
  costsNotes,
  cutoffNotes,
  failureNotes,
  leakNote,
  positionsNotes,
  stoppedNote,
} from "../../lib/job/notes.ts";
import { MissingAnswer, NoUsableAnswers, PromptsTooLong } from "../../lib/providers/recorded/recorder.ts";

describe("cutoffNotes()", () => {
  const period = { startMs: Date.UTC(2024, 0, 1), endMs: Date.UTC(2025, 0, 1) };
  const notesOn = async (model: object): Promise<readonly string[]> =>
    cutoffNotes(
      [await parseProvider({ name: "mine", type: "llm", base_url: "http://localhost/v1", ...model })],
      period,
    );

  test("warn of a model that may have read about the period, and of one whose cutoff is unknown", async () => {
    expect(await notesOn({ model: "gemini-2.0-flash" })).toEqual([
      'The period begins at 2024-01-01, before the knowledge cutoff of "gemini-2.0-flash", 2024-08-31: ' +
        '"mine" may remember what it seems to predict; mask: true hides asset, dates and prices from it',
    ]);
    expect(await notesOn({ model: "homemade", mask: true })).toEqual([
      'The knowledge cutoff of "homemade" is unknown (set knowledge_cutoff) and may be after 2024-01-01: ' +
        '"mine" may remember what it seems to predict',
    ]);
  });

  test("trust a cutoff that the configuration gives", async () => {
    expect(await notesOn({ model: "gemini-2.0-flash", knowledge_cutoff: "2023-12-31" })).toEqual([]);
    expect(await notesOn({ model: "homemade", knowledge_cutoff: "2024-01-01" })).toHaveLength(1);
  });
});

test("apiNotes() name models of api: openai on a server that is not OpenAI's", async () => {
  const notesOn = async (model: object): Promise<readonly string[]> =>
    apiNotes([await parseProvider({ name: "mine", type: "llm", model: "m", api_key_env: "KEY", ...model })]);
  expect(await notesOn({ api: "openai", base_url: "http://localhost/v1" })).toEqual([
    '"mine" is asked as api: openai-compatible, since "http://localhost/v1" is not OpenAI\'s address; its recorded answers stay valid',
  ]);
  expect(await notesOn({ base_url: "http://localhost/v1" })).toEqual([]);
  expect(await notesOn({ api: "openai" })).toEqual([]);
  expect(await notesOn({ api: "openai", base_url: "https://api.openai.com/v1" })).toEqual([]);
});

test("costsNotes() name currency pairs that pay the costs of crypto, unless costs are set", async () => {
  const notesOn = async (backtest: string): Promise<readonly string[]> =>
    costsNotes((await parseConfig(`backtest: { ${backtest} }`, { file: "config.yaml" })).backtest);
  expect(await notesOn("assets: [GBPUSD, BTCUSD, USD/JPY, EURUSD]")).toEqual([
    "GBPUSD, USD/JPY: the costs are those of crypto (fee 5, spread 2, slippage 2 basis points); backtest.asset_costs sets those of a currency " +
      'pair, such as {"GBPUSD":{"fee_bps":0,"spread_bps":1,"slippage_bps":0.5}}',
  ]);
  expect(await notesOn("assets: [BTCUSD, EURUSD, AAPL]")).toEqual([]);
  expect(await notesOn("assets: [GBPUSD], costs: { fee_bps: 0 }")).toEqual([]);
  expect(await notesOn("assets: [GBPUSD], asset_costs: { GBPUSD: { fee_bps: 5 } }")).toEqual([]);
});

test("leakNote() advises the stamp, the length of the bars where the stamp is set, and the zone unless it is set, for a file", () => {
  const figures = { asset: null, kind: "change", lag: 0, bars: 900, z: 9, share: 0.2, later_z: 1 } as const;
  const file = { name: "mine", type: "file", path: "votes.csv" } as const;
  const noteOf = (config: ProviderConfig): string => leakNote({ provider: "mine", ...figures }, [config]);
  expect(noteOf(file)).toEndWith(
    "If their timestamps are the starts of their bars, set stamp: bar_start. " +
      "If they state no zone and are not in UTC, set timezone: to theirs, such as America/New_York. A real edge that fades within a day of bars, as simulated bars may have, looks alike (docs/PROVIDERS.md)",
  );
  expect(noteOf({ ...file, stamp: "bar_start", timezone: "UTC" })).toEndWith(
    "If the votes come from longer bars than those of the run, set bar: to the length of their bars, such as bar: 1d. A real edge that fades within a day of bars, as simulated bars may have, looks alike (docs/PROVIDERS.md)",
  );
  expect(noteOf({ name: "mine", type: "module", path: "mine.ts" })).toEndWith(
    "Whatever it reads of its own must end at situation.timestamp: a bar is known at its end, not at its start. A real edge that fades within a day of bars, as simulated bars may have, looks alike (docs/PROVIDERS.md)",
  );
});

describe("positionsNotes()", () => {
  // Long on 1 and 2 January, flat on the 3rd, short on the 4th, long from the 5th on; AAA and BBB alike.
  const ofAsset = ["BUY", "BUY", "HOLD", "SELL", "BUY", "HOLD"].map((action, i) => ({
    timestamp: Date.UTC(2021, 0, 1 + i),
    answer: { action: action as "BUY", confidence: 60 },
  }));
  const votes = new Map([
    [
      "mine",
      new Map([
        ["AAA", ofAsset],
        ["BBB", ofAsset],
      ]),
    ],
  ]);
  const notesOn = async (
    trades: number,
    { days = [1, 9], risk = "close_on_hold: true", more = "", skipped = {} },
  ): Promise<readonly string[]> => {
    const text = `
memory: { dir: m }
backtest: { assets: [AAA, BBB], risk: { ${risk} } }
providers: [{ name: mine, type: file, path: mine.csv }${more}]`;
    const [startMs = 0, endMs = 0] = days.map((day) => Date.UTC(2021, 0, day));
    return positionsNotes(await parseConfig(text, { file: "config.yaml" }), {
      votes,
      period: { startMs, endMs },
      trades,
      skipped: { max_positions: 0, correlation: 0, size: 0, ...skipped },
    });
  };

  test("count the positions of a file within the period that became more than one and a half as many trades", async () => {
    expect(await notesOn(10, {})).toEqual([
      '"mine" has 6 positions in this period, but made 10 trades: after a stop, a target or max_holding, a vote that still holds opens the next one. ' +
        "docs/PROVIDERS.md says how to trade the positions of a file and nothing else",
    ]);
    expect(await notesOn(9, {})).toEqual([]);
    // From the 2nd to the 4th, each asset is long, which it was before, and flat.
    expect(await notesOn(4, { days: [2, 4] })).toEqual([expect.stringContaining("has 2 positions")]);
    expect(await notesOn(3, { days: [2, 4] })).toEqual([]);
  });

  test("count signals, too, which open a position again after its stop", async () => {
    expect(await notesOn(10, { risk: "per_trade_pct: 1" })).toEqual([expect.stringContaining("made 10 trades")]);
  });

  test("name the rules by which positions were not opened", async () => {
    const skipped = { correlation: 36, max_positions: 2 };
    expect(await notesOn(6, { skipped })).toEqual([
      'Decisions of "mine" that opened nothing: 2 by max_positions, 36 by correlation. ' +
        "docs/PROVIDERS.md says how to trade the positions of a file and nothing else",
    ]);
    expect(await notesOn(6, { skipped, risk: "per_trade_pct: 1" })).toEqual([]);
  });

  test("say nothing of a file that others outvote", async () => {
    expect(await notesOn(10, { more: ", { name: trend, type: trend }", skipped: { size: 1 } })).toEqual([]);
  });
});

describe("stoppedNote()", () => {
  const stopped = { progress: undefined, outcomes: 2, reason: new Error("stopped"), refresh: [], begun: [] };
  const progress = { chunk: "2024Q2", simulatedMs: Date.UTC(2024, 4, 3), share: 0.3, equity: 1, trades: 2 };

  test.each([
    [{ outcomes: 0 }, "Stopped at the start: nothing has changed, and the same command goes on"],
    [
      { progress, outcomes: 0 },
      "Stopped in 2024Q2 at 2024-05-03: no trade had closed yet, and the same command goes on with 2024Q2",
    ],
    [
      { progress, outcomes: 1 },
      "Stopped in 2024Q2 at 2024-05-03: the outcome is kept, and the same command goes on with 2024Q2",
    ],
    [
      { reason: new MissingAnswer("NOT_FOUND", "") },
      "Stopped at the start: all 2 outcomes are kept, and the same command without --offline goes on",
    ],
    [
      { refresh: ["a", "b"], begun: ["a"] },
      'Stopped at the start: all 2 outcomes are kept, and the same command without --refresh-provider "a" goes on',
    ],
    [
      { refresh: ["a", "b"], begun: ["a", "b"] },
      "Stopped at the start: all 2 outcomes are kept, and the same command without --refresh-provider goes on",
    ],
    [
      { progress, reason: new NoUsableAnswers("UNANSWERED", "") },
      "Stopped in 2024Q2 at 2024-05-03: all 2 outcomes are kept, and the same command goes on with 2024Q2, " +
        "but stops again if the next questions have no usable answer either",
    ],
    [
      { reason: new PromptsTooLong("UNANSWERED", "") },
      "Stopped at the start: all 2 outcomes are kept, but the same command meets the same prompts again: with another prompt_file it is another run",
    ],
  ])("says what is kept and how the run goes on: %j", (parts, note) => {
    expect(stoppedNote({ ...stopped, ...parts })).toBe(note);
  });
});

test("answers that cannot be used are counted with the commonest reason", () => {
  const counts = { asked: 516, cached: 0, failed: 25, missing: 0, unanswered: 0, costUsd: null, costNowUsd: null };
  const commonestFailure = { reason: "found 102, expected a confidence from 0 to 100", times: 17 };
  expect(failureNotes({ ...counts, commonestFailure })).toEqual([
    "25 answers cannot be used; the commonest reason, 17 times: found 102, expected a confidence from 0 to 100",
  ]);
  expect(failureNotes({ ...counts, failed: 1, commonestFailure })).toEqual([
    "1 answer cannot be used: found 102, expected a confidence from 0 to 100",
  ]);
  expect(failureNotes(counts)).toEqual([]);
});
