import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf, overrideConfig, parseConfig } from "../../lib/config/parse.ts";
import type { Config } from "../../lib/config/config.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { PROJECT_DIR } from "../samples.ts";

const FIXTURES = join(PROJECT_DIR, "test", "fixtures", "config");

function parse(text: string): Promise<Config> {
  return parseConfig(text, { file: "config.yaml" });
}

/** The lines of the refusal, without what all of them begin with. */
async function problems(text: string): Promise<string[]> {
  const error: unknown = await parse(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CarryoverError)) throw new Error(`not refused: ${text}`, { cause: error });
  expect(error.code).toBe("BAD_CONFIG");
  return error.message.split("\n").map((line) => line.replace(/^Cannot read config\.yaml:/, ""));
}

function fixture(name: string): string {
  return readFileSync(join(FIXTURES, name), "utf8");
}

describe("parseConfig()", () => {
  test("reads the same values from the project's config.yaml and from a file that sets nothing", async () => {
    const project = await parse(readFileSync(join(PROJECT_DIR, "config.yaml"), "utf8"));
    expect(project.backtest.data_dir).toBe("data/sample");
    const ownBars = { ...project, backtest: { ...project.backtest, data_dir: "data/market" } };
    expect(JSON.stringify(await parse("backtest: {}"))).toBe(JSON.stringify(ownBars));
  });

  test("has the documented defaults", async () => {
    const { portfolio_memory: memory, backtest, providers } = await parse("backtest: {}");
    expect(memory).toEqual({ enabled: true, max_memory_size: 1000, learning_rate: 0.1, context_window: 20 });
    expect([backtest.chunks, backtest.seed, backtest.start, backtest.end]).toEqual([
      "quarter",
      1,
      undefined,
      undefined,
    ]);
    expect(backtest.assets).toEqual(["BTCUSD", "ETHUSD", "EURUSD"]);
    expect(backtest.risk.max_holding).toBe("5d");
    expect(providers.map(({ name, type }) => name === type && name)).toEqual([
      "trend",
      "reversion",
      "breakout",
      "memory",
    ]);
  });

  test("has close_on_hold only where it is true, so that false is the same run as none", async () => {
    const riskOf = async (text: string): Promise<Config["backtest"]["risk"]> => (await parse(text)).backtest.risk;
    const none = await riskOf("backtest: {}");
    expect(Object.keys(none)).not.toContain("close_on_hold");
    expect(await riskOf("backtest: { risk: { close_on_hold: false } }")).toEqual(none);
    expect(await riskOf("backtest: { risk: { close_on_hold: true } }")).toEqual({ ...none, close_on_hold: true });
    expect(await problems("backtest: { risk: { close_on_hold: 1 } }")).toEqual([
      "1:36: found 1 for backtest.risk.close_on_hold, expected true or false",
    ]);
  });

  test("returns keys in one order, whatever the order in the file", async () => {
    const one = await parse("backtest: { seed: 3, chunks: week }\nmemory: { dir: x }");
    const other = await parse("memory: { dir: x }\nbacktest: { chunks: week, seed: 3 }");
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
  });

  test("accepts a byte order mark and CRLF", async () => {
    expect((await parse(fixture("byte-order-mark.yaml"))).backtest.seed).toBe(7);
  });

  test("accepts providers of every type, and names that JavaScript objects inherit", async () => {
    const { providers } = await parse(
      "providers:\n  - { name: __proto__, type: trend }\n  - { name: constructor, type: file, path: votes.csv }\n" +
        "  - { name: Größe & ✓, type: module, path: mine.ts }",
    );
    expect(providers).toEqual([
      { name: "__proto__", type: "trend" },
      { name: "constructor", type: "file", path: "votes.csv" },
      { name: "Größe & ✓", type: "module", path: "mine.ts" },
    ]);
  });

  test("takes the length of the bars of votes by its one name, and only with stamp: bar_start", async () => {
    const file = (keys: string): string => `providers: [{ name: mine, type: file, path: votes.csv, ${keys} }]`;
    const { providers } = await parse(file("stamp: bar_start, bar: 24H"));
    expect(providers[0]).toMatchObject({ stamp: "bar_start", bar: "1d" });
    for (const keys of ["bar: 1d", "stamp: known_at, bar: 1d"])
      await expect(parse(file(keys))).rejects.toThrow("expected stamp: bar_start beside it");
    await expect(parse(file("stamp: bar_start, bar: 1M"))).rejects.toThrow('expected a timeframe such as "15m"');
  });

  test("takes the name of a column of votes", async () => {
    const file = (column: string): string =>
      `providers: [{ name: mine, type: file, path: votes.csv, column: ${column} }]`;
    expect((await parse(file("pos"))).providers[0]).toMatchObject({ column: "pos" });
    await expect(parse(file("0"))).rejects.toThrow(
      'found 0 for providers[0].column, expected the name of a column, such as "signal"; a number needs quotes',
    );
    expect((await parse(file('"0"'))).providers[0]).toMatchObject({ column: "0" });
  });

  test("takes the zone of votes and of features by a name or an offset", async () => {
    const yaml = (zone: string): string =>
      `backtest: { features_timezone: "${zone}" }\nproviders: [{ name: mine, type: file, path: votes.csv, timezone: "${zone}" }]`;
    for (const zone of ["America/New_York", "+02:00", "UTC"]) {
      const { backtest, providers } = await parse(yaml(zone));
      expect(backtest.features_timezone).toBe(zone);
      expect(providers[0]).toMatchObject({ timezone: zone });
    }
    await expect(parse(yaml("EST5"))).rejects.toThrow(
      '2:66: found "EST5" for providers[0].timezone, expected an IANA name such as "Europe/Athens" or an offset such as "+02:00"',
    );
  });

  test.each([
    ["unknown-key.yaml", '2:3: found unknown key "lerning_rate" in portfolio_memory, expected "learning_rate"'],
    ["unknown-key.yaml", '3:1: found unknown key "backteset" in the file, expected "backtest"'],
    [
      "unknown-key.yaml",
      '6:3: found unknown key "folder" in memory, expected one of dir, embedder, model_dir, answers_dir',
    ],
    ["wrong-type.yaml", '2:12: found "yes" for portfolio_memory.enabled, expected true or false'],
    ["wrong-type.yaml", '5:11: found "BTCUSD" for backtest.assets, expected a list of assets'],
    ["wrong-type.yaml", "8:3: found a map for providers, expected a list of providers"],
    ["bad-value.yaml", '2:14: found "1 month" for backtest.timeframe, expected a timeframe such as "15m", "1h", "1d"'],
    ["bad-value.yaml", "3:20: found 0 for backtest.initial_balance, expected a number above 0, at most 1000000000000"],
    ["bad-value.yaml", "4:18: found 2.5 for backtest.max_positions, expected a whole number from 1 to 1000"],
    ["bad-value.yaml", "5:26: found NaN for backtest.correlation_threshold, expected a number from -1 to 1"],
    ["bad-value.yaml", "7:26: found 1500 for backtest.risk.per_trade_pct, expected a number above 0, at most 1000"],
    ["bad-value.yaml", '9:10: found "2021-02-30" for backtest.start, expected a day such as "2021-01-31"'],
    ["duplicate-key.yaml", '3:3: found the key "seed" a second time, expected it once'],
    ["yaml-bomb.yaml", '2:8: found the alias "*a", expected the value itself'],
    ["tab.yaml", "2:1: found a tab as indentation, expected spaces"],
    ["empty.yaml", "1:1: found an empty file, expected a map of portfolio_memory, memory, backtest, providers"],
    ["only-comments.yaml", "1:1: found an empty file, expected a map of portfolio_memory, memory, backtest, providers"],
    ["list.yaml", "1:1: found a list, expected a map of portfolio_memory, memory, backtest, providers"],
    ["two-documents.yaml", "3:1: found a second document, expected one"],
    ["proto-key.yaml", '3:5: found unknown key "__proto__", expected a known one'],
    [
      "assets.yaml",
      '2:20: found "../x" for backtest.assets[1], expected an asset\'s name such as "BTCUSD", "BTC/USDT"',
    ],
    ["assets.yaml", '2:26: found "NUL" for backtest.assets[2], expected an asset\'s name'],
    ["assets.yaml", '2:31: found "btcusd" for backtest.assets[3], expected an asset whose file name, btcusd, no'],
    ["assets.yaml", '2:51: found "^BTC_USD" for backtest.assets[6], expected an asset whose file name, BTC_USD, no'],
    ["assets.yaml", '3:18: found "a b" in backtest.asset_costs, expected an asset\'s name'],
    ["providers.yaml", '2:22: found "gpt" for providers[0].type, expected one of "trend", '],
    ["providers.yaml", "3:5: found no providers[1].path, expected a path"],
    ["providers.yaml", '4:29: found unknown key "path" in providers[2], expected one of name, type'],
    ["providers.yaml", '5:13: found "" for providers[3].name, expected a name of 1 to 60 printable characters'],
    ["providers.yaml", "6:5: found no providers[4].name, expected a name of 1 to 60 printable characters"],
    ["providers.yaml", '8:13: found "a" for providers[6].name, expected a name that no other provider has'],
    [
      "cross-checks.yaml",
      '2:3: found "4h" for backtest.decision_interval, expected a multiple of backtest.timeframe, "3h"',
    ],
    [
      "cross-checks.yaml",
      '4:8: found "2021-01-01" for backtest.end, expected a day after backtest.start, "2021-06-01"',
    ],
    ["cross-checks.yaml", '6:13: found "word2vec" for memory.embedder, expected "hashing" or "onnx"'],
  ])("refuses %s: %s", async (name, wanted) => {
    const found = await problems(fixture(name));
    expect(found.find((line) => line.startsWith(wanted)) ?? found.join("\n")).toStartWith(wanted);
  });

  test("lists all problems at once, in the order of the file", async () => {
    const lines = (await problems(fixture("bad-value.yaml"))).map((line) => Number(line.split(":", 1)[0]));
    expect(lines).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 9]);
  });

  test("lists 20 problems and counts the others", async () => {
    const found = await problems(fixture("yaml-bomb.yaml"));
    expect(found).toHaveLength(21);
    // Nine aliases in each of eight lines.
    expect(found.at(-1)).toBe(" 52 more problems");
  });

  test("refuses a start without an end", async () => {
    expect(await problems("backtest: { start: 2021-01-01 }")).toEqual([
      '1:20: found "2021-01-01" for backtest.start, expected backtest.end beside it, or neither',
    ]);
  });

  test("refuses a file that is too large or nested too deeply", async () => {
    expect(await problems(`#${"x".repeat(100_000)}`)).toEqual([
      "1:1: found 100001 characters, expected at most 100000",
    ]);
    expect(await problems("[".repeat(10_000))).toEqual([
      "1:101: found brackets nested 100 deep, expected a few levels",
    ]);
  });

  test("returns a configuration or refuses with a position, whatever the text", async () => {
    const word = fc.constantFrom(
      "backtest",
      "memory",
      "seed",
      "dir",
      "providers",
      "name",
      "assets",
      "__proto__",
      "3",
      "",
    );
    const glue = fc.constantFrom(
      ":",
      ": ",
      "\n",
      "\n  ",
      "- ",
      "[",
      "]",
      "{",
      "}",
      ", ",
      "&a ",
      "*a",
      "\t",
      "!!x ",
      '"',
      "#",
    );
    const text = fc.array(fc.oneof(word, glue), { maxLength: 20 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, async (source) => {
        const result = await parse(source).then(
          () => [],
          (error: unknown) => (error instanceof CarryoverError ? error.message.split("\n") : [String(error)]),
        );
        for (const line of result) expect(line).toMatch(/^Cannot read config\.yaml:(\d+:\d+:| \d+ more)/);
      }),
      { numRuns: 100 },
    );
  });
});

