import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../lib/config/config.ts";
import { loadConfig, loadMemoryConfig } from "../../lib/config/load.node.ts";
import { parseKeyPath, parseSetFlags, setKeys } from "../../lib/config/set-keys.ts";
import { CarryoverError } from "../../lib/errors.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "carryover-set-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Loads a file with these `--set` flags. */
async function load(text: string, ...set: string[]): Promise<Config> {
  const file = join(dir, "config.yaml");
  writeFileSync(file, text);
  return (await loadConfig(file, { label: "config.yaml", set: await parseSetFlags(set) })).config;
}

async function refusal(text: string, ...set: string[]): Promise<[code: string, message: string]> {
  const error: unknown = await load(text, ...set).catch((thrown: unknown) => thrown);
  if (!(error instanceof CarryoverError)) throw new Error(`not refused: ${set.join(" ")}`, { cause: error });
  return [error.code, error.message];
}

describe("parseKeyPath()", () => {
  test.each([
    ["portfolio_memory.learning_rate", ["portfolio_memory", "learning_rate"]],
    ["providers[0].model", ["providers", 0, "model"]],
    ["providers.0.params.low", ["providers", 0, "params", "low"]],
    ["backtest.asset_costs.600519.fee_bps", ["backtest", "asset_costs", "600519", "fee_bps"]],
    ["providers[12].command[1]", ["providers", 12, "command", 1]],
    ["backtest.asset_costs.BTC/USDT.fee_bps", ["backtest", "asset_costs", "BTC/USDT", "fee_bps"]],
  ])("reads %s", (key, path) => expect(parseKeyPath(key)).toEqual(path));

  test.each(["", ".", "a.", "a..b", "a[", "a[x]", "[0]", "a b", "__proto__.x", "a.__proto__"])("refuses %j", (key) =>
    expect(parseKeyPath(key)).toBeUndefined(),
  );
});

