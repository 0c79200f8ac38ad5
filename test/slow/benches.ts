import { afterAll, beforeAll, expect, test } from "bun:test";
import { type BenchReport, renderReport } from "../../bench/support/measure.ts";
import { backup } from "../../bench/backup.ts";
import { compareMemory } from "../../bench/compare-memory.ts";
import { edge } from "../../bench/edge.ts";
import { growth } from "../../bench/growth.ts";
import { largeMemory } from "../../bench/large-memory.ts";
import { importing } from "../../bench/import.ts";
import { llm } from "../../bench/llm.ts";
import { learningOfAccounts } from "../../bench/learning/account-report.ts";
import { WORLDS } from "../../bench/learning/worlds.ts";
import { learningOnRealBars } from "../../bench/learning/real-bars.ts";
import { learning } from "../../bench/learning.ts";
import { market } from "../../bench/market.ts";
import { memoryStats } from "../../bench/memory-stats.ts";
import { openVectors } from "../../bench/open-vectors.ts";
import { recallQuality } from "../../bench/recall-quality.ts";
import { record } from "../../bench/record.ts";
import { report as reportOfRun } from "../../bench/report.ts";
import { search } from "../../bench/search.ts";
import { serving } from "../../bench/serve.ts";
import { slowProvider } from "../../bench/slow-provider.ts";
import { startup } from "../../bench/startup.ts";
import { sweep } from "../../bench/sweep.ts";
import { sweepNats } from "../../bench/sweep-nats.ts";
import { NATS_SERVER } from "./support/nats-server.ts";
import { sampleOf } from "./support/sample.ts";
import { voteLeak } from "../../bench/vote-leak.ts";
import { year } from "../../bench/year.ts";

const python = process.env["CARRYOVER_PYTHON"];
// Peers would only take time here. Without Python a bench says so and continues.
beforeAll(() => {
  process.env["CARRYOVER_PYTHON"] = "no-python-here";
});
afterAll(() => {
  if (python === undefined) delete process.env["CARRYOVER_PYTHON"];
  else process.env["CARRYOVER_PYTHON"] = python;
});

// Each runs once on little data; its times do not matter.
test.each(
  sampleOf<readonly [string, () => Promise<BenchReport>]>(
    [
      ["startup", () => startup({ rounds: 1, outcomes: 5 })],
      ["memory-stats", () => memoryStats({ rounds: 1, outcomes: 5 })],
      ["year", () => year({ rounds: 1, start: "2021-03-01", end: "2021-03-08", remembered: 20 })],
      ["slow-provider", () => slowProvider({ rounds: 1, start: "2021-03-01", end: "2021-03-03" })],
      ["report", () => reportOfRun({ rounds: 1, end: "2021-02-01" })],
      ["record", () => record({ sizes: [5, 10, 15], records: 3 })],
      [
        "serve",
        () => serving({ outcomes: 20, calls: 5, clients: 3, requests: 2, start: "2021-03-01", end: "2021-03-08" }),
      ],
      ["large-memory", () => largeMemory({ outcomes: 50, rounds: 1 })],
      ["compare-memory", () => compareMemory({ rounds: 1, start: "2021-03-01", end: "2021-03-08" })],
      ["growth", () => growth({ rounds: 1, sizes: [5, 10] })],
      ["sweep", () => sweep({ rounds: 1, cells: 2, manyCells: 3 })],
      ...(NATS_SERVER === null ? [] : [["sweep-nats", () => sweepNats({ rounds: 1, cells: 2 })] as const]),
      ["backup", () => backup({ rounds: 1, outcomes: 10, firstOutcomes: 10, added: 2 })],
      ["import", () => importing({ rounds: 1, bars: 300 })],
      ["market", () => market({ rounds: 1, bars: 300 })],
      ["learning", () => learning({ seeds: 1, days: 16, worlds: WORLDS.slice(0, 1), faintWorlds: [] })],
      ["learning/accounts", () => learningOfAccounts({ seeds: 1, syntheticSeeds: 1, days: 16 })],
      ["learning/real-bars", () => learningOnRealBars({ years: [2021], end: "2021-02-01" })],
      ["recall-quality", () => recallQuality({ seeds: 1, moreSeeds: 0, memory: 60, queries: 30, model: false })],
      ["llm", () => llm({ rounds: 1, days: 1, cachedDays: 1, delayMs: 1 })],
      ["open-vectors", () => openVectors({ rounds: 1, sizes: [5, 70] })],
      ["vote-leak", () => voteLeak({ hours: [24], seeds: 1, strategies: 2, walks: 1 })],
      ["edge", () => edge({ rounds: 1 })],
      ["search", () => search({ rounds: 1, sizes: [50, 300], flushMb: 1 })],
    ],
    5,
  ),
)(
  "bench/%s.ts measures",
  async (_name, bench) => {
    const report = await bench();
    expect(report.rows.length).toBeGreaterThan(0);
    expect(report.rows.filter((row) => row.ours === undefined && row.peer === undefined)).toEqual([]);
    expect(renderReport(report)).not.toContain("NaN");
  },
  300_000,
);
