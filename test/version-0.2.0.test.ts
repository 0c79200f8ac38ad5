/**
 * The bytes that this version writes, which one run of it must find in another, and what it does with a folder of version 0.2.0. A
 * change of rules or formats that is meant to change the digests says so in CHANGELOG.md, and raises the version.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { someVote, startModelServer } from "./providers/recorded/model-server.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "./samples.ts";
import { filesOf, runScript } from "./scripts/run-script.ts";

setDefaultTimeout(60_000);

const FIXTURE = join(import.meta.dir, "fixtures", "version-0.2.0");

const work = mkdtempSync(join(tmpdir(), "carryover-version-"));
afterAll(() => rmSync(work, { recursive: true }));

/** SHA-256 over every file of a memory folder, by name: what kind of file, how many, and their digest. */
function digestsOf(folder: string): Record<string, string> {
  const kinds = new Map<string, { count: number; hash: ReturnType<typeof createHash> }>();
  for (const [name, text] of Object.entries(filesOf(folder))) {
    const kind = name
      .replace(/^(off\/)?runs\/[0-9a-f]{64}\//, "run: ")
      .replace(/\d{4}-?(Q\d|W\d\d|\d\d(-\d\d)?)(?=\.)/, "<chunk>")
      .replace(/outcome_.*/, "outcomes")
      .replace(/snapshot_.*/, "snapshots");
    const { count, hash } = kinds.get(kind) ?? { count: 0, hash: createHash("sha256") };
    hash.update(name).update("\0").update(Buffer.from(text, "latin1"));
    kinds.set(kind, { count: count + 1, hash });
  }
  return Object.fromEntries(
    [...kinds].map(([kind, { count, hash }]) => [kind, `${count} ${hash.digest("hex").slice(0, 16)}`]),
  );
}

async function run(memoryDir: string, ...args: readonly string[]): Promise<Record<string, string>> {
  const { code, stderr } = await runScript("run-chunks.ts", [...args, "--memory-dir", memoryDir]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  // Synthetic runs have a folder of their own since; in it are the files that 0.2.0 wrote into the memory folder itself.
  const synthetic = join(memoryDir, "synthetic");
  return digestsOf(existsSync(synthetic) ? synthetic : memoryDir);
}

describe("the bytes of a run", () => {
  const real = ["--data-dir", REAL_BARS_DIR];
  const name = HAS_REAL_BARS ? "" : " (skipped: no real bars)";

  test.skipIf(!HAS_REAL_BARS)(`2021 and 2022 on real bars, in one folder${name}`, async () => {
    const memory = join(work, "years");
    await run(memory, "--year", "2021", ...real);
    expect(await run(memory, "--year", "2022", ...real)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 1ead39d21d3731c9",
        "outcomes": "893 1d8be96353d9461f",
        "provider_performance.json": "1 ef9b0f7791e73038",
        "regime_performance.json": "1 11c26deb175f6cc5",
        "run: <chunk>.decisions.ndjson": "8 dc185972400e2f8b",
        "run: <chunk>.equity.csv": "8 78c6a5641143a3b8",
        "run: <chunk>.json": "8 4aae81ecef701f50",
        "run: manifest.json": "2 6155fa4b57866cbc",
        "run: summary.json": "2 3ba6c9449624372d",
        "snapshots": "8 b71f370ce5e4eb59",
        "vectors.f32": "1 fc2108d552ad8c43",
        "vectors.meta.json.gz": "1 c81c20eb3b412302",
      }
    `);
  });

  test.skipIf(!HAS_REAL_BARS)(`half a year on real bars without memory${name}`, async () => {
    const memory = join(work, "off");
    const half = ["--start", "2021-01-01", "--end", "2021-07-01", "--no-memory"];
    expect(await run(memory, ...half, ...real)).toMatchInlineSnapshot(`
      {
        "off/memory.json": "1 6b668e07844c2d4f",
        "off/outcomes": "205 b448639982a4d446",
        "off/provider_performance.json": "1 40b8e4ba92c596d7",
        "off/regime_performance.json": "1 1ba9667423e9ecaf",
        "off/snapshots": "2 8e96a2bf6b7db455",
        "off/vectors.f32": "1 6dad22c87171c353",
        "off/vectors.meta.json.gz": "1 cec8ee8adb95b139",
        "run: <chunk>.decisions.ndjson": "2 6c1a4558ad003fb9",
        "run: <chunk>.equity.csv": "2 145a6f24a9ce7fca",
        "run: <chunk>.json": "2 efbc7fed7d62187c",
        "run: manifest.json": "1 9df12e0edd8455a3",
        "run: summary.json": "1 a9286d4a8af48487",
      }
    `);
  });

  test("weeks on synthetic bars", async () => {
    const weeks = ["--synthetic", "--start", "2024-01-01", "--end", "2024-02-26", "--chunks", "week", "--seed", "5"];
    expect(await run(join(work, "weeks"), ...weeks)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 aa813c933b5f199b",
        "outcomes": "120 dd43d6b1dc4f1922",
        "provider_performance.json": "1 7c79d141be70367b",
        "regime_performance.json": "1 3982f8ca352382cf",
        "run: <chunk>.decisions.ndjson": "8 bd475f53b1b001a7",
        "run: <chunk>.equity.csv": "8 1b70cbb756957343",
        "run: <chunk>.json": "8 10f8863524bc9481",
        "run: manifest.json": "1 9b89e5585144a5d5",
        "run: summary.json": "1 d52720cbfba55c05",
        "snapshots": "8 7457e67737dded8f",
        "vectors.f32": "1 3860725077ff2496",
        "vectors.meta.json.gz": "1 63d33e050870efd0",
      }
    `);
  });

  test("a year of synthetic bars, one position at a time, chunks of 45 days, other rules", async () => {
    const config = join(work, "other.yaml");
    writeFileSync(
      config,
      `portfolio_memory: { max_memory_size: 150, learning_rate: 0.3, context_window: 5 }
backtest:
  { start: 2023-01-01, end: 2024-01-01, chunks: 45d, timeframe: 4h, decision_interval: 8h, assets: [GOLD, OIL], seed: 3,
    data_dir: synthetic, max_positions: 1, correlation_threshold: 0.5, asset_costs: {},
    risk: { per_trade_pct: 2, stop_atr: 2, target_atr: 5, max_holding: 3d, leverage: 3 } }
providers: [{ name: memory, type: memory }, { name: breakout, type: breakout }, { name: trend, type: trend }]
`,
    );
    expect(await run(join(work, "other"), "--config", config)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 5368a4d821d1c62a",
        "outcomes": "168 36e1f9e4b5825334",
        "provider_performance.json": "1 30654ed0d1398696",
        "regime_performance.json": "1 2a7a33edfe5791c9",
        "run: 2023-01-01_45d.decisions.ndjson": "1 f0e70324ffdbec27",
        "run: 2023-01-01_45d.equity.csv": "1 06090e565f8b221d",
        "run: 2023-01-01_45d.json": "1 0602935c6294e148",
        "run: 2023-02-15_45d.decisions.ndjson": "1 8c8cde25ee869f36",
        "run: 2023-02-15_45d.equity.csv": "1 35e1e468c957a07d",
        "run: 2023-02-15_45d.json": "1 3546edd82f16ce06",
        "run: 2023-04-01_45d.decisions.ndjson": "1 d1b185339cdf5d62",
        "run: 2023-04-01_45d.equity.csv": "1 0a836eb77271ee2b",
        "run: 2023-04-01_45d.json": "1 74f138aab584160b",
        "run: 2023-05-16_45d.decisions.ndjson": "1 aa785c7ba5968b22",
        "run: 2023-05-16_45d.equity.csv": "1 dcabb772ff48f6d4",
        "run: 2023-05-16_45d.json": "1 295731b3793fa7d7",
        "run: 2023-06-30_45d.decisions.ndjson": "1 2ae9c6d7316a0127",
        "run: 2023-06-30_45d.equity.csv": "1 13a02dd5e7031736",
        "run: 2023-06-30_45d.json": "1 9efe3c700912dce5",
        "run: 2023-08-14_45d.decisions.ndjson": "1 d7535392c29effd7",
        "run: 2023-08-14_45d.equity.csv": "1 d389a5d09e7c953f",
        "run: 2023-08-14_45d.json": "1 64bd30dd31b91d6c",
        "run: 2023-09-28_45d.decisions.ndjson": "1 e1ab66fdb23c90c7",
        "run: 2023-09-28_45d.equity.csv": "1 e1f85140d0132cf2",
        "run: 2023-09-28_45d.json": "1 2e8849229e901035",
        "run: 2023-11-12_45d.decisions.ndjson": "1 f1df47daca3b7d8f",
        "run: 2023-11-12_45d.equity.csv": "1 504fef15d8bcfdba",
        "run: 2023-11-12_45d.json": "1 08983fbaf034f954",
        "run: 2023-12-27_45d.decisions.ndjson": "1 8e1078f59feb47e5",
        "run: 2023-12-27_45d.equity.csv": "1 f3f462f18addd9fe",
        "run: 2023-12-27_45d.json": "1 b7e4898b23757b2c",
        "run: manifest.json": "1 9a550f5214bde7a1",
        "run: summary.json": "1 b549534a693c525c",
        "snapshots": "9 aed3f6b6734b9f6e",
        "vectors.f32": "1 f2a23778b8931f59",
        "vectors.meta.json.gz": "1 8d1366c2a79996f7",
      }
    `);
  });

  test("a file of votes and a language model's answers, which are recorded and then replayed offline", async () => {
    const server = startModelServer(someVote);
    const folder = join(work, "recorded");
    for (const part of ["config.yaml", "votes.csv"])
      cpSync(join(FIXTURE, part), join(folder, part), { recursive: true });
    const config = join(folder, "config.yaml");
    const recorded = readFileSync(config, "utf8");
    writeFileSync(config, recorded.replace(/"http:.*"/, `"${server.openaiUrl}"`));
    const asked = await run(join(work, "asked-memory"), "--synthetic", "--config", config);
    await server.stop();
    writeFileSync(config, recorded);
    const replayed = await run(join(work, "recorded-memory"), "--synthetic", "--offline", "--config", config);
    expect(replayed).toEqual(asked);
    expect(replayed).toMatchInlineSnapshot(`
      {
        "memory.json": "1 d6227648c93e7472",
        "outcomes": "48 5ead34c456f93e37",
        "provider_performance.json": "1 b39d91393f1f4410",
        "regime_performance.json": "1 d60e6a43c29722a5",
        "run: <chunk>.decisions.ndjson": "2 900e246cab400677",
        "run: <chunk>.equity.csv": "2 ae421c16265bee5a",
        "run: <chunk>.json": "2 60425fe91650f23b",
        "run: manifest.json": "1 c1979090f26f36ee",
        "run: summary.json": "1 e151b830c1dadebb",
        "snapshots": "2 2bf6aa7466d903e4",
        "vectors.f32": "1 d58145e15724c341",
        "vectors.meta.json.gz": "1 e3d14b4a25bdcb4c",
      }
    `);
  });
});

describe("a folder that version 0.2.0 left in mid-run", () => {
  const folder = join(work, "stopped");
  const memory = join(folder, "memory", "synthetic");
  cpSync(FIXTURE, folder, { recursive: true });
  rmSync(join(folder, "memory"), { recursive: true });
  cpSync(join(FIXTURE, "memory"), memory, { recursive: true });
  const config = ["--config", join(folder, "config.yaml")];
  const flags = [...config, "--memory-dir", memory];

  test("is sound, and shown with its 50 outcomes", async () => {
    const check = await runScript("memory-stats.ts", ["--check", ...flags]);
    expect({ code: check.code, stderr: check.stderr }).toEqual({ code: 0, stderr: "" });
    const { stdout } = await runScript("memory-stats.ts", ["--json", ...flags]);
    expect(JSON.parse(stdout)).toMatchObject({
      outcomes: { count: 50, bytes: 117_846 },
      vectors: { rows: 50, behind: 0 },
      newest: { decision_id: "20240205T0000-ETHUSD-2d84731d", result_r: 1.5 },
    });
  });

  test("is not continued, since this version decides otherwise: it says so, and leaves every file of the run as it was", async () => {
    const before = filesOf(memory);
    const [runId] = readdirSync(join(memory, "runs"));
    const same = ["--synthetic", "--offline", "--memory-dir", join(folder, "memory"), ...config];
    const { code, stderr } = await runScript("run-chunks.ts", same);
    expect(stderr).toContain(`run ${runId!.slice(0, 12)} of 2024-01-01 to 2024-02-10 differs in version (0.2.0 then, `);
    expect(stderr).toContain("; only 0.2.0 can continue it). The older one stays as it is");
    // Its questions follow from other trades, so that the recorded answers are not those to them.
    expect(stderr).toContain("without --offline they are asked");
    expect(code).toBe(3);
    const after = filesOf(memory);
    const kept = Object.keys(before).filter((name) => /^outcome_|^runs\//.test(name));
    expect(kept.length).toBeGreaterThan(50);
    expect(kept.map((name) => [name, after[name] === before[name]])).toEqual(kept.map((name) => [name, true]));
  });
});
