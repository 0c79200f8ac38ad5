/** doctor: its cures, one after the other. `bun run test:slow` */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { type DoctorReport, reportOf } from "../scripts/doctor-report.ts";
import { runScript } from "../scripts/run-script.ts";

const work = mkdtempSync(join(tmpdir(), "carryover-doctor-"));
afterAll(() => rmSync(work, { recursive: true }));

async function examine(args: readonly string[], cwd = PROJECT_DIR): Promise<DoctorReport> {
  return reportOf(await runScript("doctor.ts", [...args, "--json"], { cwd }));
}

/** A memory of one month of trades. */
async function makeMemory(): Promise<string> {
  const dir = mkdtempSync(join(work, "memory-"));
  await runMonth(dir);
  return dir;
}

async function runMonth(memory: string): Promise<void> {
  const period = ["--start", "2021-01-01", "--end", "2021-02-01", "--data-dir", "data/sample", "--chunks", "month"];
  expect((await runScript("run-chunks.ts", [...period, "--memory-dir", memory])).code).toBe(0);
}

/** Changes one byte of the first outcome, as a failing disk would. */
function damageOutcome(memory: string): void {
  const name = readdirSync(memory).find((each) => each.startsWith("outcome_"))!;
  const bytes = readFileSync(join(memory, name));
  bytes[40]! ^= 1;
  writeFileSync(join(memory, name), bytes);
}

describe("doctor", () => {
  test("exits with 4 if memory is damaged, and its cures mend it one after the other", async () => {
    const memory = await makeMemory();
    expect((await examine(["--memory-dir", memory])).checks["memory"]!.found).toMatch(/^sound: outcomes \d+, runs 1$/);
    damageOutcome(memory);
    const { code, ready, checks } = await examine(["--memory-dir", memory], work);
    expect({ code, ready }).toEqual({ code: 4, ready: false });
    const { state, cure } = checks["memory"]!;
    expect({ state, cure }).toEqual({
      state: "damaged",
      cure: `bun ${PROJECT_DIR}/scripts/memory-stats.ts --repair --memory-dir ${memory}`,
    });
    await runScript("memory-stats.ts", cure!.split(" ").slice(2), { cwd: work });
    // The outcome is in quarantine now, and the run lacks it.
    const flags = ["--start", "2021-01-01", "--end", "2021-02-01", "--chunks", "month", "--memory-dir", memory];
    expect((await examine(["--memory-dir", memory])).checks["memory"]).toMatchObject({
      state: "damaged",
      cure: `bun scripts/run-chunks.ts ${flags.join(" ")} # the same run only with the same bars, strategy and version, if no earlier day was run or changed since`,
    });
    expect((await runScript("run-chunks.ts", flags)).code).toBe(0);
    expect((await examine(["--memory-dir", memory])).checks["memory"]!.state).toBe("ok");
  });

  test("exits with 3 without bars or model, names the commands that bring them, and with 4 if something is damaged, too", async () => {
    const missing = ["--set", "memory.embedder=onnx", "--set", `memory.model_dir=${work}/models`];
    const none = ["--memory-dir", join(work, "none"), "--set", `backtest.data_dir=${work}/bars`];
    const { code, checks } = await examine([...missing, ...none]);
    expect(code).toBe(3);
    expect(checks["model"]).toMatchObject({
      state: "missing",
      cure: `bun scripts/fetch-model.ts --model-dir ${work}/models`,
    });
    expect(checks["bars"]).toMatchObject({ state: "missing", found: expect.stringContaining(`${work}/bars`) });

    const bars = mkdtempSync(join(work, "bars-"));
    cpSync(join(PROJECT_DIR, "data/sample"), bars, { recursive: true });
    rmSync(join(bars, "BTCUSD_1h.csv.gz"));
    writeFileSync(
      join(bars, "BTCUSD_1h.csv"),
      "timestamp,open,high,low,close,volume\n2021-01-01T00:00:00Z,1,1,2,1,1\n",
    );
    const both = await examine([...missing, "--memory-dir", join(work, "none"), "--set", `backtest.data_dir=${bars}`]);
    expect(both.checks["bars"]).toMatchObject({ state: "damaged", found: expect.stringContaining("line 2") });
    expect([both.checks["model"]!.state, both.code]).toEqual(["missing", 4]);
  });
});