describe("keys that are set", () => {
  test("take the place of those of the file, whose other keys stay", async () => {
    const text = "portfolio_memory: { learning_rate: 0.3, context_window: 5 }\n";
    const { portfolio_memory: memory } = await load(text, "portfolio_memory.learning_rate=0.05");
    expect(memory).toMatchObject({ learning_rate: 0.05, context_window: 5 });
  });

  test("have values in YAML: numbers, texts, lists, maps, days", async () => {
    const { backtest } = await load(
      "backtest: {}",
      "backtest.assets=[GOLD, EURUSD]",
      "backtest.risk={ stop_atr: 2 }",
      "backtest.start=2021-01-01",
      'backtest.end="2021-02-01"',
    );
    expect(backtest.assets).toEqual(["GOLD", "EURUSD"]);
    expect(backtest.risk).toMatchObject({ stop_atr: 2, target_atr: 4.5 });
    expect([backtest.start, backtest.end]).toEqual(["2021-01-01", "2021-02-01"]);
  });

  test("may lie in what the file leaves out, which has its defaults", async () => {
    const config = await load("backtest: {}", "backtest.asset_costs.EURUSD.spread_bps=3", "providers[0].name=first");
    expect(config.backtest.asset_costs).toEqual({ EURUSD: { fee_bps: 0, spread_bps: 3, slippage_bps: 0.5 } });
    expect(config.providers.map(({ name }) => name)).toEqual(["first", "reversion", "breakout", "memory"]);
  });

  test("may be all providers, one of them, or one behind the last", async () => {
    const { providers } = await load(
      "backtest: {}",
      "providers=[{ name: a, type: trend }, { name: b, type: memory }]",
      "providers[1].type=reversion",
      "providers[2]={ name: c, type: breakout }",
    );
    expect(providers).toEqual([
      { name: "a", type: "trend" },
      { name: "b", type: "reversion" },
      { name: "c", type: "breakout" },
    ]);
  });

  test("may repair what is wrong in the file", async () => {
    expect((await load("backtest: { seed: x }", "backtest.seed=3")).backtest.seed).toBe(3);
  });

  test("are read by commands that need only the memory folder", async () => {
    const file = join(dir, "config.yaml");
    writeFileSync(file, "memory: { dir: here }\n");
    const memory = await loadMemoryConfig(file, { set: await parseSetFlags(["memory.dir=there"]) });
    expect(memory.dir).toBe(join(dir, "there"));
  });

  test.each([
    [["backtest.seed=x"], 'Cannot use --set backtest.seed: found "x", expected a whole number from 0 to 4294967295'],
    [["backtest.sed=1"], 'Cannot use --set backtest.sed: found unknown key "sed" in backtest, expected "seed"'],
    [["sead.x=1"], 'Cannot use --set sead.x: found unknown key "sead" in the file'],
    [["backtest.costs={ fee_bps: -1 }"], "Cannot use --set backtest.costs: found -1 for backtest.costs.fee_bps"],
    [["backtest.seed.x=1"], "Cannot use --set backtest.seed.x: found a map for backtest.seed, expected a whole"],
    [["providers=[]"], "Cannot use --set providers: found an empty list, expected at least one provider"],
    [["providers[9].name=x"], "Cannot use --set providers[9].name: found a list of 4, expected a number up to 4"],
    [["providers[0].api_key=sk-1"], "Cannot use --set providers[0].api_key: "],
    [
      ["backtest.start=2021-01-01"],
      'Cannot use --set backtest.start: found "2021-01-01", expected backtest.end beside it, or neither',
    ],
    [["backtest.seed"], 'Cannot use --set: found "backtest.seed", expected key=value'],
    [["a b=1"], 'Cannot use --set: found "a b", expected a key such as'],
    [["backtest.seed=1", "backtest.seed=2"], "--set backtest.seed was given twice"],
    [["backtest.assets=[A"], "Cannot use --set backtest.assets: found broken YAML"],
    [["backtest.assets=*a"], "Cannot use --set backtest.assets: found "],
  ])("are refused by name: %j", async (set, wanted) => {
    const [code, message] = await refusal("backtest: {}", ...set);
    expect(code).toBe("BAD_USAGE");
    expect(message).toContain(wanted);
  });

  test("are refused without the value of a secret", async () => {
    const [, message] = await refusal("backtest: {}", "providers[0].api_key=sk-12345678");
    expect(message).not.toContain("12345678");
  });

  test("are named where they contradict what the file has", async () => {
    const [code, message] = await refusal(
      "backtest: { start: 2021-01-01, end: 2021-02-01 }",
      "backtest.start=2021-03-01",
    );
    expect([code, message]).toEqual([
      "BAD_USAGE",
      'Cannot use --set backtest.start: found "2021-02-01" for backtest.end, expected a day after backtest.start, "2021-03-01"',
    ]);
  });

  test("do not hide what is wrong in the file", async () => {
    const [code, message] = await refusal("backtest: { chunks: fortnight }", "backtest.seed=x");
    expect(code).toBe("BAD_CONFIG");
    expect(message.split("\n")).toEqual([
      expect.stringContaining('Cannot read config.yaml:1:21: found "fortnight" for backtest.chunks'),
      expect.stringContaining("Cannot use --set backtest.seed"),
    ]);
  });

  test("are not blamed for the keys of an older program in the file", async () => {
    const text = "memory:\n  outcomes_dir: a/outcomes\n  snapshots_dir: b/snapshots\n";
    const [code, message] = await refusal(text, "backtest.seed=7");
    expect([code, message]).toEqual(await refusal(text));
    expect([code, message]).toEqual(["BAD_CONFIG", expect.stringContaining("Cannot read config.yaml:3:3: ")]);
  });

  test("equal the same keys written in the file", async () => {
    const value = fc.oneof(
      fc.record({ key: fc.constant("backtest.seed"), value: fc.nat(1000) }),
      fc.record({
        key: fc.constant("portfolio_memory.learning_rate"),
        value: fc.integer({ min: 1, max: 99 }).map((n) => n / 100),
      }),
      fc.record({ key: fc.constant("backtest.chunks"), value: fc.constantFrom("week", "month", "30d") }),
      fc.record({ key: fc.constant("backtest.risk.max_holding"), value: fc.constantFrom("1d", "12h") }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(value, { selector: ({ key }) => key }), async (keys) => {
        const flags = keys.map((each) => `${each.key}=${JSON.stringify(each.value)}`);
        const sets = await parseSetFlags(flags);
        const written = setKeys({ backtest: {} }, sets);
        expect(await load("backtest: {}\n", ...flags)).toEqual(await load(`${JSON.stringify(written)}\n`));
      }),
      { numRuns: 30 },
    );
  });
});