describe("the keys of an older program", () => {
  test("that name one folder stand for memory.dir, with a note", async () => {
    const notes: string[] = [];
    const onNote = (note: string): number => notes.push(note);
    const { memory } = await parseConfig(fixture("original-keys.yaml"), { file: "config.yaml", onNote });
    expect(memory).toMatchObject({ dir: "data/memory", embedder: "hashing" });
    expect(notes).toEqual([
      'memory.dir is "data/memory", which stands for memory.outcomes_dir, memory.snapshots_dir, memory.vectors_pkl_path',
    ]);
  });

  test.each([
    ["{ outcomes_dir: ./mem/ }", "mem"],
    ["{ dir: mem, vectors_pkl_path: mem/vectors.pkl }", "mem"],
    ["{ vectors_pkl_path: vectors.pkl, snapshots_dir: . }", "."],
    ["{ vectors_pkl_path: /srv/mem/vectors.pkl }", "/srv/mem"],
  ])("%s mean %s", async (memory, dir) => {
    expect((await parse(`memory: ${memory}`)).memory.dir).toBe(dir);
  });

  test.each([
    [
      "{ vectors_pkl_path: a/vectors.pkl, outcomes_dir: a/outcomes, snapshots_dir: a/outcomes }",
      '1:11: found "a/vectors.pkl" for memory.vectors_pkl_path, expected the folder "a/outcomes", as all of memory is in one: ' +
        "write dir: a/outcomes in place of these keys",
    ],
    ["{ dir: b, outcomes_dir: a }", '1:19: found "a" for memory.outcomes_dir, expected the folder "b"'],
    ["{ outcomes_dir: 7 }", "1:11: found something else for memory.outcomes_dir, expected a path"],
  ])("%s are refused with what to write instead", async (memory, wanted) => {
    expect((await problems(`memory: ${memory}`)).join("\n")).toStartWith(wanted);
  });
});

