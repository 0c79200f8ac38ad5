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
        "memory.json": "1 056279663fa95d56",
        "outcomes": "893 58eb671cb873183f",
        "provider_performance.json": "1 ef9b0f7791e73038",
        "regime_performance.json": "1 11c26deb175f6cc5",
        "run: <chunk>.decisions.ndjson": "8 40969036a0f10ff5",
        "run: <chunk>.equity.csv": "8 33713c35a9d48887",
        "run: <chunk>.json": "8 deac9612fc5cf6e6",
        "run: manifest.json": "2 b6c415a940eb2b41",
        "run: summary.json": "2 8f4a35f7abeba33a",
        "snapshots": "8 35e1ef5277719a64",
        "vectors.f32": "1 fc2108d552ad8c43",
        "vectors.meta.json.gz": "1 9feb95acdc28723b",
      }
    `);
  });

  test.skipIf(!HAS_REAL_BARS)(`half a year on real bars without memory${name}`, async () => {
    const memory = join(work, "off");
    const half = ["--start", "2021-01-01", "--end", "2021-07-01", "--no-memory"];
    expect(await run(memory, ...half, ...real)).toMatchInlineSnapshot(`
      {
        "off/memory.json": "1 a143f2f6ac89268c",
        "off/outcomes": "205 0420a80cdff8ec80",
        "off/provider_performance.json": "1 40b8e4ba92c596d7",
        "off/regime_performance.json": "1 1ba9667423e9ecaf",
        "off/snapshots": "2 ee445524e1151b46",
        "off/vectors.f32": "1 6dad22c87171c353",
        "off/vectors.meta.json.gz": "1 f799c40a8a22ff30",
        "run: <chunk>.decisions.ndjson": "2 7da7c1ce54a7c09c",
        "run: <chunk>.equity.csv": "2 b92021b29e33f834",
        "run: <chunk>.json": "2 74eb94c513d8f983",
        "run: manifest.json": "1 85ca18387413f868",
        "run: summary.json": "1 273a1cfba377cf81",
      }
    `);
  });

  test("weeks on synthetic bars", async () => {
    const weeks = ["--synthetic", "--start", "2024-01-01", "--end", "2024-02-26", "--chunks", "week", "--seed", "5"];
    expect(await run(join(work, "weeks"), ...weeks)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 9f4cf41f47263fee",
        "outcomes": "120 31ee5b0a63f82b9d",
        "provider_performance.json": "1 7c79d141be70367b",
        "regime_performance.json": "1 3982f8ca352382cf",
        "run: <chunk>.decisions.ndjson": "8 6e77de832abb9373",
        "run: <chunk>.equity.csv": "8 3b1395ccae1b9b4e",
        "run: <chunk>.json": "8 e295025f6ad2e1cf",
        "run: manifest.json": "1 eb78598c2acc42b4",
        "run: summary.json": "1 42c7e80bd8da0294",
        "snapshots": "8 8bb3424a7a1ca814",
        "vectors.f32": "1 3860725077ff2496",
        "vectors.meta.json.gz": "1 34cc07d141d9728c",
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
        "memory.json": "1 88e9ac7ecaad480e",
        "outcomes": "168 9318406b4682e7ea",
        "provider_performance.json": "1 30654ed0d1398696",
        "regime_performance.json": "1 2a7a33edfe5791c9",
        "run: 2023-01-01_45d.decisions.ndjson": "1 913c20ffbddc6f10",
        "run: 2023-01-01_45d.equity.csv": "1 b7e5c40edf8fa9c8",
        "run: 2023-01-01_45d.json": "1 97452e25878e70a9",
        "run: 2023-02-15_45d.decisions.ndjson": "1 7034afc3ddc6d971",
        "run: 2023-02-15_45d.equity.csv": "1 f4b724368c1ba051",
        "run: 2023-02-15_45d.json": "1 27103bd6e525560f",
        "run: 2023-04-01_45d.decisions.ndjson": "1 cfc246f3e0643973",
        "run: 2023-04-01_45d.equity.csv": "1 c6b843b37915fc0c",
        "run: 2023-04-01_45d.json": "1 86edda944a7c6bc9",
        "run: 2023-05-16_45d.decisions.ndjson": "1 9e1b57e0ffb4ac4a",
        "run: 2023-05-16_45d.equity.csv": "1 00b0e590fb0ddc8a",
        "run: 2023-05-16_45d.json": "1 8f2b5973266e8982",
        "run: 2023-06-30_45d.decisions.ndjson": "1 453730d29839468d",
        "run: 2023-06-30_45d.equity.csv": "1 10410e21f23537d5",
        "run: 2023-06-30_45d.json": "1 1ee041c9a2e5cb28",
        "run: 2023-08-14_45d.decisions.ndjson": "1 ae5c74e064dceb69",
        "run: 2023-08-14_45d.equity.csv": "1 0293ca76a1cc54cd",
        "run: 2023-08-14_45d.json": "1 e26ebda3d64c6ef7",
        "run: 2023-09-28_45d.decisions.ndjson": "1 50e1cfc698003a21",
        "run: 2023-09-28_45d.equity.csv": "1 6e9bc1449beae94c",
        "run: 2023-09-28_45d.json": "1 73c58d44a04e1f30",
        "run: 2023-11-12_45d.decisions.ndjson": "1 f3f26af5eaee0680",
        "run: 2023-11-12_45d.equity.csv": "1 fcee535a593609c8",
        "run: 2023-11-12_45d.json": "1 12584148fa3d8ad4",
        "run: 2023-12-27_45d.decisions.ndjson": "1 7bc691e185f12299",
        "run: 2023-12-27_45d.equity.csv": "1 8d17b7c744892cc4",
        "run: 2023-12-27_45d.json": "1 956c9017548a320f",
        "run: manifest.json": "1 d5f0c773106e50e0",
        "run: summary.json": "1 4ec4931da15ae384",
        "snapshots": "9 4bc97b086002ca40",
        "vectors.f32": "1 f2a23778b8931f59",
        "vectors.meta.json.gz": "1 7d5a4b62daeb0064",
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
        "memory.json": "1 eb02e281cc222435",
        "outcomes": "48 6cf5ef36f54bde7d",
        "provider_performance.json": "1 b39d91393f1f4410",
        "regime_performance.json": "1 d60e6a43c29722a5",
        "run: <chunk>.decisions.ndjson": "2 c6cb3f33e6c4184c",
        "run: <chunk>.equity.csv": "2 bfaecc8b3eed04b8",
        "run: <chunk>.json": "2 e0c76cecaf77cf9e",
        "run: manifest.json": "1 cbca9ce71a52ecf0",
        "run: summary.json": "1 7c7ec4f7d7669291",
        "snapshots": "2 3d214edfd6269e57",
        "vectors.f32": "1 d58145e15724c341",
        "vectors.meta.json.gz": "1 65493512da2ba631",
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
