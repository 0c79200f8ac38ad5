import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { importOutcomes } from "../../lib/import/import.node.ts";
import { recall } from "../../lib/memory/open.node.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { confidenceScores } from "../../lib/results/confidence.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { FFE_OUTCOME } from "../import/import-samples.ts";
import { FOREIGN_FILES_DIR } from "../samples.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-import-outcomes-"));
afterAll(() => rmSync(work, { recursive: true }));

let folders = 0;
/** A folder with files, and what imports it into a memory folder beside it. */
function newFolder(files: Readonly<Record<string, unknown>>) {
  const base = join(work, String(folders++));
  const [folder, memoryDir] = [join(base, "theirs"), join(base, "memory")];
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  const memory = { dir: memoryDir, embedder: "hashing" as const, model_dir: "", answers_dir: "" };
  return {
    folder,
    memoryDir,
    load: (options = { dryRun: false }) => importOutcomes({ paths: [folder], memory, ...options }),
    trades: async () => (await readMemory(diskStorage(memoryDir))).trades,
  };
}

const STATISTICS = { local: { total_trades: 1, winning_trades: 1, total_pnl: 2, confidence_calibration: [75] } };
const FILES = { "outcome_trade-001.json": FFE_OUTCOME, "provider_performance.json": STATISTICS };