test("parseConfig() takes timeframes as people write them, and keeps one name of each", async () => {
  const named = async (timeframe: string, interval: string): Promise<string[]> => {
    const { backtest } = await parse(`backtest: { timeframe: ${timeframe}, decision_interval: ${interval} }`);
    return [backtest.timeframe, backtest.decision_interval];
  };
  expect(await named("60min", "4H")).toEqual(["1h", "4h"]);
  expect(await named("1 week", "2W")).toEqual(["1w", "2w"]);
  expect(await named("60m", "24h")).toEqual(["1h", "24h"]);
  expect(await named("30m", "1D")).toEqual(["30m", "1d"]);
});

test("parseConfig() takes assets as exchanges and vendors name them", async () => {
  const { backtest } = await parse(
    'backtest: { assets: [BTC/USDT, "^GSPC", "EURUSD=X", BTC-USD, 7203.T, "BTC/USDT:USDT"] }',
  );
  expect(backtest.assets).toEqual(["BTC/USDT", "^GSPC", "EURUSD=X", "BTC-USD", "7203.T", "BTC/USDT:USDT"]);
});

describe("overrideConfig()", () => {
  test("replaces values of the file by those of flags", async () => {
    const config = await overrideConfig(await parse("backtest: { seed: 2, chunks: week }"), {
      assets: ["EURUSD"],
      seed: 9,
      start: "2021-01-01",
      end: "2022-01-01",
      memory_dir: "/elsewhere",
      enabled: false,
      data_dir: undefined,
    });
    expect(config.backtest).toMatchObject({ seed: 9, chunks: "week", assets: ["EURUSD"], start: "2021-01-01" });
    expect([config.memory.dir, config.portfolio_memory.enabled, config.backtest.data_dir]).toEqual([
      "/elsewhere",
      false,
      "data/market",
    ]);
  });

  test.each([
    [{ chunks: "fortnight" }, 'Cannot use --chunks: found "fortnight", expected "year", "quarter"'],
    [{ assets: ["A", "a"] }, 'Cannot use --assets: found "a", expected an asset whose file name, a, no other has'],
    [{ seed: -1 }, "Cannot use --seed: found -1, expected a whole number from 0 to 4294967295"],
    [{ memory_dir: "" }, 'Cannot use --memory-dir: found "", expected a path'],
    [{ start: "2023-01-01" }, 'Cannot use --start: found "2022-01-01" for backtest.end, expected a day after --start'],
    [{ end: "2021-01-01" }, 'Cannot use --end: found "2021-01-01", expected a day after backtest.start, "2021-01-01"'],
    [
      { start: "2021-03-01", end: "2021-02-01" },
      'Cannot use --end: found "2021-02-01", expected a day after --start, "2021-03-01"',
    ],
    [{ start: "soon", end: "2021-02-01" }, 'Cannot use --start: found "soon", expected a day such as'],
  ])("names the flag of %j", async (overrides, wanted) => {
    const config = await parse("backtest: { start: 2021-01-01, end: 2022-01-01 }");
    const error: unknown = await overrideConfig(config, overrides).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "BAD_USAGE", message: expect.stringContaining(wanted) });
  });
});

