import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome } from "../../lib/types.ts";
import { makeOutcome, makeVote } from "../memory/outcome-samples.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf, whileLocked, writeMemory } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-reset-"));
let folders = 0;

afterAll(() => rmSync(base, { recursive: true, force: true }));

function trade(day: number, fields: Partial<Outcome>): Outcome {
  return makeOutcome({
    decision_id: `20210101T0000-BTCUSD-0000000${day}`,
    exit_timestamp: `2021-01-0${day}T00:00:00.000Z`,
    ...fields,
  });
}

/** Four trades that closed on 2 to 5 January. Trend voted BUY on each; reversion SELL, HOLD, SELL, BUY. */
const TRADES: readonly Outcome[] = (
  [
    ["BUY", 100, 1, "SELL"],
    ["BUY", -50, -0.5, "HOLD"],
    ["SELL", 30, 0.25, "SELL"],
    ["BUY", 20, 0.5, "BUY"],
  ] as const
).map(([action, pnl, resultR, reversion], i) =>
  trade(i + 2, {
    action,
    realized_pnl: pnl,
    result_r: resultR,
    was_profitable: pnl > 0,
    votes: [makeVote("trend", "BUY"), makeVote("reversion", reversion)],
  }),
);

/** Trend voted for the first, second and fourth trade, reversion for the third and fourth. */
const TREND = { total_trades: 3, winning_trades: 2, total_pnl: 70, mean_result_r: 1 / 3 };
const REVERSION = { total_trades: 2, winning_trades: 2, total_pnl: 50, mean_result_r: 0.375 };
const TREND_OF_LAST = { total_trades: 1, winning_trades: 1, total_pnl: 20, mean_result_r: 0.5 };

async function fixture(outcomes = TRADES): Promise<string> {
  const memoryDir = join(base, String((folders += 1)), "memory");
  await writeMemory(memoryDir, outcomes);
  return memoryDir;
}

async function reset(memoryDir: string, ...args: string[]): Promise<{ code: number; json: unknown; stderr: string }> {
  const { code, stdout, stderr } = await runScript("reset-providers.ts", [
    "--memory-dir",
    memoryDir,
    "--json",
    ...args,
  ]);
  return { code, json: stdout === "" ? undefined : JSON.parse(stdout), stderr };
}

function performanceOf(memoryDir: string): unknown {
  return JSON.parse(readFileSync(join(memoryDir, "provider_performance.json"), "utf8"));
}

/** Names, bytes and modification times. */
function stateOf(memoryDir: string): unknown {
  const files = filesOf(memoryDir);
  return Object.keys(files).map((name) => [name, files[name], statSync(join(memoryDir, name)).mtimeMs]);
}

