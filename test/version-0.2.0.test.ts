/**
 * Version 0.2.0 and this one write the same bytes. The digests were taken from 0.2.0; a change of rules or formats that is
 * meant to change them says so in CHANGELOG.md.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  return digestsOf(memoryDir);
}

describe("the bytes of version 0.2.0", () => {
  const real = ["--data-dir", REAL_BARS_DIR];
  const name = HAS_REAL_BARS ? "" : " (skipped: no real bars)";

  test.skipIf(!HAS_REAL_BARS)(`2021 and 2022 on real bars, in one folder${name}`, async () => {
    const memory = join(work, "years");
    await run(memory, "--year", "2021", ...real);
    expect(await run(memory, "--year", "2022", ...real)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 a41071036b641dfd",
        "outcomes": "1026 e2fe978485309f15",
        "provider_performance.json": "1 7e91846c7b5c9155",
        "regime_performance.json": "1 dfbaadd3aa7cc1ba",
        "run: <chunk>.decisions.ndjson": "8 c33d855b9d089e1a",
        "run: <chunk>.equity.csv": "8 55cc9d8e7b2f3b45",
        "run: <chunk>.json": "8 757a3c9f1f14b26e",
        "run: manifest.json": "2 e1e9f036516a9850",
        "run: summary.json": "2 337c57fef0b3f287",
        "snapshots": "8 f3890b2e9338c35d",
        "vectors.f32": "1 abf40fba77f209ee",
        "vectors.meta.json.gz": "1 371d075ce43fa957",
      }
    `);
  });

  test.skipIf(!HAS_REAL_BARS)(`half a year on real bars without memory${name}`, async () => {
    const memory = join(work, "off");
    const half = ["--start", "2021-01-01", "--end", "2021-07-01", "--no-memory"];
    expect(await run(memory, ...half, ...real)).toMatchInlineSnapshot(`
      {
        "off/memory.json": "1 9c97052a3fc9d164",
        "off/outcomes": "205 2090e291759a7a32",
        "off/provider_performance.json": "1 40b8e4ba92c596d7",
        "off/regime_performance.json": "1 1ba9667423e9ecaf",
        "off/snapshots": "2 e021223db7b839eb",
        "off/vectors.f32": "1 6dad22c87171c353",
        "off/vectors.meta.json.gz": "1 995ba15e29d4106f",
        "run: <chunk>.decisions.ndjson": "2 a1740165761ec47c",
        "run: <chunk>.equity.csv": "2 d90f3ae1cf00afdd",
        "run: <chunk>.json": "2 0cf1958e28613387",
        "run: manifest.json": "1 6fee911f33d59103",
        "run: summary.json": "1 8cc72b72869648b8",
      }
    `);
  });

  test("weeks on synthetic bars", async () => {
    const weeks = ["--start", "2024-01-01", "--end", "2024-02-26", "--chunks", "week", "--seed", "5"];
    expect(await run(join(work, "weeks"), ...weeks)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 71a2b3beef0f01d1",
        "outcomes": "118 053dbe99e2b417cb",
        "provider_performance.json": "1 0a2df8d7ac11c5af",
        "regime_performance.json": "1 4faceb46edc0c7ed",
        "run: <chunk>.decisions.ndjson": "8 1f6f75af6fb70b7c",
        "run: <chunk>.equity.csv": "8 a9a60e467a4d6a8a",
        "run: <chunk>.json": "8 0231449877741251",
        "run: manifest.json": "1 f4c95e6453e80e87",
        "run: summary.json": "1 cbeca710c091c847",
        "snapshots": "8 e1fb03c636e7de73",
        "vectors.f32": "1 50855b38f2b2d2fc",
        "vectors.meta.json.gz": "1 25e608372bd87625",
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
    data_dir: nowhere, max_positions: 1, correlation_threshold: 0.5, asset_costs: {},
    risk: { per_trade_pct: 2, stop_atr: 2, target_atr: 5, max_holding: 3d, leverage: 3 } }
providers: [{ name: memory, type: memory }, { name: breakout, type: breakout }, { name: trend, type: trend }]
`,
    );
    expect(await run(join(work, "other"), "--config", config)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 8669e76ea1a916ba",
        "outcomes": "123 846c0da36748daaf",
        "provider_performance.json": "1 bdb76cbb064851ea",
        "regime_performance.json": "1 564a0a61efbf701f",
        "run: 2023-01-01_45d.decisions.ndjson": "1 000f806fa6ef9877",
        "run: 2023-01-01_45d.equity.csv": "1 060e7a290fe3cab5",
        "run: 2023-01-01_45d.json": "1 1300b998523639b5",
        "run: 2023-02-15_45d.decisions.ndjson": "1 d17734fc16edb07f",
        "run: 2023-02-15_45d.equity.csv": "1 852e85e1505bca7b",
        "run: 2023-02-15_45d.json": "1 a86f5aaf7b0bf0b7",
        "run: 2023-04-01_45d.decisions.ndjson": "1 7a9f8821c07c4794",
        "run: 2023-04-01_45d.equity.csv": "1 fd6d0ee6bc4c7096",
        "run: 2023-04-01_45d.json": "1 455800c318e21311",
        "run: 2023-05-16_45d.decisions.ndjson": "1 5faf9a5e5c01e762",
        "run: 2023-05-16_45d.equity.csv": "1 aebf8874e96a4448",
        "run: 2023-05-16_45d.json": "1 2cb68aa2bcefd619",
        "run: 2023-06-30_45d.decisions.ndjson": "1 54624ca63aa586b1",
        "run: 2023-06-30_45d.equity.csv": "1 7e562cf7d22e5d4d",
        "run: 2023-06-30_45d.json": "1 b0587b972176b203",
        "run: 2023-08-14_45d.decisions.ndjson": "1 a432a91e48e4fa07",
        "run: 2023-08-14_45d.equity.csv": "1 c024e1c2487f29ef",
        "run: 2023-08-14_45d.json": "1 c8bec6f89020e709",
        "run: 2023-09-28_45d.decisions.ndjson": "1 a06e028f239ea959",
        "run: 2023-09-28_45d.equity.csv": "1 03ea8dc39ec09904",
        "run: 2023-09-28_45d.json": "1 6b9767bf69cc4ce4",
        "run: 2023-11-12_45d.decisions.ndjson": "1 bb6619ee06f6e020",
        "run: 2023-11-12_45d.equity.csv": "1 a98698d0a17777fd",
        "run: 2023-11-12_45d.json": "1 bd63bc42680ecf2b",
        "run: 2023-12-27_45d.decisions.ndjson": "1 ccdd0ec9d53d8413",
        "run: 2023-12-27_45d.equity.csv": "1 ed382b2353c55129",
        "run: 2023-12-27_45d.json": "1 1dfb827588adc33b",
        "run: manifest.json": "1 d32897265a8a2d60",
        "run: summary.json": "1 6bd3177f8bd274ef",
        "snapshots": "9 871524366d4eb91a",
        "vectors.f32": "1 b896bc1827521a2b",
        "vectors.meta.json.gz": "1 a764a8fd4bda1c41",
      }
    `);
  });

  test("a file of votes and a language model's recorded answers, offline", async () => {
    const folder = join(work, "recorded");
    for (const part of ["config.yaml", "votes.csv", "answers"]) {
      cpSync(join(FIXTURE, part), join(folder, part), { recursive: true });
    }
    const config = join(folder, "config.yaml");
    expect(await run(join(work, "recorded-memory"), "--offline", "--config", config)).toMatchInlineSnapshot(`
      {
        "memory.json": "1 47509decde77b722",
        "outcomes": "54 e9a6fd9e11cf365c",
        "provider_performance.json": "1 994ee6ff24fd5c59",
        "regime_performance.json": "1 f098ca3540a8f824",
        "run: <chunk>.decisions.ndjson": "2 363a29af1f6b6f09",
        "run: <chunk>.equity.csv": "2 1b818edac0e62150",
        "run: <chunk>.json": "2 666868a699d48b57",
        "run: manifest.json": "1 efdb216d5319c1f8",
        "run: summary.json": "1 ea0043e88fdf0e55",
        "snapshots": "2 07d6ab526e3c2038",
        "vectors.f32": "1 8a9581c4826eb78a",
        "vectors.meta.json.gz": "1 6f25ca78b39f005e",
      }
    `);
  });
});

describe("a folder that version 0.2.0 left in mid-run", () => {
  const folder = join(work, "stopped");
  cpSync(FIXTURE, folder, { recursive: true });
  const flags = ["--config", join(folder, "config.yaml"), "--memory-dir", join(folder, "memory")];

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

  test("is resumed with the second chunk, to the bytes of a run that was never stopped", async () => {
    const { code, stdout } = await runScript("run-chunks.ts", ["--offline", ...flags]);
    expect(code).toBe(0);
    expect(stdout).toContain("(resumed at 2024-02)");
    expect(digestsOf(join(folder, "memory"))).toEqual(digestsOf(join(work, "recorded-memory")));
  });
});
