import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { ProviderConfig, VotesFileConfig } from "../../lib/config/config.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { type LoadedProviders, loadProviders } from "../../lib/providers/load.node.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { AnswerStore } from "../../lib/providers/recorded/recordings.ts";
import { Recorder } from "../../lib/providers/recorded/recorder.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import type { BarSeries } from "../../lib/types.ts";
import { barsOf, CALM, seriesOf } from "../backtest/world-samples.ts";
import { makeContext, makeSituation } from "./situation-samples.ts";

let baseDir = "";
beforeAll(() => {
  baseDir = mkdtempSync(join(tmpdir(), "carryover-providers-"));
});
afterAll(() => rmSync(baseDir, { recursive: true, force: true }));

const VOTES = "timestamp,asset,action,confidence\n2021-01-04T00:00Z,AAA,SELL,70\n";

/** The error of loading one provider. */
async function refusal(type: "file" | "module", path: string): Promise<CarryoverError> {
  const outcome = await loadProviders([{ name: "mine", type, path }], { baseDir }).catch((error: unknown) => error);
  if (!(outcome instanceof CarryoverError)) throw new Error("was not refused");
  return outcome;
}

describe("loadProviders()", () => {
  test("makes the built-in providers under the names of the configuration, in order", async () => {
    const { providers, files } = await loadProviders(
      [
        { name: "slow", type: "trend" },
        { name: "fade", type: "reversion" },
        { name: "go", type: "breakout" },
        { name: "past", type: "memory" },
      ],
      { baseDir },
    );
    expect(providers.map(({ name }) => name)).toEqual(["slow", "fade", "go", "past"]);
    expect(files).toEqual({});
    const votes = providers.map((provider) => provider.vote(makeSituation({ close: 106 }), makeContext(0)));
    expect(votes).toMatchObject([
      { action: "HOLD" },
      { action: "HOLD" },
      { action: "BUY", confidence: 70 },
      { error: "only 0 trades remembered" },
    ]);
  });

  test("notes the assets that a file has no votes for, case included", async () => {
    writeFileSync(
      join(baseDir, "some.csv"),
      "timestamp,asset,action,confidence\n2021-01-01T00:00Z,BTCUSD,BUY,60\n2021-01-01T00:00Z,ethusd,BUY,60\n",
    );
    const notes: string[] = [];
    const load = (assets: readonly string[]): Promise<unknown> =>
      loadProviders([{ name: "recorder", type: "file", path: "some.csv" }], {
        baseDir,
        series: new Map(assets.map((asset) => [asset, seriesOf(asset, [])])),
        onNote: (note) => notes.push(note),
      });
    await load(["BTCUSD", "ETHUSD", "EURUSD"]);
    expect(notes).toEqual([
      `Provider "recorder" abstains for ETHUSD, EURUSD: "${join(baseDir, "some.csv")}" has votes for BTCUSD, ethusd only; ` +
        'it has to say "ETHUSD" in place of "ethusd"',
    ]);
    await load(["BTCUSD", "ETH/USD", "SOLUSD"]);
    expect(notes.pop()).toEndWith('has votes for BTCUSD, ethusd only; it has to say "ETH/USD" in place of "ethusd"');
    await load(["BTCUSD"]);
    expect(notes).toHaveLength(1);
    writeFileSync(join(baseDir, "some.csv"), "timestamp,asset,action\n2021-01-01T00:00Z,BITSTAMP:BTCUSD,BUY\n");
    await load(["BTCUSD"]);
    expect(notes.pop()).toEndWith('it has to say "BTCUSD" in place of "BITSTAMP:BTCUSD"');
  });

  test("counts the refreshes of each provider, also of one called __proto__", async () => {
    const onNote = (): void => {};
    const store = new AnswerStore(inMemoryStorage(), { onNote });
    const vote = { action: "BUY", confidence: 1 } as const;
    await store.keep(
      { provider: "__proto__", request: {}, refresh: 1 },
      { vote, raw: [], tokens: null, cost_usd: null, asked_at: "", took_ms: 0, run_id: null },
    );
    const recorder = new Recorder({ store, signal: new AbortController().signal, now: () => 0 });
    const rest = { type: "command", command: ["cat"], timeout: "1s", max_concurrency: 1 } as const;
    const configs = ["__proto__", "mine", "other"].map((name) => ({ name, ...rest }));
    const recording = { store, recorder, refresh: ["__proto__", "mine"], onNote, isAsking: true };
    const { refreshes } = await loadProviders(configs, { baseDir, recording });
    expect(Object.entries(refreshes)).toEqual([
      ["__proto__", 2],
      ["mine", 1],
    ]);
  });

  test("reads and hashes a file of votes beside the configuration", async () => {
    writeFileSync(join(baseDir, "votes.csv"), VOTES);
    const { providers, files } = await loadProviders([{ name: "recorder", type: "file", path: "votes.csv" }], {
      baseDir,
    });
    expect(providers[0]!.vote(makeSituation(), makeContext(0))).toMatchObject({ action: "SELL", confidence: 70 });
    expect(files).toEqual({ "votes.csv": createHash("sha256").update(VOTES).digest("hex") });
  });

  test("counts votes stamped by the start of a bar from its end", async () => {
    writeFileSync(join(baseDir, "starts.csv"), VOTES);
    const series = new Map([["AAA", seriesOf("AAA", barsOf(Date.parse("2021-01-04T00:00Z"), [CALM]))]]);
    const load = async (stamp: "known_at" | "bar_start"): Promise<Provider> =>
      (await loadProviders([{ name: "mine", type: "file", path: "starts.csv", stamp }], { baseDir, series }))
        .providers[0]!;
    const askAt = (provider: Provider, time: string): unknown =>
      provider.vote(makeSituation({ timestamp: Date.parse(time) }), makeContext(0));
    const [known, starts] = [await load("known_at"), await load("bar_start")];
    expect(askAt(known, "2021-01-04T00:00Z")).toMatchObject({ action: "SELL" });
    expect(askAt(starts, "2021-01-04T00:59Z")).toMatchObject({ error: "no vote yet" });
    expect(askAt(starts, "2021-01-04T01:00Z")).toMatchObject({ action: "SELL" });
  });

  test("refuses daily votes stamped by the start of a bar in an hourly run, until bar says how long theirs are", async () => {
    const days = Array.from({ length: 10 }, (_, i) => `2021-01-${10 + i},AAA,SELL,70\n`);
    writeFileSync(join(baseDir, "daily.csv"), `timestamp,asset,action,confidence\n${days.join("")}`);
    const series = new Map([["AAA", seriesOf("AAA", barsOf(Date.parse("2021-01-04T00:00Z"), [CALM]))]]);
    const load = (keys: Partial<VotesFileConfig>): Promise<LoadedProviders> =>
      loadProviders([{ name: "mine", type: "file", path: "daily.csv", ...keys }], { baseDir, series });
    await expect(load({ stamp: "bar_start" })).rejects.toMatchObject({
      code: "BAD_DATA",
      message: expect.stringContaining("1d apart"),
    });
    for (const [bar, from] of [
      ["1d", "2021-01-11T00:00Z"],
      ["1h", "2021-01-10T01:00Z"],
    ] as const) {
      const { votes } = await load({ stamp: "bar_start", bar });
      expect(votes.get("mine")!.get("AAA")![0]!.timestamp).toBe(Date.parse(from));
    }
    await load({ stamp: "known_at" });
  });

  test("takes votes without assets as those of the run's only asset, and names the file in notes", async () => {
    writeFileSync(join(baseDir, "plain.csv"), "timestamp,action\n2021-01-04,SELL\n");
    const seriesOfAll = (...assets: string[]): Map<string, BarSeries> =>
      new Map(assets.map((asset) => [asset, seriesOf(asset, barsOf(Date.parse("2021-01-04T00:00Z"), [CALM]))]));
    const notes: string[] = [];
    const load = (series: Map<string, BarSeries>): Promise<LoadedProviders> =>
      loadProviders([{ name: "mine", type: "file", path: "plain.csv" }], {
        baseDir,
        series,
        onNote: (note) => notes.push(note),
      });
    const { votes } = await load(seriesOfAll("AAA"));
    expect([...votes.get("mine")!.keys()]).toEqual(["AAA"]);
    expect(notes).toEqual([
      `"${join(baseDir, "plain.csv")}" of provider "mine" has times that state no zone, taken as UTC: timezone names another`,
    ]);
    await expect(load(seriesOfAll("AAA", "BBB"))).rejects.toThrow(
      'found no column "asset", expected one, or a column of actions for each asset',
    );
  });

  test("says that a file of positions votes against the others of an ensemble where it is flat, unless its confidence is 0", async () => {
    writeFileSync(
      join(baseDir, "flat.csv"),
      "timestamp,asset,position\n2021-01-04T00:00Z,AAA,1\n2021-01-05T00:00Z,AAA,0\n",
    );
    writeFileSync(
      join(baseDir, "silent.csv"),
      "timestamp,asset,position,confidence\n2021-01-04T00:00Z,AAA,1,60\n2021-01-05T00:00Z,AAA,0,0\n",
    );
    const notesOn = async (path: string, others: readonly ProviderConfig[], closeOnHold = true): Promise<string[]> => {
      const notes: string[] = [];
      const onNote = (note: string): unknown => notes.push(note);
      await loadProviders([{ name: "mine", type: "file", path }, ...others], { baseDir, closeOnHold, onNote });
      return notes;
    };
    const trend = { name: "trend", type: "trend" } as const;
    expect(await notesOn("flat.csv", [trend])).toEqual([
      expect.stringContaining('Where "mine" is flat, it votes HOLD with confidence 60'),
    ]);
    expect(await notesOn("silent.csv", [trend])).toEqual([]);
    expect(await notesOn("flat.csv", [])).toEqual([]);
    expect(await notesOn("flat.csv", [trend], false)).not.toContainEqual(expect.stringContaining("is flat"));
  });

  test("imports and hashes a user's module", async () => {
    const source = `
      import type { Situation } from "carryover";
      export function vote({ rsi }: Situation) {
        return rsi < 30 ? { action: "BUY", confidence: 60, reason: "oversold" } : { action: "HOLD", confidence: 50 };
      }
    `;
    writeFileSync(join(baseDir, "mine.ts"), source);
    const { providers, files } = await loadProviders([{ name: "mine", type: "module", path: "mine.ts" }], { baseDir });
    expect(providers[0]!.name).toBe("mine");
    expect(providers[0]!.vote(makeSituation({ rsi: 25 }), makeContext(0))).toMatchObject({ reason: "oversold" });
    expect(providers[0]!.vote(makeSituation(), makeContext(0))).toMatchObject({ action: "HOLD" });
    expect(files).toEqual({ "mine.ts": createHash("sha256").update(source).digest("hex") });
  });

  test("gives a module its parameters, and an empty map where it has none", async () => {
    const source =
      'export const vote = (_, __, params) => ({ action: "BUY", confidence: 60, reason: JSON.stringify(params) });';
    writeFileSync(join(baseDir, "with-params.ts"), source);
    const module = { type: "module", path: "with-params.ts" } as const;
    const params = { low: 25, windows: [10, 20], mode: { fast: true } };
    const configs = [
      { ...module, name: "set", params },
      { ...module, name: "unset" },
    ];
    const { providers } = await loadProviders(configs, { baseDir });
    const reasons = providers.map(
      (provider) => (provider.vote(makeSituation(), makeContext(0)) as { reason: string }).reason,
    );
    expect(reasons).toEqual([JSON.stringify(params), "{}"]);
  });

  test("says that a parameter is more than the bars that a module gets", async () => {
    writeFileSync(join(baseDir, "means.ts"), 'export const vote = () => ({ action: "BUY", confidence: 60 });');
    const notesOn = async (config: { params: Record<string, number>; bars?: number }): Promise<string[]> => {
      const notes: string[] = [];
      const module = { name: "means", type: "module", path: "means.ts", ...config } as const;
      await loadProviders([module], { baseDir, onNote: (note) => notes.push(note) });
      return notes;
    };
    expect(await notesOn({ params: { ma: 150, low: 25 } })).toEqual([
      '"means" has params.ma 150, and context.bars the last 100 bars: `bars: 150` asks for more, if it looks back so far',
    ]);
    expect(await notesOn({ params: { ma: 150 }, bars: 200 })).toEqual([]);
    expect(await notesOn({ params: { ma: 100, balance: 10_000, share: 150.5 } })).toEqual([]);
  });

  test("hashes what a module imports by relative paths, and what that imports, but neither the library nor packages", async () => {
    const folder = join(baseDir, "importing");
    mkdirSync(join(folder, "rules"), { recursive: true });
    writeFileSync(join(baseDir, "outside.ts"), "export const outside = 1;");
    const sources = {
      "rules/rsi.ts":
        'import { limit } from "./limit";\nexport { limit };\nimport table from "../table.json";\nvoid table;',
      "rules/limit.ts": 'import "../mine.ts";\nexport const limit = 25;',
      "table.json": "[1]",
      "late.js": "",
    };
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
    mkdirSync(join(baseDir, "node_modules/rules"), { recursive: true });
    writeFileSync(join(baseDir, "node_modules/rules/index.js"), "");
    const library = join(import.meta.dir, "../../lib/util/sorted.ts");
    const module = `import { limit } from "./rules/rsi.ts"; import "../outside.ts"; // import "./missing.ts"
      import "../node_modules/rules/index.js"; import "${relative(folder, library)}";
      export const vote = async () => (await import("./late.js"), { action: "HOLD", confidence: limit });`;
    writeFileSync(join(folder, "mine.ts"), module);
    const { files } = await loadProviders([{ name: "mine", type: "module", path: "importing/mine.ts" }], { baseDir });
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    const expected = Object.entries({ "mine.ts": module, ...sources });
    expect(files).toEqual({
      "outside.ts": sha256("export const outside = 1;"),
      ...Object.fromEntries(expected.map(([name, text]) => [`importing/${name}`, sha256(text)])),
    });
  });

  test("refuses a pipe as a file, which it would read forever", async () => {
    const path = join(baseDir, "pipe");
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    for (const type of ["file", "module"] as const) {
      expect((await refusal(type, "pipe")).message).toBe(
        'Cannot load provider "mine": found a device or pipe, expected the file that its "path" names',
      );
    }
    const onNote = (): void => {};
    const store = new AnswerStore(inMemoryStorage(), { onNote });
    const recorder = new Recorder({ store, signal: new AbortController().signal, now: () => 0 });
    const llm = {
      name: "mine",
      type: "llm",
      api: "openai-compatible",
      model: "m",
      base_url: "http://x/v1",
      prompt_file: "pipe",
      temperature: 0,
      max_output_tokens: 200,
      output: "text",
      mask: false,
      timeout: "1s",
      max_retries: 0,
      patience: "0s",
      max_concurrency: 1,
    } as const;
    await expect(
      loadProviders([llm], { baseDir, recording: { store, recorder, onNote, isAsking: true } }),
    ).rejects.toThrow(
      'Cannot load provider "mine": found a device or pipe, expected the text that its "prompt_file" names',
    );
  });

  test("names a missing file", async () => {
    for (const type of ["file", "module"] as const) {
      const error = await refusal(type, "absent.csv");
      expect(error.code).toBe("NOT_FOUND");
      expect(error.message).toMatch(
        /^Cannot load provider "mine": found .*absent\.csv.*, expected the file that its "path" names$/,
      );
    }
  });

  test("names the line of malformed votes", async () => {
    writeFileSync(join(baseDir, "bad.csv"), `${VOTES}2021-01-05T00:00Z,AAA,EXIT,70\n`);
    const error = await refusal("file", "bad.csv");
    expect(error.code).toBe("BAD_DATA");
    expect(error.message).toContain("line 3");
    expect(error.message).toContain('"EXIT"');
  });

  test.each([
    ["exports no vote", "export const answer = 42;", "found undefined as"],
    ["has a default export", "export default function vote() {}", "found a default export alone, expected an exported"],
    ["exports a vote that is no function", "export const vote = 'BUY';", "found string as"],
    [
      "does not parse",
      "export function vote() {\n  return 1 1;\n}",
      'found an error while it loads (line 2, column 12: Expected ";" but found "1")',
    ],
    [
      "does not parse at all",
      'export function vote( {\n  return { action: "HOLD" ;\n}\nconst x = ;',
      'found an error while it loads (line 2, column 10: Expected "}" but found "{", and 2 more)',
    ],
    ["imports a missing file", 'import "./nowhere.ts";', "found an error while it loads (Cannot find module"],
    ["throws when it is loaded", "throw new Error('no key');", "found an error while it loads (no key)"],
  ])("refuses a module that %s", async (what, source, found) => {
    const file = `${what.replaceAll(" ", "-")}.ts`;
    writeFileSync(join(baseDir, file), source);
    const error = await refusal("module", file);
    expect(error.code).toBe("BAD_CONFIG");
    expect(error.message).toStartWith(`Cannot load provider "mine" from "${join(baseDir, file)}": ${found}`);
    expect(error.message).toEndWith('expected an exported function "vote"');
  });

  test("says what runs TypeScript, where Node does not", async () => {
    const error = 'Object.assign(new TypeError("Unknown file extension"), { code: "ERR_UNKNOWN_FILE_EXTENSION" })';
    writeFileSync(join(baseDir, "typed.ts"), `throw ${error};`);
    expect((await refusal("module", "typed.ts")).message).toMatch(
      /: found TypeScript, which Node [\d.]+ does not run, expected Node 22\.18 or newer, Bun, or a module in JavaScript$/,
    );
  });

  test("names an imported file that does not parse", async () => {
    const imported = join(baseDir, "rules.ts");
    writeFileSync(imported, "export const limit = 1 1;\n");
    writeFileSync(join(baseDir, "importer.ts"), 'export * from "./rules.ts";\n');
    const { message } = await refusal("module", "importer.ts");
    expect(message).toContain(`("${imported}", line 1, column 24: Expected ";" but found "1")`);
  });
});
