import { afterAll, describe, expect, spyOn, test } from "bun:test";
import fs, { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../lib/config/config.ts";
import { loadConfig } from "../../lib/config/load.node.ts";
import { parseProvider } from "../../lib/config/parse.ts";
import { checkEngine, checkHealth, spaceOf } from "../../lib/maintenance/doctor.node.ts";
import type { HealthCheck } from "../../lib/maintenance/health.ts";
import { VERSION } from "../../lib/version.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { writeMemory } from "../scripts/run-script.ts";
import { temporaryFolder } from "../temporary-folder.ts";

test.each([
  [{ bun: "1.4.5", node: "24.3.0" }, "ok", `Carryover ${VERSION} on Bun 1.4.5`],
  [{ bun: "1.10.0", node: "24.3.0" }, "ok", `Carryover ${VERSION} on Bun 1.10.0`],
  [{ bun: "1.4.4", node: "24.3.0" }, "missing", `Carryover ${VERSION} on Bun 1.4.4, expected 1.4.5 or newer`],
  [{ node: "22.18.0" }, "ok", `Carryover ${VERSION} on Node 22.18.0`],
  [{ node: "22.9.0" }, "missing", `Carryover ${VERSION} on Node 22.9.0, expected 22.18.0 or newer`],
  [{ deno: "2.5.0", node: "20.0.0" }, "ok", `Carryover ${VERSION} on Deno 2.5.0`],
])("of the versions %j the engine is %s: %s", (versions, state, found) => {
  expect(checkEngine(versions)).toMatchObject({ name: "engine", state, found });
});

test.each([
  [4_300_000, "missing", "4.3 MB free"],
  [49_999_999, "missing", "50.0 MB free"],
  [50_000_000, "note", "50.0 MB free"],
  [999_999_999, "note", "1000.0 MB free"],
  [1_000_000_000, "ok", "1.00 GB free"],
] as const)("%d free bytes are %s: %s", (freeBytes, state, found) => {
  expect(spaceOf(freeBytes)).toMatchObject({ state, found, free_bytes: freeBytes });
});

/** One of the checks of the project's configuration, with other providers and keys of `backtest` if given. */
async function checkNamed(
  name: string,
  options: {
    providers?: readonly Parameters<typeof parseProvider>[0][];
    backtest?: Partial<Config["backtest"]>;
    baseDir?: string;
    nowMs?: number;
    memoryDir?: string;
  } = {},
): Promise<HealthCheck> {
  const { config } = await loadConfig(join(PROJECT_DIR, "config.yaml"));
  const providers = await Promise.all((options.providers ?? []).map(parseProvider));
  const checks = await checkHealth({
    config: {
      ...config,
      backtest: { ...config.backtest, ...options.backtest },
      providers: [...config.providers, ...providers],
    },
    baseDir: options.baseDir ?? PROJECT_DIR,
    memoryDir: options.memoryDir ?? join(tmpdir(), "carryover-no-memory"),
    repairCommand: "",
    runCommand: (flags) => flags,
    findCopies: async () => undefined,
    findLost: async () => undefined,
    findLostRuns: async () => undefined,
    removeCommand: (run) => `remove ${run}`,
    nowMs: options.nowMs ?? Date.now(),
    signal: new AbortController().signal,
  });
  return checks.find((check) => check.name === name)!;
}

test("a clock that was never set is named, and stops no run", async () => {
  const clock = await checkNamed("clock", { nowMs: Date.UTC(1970, 0, 1, 0, 1) });
  expect(clock).toMatchObject({ state: "note", cure: "timedatectl set-ntp true" });
  expect(clock.found).toStartWith("1970-01-01T00:01:00Z, earlier than Carryover was installed (");
});

describe("an outcome that ends after now", () => {
  const memoryDir = temporaryFolder("doctor-ahead");
  const run = "a".repeat(64);

  test("is named by more than a day, with the command that removes its run if that is stored", async () => {
    await writeMemory(memoryDir, [makeOutcome({ exit_timestamp: "2021-01-05T08:00:00.000Z", run_id: run })]);
    const at = (time: string): Promise<HealthCheck> => checkNamed("memory", { memoryDir, nowMs: Date.parse(time) });
    const ahead = await at("2021-01-04T07:59:00Z");
    expect(ahead).toMatchObject({
      state: "note",
      found: "sound, but with an outcome of 2021-01-05, and today is 2021-01-04: was the clock or a bar wrong?",
      cure: null,
    });
    mkdirSync(join(memoryDir, "runs", run), { recursive: true });
    expect((await at("2021-01-04T07:59:00Z")).cure).toBe(`remove ${run} # if that run should not be remembered`);
    expect((await at("2021-01-04T08:00:00Z")).state).toBe("ok");
  });
});

describe("bars without a full calendar year", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "carryover-doctor-bars-"));
  afterAll(() => rmSync(dataDir, { recursive: true }));

  function writeDays(asset: string, first: string, end: string): void {
    const rows = [];
    for (let ms = Date.parse(first); ms < Date.parse(end); ms += 86_400_000) {
      rows.push(`${new Date(ms).toISOString()},1,1,1,1,0\n`);
    }
    writeFileSync(join(dataDir, `${asset}_1d.csv`), `timestamp,open,high,low,close,volume\n${rows.join("")}`);
  }

  test("allow runs that say their period, and the note says from when to when", async () => {
    writeDays("AAA", "2025-12-01", "2026-11-30");
    writeDays("BBB", "2026-02-01", "2026-12-01");
    const backtest = { assets: ["AAA", "BBB"], data_dir: dataDir, timeframe: "1d" };
    expect(await checkNamed("bars", { backtest })).toEqual({
      name: "bars",
      state: "note",
      found: "1d bars of 2 assets from 2026-02-01 to 2026-11-30, without a full calendar year to run by default",
      folder: dataDir,
      cure: "give each run --start and --end, or set backtest.start and backtest.end",
    });
    const period = { start: "2026-03-01", end: "2026-03-02" };
    expect(await checkNamed("bars", { backtest: { ...backtest, ...period } })).toMatchObject({ state: "ok" });
  });

  test("are missing if the assets never have bars at the same time", async () => {
    writeDays("AAA", "2025-12-01", "2026-01-01");
    const backtest = { assets: ["AAA", "BBB"], data_dir: dataDir, timeframe: "1d" };
    expect(await checkNamed("bars", { backtest })).toMatchObject({
      state: "missing",
      found: expect.stringContaining("found bars of AAA 2025-12-01 to 2026-01-01, BBB 2026-02-01 to 2026-12-01"),
    });
  });
});

