import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { z } from "zod";
import { quickCheck } from "../../lib/config/quick-check.ts";
import { checkConfig } from "../../lib/config/schema.ts";
import { DEFAULTS } from "../../lib/settings.ts";

// Many configurations are tried here, and a machine may be busy.
setDefaultTimeout(60_000);

/** What zod makes of a document, as text, so that the order of keys counts. */
function checkFully(data: unknown): string | undefined {
  const checked = checkConfig(z, data);
  return "config" in checked ? JSON.stringify(checked.config) : undefined;
}

const NUMBERS = [0, -0, -1, 0.5, 1, 2.5, 90, 1e9, 1e12, 1e13, Infinity, NaN];
const TEXTS =
  "x 1h 4h 90m 5d 0d 60s 2h quarter week 90d 2021-01-01 2021-02-30 onnx text google BTCUSD a/b KEY http://x/v1 ftp://x";
const LISTS = [[], [1], [""], ["BTCUSD"], ["A", "a"], ["A", "B"], ["python3", "x.py"]];
const MAPS = [
  {},
  { A: {} },
  { A: { fee_bps: 1 } },
  { "a/b": {} },
  { A: { fee: 1 } },
  { input: 1, output: 2 },
  { input: 1 },
];
const odd = fc.oneof(
  fc.constantFrom<unknown>(true, false, null, undefined, "", " ", "a\0b", "x".repeat(98)),
  fc.constantFrom<unknown>(...NUMBERS),
  fc.constantFrom<unknown>(...TEXTS.split(" ")),
  fc.constantFrom<unknown>(...LISTS, ...MAPS),
);

/** A map with some of these keys, most of them with a right value, and now and then another one. */
function section(right: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  const entry = fc
    .tuple(fc.constantFrom(...Object.keys(right)), fc.nat(39), odd)
    .map(([key, chance, other]) => [key, chance > 0 ? right[key] : other] as const);
  const unknown = fc.constantFrom<readonly (readonly [string, unknown])[]>(
    [],
    [],
    [],
    [],
    [],
    [],
    [],
    [],
    [["extra", 1]],
  );
  return fc
    .tuple(fc.array(entry, { maxLength: 8 }), unknown)
    .map(([entries, more]) => Object.fromEntries([...entries, ...more]));
}

const provider = fc.oneof(
  section({ name: "a", type: "trend" }),
  fc
    .constantFrom("trend", "memory", "file", "module", "command", "llm")
    .map((type) => ({ name: type, type, path: "x" })),
  fc.constantFrom<unknown>(...DEFAULTS.providers, { name: "file", type: "file", path: "votes.csv" }),
  section({ ...DEFAULTS.command, command: ["python3", "x.py"] }).map((rest) => ({
    name: "program",
    type: "command",
    command: ["./x"],
    ...(rest as object),
  })),
  section({
    ...DEFAULTS.llm,
    api_key_env: "GEMINI_API_KEY",
    requests_per_minute: 60,
    price_per_mtok: { input: 0.1, output: 0.4 },
    knowledge_cutoff: "2024-06-30",
    prompt_file: "prompt.txt",
    headers: { "x-title": "Carryover", authorization: { env: "KEY" } },
    extra_body: { top_k: 40, stop: ["."], more: { key: "sk-1" } },
    reasoning_effort: "low",
    base_url: "http://localhost:11434/v1",
  }).map((rest) => ({ name: "model", type: "llm", model: "llama3.2", base_url: "http://x/v1", ...(rest as object) })),
);

const backtest = section({
  ...DEFAULTS.backtest,
  start: "2021-01-01",
  end: "2022-01-01",
  budget_usd: 5,
  asset_costs: { ETHUSD: { fee_bps: 1 } },
});
const documents = fc.oneof(
  { arbitrary: section({ portfolio_memory: {}, memory: {}, backtest: {}, providers: [] }), weight: 1 },
  {
    arbitrary: fc.record(
      {
        portfolio_memory: section(DEFAULTS.portfolio_memory),
        memory: section(DEFAULTS.memory),
        backtest: fc
          .tuple(backtest, section(DEFAULTS.backtest.costs), section(DEFAULTS.backtest.risk), fc.boolean())
          .map(([rest, costs, risk, isWhole]) => (isWhole ? { ...(rest as object), costs, risk } : rest)),
        providers: fc.array(provider, { maxLength: 4 }),
      },
      { requiredKeys: [] },
    ),
    weight: 9,
  },
  { arbitrary: odd, weight: 1 },
);

describe("quickCheck()", () => {
  test("makes of a document what zod makes of it, and nothing where zod refuses it", () => {
    let accepted = 0;
    fc.assert(
      fc.property(documents, (data) => {
        const config = quickCheck(data);
        if (config !== undefined) accepted += 1;
        expect(config === undefined ? undefined : JSON.stringify(config)).toBe(checkFully(data) as string);
      }),
      { numRuns: 100 },
    );
    expect(accepted).toBeGreaterThan(1);
    expect(accepted).toBeLessThan(97);
  });

  test("compares the two ends of a period by the names that it is given", () => {
    const nameBound = (): string => "--end";
    expect(quickCheck({ backtest: { start: "2021-01-01" } }, { nameBound })).toBeUndefined();
    expect(quickCheck({ backtest: { start: "2021-01-01", end: "2020-01-01" } }, { nameBound })).toBeUndefined();
    expect(quickCheck({ backtest: { start: "2021-01-01", end: "2021-01-02" } }, { nameBound })?.backtest.end).toBe(
      "2021-01-02",
    );
  });
});