describe("import-outcomes", () => {
  test("shows what it took over, adds nothing the second time, and leaves the source as it was", async () => {
    const { folder, memoryDir } = newFolder({ ...FILES, "notes.txt": "a note" });
    const before = filesOf(folder);
    const run = () => runScript("import-outcomes.ts", [folder, "--memory-dir", memoryDir]);
    const first = await run();
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toBe(
      `Recognised  ffe (2 files)
Trades      1, closed from 2025-11-13 to 2025-11-13
Providers   local 1
Regimes     TRENDING 1
With R      0; the others move no weight, as they have no stop
Left out    files of no system that is known: 1 (${join(folder, "notes.txt")})
Kept        foreign_provider_performance.json, as it was
Memory      ${memoryDir}
Added       1 trade
`,
    );
    expect(JSON.parse(readFileSync(join(memoryDir, "foreign_provider_performance.json"), "utf8"))).toEqual(STATISTICS);
    const memory = filesOf(memoryDir);
    expect((await run()).stdout).toEndWith("Added       0 trades; 1 were there already\n");
    expect(filesOf(memoryDir)).toEqual(memory);
    expect(filesOf(folder)).toEqual(before);
  });

  test("prints its figures as JSON, and writes nothing with --dry-run", async () => {
    const { folder, memoryDir } = newFolder(FILES);
    const { code, stdout } = await runScript("import-outcomes.ts", [
      folder,
      "--memory-dir",
      memoryDir,
      "--dry-run",
      "--json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      memory_dir: memoryDir,
      systems: [{ system: "ffe", files: 2, trades: 1 }],
      trades: 1,
      added: 1,
      known: 0,
      twins: 0,
      with_result_r: 0,
      providers: { local: 1 },
      regimes: { TRENDING: 1 },
      skipped: [],
      kept: ["foreign_provider_performance.json"],
    });
    expect(existsSync(memoryDir)).toBe(false);
  });

  test("refuses with exit code 4 a trade that memory has otherwise, names it, and writes nothing", async () => {
    const { load, memoryDir } = newFolder(FILES);
    await load();
    const other = newFolder({
      "a.json": { ...FFE_OUTCOME, decision_id: "a-new-one" },
      "b.json": { ...FFE_OUTCOME, realized_pnl: 7 },
    });
    const before = filesOf(memoryDir);
    const { code, stderr } = await runScript("import-outcomes.ts", [other.folder, "--memory-dir", memoryDir]);
    expect(code).toBe(4);
    expect(stderr).toBe(
      `error: Cannot import "trade-001" (${join(other.folder, "b.json")}): found P&L 7, expected 200 as in memory\n` +
        `error: Nothing was written to "${memoryDir}": --memory-dir DIR keeps both\n`,
    );
    expect(filesOf(memoryDir)).toEqual(before);
  });

  test("ends with exit code 2 for a time zone that is not known", async () => {
    const { code, stderr } = await runScript("import-outcomes.ts", ["x.csv", "--timezone", "America/NewYork"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean "America/New_York"?')]);
  });

  test("ends with exit code 2 for a provider that none can be called", async () => {
    const { code, stderr } = await runScript("import-outcomes.ts", ["x.json", "--provider", "a\tb"]);
    expect(code).toBe(2);
    expect(stderr).toBe('error: --provider must be a name of 1 to 60 printable characters, found "a\\tb"\n');
  });

  test("ends with exit code 2 for a system that it does not know", async () => {
    const { code, stderr } = await runScript("import-outcomes.ts", ["x.json", "--from", "mt5"]);
    expect(code).toBe(2);
    expect(stderr).toBe('error: --from must be one of ffe, freqtrade, tradingagents, csv, found "mt5"\n');
  });
});

describe("an import", () => {
  test("marks its trades as imported, and memory opens with them", async () => {
    const { load, trades } = newFolder(FILES);
    await load();
    expect(await trades()).toMatchObject([{ id: "trade-001", crc32: null, runId: "", regime: "TRENDING" }]);
  });

  test("is told from our own trades by recall, and its unknown confidence is not scored", async () => {
    const { load, memoryDir, trades } = newFolder({ "a.json": { ...FFE_OUTCOME, decision_confidence: null } });
    await load();
    const { similar } = await recall({ memoryDir, sentence: "BTCUSD uptrend", k: 1, modelDir: async () => "" });
    expect(similar).toMatchObject([{ decision_id: "trade-001", imported: true }]);
    const many = Array.from({ length: 30 }, () => trades());
    expect(confidenceScores((await Promise.all(many)).flat()).after_calibration).toBeNull();
  });

  test("reads freqtrade's zip, with what else is in it", async () => {
    const trade = { pair: "A/B", open_rate: 10, close_rate: 11, amount: 1, profit_abs: 1, stop_loss_abs: 8 };
    const times = { open_timestamp: 1704870900000, close_timestamp: 1704870960000 };
    const json = new TextEncoder().encode(JSON.stringify({ strategy: { Sma: { trades: [{ ...trade, ...times }] } } }));
    const zip = zipSync({
      "backtest-result-1.json": json,
      "backtest-result-1_Sma.py": new TextEncoder().encode("pass"),
      "notes.txt": new TextEncoder().encode("a note"),
    });
    const { load, trades } = newFolder({ "backtest-result-1.zip": zip });
    const { skipped } = await load();
    expect((await trades())[0]).toMatchObject({ asset: "A/B", resultR: 0.5 });
    expect(skipped.map(({ count, first }) => [count, first.split("/").at(-1)])).toEqual([[1, "notes.txt"]]);
  });

  test("keeps other statistics of the same name beside the first", async () => {
    const one = newFolder(FILES);
    await one.load();
    const two = newFolder({
      "outcome_b.json": { ...FFE_OUTCOME, decision_id: "b" },
      "provider_performance.json": { cli: STATISTICS.local },
    });
    cpSync(one.memoryDir, two.memoryDir, { recursive: true });
    const { kept } = await two.load();
    expect(kept).toEqual(["foreign_provider_performance.2.json"]);
    expect(readdirSync(two.memoryDir).filter((name) => name.startsWith("foreign_"))).toHaveLength(2);
  });

  test("keeps a whole memory of any name, one that Windows cannot have and one without an ending", async () => {
    const whole = (id: string) => ({ trade_history: [{ ...FFE_OUTCOME, decision_id: id }] });
    const one = newFolder({ "memory 19:23": whole("a") });
    expect((await one.load()).kept).toEqual(["foreign_memory 19_23"]);
    const two = newFolder({ "memory 19:23": whole("b") });
    cpSync(one.memoryDir, two.memoryDir, { recursive: true });
    expect((await two.load()).kept).toEqual(["foreign_memory 19_23.2"]);
  });

  test("counts folders in a folder, also those that are links", async () => {
    const { folder, load } = newFolder(FILES);
    symlinkSync(tmpdir(), join(folder, "link"));
    expect((await load()).skipped).toEqual([{ reason: "folders in a folder", count: 1, first: join(folder, "link") }]);
  });

  test("does not count a trade as added whose name another file has in the memory folder", async () => {
    const { load, memoryDir } = newFolder(FILES);
    mkdirSync(memoryDir);
    writeFileSync(join(memoryDir, "outcome_trade-001.json"), '{"hello": 1}');
    writeFileSync(join(memoryDir, "outcome_x.json"), JSON.stringify({ ...FFE_OUTCOME, decision_id: "x" }));
    await expect(load()).rejects.toThrow('outcome_trade-001.json": found other content');
  });

  test("of the memory folder itself is refused, as it would change it", async () => {
    const { folder } = newFolder(FILES);
    const memory = { dir: folder, embedder: "hashing" as const, model_dir: "", answers_dir: "" };
    await expect(importOutcomes({ paths: [folder], memory, dryRun: false })).rejects.toThrow(
      "found it in the memory folder",
    );
  });

  test("that was stopped goes on when it is started again", async () => {
    const { load, memoryDir, trades } = newFolder({ ...FILES, "b.json": { ...FFE_OUTCOME, decision_id: "b" } });
    await load();
    rmSync(join(memoryDir, "outcome_b.json"));
    const { plan } = await load();
    expect([plan.added.length, plan.known]).toEqual([1, 1]);
    expect(await trades()).toHaveLength(2);
  });
});

const ORIGINAL = join(FOREIGN_FILES_DIR, "original-folder");

test.skipIf(!existsSync(ORIGINAL))(
  "the original system's folder is taken over whole, its vectors without a text counted",
  async () => {
    const { memoryDir } = newFolder({});
    const memory = { dir: memoryDir, embedder: "hashing" as const, model_dir: "", answers_dir: "" };
    const { plan, kept, skipped } = await importOutcomes({ paths: [ORIGINAL], memory, dryRun: false });
    expect(plan.added).toHaveLength(5);
    expect(kept).toEqual(["foreign_provider_performance.json", "foreign_regime_performance.json"]);
    expect(skipped).toMatchObject([{ reason: "vectors without a text", count: 5 }]);
  },
);