test("overrideConfig() names the flag that is missing", async () => {
  const config = await parse("backtest: {}");
  await expect(overrideConfig(config, { start: "2021-01-01" })).rejects.toThrow(
    'Cannot use --start: found "2021-01-01", expected --end beside it, or neither',
  );
});

describe("memoryOf()", () => {
  const DEFAULTS: Config["memory"] = {
    dir: "data/memory",
    embedder: "hashing",
    model_dir: "data/models/all-MiniLM-L6-v2",
    answers_dir: "data/answers",
  };
  test.each<[unknown, Config["memory"] | undefined]>([
    [{ memory: { dir: "a/b" } }, { ...DEFAULTS, dir: "a/b" }],
    [{ memory: { embedder: "onnx", model_dir: "m" } }, { ...DEFAULTS, embedder: "onnx", model_dir: "m" }],
    [{ backtest: {} }, DEFAULTS],
    [{ memory: { embedder: "word2vec" } }, undefined],
    [{ memory: { model_dir: "" } }, undefined],
    [{ memory: { dri: "a" } }, undefined],
    [{ memory: { outcomes_dir: "a" } }, undefined],
    [{ memory: { dir: 3 } }, undefined],
    [{ memory: { dir: "" } }, undefined],
    [{ memory: null }, undefined],
    [{ memroy: { dir: "a" } }, undefined],
    [[], undefined],
    [null, undefined],
  ])("of %j is %j", (parsed, memory) => {
    expect(memoryOf(parsed)).toEqual(memory);
  });
});

