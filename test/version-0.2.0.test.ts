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
        "memory.json": "1 8f0a7327920f1cce",
        "outcomes": "904 d097ad085079c5e0",
        "provider_performance.json": "1 12f99400e1c461bd",
        "regime_performance.json": "1 a5a01f6958bb24c2",
        "run: <chunk>.decisions.ndjson": "8 c8e1158fa3553811",
        "run: <chunk>.equity.csv": "8 31e46c2ef408b44d",
        "run: <chunk>.json": "8 8a6aecf01cb57c3d",
        "run: manifest.json": "2 ab0b0edd2f9076a2",
        "run: summary.json": "2 0f4a392aefe0978c",
        "snapshots": "8 19475ff7281189e7",
        "vectors.f32": "1 ddce14065f26327f",
        "vectors.meta.json.gz": "1 11e7fc3b7e9c1ac6",
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
        "run: <chunk>.json": "2 ceab9020434753b9",
        "run: manifest.json": "1 9df12e0edd8455a3",
        "run: summary.json": "1 ff6cb490d6e1c570",
      }
    `);
  });

  test("weeks on synthetic bars", async () => {
    const weeks = ["--synthetic", "--start", "2024-01-01", "--end", "2024-02-26", "--chunks", "week", "--seed", "5"];
    expect(await run(join(work, "weeks"), ...weeks)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 fa5080ac8298612b",
        "outcomes": "109 81576074c0c48c83",
        "provider_performance.json": "1 d3c37bc216dfb917",
        "regime_performance.json": "1 c2d5f1cfc28901cc",
        "run: <chunk>.decisions.ndjson": "8 be2625a0720d736c",
        "run: <chunk>.equity.csv": "8 e12680edb94baaa0",
        "run: <chunk>.json": "8 788b18fabe07a340",
        "run: manifest.json": "1 9b89e5585144a5d5",
        "run: summary.json": "1 e83a2fa1bda09792",
        "snapshots": "8 c498a6d016b346bf",
        "vectors.f32": "1 e39a17715bdda984",
        "vectors.meta.json.gz": "1 b629c41663c15395",
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
        "memory.json": "1 e9dc2154ec1e9066",
        "outcomes": "165 6d3ec28f61589b34",
        "provider_performance.json": "1 82f05a447a5aace3",
        "regime_performance.json": "1 8c26b1760d412376",
        "run: 2023-01-01_45d.decisions.ndjson": "1 734f09d53226ace5",
        "run: 2023-01-01_45d.equity.csv": "1 67179af55410db6e",
        "run: 2023-01-01_45d.json": "1 64bbf4a605d5442f",
        "run: 2023-02-15_45d.decisions.ndjson": "1 10767b8e6e79fff5",
        "run: 2023-02-15_45d.equity.csv": "1 5f66931c9c00355b",
        "run: 2023-02-15_45d.json": "1 54bc8aad2681d2f3",
        "run: 2023-04-01_45d.decisions.ndjson": "1 867b5a55f0580db5",
        "run: 2023-04-01_45d.equity.csv": "1 c59f46bfd9d3af19",
        "run: 2023-04-01_45d.json": "1 4f83f8c9df9c1ea1",
        "run: 2023-05-16_45d.decisions.ndjson": "1 27de0a9168c7d337",
        "run: 2023-05-16_45d.equity.csv": "1 711c821c5e8b0373",
        "run: 2023-05-16_45d.json": "1 6fdf025854802b9b",
        "run: 2023-06-30_45d.decisions.ndjson": "1 a36eca66d175f872",
        "run: 2023-06-30_45d.equity.csv": "1 bb865fee80df7a54",
        "run: 2023-06-30_45d.json": "1 9bae07ed2040391b",
        "run: 2023-08-14_45d.decisions.ndjson": "1 845674fd876b1e40",
        "run: 2023-08-14_45d.equity.csv": "1 efc5fa694088970f",
        "run: 2023-08-14_45d.json": "1 40f435b20114a6db",
        "run: 2023-09-28_45d.decisions.ndjson": "1 5cb0316b2d4bc394",
        "run: 2023-09-28_45d.equity.csv": "1 6bb6ebc450855c7e",
        "run: 2023-09-28_45d.json": "1 9110898256473264",
        "run: 2023-11-12_45d.decisions.ndjson": "1 c7409d601625f6ff",
        "run: 2023-11-12_45d.equity.csv": "1 30fa26806ea1e705",
        "run: 2023-11-12_45d.json": "1 da71e6678e0f025d",
        "run: 2023-12-27_45d.decisions.ndjson": "1 da06cf680c493f54",
        "run: 2023-12-27_45d.equity.csv": "1 35ca6b500c52a5aa",
        "run: 2023-12-27_45d.json": "1 a721a16baa28dcac",
        "run: manifest.json": "1 9a550f5214bde7a1",
        "run: summary.json": "1 ed51ec30e65dfa99",
        "snapshots": "9 1c9a3b7cc6329227",
        "vectors.f32": "1 fa7f521de406e06a",
        "vectors.meta.json.gz": "1 465475732f21e7ac",
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
        "memory.json": "1 0cd95e8a03f0b4d7",
        "outcomes": "48 e1cb89cfe49b6390",
        "provider_performance.json": "1 a4582cce40e583ae",
        "regime_performance.json": "1 90a6d8d894d4fb95",
        "run: <chunk>.decisions.ndjson": "2 ba6de5b9d8d2761c",
        "run: <chunk>.equity.csv": "2 26c4735b4f099050",
        "run: <chunk>.json": "2 5a62e3428eb56556",
        "run: manifest.json": "1 c1979090f26f36ee",
        "run: summary.json": "1 6e9552acbec174a3",
        "snapshots": "2 5492d2bb884b0db3",
        "vectors.f32": "1 d58145e15724c341",
        "vectors.meta.json.gz": "1 2ae61f7abd04b5ce",
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
