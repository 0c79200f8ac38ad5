/**
 * The bytes that this version writes, which one run of it must find in another, and what it does with a folder of version 0.2.0. A
 * change of rules or formats that is meant to change the digests says so in CHANGELOG.md, and raises the version.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { someVote, startModelServer } from "../providers/recorded/model-server.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../samples.ts";
import { filesOf, runScript } from "../scripts/run-script.ts";

setDefaultTimeout(60_000);

const FIXTURE = join(import.meta.dir, "../fixtures", "version-0.2.0");

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
        "memory.json": "1 b266ef674d6574b9",
        "outcomes": "893 471bece8f422cd6a",
        "provider_performance.json": "1 ef9b0f7791e73038",
        "regime_performance.json": "1 11c26deb175f6cc5",
        "run: <chunk>.decisions.ndjson": "8 8dc60eff355d500a",
        "run: <chunk>.equity.csv": "8 85fa2c417a66d2e3",
        "run: <chunk>.json": "8 9cbaa5404a059b2d",
        "run: manifest.json": "2 7b249c2d08050793",
        "run: summary.json": "2 8eab7537d0113b5e",
        "snapshots": "8 512ec26bb4ce2953",
        "vectors.f32": "1 fc2108d552ad8c43",
        "vectors.meta.json.gz": "1 49eff6dc0afaf876",
      }
    `);
  });

  test.skipIf(!HAS_REAL_BARS)(`half a year on real bars without memory${name}`, async () => {
    const memory = join(work, "off");
    const half = ["--start", "2021-01-01", "--end", "2021-07-01", "--no-memory"];
    expect(await run(memory, ...half, ...real)).toMatchInlineSnapshot(`
      {
        "off/memory.json": "1 85ef1627fcd157b8",
        "off/outcomes": "205 fb86f90f59ae9a75",
        "off/provider_performance.json": "1 40b8e4ba92c596d7",
        "off/regime_performance.json": "1 1ba9667423e9ecaf",
        "off/snapshots": "2 3f4301881911e6d2",
        "off/vectors.f32": "1 6dad22c87171c353",
        "off/vectors.meta.json.gz": "1 f81e575dad2afaa5",
        "run: <chunk>.decisions.ndjson": "2 a1dd7bb7f58d9104",
        "run: <chunk>.equity.csv": "2 5188da999888074b",
        "run: <chunk>.json": "2 f9066bc3298ab702",
        "run: manifest.json": "1 3eaf620ae6eb84b8",
        "run: summary.json": "1 cb30502dfb0c7e64",
      }
    `);
  });

  test("weeks on synthetic bars", async () => {
    const weeks = ["--synthetic", "--start", "2024-01-01", "--end", "2024-02-26", "--chunks", "week", "--seed", "5"];
    expect(await run(join(work, "weeks"), ...weeks)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 61caf98946fa310c",
        "outcomes": "120 af3f7532bc207e1d",
        "provider_performance.json": "1 7c79d141be70367b",
        "regime_performance.json": "1 3982f8ca352382cf",
        "run: <chunk>.decisions.ndjson": "8 a113c54f4142564e",
        "run: <chunk>.equity.csv": "8 cbc01d53ec7562f6",
        "run: <chunk>.json": "8 51310d088aba6ba2",
        "run: manifest.json": "1 7a8a990d5181ac91",
        "run: summary.json": "1 b39eda65d48a62d0",
        "snapshots": "8 1847b47d7a5fafd3",
        "vectors.f32": "1 3860725077ff2496",
        "vectors.meta.json.gz": "1 0c4dcdcc1892d5be",
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
        "memory.json": "1 1f7653f84b74cd4a",
        "outcomes": "168 f9e61511c5cc6e9c",
        "provider_performance.json": "1 30654ed0d1398696",
        "regime_performance.json": "1 2a7a33edfe5791c9",
        "run: 2023-01-01_45d.decisions.ndjson": "1 b554a8cdee16b55b",
        "run: 2023-01-01_45d.equity.csv": "1 d297033c90831220",
        "run: 2023-01-01_45d.json": "1 b02703b3bc6d5083",
        "run: 2023-02-15_45d.decisions.ndjson": "1 a63dbc48d8ed713a",
        "run: 2023-02-15_45d.equity.csv": "1 ea5def096f694e44",
        "run: 2023-02-15_45d.json": "1 60437b41e36d47a3",
        "run: 2023-04-01_45d.decisions.ndjson": "1 1ad10a326bc9ab3b",
        "run: 2023-04-01_45d.equity.csv": "1 6bb0d1f7e7fe5777",
        "run: 2023-04-01_45d.json": "1 68eb5e560ed81e25",
        "run: 2023-05-16_45d.decisions.ndjson": "1 596be54d4c5523a6",
        "run: 2023-05-16_45d.equity.csv": "1 82e5655424ee781e",
        "run: 2023-05-16_45d.json": "1 ef445cde2ce723bd",
        "run: 2023-06-30_45d.decisions.ndjson": "1 494547b489f9b6de",
        "run: 2023-06-30_45d.equity.csv": "1 65435e1ec70b351b",
        "run: 2023-06-30_45d.json": "1 af8746da87e5e4b4",
        "run: 2023-08-14_45d.decisions.ndjson": "1 8423deb50f6e693b",
        "run: 2023-08-14_45d.equity.csv": "1 14d065f7cf3dff42",
        "run: 2023-08-14_45d.json": "1 b5f38a8f5fc0bb16",
        "run: 2023-09-28_45d.decisions.ndjson": "1 30afa9d8bd0391ad",
        "run: 2023-09-28_45d.equity.csv": "1 43e5926257f8c88c",
        "run: 2023-09-28_45d.json": "1 c67d4d1fbfb6dd43",
        "run: 2023-11-12_45d.decisions.ndjson": "1 60594630c2a2736c",
        "run: 2023-11-12_45d.equity.csv": "1 47619bc6ba4dfe9b",
        "run: 2023-11-12_45d.json": "1 396dc4c01b2778da",
        "run: 2023-12-27_45d.decisions.ndjson": "1 9b91590b535b08a2",
        "run: 2023-12-27_45d.equity.csv": "1 bb596143e2970fa3",
        "run: 2023-12-27_45d.json": "1 29efc7d06550d4ea",
        "run: manifest.json": "1 7e062c1c3b99183e",
        "run: summary.json": "1 850afcf6d928d3a4",
        "snapshots": "9 079267215dc0ce68",
        "vectors.f32": "1 f2a23778b8931f59",
        "vectors.meta.json.gz": "1 0dc6eaee58923809",
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
        "memory.json": "1 6a612c5be616bf73",
        "outcomes": "48 5641f9f96e2ccf81",
        "provider_performance.json": "1 b39d91393f1f4410",
        "regime_performance.json": "1 d60e6a43c29722a5",
        "run: <chunk>.decisions.ndjson": "2 309233b22c58789f",
        "run: <chunk>.equity.csv": "2 2f83ee274adc7e05",
        "run: <chunk>.json": "2 143e40865f855146",
        "run: manifest.json": "1 4e568ec4eb0d8666",
        "run: summary.json": "1 3e050c9da748b95a",
        "snapshots": "2 544251d0b7b37d02",
        "vectors.f32": "1 d58145e15724c341",
        "vectors.meta.json.gz": "1 9151572413d643e6",
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
