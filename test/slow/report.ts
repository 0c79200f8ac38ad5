/** Reports of compared, older and damaged runs. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunFiles } from "../../lib/backtest/run-files.ts";
import { type StoredReport } from "../../lib/report/make.node.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { runScript } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-report-"));
afterAll(() => rmSync(work, { recursive: true }));

const memory = join(work, "memory");
const PERIOD = ["--start", "2021-01-01", "--end", "2021-04-01", "--chunks", "month", "--data-dir", "data/sample"];
let on: Summary;
let off: Summary;

async function runJson<T>(name: string, args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await runScript(name, [...args, "--json"]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

beforeAll(async () => {
  on = await runJson("run-chunks.ts", [...PERIOD, "--memory-dir", memory]);
  off = await runJson("run-chunks.ts", [...PERIOD, "--memory-dir", memory, "--no-memory"]);
});

describe("report", () => {
  test("compares with the run or the comparison that is named", async () => {
    await runJson("compare-memory.ts", [...PERIOD, "--memory-dir", memory, "--arms", "matched", "--costs", "0,2"]);
    const file = readdirSync(join(memory, "comparisons")).find((name) => name.endsWith(".json"));
    const digits = file!.slice("comparison_".length, -".json".length);
    const out = join(work, "compared.html");
    for (const compare of [[], ["--compare", digits], ["--compare", join(memory, "comparisons", file!)]]) {
      await runJson("report.ts", ["--memory-dir", memory, "--out", out, ...compare]);
      const compared = readFileSync(out, "utf8");
      expect(compared).toContain('<section id="parts">');
      expect(compared).toContain("off at the same mean size");
      expect(compared).toContain("memory off, run again");
    }
    const foreignMemory = join(work, "foreign");
    const short = ["--start", "2021-01-01", "--end", "2021-01-04", "--data-dir", "data/sample"];
    await runScript("run-chunks.ts", [...short, "--memory-dir", foreignMemory]);
    const foreign = await runScript("report.ts", [
      "--memory-dir",
      foreignMemory,
      "--compare",
      join(memory, "comparisons", file!),
      "--out",
      join(work, "x.html"),
    ]);
    expect(foreign).toMatchObject({ code: 2, stdout: "" });
    expect(foreign.stderr).toContain("expected one that ran it");
    const named = await runJson<StoredReport>("report.ts", [
      "off/latest",
      "--memory-dir",
      memory,
      "--compare",
      on.run_id.slice(0, 10),
      "--out",
      out,
    ]);
    expect(named.run_id).toBe(off.run_id);
    expect(named.verdict[0]).toStartWith("No proof that memory helped or hurt: ");
  });

  test.each([
    [["nothing"], 3, 'Cannot find the run "nothing"'],
    [["--compare", "none.json"], 3, 'Cannot read the comparison "none.json": found no such file'],
    [["--compare", "nothing"], 3, "; or a comparison: "],
    [["a", "b"], 2, 'unexpected argument "b"'],
    [["latest", "--compare", "latest"], 2, "found the run itself, expected another run, or a comparison"],
  ])("refuses %j and writes nothing", async (args, expected, message) => {
    const out = join(work, "refused.html");
    const { code, stdout, stderr } = await runScript("report.ts", [...args, "--memory-dir", memory, "--out", out]);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
    expect(stderr).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test("refuses a run of a version before 1.0, which has fewer figures", async () => {
    const older = join(work, "older");
    cpSync(memory, older, { recursive: true });
    const { expected_and_realized: _left, ...summary } = on;
    await new RunFiles(diskStorage(older), on.run_id).writeSummary(summary as Summary);
    const { code, stderr } = await runScript("report.ts", [
      on.run_id,
      "--memory-dir",
      older,
      "--out",
      join(work, "older.html"),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      "found a summary of Carryover 1.0.0 without all of its figures, expected a run of 1.0.0 or later",
    );
    expect(existsSync(join(work, "older.html"))).toBe(false);
  });

  test.each(["2021-02.decisions.ndjson", "2021-02.equity.csv", "2021-02.json", "summary.json"])(
    "names a damaged %s and writes nothing",
    async (name) => {
      const damaged = join(work, "damaged");
      cpSync(memory, damaged, { recursive: true });
      const path = join(damaged, "runs", on.run_id, name);
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      writeFileSync(path, bytes);
      const out = join(work, "damaged.html");
      const { code, stderr } = await runScript("report.ts", [on.run_id, "--memory-dir", damaged, "--out", out]);
      expect(code).toBe(4);
      expect(stderr).toContain(name);
      expect(existsSync(out)).toBe(false);
      rmSync(damaged, { recursive: true });
    },
  );
});
