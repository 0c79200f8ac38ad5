import { describe, expect, spyOn, test } from "bun:test";
import { parseConfig } from "../../lib/config/parse.ts";
import { toSettings } from "../../lib/config/config.ts";
import { backtest, type BacktestOptions } from "../../lib/job/backtest.ts";
import { syntheticBars } from "../../lib/market/synthetic.ts";
import { openMemory } from "../../lib/memory/store.ts";
import type { Provider } from "../../lib/providers/provider.ts";
import { trend } from "../../lib/providers/rules.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import type { Answer } from "../../lib/types.ts";
import { textOf } from "../backtest/world-samples.ts";

const GOLD = syntheticBars({ asset: "GOLD", timeframe: "4h", seed: 1, end: "2018-04-01" });
const OIL = syntheticBars({ asset: "OIL", timeframe: "4h", seed: 1, end: "2018-04-01" });

async function options(parts: Partial<BacktestOptions> = {}): Promise<BacktestOptions> {
  return {
    bars: [GOLD],
    providers: [trend()],
    memory: await openMemory(inMemoryStorage()),
    onNote: () => {},
    start: "2018-02-01",
    end: "2018-03-01",
    ...parts,
  };
}

/** The settings in the key of the only run in a memory. */
async function settingsOf({ memory }: BacktestOptions): Promise<unknown> {
  const [runId] = (await memory.storage.list("runs")).folders;
  return JSON.parse(await textOf(memory.storage, `runs/${runId}/manifest.json`)).key.config;
}

