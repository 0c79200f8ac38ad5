import { describe, expect, test } from "bun:test";
import { runInMemory } from "../../lib/experiments/in-memory-run.ts";
import { type InMemoryJob } from "../../lib/backtest/job.ts";
import { SharedWork } from "../../lib/backtest/shared-work.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { cachingEmbedder } from "../../lib/memory/in-memory.ts";
import { defaultProviders, roughSeries } from "../backtest/market-samples.ts";
import { at, decisionsOf, makeSettings, MEMORY_ON, outcomesOf, runFresh } from "../backtest/world-samples.ts";

const PERIOD = { startMs: at("2018-02-08"), endMs: at("2018-03-10") };
const SERIES = roughSeries({ startMs: at("2018-02-01"), endMs: PERIOD.endMs, seed: 1 });

const job = (): InMemoryJob => ({
  settings: makeSettings({ assets: ["AAA", "BBB", "CCC"] }),
  memorySettings: MEMORY_ON,
  period: PERIOD,
  chunkKind: "month",
  series: SERIES,
  market: "bars",
  providers: defaultProviders(),
  remembered: { embedder: cachingEmbedder(hashingEmbedder()), trades: [], marks: [] },
  key: { version: "test", seed: 1, files: {} },
});

describe("a run in memory", () => {
  test("equals the run on disk to the last digit", async () => {
    const inMemory = await runInMemory(job());
    const { storage, summary } = await runFresh(job());
    const { memory_persistence: _inMemory, ...figures } = inMemory.summary!;
    const { memory_persistence: _stored, ...expected } = summary;
    expect(figures).toEqual(expected);
    const decisions = [...(await decisionsOf(storage, "2018-02")), ...(await decisionsOf(storage, "2018-03"))];
    expect(inMemory.decisions.map((line) => JSON.parse(line))).toEqual(decisions);
    const outcomes = inMemory.outcomes.map((line) => JSON.parse(line) as { decision_id: string });
    const stored = (await outcomesOf(storage)).map(
      ({ crc32: _sum, ...outcome }: { crc32?: string } & object) => outcome,
    );
    const byId = (a: { decision_id: string }, b: { decision_id: string }): number =>
      a.decision_id < b.decision_id ? -1 : 1;
    expect(outcomes.toSorted(byId)).toEqual((stored as { decision_id: string }[]).toSorted(byId));
    expect(inMemory.trades).toHaveLength(stored.length);
  });

  test("that stops early has what the first chunks of a whole run have", async () => {
    const whole = await runInMemory(job());
    const early = await runInMemory(job(), { untilMs: at("2018-02-20") });
    expect(early.chunks.map(({ name }) => name)).toEqual(["2018-02"]);
    expect(early.summary).toBeUndefined();
    expect(early.decisions).toEqual(whole.decisions.slice(0, early.decisions.length));
    expect(early.decisions.length).toBeGreaterThan(50);
    expect(early.records).toEqual(whole.records.slice(0, 1));
  });

  test("with what an earlier run on the same bars computed decides what it decides with its own", async () => {
    const shared = new SharedWork();
    const own = await runInMemory(job());
    // The first one computes it, the second one finds it.
    for (let run = 0; run < 2; run++) {
      const again = await runInMemory({ ...job(), shared });
      expect(again.decisions).toEqual(own.decisions);
      expect(again.outcomes).toEqual(own.outcomes);
    }
    // Without memory regimes do not adapt, so these are other situations.
    const memorySettings = { ...MEMORY_ON, enabled: false };
    const off = await runInMemory({ ...job(), memorySettings });
    expect((await runInMemory({ ...job(), memorySettings, shared })).decisions).toEqual(off.decisions);
  });

  test("takes the id that it is given", async () => {
    const runId = "a".repeat(64);
    const plain = await runInMemory(job());
    const named = await runInMemory({ ...job(), key: { ...job().key, runId } });
    expect(named.runId).toBe(runId);
    expect(named.key).toEqual(plain.key);
    expect(named.decisions[0]).not.toBe(plain.decisions[0]);
    expect(named.trades.map(({ resultR }) => resultR)).toEqual(plain.trades.map(({ resultR }) => resultR));
  });

  test("stops with the reason of its signal", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await expect(runInMemory({ ...job(), signal: controller.signal })).rejects.toThrow("enough");
  });
});