test("a key that is not set and a program that is not on the PATH are named", async () => {
  const model = {
    name: "gpt",
    type: "llm",
    model: "m",
    base_url: "http://localhost/v1",
    api_key_env: "CARRYOVER_TEST_NO_KEY",
  };
  const program = { name: "mine", type: "command", command: ["carryover-no-program"] };
  expect(await checkNamed("providers", { providers: [model, program] })).toMatchObject({
    state: "missing",
    found:
      'Cannot ask "gpt": found no environment variable "CARRYOVER_TEST_NO_KEY"; ' +
      'Cannot start provider "mine": found no such program',
  });
  const there = { name: "mine", type: "command", command: [process.execPath] };
  expect(await checkNamed("providers", { providers: [there] })).toMatchObject({
    state: "ok",
    found: "the keys and programs of mine",
  });
  expect(await checkNamed("providers")).toMatchObject({ state: "ok", found: "none that needs a key or a program" });
});

describe("the files that providers name", () => {
  const baseDir = mkdtempSync(join(tmpdir(), "carryover-doctor-files-"));
  afterAll(() => rmSync(baseDir, { recursive: true }));
  const module = { name: "mine", type: "module", path: "mine.ts" };
  const votes = { name: "analyst", type: "file", path: "votes.csv" };
  writeFileSync(join(baseDir, "mine.ts"), "throw new Error('a check must not run this');\n");

  test("are read, but no module is run", async () => {
    writeFileSync(join(baseDir, "votes.csv"), "timestamp,asset,action,confidence\n2021-01-01,BTCUSD,BUY,70\n");
    const files = await checkNamed("files", { baseDir, providers: [module, votes] });
    expect(files).toMatchObject({
      state: "ok",
      found: "mine.ts, votes.csv (last vote 2021-01-01 00:00 UTC)",
      cure: null,
    });
    expect(await checkNamed("files")).toMatchObject({ state: "ok", found: "none that a provider needs" });
  });

  test("are all named that are not there, or that a run would refuse", async () => {
    const gone = { name: "gone", type: "module", path: "gone.ts" };
    const { state, found } = await checkNamed("files", { baseDir, providers: [gone] });
    expect(state).toBe("missing");
    expect(found).toStartWith('Cannot load provider "gone": found ENOENT');
    writeFileSync(join(baseDir, "votes.csv"), "timestamp,action\n2021-01-01,BUY\n");
    const both = await checkNamed("files", { baseDir, providers: [gone, votes] });
    expect(both.state).toBe("damaged");
    expect(both.found).toStartWith(found);
    expect(both.found).toContain('votes.csv": found no column "asset", expected one');
  });
});

test("the disk is measured in milliseconds", async () => {
  const { sync_ms: ms } = await checkNamed("disk");
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThan(60_000);
});

test("a full disk is cured by space, not by another folder's permissions", async () => {
  const full = spyOn(fs, "fsyncSync").mockImplementation(() => {
    throw Object.assign(new Error("ENOSPC: no space left on device, fsync"), { code: "ENOSPC" });
  });
  try {
    expect(await checkNamed("disk")).toMatchObject({
      state: "missing",
      cure: "free some space, or move memory to another disk and name it: --memory-dir DIR",
    });
  } finally {
    full.mockRestore();
  }
});