describe("providers whose answers are recorded", () => {
  test("have defaults for everything but what only the user knows", async () => {
    const { providers } = await parse(`providers:
  - { name: llama, type: llm, model: "llama3.2:1b", base_url: "http://localhost:11434/v1" }
  - { name: gemini, type: llm, api: google, model: gemini-2.5-flash, api_key_env: GEMINI_API_KEY }
  - { name: mine, type: command, command: [python3, provider.py] }
`);
    const defaults = {
      temperature: 0,
      max_output_tokens: 2048,
      output: "json_schema" as const,
      mask: false,
      timeout: "60s",
      max_retries: 3,
      patience: "5m",
      max_concurrency: 4,
    };
    expect(providers).toEqual([
      {
        ...defaults,
        name: "llama",
        type: "llm",
        api: "openai-compatible",
        model: "llama3.2:1b",
        base_url: "http://localhost:11434/v1",
      },
      {
        ...defaults,
        name: "gemini",
        type: "llm",
        api: "google",
        model: "gemini-2.5-flash",
        api_key_env: "GEMINI_API_KEY",
      },
      { name: "mine", type: "command", command: ["python3", "provider.py"], timeout: "60s", max_concurrency: 1 },
    ]);
  });

  test.each([
    [
      "type: llm, model: m",
      'no providers[0].base_url, expected where the model is served, such as "http://localhost:11434/v1"',
    ],
    [
      "type: llm, api: google, model: m",
      "no providers[0].api_key_env, expected the environment variable that has the key",
    ],
    ["type: llm, api: openai, model: m", "no providers[0].api_key_env, expected the environment variable"],
    ["type: llm, api: anthropic, model: m", "no providers[0].api_key_env, expected the environment variable"],
    [
      "type: llm, api: gogle, model: m",
      '"gogle" for providers[0].api, expected "openai-compatible", "openai", "google", "anthropic" or a map of package and export',
    ],
    [
      "type: llm, api: { export: createMistral }, model: m",
      "no providers[0].api.package, expected a package of the AI",
    ],
    ["type: module, path: m.ts, params: { x: [.nan] }", "for providers[0].params.x[0], expected a finite number"],
    [
      "type: module, path: m.ts, params: { token: abc }",
      "for providers[0].params.token, expected no key, which stays out of files: the module reads it from process.env",
    ],
    [
      "type: llm, api: { package: ../x, export: a }, model: m",
      '"../x" for providers[0].api.package, expected a package',
    ],
    [
      "type: llm, api: { package: a, export: b, options: { apiKey: sk-12345678 } }, model: m",
      "found something else for providers[0].api.options.apiKey, expected a map { env",
    ],
    [
      'type: llm, model: m, base_url: "http://x/v1", headers: { X-Api-Key: abc }',
      'found something else for providers[0].headers.X-Api-Key, expected a map { env: "NAME" }',
    ],
    [
      'type: llm, model: m, base_url: "http://x/v1", headers: { x-team: Bearer abc }',
      "found something else for providers[0].headers.x-team, expected a map { env",
    ],
    ['type: llm, model: m, base_url: "http://x/v1", headers: { "a b": c }', "expected the name of a header"],
    ['type: llm, model: m, base_url: "http://x/v1", headers: [1]', "expected a map from headers to texts"],
    [
      'type: llm, model: m, base_url: "http://x/v1", extra_body: { a: [{ secret: s3cret }] }',
      "found something else for providers[0].extra_body.a[0].secret, expected a map { env",
    ],
    [
      'type: llm, model: m, base_url: "http://x/v1", reasoning_effort: much',
      '"much" for providers[0].reasoning_effort, expected "none" or "minimal"',
    ],
    ['type: llm, model: "a b", base_url: "http://x/v1"', '"a b" for providers[0].model, expected a model\'s name'],
    [
      'type: llm, model: m, base_url: "http://x/v1", timeout: 2h',
      '"2h" for providers[0].timeout, expected a time such as "30s"',
    ],
    [
      'type: llm, model: m, base_url: "http://x/v1", temperature: 3',
      "3 for providers[0].temperature, expected a number from 0 to 2",
    ],
    ['type: llm, model: m, base_url: "http://x/v1", token: abc', 'found "token" in providers[0], expected api_key_env'],
    [
      'type: llm, model: m, base_url: "http://x/v1", knowledge_cutoff: 2023',
      "2023 for providers[0].knowledge_cutoff, expected a day",
    ],
    ["type: command, command: python3 a.py", "expected a list: the program and its arguments"],
    ["type: command, command: []", "expected a program"],
  ])("are refused with %s", async (provider, wanted) => {
    expect((await problems(`providers:\n  - { name: a, ${provider} }\n`)).join("\n")).toContain(wanted);
  });
});