describe("backtest()", () => {
  test("uses the defaults of config.yaml, and the bars' own assets and timeframe", async () => {
    const job = await options({ bars: [GOLD, OIL] });
    await backtest(job);
    const text = "backtest: { assets: [GOLD, OIL], timeframe: 4h }";
    const { backtest: settings, memory } = toSettings(await parseConfig(text, { file: "config.yaml" }));
    expect(await settingsOf(job)).toEqual({
      settings: { ...settings, costs: Object.fromEntries(settings.costs) },
      memory,
      chunks: "quarter",
      providers: ["trend"],
    });
  });

  test("trades the same with memory beside a provider that has no opinion: a HOLD with confidence 0", async () => {
    const silent: Provider = { name: "silent", vote: () => ({ action: "HOLD", confidence: 0 }) };
    const resultsOf = async (providers: Provider[]): Promise<unknown[]> => {
      const job = await options({ bars: [GOLD, OIL], providers, end: "2018-04-01", decisionInterval: "4h" });
      await backtest(job);
      return job.memory.trades.map(({ asset, exitMs, resultR }) => [asset, exitMs, resultR]);
    };
    const alone = await resultsOf([trend()]);
    expect(alone.length).toBeGreaterThan(10);
    expect(await resultsOf([trend(), silent])).toEqual(alone);
  });

  test("takes a part of the settings, and of the costs of one asset", async () => {
    const job = await options({
      bars: [GOLD, OIL],
      decisionInterval: "8h",
      initialBalance: 500,
      costs: { feeBps: 1 },
      assetCosts: { OIL: { spreadBps: 4 } },
      risk: { stopAtr: 2, maxHolding: "2d", closeOnHold: true },
      memorySettings: { learningRate: 0.5 },
    });
    await backtest(job);
    expect(await settingsOf(job)).toMatchObject({
      settings: {
        decisionIntervalMs: 28_800_000,
        initialBalance: 500,
        maxPositions: 3,
        costs: {
          GOLD: { feeBps: 1, spreadBps: 2, slippageBps: 2 },
          OIL: { feeBps: 1, spreadBps: 4, slippageBps: 2 },
        },
        risk: { perTradePct: 1, stopAtr: 2, targetAtr: 4.5, maxHoldingMs: 172_800_000, leverage: 1, closeOnHold: true },
      },
      memory: { enabled: true, maxMemorySize: 1000, learningRate: 0.5, contextDays: 20 },
    });
  });

  test("returns the summary of a finished run, and runs again if a provider has a new version", async () => {
    const memory = await openMemory(inMemoryStorage());
    const run = async (version?: string): Promise<readonly string[]> => {
      const mine: Provider = { ...trend("mine"), version };
      return (await backtest(await options({ memory, providers: [mine] }))).chunksRun;
    };
    expect(await run()).toEqual(["2018Q1"]);
    expect(await run()).toEqual([]);
    expect(await run("2")).toEqual(["2018Q1"]);
    expect(await run("2")).toEqual([]);
  });

  test("notes that a run was complete before, and whose changes it cannot have noticed", async () => {
    const memory = await openMemory(inMemoryStorage());
    const notes = async (providers: readonly Provider[], restart = false): Promise<readonly string[]> => {
      const told: string[] = [];
      await backtest(await options({ memory, providers, restart, onNote: (note) => told.push(note) }));
      return told;
    };
    const buys: Provider = { name: "mine", vote: () => ({ action: "BUY", confidence: 60 }) };
    const sells: Provider = { ...buys, vote: () => ({ action: "SELL", confidence: 60 }) };
    expect(await notes([trend(), buys])).toEqual([]);
    expect(await notes([trend(), sells])).toEqual([
      expect.stringMatching(/^Run [0-9a-f]{12} was complete before, and nothing was run$/),
      'No version of "mine", so a change of votes is not noticed: set `version` and change it with the rules, or run once ' +
        "with `restart: true`",
    ]);
    expect(await notes([trend(), sells], true)).toEqual([expect.stringContaining("This is a new run")]);
    const versioned = { ...buys, version: "1" };
    await notes([trend(), versioned]);
    expect(await notes([trend(), versioned])).toEqual([expect.stringContaining("was complete before")]);
    const alike = { ...trend("alike"), vote: sells.vote };
    await notes([alike, sells]);
    expect((await notes([alike, sells]))[1]).toStartWith('No version of "alike", "mine", so a change of votes');
  });

  test("names the provider that it waits for when it is stopped", async () => {
    const stop = new AbortController();
    const hanging: Provider = {
      name: "hanging",
      vote: () => {
        queueMicrotask(() => stop.abort());
        return new Promise(() => {});
      },
    };
    const told: string[] = [];
    const job = await options({ providers: [hanging], signal: stop.signal, onNote: (note) => told.push(note) });
    await expect(backtest(job)).rejects.toThrow("aborted");
    expect(told).toEqual(['Waiting for "hanging": no vote yet on GOLD as of 2018-02-01T04:00:00.000Z']);
  });

  test("warns on the console where nobody takes its notes", async () => {
    const { onNote: _, ...job } = await options({
      providers: [{ name: "mine", vote: () => ({ action: "HOLD", confidence: 50 }) }],
    });
    const warn = spyOn(console, "warn").mockImplementation(() => {});
    try {
      const { summary } = await backtest(job);
      expect(summary.notes).toEqual([
        "No trade in 28 days: all 168 decisions were HOLD",
        '"mine" voted HOLD at all 168 decisions',
      ]);
      expect(warn.mock.calls.flat()).toEqual([...summary.notes]);
    } finally {
      warn.mockRestore();
    }
  });

  test("notes where a run was resumed, since its earlier chunks keep what its providers said then", async () => {
    const memory = await openMemory(inMemoryStorage());
    const told: string[] = [];
    const stop = new AbortController();
    const parts = { memory, chunks: "14d", signal: stop.signal, onNote: (note: string) => void told.push(note) };
    const stopped = backtest(
      await options({
        ...parts,
        onProgress: ({ chunk }) => chunk === "2018-02-15_14d" && stop.abort(new Error("stopped")),
      }),
    );
    expect(await stopped.catch((error: Error) => error.message)).toBe("stopped");
    const { chunksRun } = await backtest(await options({ ...parts, signal: new AbortController().signal }));
    expect([chunksRun, told]).toEqual([
      ["2018-02-15_14d"],
      [expect.stringMatching(/^Run [0-9a-f]{12} was resumed at 2018-02-15_14d: 1 of its chunks had been run before$/)],
    ]);
  });

  test.each<[string, () => unknown, string]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
      "found an error in each of its 50 calls (the last: boom), expected votes; abstain(reason) is an answer that",
    ],
    [
      "answers with a word",
      () => "BUY",
      'found no vote in its first 50 answers (the last: found "BUY", expected an object',
    ],
    [
      "has shares for confidences",
      () => ({ action: "BUY", confidence: 0.7 }),
      "found confidences of at most 0.7 in all of its first 50 answers, expected 0 to 100; confidenceScale: 1 of the provider says",
    ],
  ])("stops at the 50th answer of a provider that %s", async (_, vote, message) => {
    const wrong: Provider = { name: "mine", vote: vote as Provider["vote"] };
    const job = await options({ providers: [trend(), wrong] });
    await expect(backtest(job)).rejects.toThrow(`Cannot use provider "mine": ${message}`);
  });

  test.each<[string, Pick<Provider, "version">, boolean]>([
    ["a new version", { version: "2" }, false],
    ["a restart", {}, true],
  ])("says that votes changed since the run was stopped, which %s cures", async (_, cure, restart) => {
    const memory = await openMemory(inMemoryStorage());
    const run = async (confidence: number, parts: Partial<Provider> = {}, again = false): Promise<number> => {
      const mine: Provider = { name: "mine", vote: () => ({ action: "BUY", confidence }), ...parts };
      return (await backtest(await options({ memory, providers: [mine], restart: again }))).summary.total_trades;
    };
    await expect(run(0.6)).rejects.toThrow("Change its `version` with it, so that another run begins");
    expect(memory.trades.length).toBeGreaterThan(0);
    await expect(run(60)).rejects.toThrow(
      "found other content, expected a free name; a provider votes otherwise than when this run was stopped: change its `version`, " +
        "or run once with `restart: true`",
    );
    expect(await run(60, cure, restart)).toBeGreaterThan(10);
  });

  test("takes shares for confidences of a provider that says so, and a provider that is a class", async () => {
    class Sharing implements Provider {
      readonly name = "mine";
      get confidenceScale(): 1 {
        return 1;
      }
      vote(): Answer {
        return { action: "BUY", confidence: 0.57 };
      }
    }
    const job = await options({ providers: [new Sharing()] });
    await backtest(job);
    expect(job.memory.trades[0]?.votes).toMatchObject([{ provider: "mine", confidence: 57 }]);
  });

  test("runs the last full year of the bars if no period is given", async () => {
    const bars = [syntheticBars({ asset: "GOLD", timeframe: "1d", seed: 1, end: "2020-05-01" })];
    const memory = await openMemory(inMemoryStorage());
    const { summary } = await backtest({ bars, providers: [trend()], memory, decisionInterval: "1d" });
    expect(summary.period).toBe("2019-01-01/2020-01-01");
  });

  test.each<[Partial<BacktestOptions>, string]>([
    [{ bars: [] }, "found no bars, expected a series of each asset"],
    [{ bars: [GOLD, OIL, GOLD] }, 'found two series of "GOLD", expected one of each asset'],
    [{ bars: [GOLD, { ...OIL, market: "bars" }] }, 'found bars of "OIL" every 14400000 ms, expected synthetic every'],
    [{ bars: [{ ...GOLD, asset: "../x" }] }, 'found the asset "../x", expected an asset\'s name such as'],
    [
      {
        bars: [
          { ...GOLD, asset: "BTC/USD" },
          { ...OIL, asset: "BTC_USD" },
        ],
      },
      'found "BTC/USD" and "BTC_USD", whose files have one name, expected one of each asset',
    ],
    [{ providers: [] }, "found no providers, expected a list of at least one"],
    [{ providers: undefined as never }, "found no providers, expected a list of at least one"],
    [{ providers: [trend(), trend()] }, 'found two providers "trend", expected a name for each'],
    [{ start: "2018-2-1" }, 'found the start "2018-2-1", expected a day such as "2024-01-31"'],
    [{ end: "2018-02-30" }, 'found the end "2018-02-30", expected a day such as "2024-01-31"'],
    [{ end: "2018-01-01" }, 'found the end "2018-01-01", expected a day after the start, "2018-02-01"'],
    [{ start: "2019-02-01", end: "2019-03-01" }, 'found no bars of "GOLD" in it'],
    [
      { chunk: "week" } as object,
      'found the unknown option "chunk", expected one of bars, features, providers, memory,',
    ],
    [{ settings: { backtest: {} } } as object, 'found the unknown option "settings", expected one of bars, features,'],
    [
      { risk: { stop_atr: 2 } as object },
      'found the unknown option "risk.stop_atr", expected one of perTradePct, stopAtr,',
    ],
    [
      { risk: { maxHoldingMs: 2 } as object },
      'found the unknown option "risk.maxHoldingMs", expected one of perTradePct, stopAtr,',
    ],
    [{ costs: { feebps: 2 } as object }, 'found the unknown option "costs.feebps", expected one of feeBps, spreadBps,'],
    [
      { assetCosts: { OIL: { fee: 1 } as object } },
      'the unknown option "assetCosts.OIL.fee", expected one of feeBps, spreadBps, slippageBps',
    ],
    [
      { memorySettings: { windowDays: 1 } as object },
      'the unknown option "memorySettings.windowDays", expected one of enabled, max',
    ],
    [{ bars: GOLD as never }, "found no list as bars, expected [series], with a series of each asset"],
    [
      { providers: [trend as never] },
      'found the function "trend" at providers[0], expected a provider, such as trend() makes',
    ],
    [
      { providers: [{ name: "a" } as never] },
      "found an object without name or vote() at providers[0], expected a provider",
    ],
    [
      { memory: undefined as never },
      "found no memory, expected one such as await openMemory(inMemoryStorage()), or of openMemoryFolder()",
    ],
    [{ memory: openMemory(inMemoryStorage()) as never }, "found no memory, expected one such as await openMemory("],
    [{ memory: "memory" as never }, "found no memory, expected one such as await openMemory(inMemoryStorage())"],
    [{ bars: GOLD.bars as never }, "found no series at bars[0], expected a series, as barSeries() makes one"],
    [
      { features: new Map([["Gold", { names: [], rows: [] }]]) },
      'found features of "Gold", which has no bars, and none of GOLD, expected those of GOLD',
    ],
    [{ chunks: "fortnight" }, 'found "fortnight", expected year, quarter, month, week or <n>d'],
    [{ decisionInterval: "6h" }, "found a decision interval of 21600000 ms, expected a multiple of the timeframe"],
    [{ risk: { maxHolding: "long" } }, 'Cannot read a duration: found "long", expected one such as "4h"'],
  ])("refuses %j", async (parts, message) => {
    await expect(backtest(await options(parts))).rejects.toThrow(message);
  });

  test("refuses a start without an end", async () => {
    const { end: _, ...rest } = await options();
    await expect(backtest(rest)).rejects.toThrow("Cannot backtest: found no end, expected one beside the start");
  });
});
