/** run-chunks: what test/scripts/run-chunks.test.ts leaves out, as it takes long. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { PROJECT_DIR } from "../samples.ts";
import { filesOf, runScript, whileLocked } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-run-"));
afterAll(() => rmSync(work, { recursive: true }));

/** Two months of synthetic bars: enough to trade, quick enough for a test. */
const TWO_MONTHS = ["--synthetic", "--start", "2024-01-01", "--end", "2024-03-01", "--chunks", "month"];

let folders = 0;
const newFolder = (): string => join(work, `memory-${folders++}`);

describe("a run of two months", () => {
  const memory = join(work, "finished");
  let summary: Summary;
  beforeAll(async () => {
    const { code, stdout, stderr } = await runScript("run-chunks.ts", [
      ...TWO_MONTHS,
      "--memory-dir",
      memory,
      "--json",
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("These bars are synthetic, and say nothing about a real market");
    summary = JSON.parse(stdout) as Summary;
  });

  test("run again after its outcomes were deleted, it says so and restores the same bytes", async () => {
    const copy = newFolder();
    cpSync(memory, copy, { recursive: true });
    const inside = join(copy, "synthetic");
    for (const name of readdirSync(inside)) if (name.startsWith("outcome_")) rmSync(join(inside, name));
    const { code, stderr } = await runScript("run-chunks.ts", [...TWO_MONTHS, "--memory-dir", copy]);
    expect(code).toBe(0);
    expect(stderr).toContain("Memory no longer matches chunk 2024-01: found 0 outcomes");
    expect(filesOf(copy)).toEqual(filesOf(memory));
  });

  test("with --restart, it is a new run beside the first", async () => {
    const copy = newFolder();
    cpSync(memory, copy, { recursive: true });
    const { stdout, stderr } = await runScript("run-chunks.ts", [
      ...TWO_MONTHS,
      "--memory-dir",
      copy,
      "--json",
      "--restart",
    ]);
    const restarted = JSON.parse(stdout) as Summary;
    expect(restarted.run_id).not.toBe(summary.run_id);
    expect(restarted.final_balance).toBe(summary.final_balance);
    expect(stderr).toContain(`run ${summary.run_id.slice(0, 12)} of 2024-01-01 to 2024-03-01 differs in attempt`);
    expect(readdirSync(join(copy, "synthetic", "runs"))).toHaveLength(2);
  });

  test("with another setting, it is a new run that names the older one and what differs", async () => {
    const copy = newFolder();
    cpSync(memory, copy, { recursive: true });
    const config = join(work, "faster.yaml");
    writeFileSync(config, "portfolio_memory: { learning_rate: 0.2 }\n");
    const { stderr } = await runScript("run-chunks.ts", [...TWO_MONTHS, "--memory-dir", copy, "--config", config]);
    expect(stderr).toContain(`run ${summary.run_id.slice(0, 12)}`);
    expect(stderr).toContain("differs in config.portfolio_memory.learning_rate");
  });
});

test("two runs at the same time in two folders write the same as one after the other", async () => {
  const [a, b, c, d] = [newFolder(), newFolder(), newFolder(), newFolder()];
  const run = (folder: string, seed: string) =>
    runScript("run-chunks.ts", [...TWO_MONTHS, "--seed", seed, "--memory-dir", folder]);
  await Promise.all([run(a, "1"), run(b, "2")]);
  await run(c, "1");
  await run(d, "2");
  expect(filesOf(a)).toEqual(filesOf(c));
  expect(filesOf(b)).toEqual(filesOf(d));
});

test("a second writer in the same folder exits with 5 and names the first", async () => {
  const folder = newFolder();
  mkdirSync(join(folder, "synthetic"), { recursive: true });
  await whileLocked(join(folder, "synthetic"), async (pid) => {
    const { code, stderr } = await runScript("run-chunks.ts", [...TWO_MONTHS, "--memory-dir", folder]);
    expect(code).toBe(5);
    expect(stderr).toContain(`process ${pid}`);
    expect(stderr).toContain("--memory-dir");
  });
});

test("Ctrl-C keeps what was recorded and exits with 130, and the same command ends in the bytes of a run without a stop", async () => {
  const [stopped, whole] = [newFolder(), newFolder()];
  const args = ["--synthetic", "--start", "2024-01-01", "--end", "2024-07-01", "--chunks", "month", "--memory-dir"];
  const child = Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", "run-chunks.ts"), ...args, stopped], {
    stdout: "ignore",
    stderr: "pipe",
  });
  // Stopped once the first trades are on disk.
  const outcomes = (): number => {
    try {
      return readdirSync(join(stopped, "synthetic")).filter((name) => name.startsWith("outcome_")).length;
    } catch {
      return 0;
    }
  };
  while (outcomes() < 20) await Bun.sleep(2);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await new Response(child.stderr).text()).toMatch(
    /Stopped in 2024-0\d at 2024-0\d-\d\d: all \d+ outcomes are kept/,
  );
  expect((await runScript("run-chunks.ts", [...args, stopped])).code).toBe(0);
  expect((await runScript("run-chunks.ts", [...args, whole])).code).toBe(0);
  expect(filesOf(stopped)).toEqual(filesOf(whole));
});

describe("a bad command line or bad bars", () => {
  const empty = join(work, "empty");
  const cases: readonly [title: string, args: readonly string[], code: number, message: string][] = [
    ["an unknown flag", ["--yaer", "2021"], 2, "--year"],
    [
      "a year beside a start",
      ["--year", "2021", "--start", "2021-01-01"],
      2,
      "--year and --start cannot be used together",
    ],
    ["a start without an end", ["--start", "2021-01-01"], 2, "--start needs --end"],
    ["assets without names", ["--assets", ","], 2, 'found an empty name in ","'],
    ["an end before the start", ["--start", "2021-02-01", "--end", "2021-01-01"], 2, "2021-01-01"],
    ["an unknown chunk length", ["--chunks", "fortnight"], 2, "fortnight"],
    ["an asset that would leave the folder", ["--assets", "../x"], 2, "../x"],
    ["assets that differ by case only", ["--assets", "BTCUSD,btcusd"], 2, "btcusd"],
    ["a missing data folder", ["--data-dir", join(work, "nowhere")], 3, "nowhere"],
    ["a missing configuration", ["--config", join(work, "nowhere.yaml")], 3, "nowhere.yaml"],
    ["a year of five digits", ["--year", "99999"], 2, '--year must be a year such as 2021, found "99999"'],
    ["a year before the synthetic world", ["--synthetic", "--year", "1999"], 3, "2018-01-01"],
    ["bars from two places", ["--synthetic", "--data-dir", work], 2, "--synthetic and --data-dir cannot be used"],
  ];
  for (const [title, args, code, message] of cases) {
    test(`${title} exits with ${code}, says so, and writes nothing`, async () => {
      const result = await runScript("run-chunks.ts", [...args, "--memory-dir", empty]);
      expect(result.stderr).toStartWith("error: ");
      expect(result.stderr).toContain(message);
      expect(result.code).toBe(code);
      expect(result.stdout).toBe("");
      expect(readdirSync(work)).not.toContain("empty");
    });
  }
});