describe("reset-providers", () => {
  test("counts a trade of two runs once", async () => {
    const [first] = TRADES as [Outcome];
    const again = { ...first, decision_id: "20210101T0000-BTCUSD-ffffffff", run_id: "b".repeat(64) };
    const memoryDir = await fixture([...TRADES, again]);
    expect(performanceOf(memoryDir)).toEqual({ reversion: REVERSION, trend: TREND });
    const { json } = await reset(memoryDir, "--provider", "trend", "--dry-run");
    expect(json).toMatchObject({ outcomes: 5, providers: [{ after: TREND, changed: false }] });
    // It voted on four trades.
    const { json: forgetting } = await reset(memoryDir, "--provider", "trend", "--forget", "--dry-run");
    expect(forgetting).toMatchObject({ marks: [{ outcomes: 4 }] });
  });

  test("reports right records as right, and changes nothing", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    const { code, stdout, stderr } = await runScript("reset-providers.ts", ["--memory-dir", memoryDir]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      [
        "Provider   Trades  Won    P&L  Mean R  Before",
        "---------  ------  ---  -----  ------  --------",
        "reversion       2    2  50.00   +0.38  the same",
        "trend           3    2  70.00   +0.33  the same",
        "",
        "Regime    Trades  Won     P&L  Mean R  Before",
        "--------  ------  ---  ------  ------  --------",
        "TRENDING       4    3  100.00   +0.31  the same",
        "",
        "Counted 4 outcomes: all records were right",
        "",
      ].join("\n"),
    );
    expect(filesOf(memoryDir)).toEqual(before);
  });

  test("restores wrong, unreadable and missing statistics to the same bytes, and shows what changed", async () => {
    const memoryDir = await fixture();
    const whole = filesOf(memoryDir);
    const file = join(memoryDir, "provider_performance.json");
    const wrong = { ...TREND, total_trades: 999 };
    writeFileSync(file, JSON.stringify({ trend: wrong, ghost: TREND }));
    const { code, json } = await reset(memoryDir);
    expect(code).toBe(0);
    expect(json).toMatchObject({
      dry_run: false,
      outcomes: 4,
      providers: [
        { name: "ghost", before: TREND, after: null, changed: true },
        { name: "reversion", before: null, after: REVERSION, changed: true },
        { name: "trend", before: wrong, after: TREND, changed: true },
      ],
      regimes: [{ name: "TRENDING", changed: false }],
      damaged: [],
    });
    expect(filesOf(memoryDir)).toEqual(whole);

    writeFileSync(file, "not JSON");
    rmSync(join(memoryDir, "regime_performance.json"));
    const { stdout } = await runScript("reset-providers.ts", ["--memory-dir", memoryDir, "--provider", "trend"]);
    expect(stdout).toContain("trend          3    2  70.00   +0.33  missing\n");
    expect(stdout).not.toContain("reversion");
    expect(stdout).toEndWith("Counted 4 outcomes: 2 records were missing or wrong\n");
    expect(filesOf(memoryDir)).toEqual(whole);
  });

  test("reads every outcome, finds a changed digit that the caches did not notice, and counts the rest", async () => {
    const memoryDir = await fixture();
    const name = `outcome_${TRADES[0]!.decision_id}.json`;
    const text = readFileSync(join(memoryDir, name), "utf8");
    writeFileSync(join(memoryDir, name), text.replace('"realized_pnl": 100', '"realized_pnl": 900'));
    const { code, json, stderr } = await reset(memoryDir);
    expect(code).toBe(4);
    expect(json).toMatchObject({ outcomes: 3, damaged: [{ name }] });
    expect(stderr).toStartWith(`warning: Moved "${name}" to quarantine: Cannot read "${name}": found a crc32 of`);
    expect(performanceOf(memoryDir)).toEqual({
      reversion: REVERSION,
      trend: { total_trades: 2, winning_trades: 1, total_pnl: -30, mean_result_r: 0 },
    });
  });

  test("counts an imported outcome as its file is now, not as it was when first read", async () => {
    const memoryDir = await fixture();
    const name = `outcome_${TRADES[0]!.decision_id}.json`;
    const imported = readFileSync(join(memoryDir, name), "utf8")
      .replace(/,\n {2}"crc32": "[0-9a-f]{8}"/, "")
      .replace('"ai_provider": "ensemble"', '"ai_provider": "trend"');
    writeFileSync(join(memoryDir, name), imported);
    expect(await reset(memoryDir)).toMatchObject({ code: 0, json: { outcomes: 4 } });
    writeFileSync(join(memoryDir, name), imported.replace('"realized_pnl": 100', '"realized_pnl": 900'));
    await reset(memoryDir);
    expect(performanceOf(memoryDir)).toMatchObject({ trend: { total_trades: 3, total_pnl: 870 } });
    // A later count from the vectors' columns gives the same.
    await writeMemory(memoryDir, []);
    expect(performanceOf(memoryDir)).toMatchObject({ trend: { total_trades: 3, total_pnl: 870 } });
  });

  test("--forget marks all providers, by default just after the newest outcome", async () => {
    const memoryDir = await fixture();
    const { code, stdout, stderr } = await runScript("reset-providers.ts", ["--forget", "--memory-dir", memoryDir]);
    expect([code, stderr]).toEqual([0, ""]);
    // Reversion voted HOLD on one of the four.
    expect(stdout).toBe(
      [
        "Provider   Forgets before            Now  Before  Trades  Won  P&L  Mean R",
        "---------  ------------------------  ---  ------  ------  ---  ---  ------",
        "reversion  2021-01-05T00:00:00.001Z    3       0       0    0    -       -",
        "trend      2021-01-05T00:00:00.001Z    4       0       0    0    -       -",
        "",
        "Wrote 2 forget marks.",
        "Now and Before count forgotten outcomes; the rest shows what still counts.",
        "",
      ].join("\n"),
    );
    expect(performanceOf(memoryDir)).toEqual({});
  });

  test("what was forgotten stays forgotten when every cache is deleted and rebuilt", async () => {
    const memoryDir = await fixture();
    const args = ["--forget", "--provider", "trend", "--before", "2021-01-04"];
    const mark = { provider: "trend", before: "2021-01-04T00:00:00.000Z", outcomes: 2, already_forgotten: 0 };
    expect(await reset(memoryDir, ...args)).toMatchObject({
      code: 0,
      json: { dry_run: false, marks: [{ ...mark, is_new: true, after: TREND_OF_LAST }], damaged: [] },
    });
    expect(performanceOf(memoryDir)).toEqual({ reversion: REVERSION, trend: TREND_OF_LAST });
    const whole = filesOf(memoryDir);

    const caches = ["provider_performance.json", "regime_performance.json", "memory.json"];
    for (const name of [...caches, "vectors.f32", "vectors.meta.json.gz"]) rmSync(join(memoryDir, name));
    expect((await runScript("rebuild-vectors.ts", ["--all", "--memory-dir", memoryDir])).code).toBe(0);
    expect(filesOf(memoryDir)).toEqual(whole);
    for (const name of caches) rmSync(join(memoryDir, name));
    await reset(memoryDir);
    expect(filesOf(memoryDir)).toEqual(whole);
  });

  test("writes no second mark if one reaches as far, and counts what it forgot", async () => {
    const memoryDir = await fixture();
    const forget = (before: string): Promise<{ code: number; json: unknown; stderr: string }> =>
      reset(memoryDir, "--forget", "--provider", "trend", "--before", before);
    await forget("2021-01-03T00:00:00Z");
    const whole = filesOf(memoryDir);
    expect(await forget("2021-01-03")).toMatchObject({ json: { marks: [{ outcomes: 0, is_new: false }] } });
    expect(await forget("2021-01-02")).toMatchObject({ json: { marks: [{ outcomes: 0, is_new: false }] } });
    expect(filesOf(memoryDir)).toEqual(whole);
    // 5 January begins at 05:00 UTC in New York.
    expect(await forget("2021-01-05T00:00:00-05:00")).toMatchObject({
      json: {
        marks: [{ before: "2021-01-05T05:00:00.000Z", outcomes: 3, already_forgotten: 1, is_new: true, after: null }],
      },
      stderr:
        "warning: The newest outcome closed at 2021-01-05T00:00:00.000Z; " +
        "later ones that close before 2021-01-05T05:00:00.000Z will not count either\n",
    });
  });

  test.each([[[]], [["--forget"]], [["--forget", "--before", "2021-01-04"]]])(
    "--dry-run with %j writes nothing, even while another process holds the lock",
    async (args) => {
      const memoryDir = await fixture();
      writeFileSync(join(memoryDir, "provider_performance.json"), "{}");
      writeFileSync(join(memoryDir, `outcome_damaged.json`), "");
      await whileLocked(memoryDir, async () => {
        const before = stateOf(memoryDir);
        const { code, json, stderr } = await reset(memoryDir, "--dry-run", ...args);
        expect([code, json]).toEqual([4, expect.objectContaining({ dry_run: true })]);
        expect(stderr).toStartWith(`warning: Cannot read "outcome_damaged.json"`);
        expect(stateOf(memoryDir)).toEqual(before);
      });
    },
  );

  test("counts and forgets a provider named __proto__ like any other", async () => {
    const votes = [makeVote("__proto__", "BUY"), makeVote("constructor", "BUY")];
    const memoryDir = await fixture([trade(2, { realized_pnl: 7, result_r: 1, votes })]);
    const record = { total_trades: 1, winning_trades: 1, total_pnl: 7, mean_result_r: 1 };
    const same = { before: record, after: record, changed: false };
    expect(await reset(memoryDir)).toMatchObject({
      json: {
        providers: [
          { name: "__proto__", ...same },
          { name: "constructor", ...same },
        ],
      },
    });
    expect(await reset(memoryDir, "--forget", "--provider", "__proto__")).toMatchObject({
      json: { marks: [{ provider: "__proto__", outcomes: 1, after: null }] },
    });
    expect(performanceOf(memoryDir)).toEqual({ constructor: record });
  });

  test("an unknown provider is refused with the names of the known ones", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    for (const args of [[], ["--forget"]]) {
      const { code, stderr } = await reset(memoryDir, ...args, "--provider", "trend", "--provider", "trnd");
      expect(code).toBe(3);
      expect(stderr).toBe(
        `error: Cannot reset the provider "trnd": found no vote of it, expected one of "reversion", "trend"\n`,
      );
    }
    expect(filesOf(memoryDir)).toEqual(before);
  });

  test.each([
    [["--before", "2021-01-04"], "--before needs --forget"],
    [["--forget", "--before", "2021-02-30"], "--before must be a date such as"],
    [["trend"], 'unexpected argument "trend"; did you mean --provider trend?'],
    [["--provider"], "--provider needs a value (P)"],
  ])("refuses %j with 2", async (args, message) => {
    const { code, stdout, stderr } = await runScript("reset-providers.ts", ["--memory-dir", base, ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith(`error: ${message}`);
  });

  test("exits with 3 without a folder or an outcome, and makes no folder", async () => {
    const nowhere = join(base, "nowhere");
    for (const args of [[], ["--forget"], ["--dry-run"]]) expect((await reset(nowhere, ...args)).code).toBe(3);
    expect(existsSync(nowhere)).toBeFalse();

    const empty = await fixture([]);
    expect(await reset(empty)).toMatchObject({ code: 0, json: { outcomes: 0, providers: [] } });
    expect(await reset(empty, "--forget")).toMatchObject({
      code: 3,
      stderr: `error: Cannot forget in "${empty}": found no outcomes, expected at least one\n`,
    });
  });

  test("exits with 5 and names the process that holds the lock", async () => {
    const memoryDir = await fixture();
    const before = filesOf(memoryDir);
    await whileLocked(memoryDir, async (pid) => {
      for (const args of [[], ["--forget"]]) {
        const { code, stderr } = await reset(memoryDir, ...args);
        expect(code).toBe(5);
        expect(stderr).toContain(`found it locked by process ${pid} `);
      }
    });
    expect(filesOf(memoryDir)).toEqual(before);
  });
});
