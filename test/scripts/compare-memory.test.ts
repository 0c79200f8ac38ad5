import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { startServer } from "../serve/rpc-child.ts";
import { hostScripts } from "./hosted-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-compare-"));
afterAll(() => rmSync(work, { recursive: true }));

const PERIOD = ["--synthetic", "--start", "2018-03-01", "--end", "2018-03-31", "--chunks", "15d"];

describe("compare-memory", () => {
  test("compares several synthetic worlds, and prints a verdict", async () => {
    const folder = join(work, "worlds");
    const args = [...PERIOD, "--seeds", "2", "--assets", "BTCUSD", "--memory-dir", folder];
    const { code, stdout } = await runScript("compare-memory.ts", args);
    expect(code).toBe(0);
    expect(stdout).toContain("2 synthetic worlds");
    const [verdict, less, better, sharpe, chance, advice] = stdout.trimEnd().split("\n").slice(-6) as string[];
    expect(verdict).toMatch(/^(?:Memory helped|Memory hurt|No proof that memory helped or hurt)\.$/);
    expect(less).toMatch(/^It bet 0\.\d\d of the full size, which alone changes log growth by \S+\.$/);
    expect(better).toMatch(/^At equal size .*: log growth \S+, interval \S+ to \S+\.$/);
    expect(sharpe).toMatch(/^The Sharpe ratio is \S+ with memory and \S+ without, a difference of \S+\.$/);
    expect(chance).toStartWith("Its 95 % interval, ");
    expect(advice).toEndWith(".");
    for (const line of [verdict, sharpe, chance, less, better, advice]) expect(line!.length).toBeLessThanOrEqual(80);
    expect(readdirSync(join(folder, "synthetic"))).toEqual(["comparisons"]);
  });

  test("with --offline asks nobody, and ends with exit code 3 where an answer is missing", async () => {
    const folder = join(work, "offline");
    mkdirSync(folder);
    const asked = join(folder, "asked");
    writeFileSync(
      join(folder, "config.yaml"),
      `memory: { dir: memory, answers_dir: answers }
providers: [{ name: bot, type: command, command: [touch, ${JSON.stringify(asked)}] }]\n`,
    );
    const args = [...PERIOD, "--assets", "BTCUSD", "--seeds", "1", "--config", join(folder, "config.yaml")];
    const { code, stderr } = await runScript("compare-memory.ts", [...args, "--offline"]);
    expect(stderr).toContain('Cannot run offline: found no recorded answer of "bot"');
    expect([code, existsSync(asked)]).toEqual([3, false]);
  });

  test("refuses a folder of sessions, and says how they are compared; beside --config a note does", async () => {
    const folder = join(work, "sessions");
    const server = startServer(folder);
    await server.call("open_session", { engine: "mybot", mode: "backtest", providers: ["trend"], start: "2024-01-01" });
    server.terminate();
    await server.exited;
    const args = ["--start", "2021-01-01", "--end", "2021-01-11", "--chunks", "5d", "--arms", "none"];
    const refused = await runScript("compare-memory.ts", [...args, "--memory-dir", folder]);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: "" });
    expect(refused.stderr).toStartWith(
      `error: Cannot compare: found only 1 session of serve in "${folder}", expected --config FILE`,
    );
    expect(refused.stderr).toContain("bun scripts/runs.ts compare A B");
    const named = [...args, "--config", join(PROJECT_DIR, "config.yaml"), "--memory-dir", folder];
    const { code, stderr } = await runScript("compare-memory.ts", named);
    expect(code).toBe(0);
    expect(stderr).toContain(`Compares runs of the configuration. Not compared: 1 session of serve in "${folder}"`);
  });

  test.each([
    [["--arms", "shufled"], '--arms: unknown arm "shufled"; known: matched, shuffled, masked, mirrored, none'],
    [["--costs", "1,,2"], '--costs must be multiples from 0 to 100, such as 0,1,2,4, found "1,,2"'],
    [["--costs", "-1"], "--costs"],
    [["--starts", "2"], "Cannot use --starts 2: found a period of 30 days, expected 100 or more"],
  ] as const)("refuses %p with one line that says what is expected", async (flags, message) => {
    const { code, stdout, stderr } = await runScript("compare-memory.ts", [
      ...PERIOD,
      ...flags,
      "--memory-dir",
      join(work, "none"),
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("reports a damaged earlier comparison before it starts any run", async () => {
    const folder = join(work, "damaged");
    mkdirSync(join(folder, "synthetic", "comparisons"), { recursive: true });
    writeFileSync(join(folder, "synthetic", "comparisons", "comparison_0a.json"), '{"worlds": [{');
    // A year of LLMs would take hours; here a program that must not be asked stands for it.
    const config = join(work, "asks.yaml");
    const command = ["sh", "-c", `touch ${join(work, "asked")}`];
    writeFileSync(config, `providers: [{ name: p, type: command, command: ${JSON.stringify(command)} }]\n`);
    const args = [...PERIOD, "--assets", "BTCUSD", "--memory-dir", folder, "--config", config];
    const { code, stderr } = await runScript("compare-memory.ts", args);
    expect(code).toBe(4);
    expect(stderr).toContain('"comparison_0a.json"');
    expect(existsSync(join(work, "asked"))).toBe(false);
  });

  test("refuses a period without synthetic bars", async () => {
    const { code, stderr } = await runScript("compare-memory.ts", [
      "--synthetic",
      "--year",
      "2017",
      "--memory-dir",
      join(work, "none"),
    ]);
    expect(code).toBe(3);
    expect(stderr).toContain("2018-01-01");
    expect(existsSync(join(work, "none"))).toBe(false);
  });
});
