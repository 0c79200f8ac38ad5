import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { barsCsv, BASE, BASE_ON_BARS, resultBytes, writeSweep } from "../sweep/sweep-samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { runScript, whileLocked } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(120_000);

const base = temporaryFolder("sweep-script");
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function sweep(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return runScript("sweep.ts", args);
}

describe("sweep run", () => {
  test("ranks the cells, beside the default, and writes them as JSON and CSV", async () => {
    const { dir, file } = writeSweep(base);
    const { code, stdout, stderr } = await sweep("run", file, "--jobs", "2", "--json");
    expect(code).toBe(0);
    expect(stderr).toContain("10 cells to run, each with a memory folder of its own");
    expect(stderr).toMatch(/A worker held at most \d+/);
    const result = JSON.parse(stdout);
    expect(result.cells).toHaveLength(9);
    expect(result.failed).toEqual([]);
    const sharpes = result.cells.map((cell: { annualized_sharpe: number }) => cell.annualized_sharpe);
    expect(sharpes).toEqual(sharpes.toSorted((a: number, b: number) => b - a));
    expect(result.default).toMatchObject({ cell: 0, period: "2018-03-01/2018-04-01" });
    expect(result.overfitting).toMatchObject({ cells: 9, blocks: 6, splits: 20 });
    expect(result.verdict).toContain("9 cells tried");
    // Nothing of the machine, nor of the clock.
    expect(stdout).not.toContain(dir);
    expect(resultBytes(join(dir, "SWEEP"))).toBe(stdout);
    const [head, first, ...rows] = readFileSync(join(dir, "SWEEP", "result.csv"), "utf8")
      .trimEnd()
      .split("\n");
    expect(head).toStartWith(
      "cell,run_id,period,portfolio_memory.learning_rate,backtest.risk.stop_atr,annualized_sharpe",
    );
    expect(first).toStartWith(`0,${result.default.run_id},2018-03-01/2018-04-01,,,`);
    expect(rows).toHaveLength(9);
  });

  test("runs each cell as run-chunks runs it with --set, in a memory folder of its own", async () => {
    const { dir, file } = writeSweep(base, "list: [{ portfolio_memory.learning_rate: 0.2 }]\n");
    const result = JSON.parse((await sweep("run", file, "--json")).stdout);
    const alone = await runScript("run-chunks.ts", [
      "--config",
      join(dir, "config.yaml"),
      "--set",
      "portfolio_memory.learning_rate=0.2",
      "--memory-dir",
      join(dir, "alone"),
      "--json",
    ]);
    const summary = JSON.parse(alone.stdout);
    const [cell] = result.cells;
    expect(cell.run_id).toBe(summary.run_id);
    for (const figure of ["annualized_sharpe", "total_return_pct", "total_trades", "final_balance"]) {
      expect([figure, cell[figure]]).toEqual([figure, summary[figure]]);
    }
    const check = await runScript("memory-stats.ts", ["--memory-dir", join(dir, "SWEEP/cells/1/synthetic"), "--check"]);
    expect(check.code).toBe(0);
    expect(existsSync(join(dir, "memory"))).toBe(false);
  });

  test("gives the same bytes with and without memory folders, and by any number of workers", async () => {
    const { dir, file } = writeSweep(base);
    const outs = ["all", "one", "three"].map((name) => join(dir, name));
    await sweep("run", file, "--out", outs[0]!, "--jobs", "2");
    await sweep("run", file, "--out", outs[1]!, "--jobs", "1", "--keep", "summary");
    await sweep("run", file, "--out", outs[2]!, "--jobs", "3", "--keep", "summary");
    expect(existsSync(join(outs[1]!, "cells"))).toBe(false);
    expect(resultBytes(outs[1]!)).toBe(resultBytes(outs[0]!));
    expect(resultBytes(outs[2]!)).toBe(resultBytes(outs[0]!));
  });

  test("goes on where it stopped, and runs no finished cell again", async () => {
    const { dir, file } = writeSweep(base);
    const out = join(dir, "SWEEP");
    await sweep("run", file, "--keep", "summary");
    const whole = resultBytes(out);
    for (const name of ["cell_0.json", "cell_4.json", "result.json"]) rmSync(join(out, name));
    const again = await sweep("run", file, "--keep", "summary");
    expect(again.stderr).toContain("8 cells are finished; 2 cells to run");
    expect(resultBytes(out)).toBe(whole);
    expect((await sweep("run", file)).stderr).toBe("");
  });

  test("--set is a key of the default and of every cell, and another sweep", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.risk.stop_atr: [2, 4] }\n");
    const set = await sweep("run", file, "--set", "backtest.seed=9", "--keep", "summary", "--json");
    const written = writeSweep(base, "grid: { backtest.risk.stop_atr: [2, 4] }\n", `${BASE}  seed: 9\n`);
    const same = await sweep("run", written.file, "--keep", "summary", "--json");
    const runs = ({ stdout }: { stdout: string }): unknown => {
      const { default: standard, cells } = JSON.parse(stdout);
      return [standard, ...cells].map(({ run_id: id }) => id);
    };
    expect(runs(set)).toEqual(runs(same));
    expect((await sweep("run", file, "--out", join(dir, "SWEEP"))).code).toBe(4);
    const wrong = await sweep("run", file, "--set", "memory.dir=x");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("Cannot use --set memory.dir: found")]);
  });

  test("draws the result as a page of HTML, which is the same by sweep merge", async () => {
    const { dir, file } = writeSweep(base);
    const [one, other] = [join(dir, "one.html"), join(dir, "other.html")];
    const { code, stderr } = await sweep("run", file, "--keep", "summary", "--html", one);
    expect([code, stderr]).toEqual([0, expect.stringContaining(`Drawn as ${one}`)]);
    await sweep("merge", join(dir, "SWEEP"), "--html", other, "--json");
    const html = readFileSync(one, "utf8");
    expect(readFileSync(other, "utf8")).toBe(html);
    expect(html).toContain("Sharpe ratio by portfolio_memory.learning_rate and backtest.risk.stop_atr");
    expect(html).not.toContain(dir);
    // The result is printed before it is drawn.
    const nowhere = await sweep("merge", join(dir, "SWEEP"), "--html", join(file, "page.html"));
    expect([nowhere.code, nowhere.stdout]).toEqual([1, expect.stringContaining("Probability of overfitting")]);
  });

  test("cells are run again on bars that have changed, and come out as in another folder", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.risk.stop_atr: [2, 4] }\n", BASE_ON_BARS);
    const [bars, out] = [join(dir, "bars", "AAA_4h.csv"), join(dir, "SWEEP")];
    await Bun.write(bars, barsCsv());
    expect((await sweep("run", file)).code).toBe(0);
    const before = resultBytes(out);
    writeFileSync(bars, barsCsv({ last: 990 }));
    rmSync(join(out, "cell_1.json"));
    const again = await sweep("run", file);
    expect(again.stderr).toContain(
      "2 finished cells were run by another version, or on other bars or files: run again\n",
    );
    expect(again.stderr).toContain("3 cells to run");
    await sweep("run", file, "--out", join(dir, "fresh"));
    expect(resultBytes(out)).toBe(resultBytes(join(dir, "fresh")));
    expect(resultBytes(out)).not.toBe(before);
    expect((await sweep("run", file)).stderr).toBe("");
  });

  test("a damaged result is run again, and named", async () => {
    const { dir, file } = writeSweep(base);
    const out = join(dir, "SWEEP");
    await sweep("run", file, "--keep", "summary");
    const whole = resultBytes(out);
    const name = join(out, "cell_3.json");
    writeFileSync(name, readFileSync(name, "utf8").replace("2018", "2019"));
    const { code, stderr } = await sweep("run", file, "--keep", "summary");
    expect([code, resultBytes(out)]).toEqual([0, whole]);
    expect(stderr).toContain('The cell of "cell_3.json" is run again: Cannot read "cell_3.json": found a crc32');
  });

  test("a cell that fails is named, the others finish, and the same command runs it again", async () => {
    const { dir, file } = writeSweep(
      base,
      "grid:\n  providers:\n    - [{ name: trend, type: trend }]\n    - [{ name: mine, type: module, path: mine.ts }]\n",
    );
    writeFileSync(join(dir, "mine.ts"), 'throw new Error("out of order");\n');
    const first = await sweep("run", file, "--keep", "summary", "--json");
    expect(first.code).toBe(1);
    expect(first.stderr).toContain("Cell 2 failed: ");
    const { cells, failed } = JSON.parse(first.stdout);
    expect([cells.length, failed]).toEqual([
      1,
      [{ cell: 2, set: { providers: [{ name: "mine", type: "module", path: "mine.ts" }] }, error: expect.any(String) }],
    ]);
    expect(failed[0].error).toContain("out of order");
    expect(first.stdout).not.toContain(dir);
    writeFileSync(join(dir, "mine.ts"), 'export const vote = () => ({ action: "HOLD", confidence: 50 });\n');
    const second = await sweep("run", file, "--keep", "summary", "--json");
    expect(second.stderr).toContain("2 cells are finished; 1 cell to run");
    expect([second.code, JSON.parse(second.stdout).failed]).toEqual([0, []]);
  });

  test("a cell whose process always dies fails after five, and the others finish", async () => {
    const { dir, file } = writeSweep(
      base,
      "grid:\n  providers:\n    - [{ name: mine, type: module, path: mine.ts }]\n    - [{ name: trend, type: trend }]\n",
    );
    writeFileSync(join(dir, "mine.ts"), 'process.kill(process.pid, "SIGKILL");\n');
    const { code, stdout, stderr } = await sweep("run", file, "--keep", "summary", "--jobs", "2", "--json");
    expect(stderr).toEndWith("warning: 1 cell failed\n");
    const { cells, failed, default: standard } = JSON.parse(stdout);
    expect([code, cells.length, standard.cell]).toEqual([1, 1, 0]);
    expect(failed).toMatchObject([
      { cell: 1, error: "Cannot run the cell: found its process dead 5 times (killed by SIGKILL), expected an answer" },
    ]);
  });

  test("years are cells, too, and are not compared day by day", async () => {
    const { file } = writeSweep(base, "grid: { year: [2019, 2020] }\n", BASE.replace(/ {2}(start|end).*\n/g, ""));
    const { cells } = JSON.parse((await sweep("run", file, "--keep", "summary", "--json")).stdout);
    expect(cells.map((cell: { set: unknown; period: string }) => [cell.set, cell.period]).toSorted()).toEqual([
      [{ year: 2019 }, "2019-01-01/2020-01-01"],
      [{ year: 2020 }, "2020-01-01/2021-01-01"],
    ]);
    expect(cells[0].sharpe_minus_default).toBeNull();
  });

  test("a folder with another sweep is refused with exit code 4, one with other files with 2", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.seed: [1, 2] }\n");
    await sweep("run", file, "--keep", "summary");
    writeFileSync(file, "grid: { backtest.seed: [1, 3] }\n");
    const other = await sweep("run", file);
    expect([other.code, other.stderr]).toEqual([4, expect.stringContaining("found another sweep")]);
    const mine = join(dir, "mine");
    await Bun.write(join(mine, "notes.txt"), "mine");
    const foreign = await sweep("run", file, "--out", mine);
    expect([foreign.code, foreign.stderr]).toEqual([2, expect.stringContaining('found "notes.txt", and no sweep')]);
  });

  test("two sweeps in one folder: the second ends with exit code 5", async () => {
    const { dir, file } = writeSweep(base);
    await whileLocked(join(dir, "SWEEP"), async (pid) => {
      const { code, stderr } = await sweep("run", file);
      expect([code, stderr]).toEqual([5, expect.stringContaining(`found it locked by process ${pid}`)]);
    });
  });

  test("Ctrl-C stops it, and the same command goes on", async () => {
    const config = `${BASE}providers: [{ name: own, type: module, path: own.ts }]\n`;
    const { dir, file } = writeSweep(base, "grid: { backtest.seed: [1, 2, 3, 4, 5] }\n", config);
    // After 250 votes, in the third cell, it waits until the sweep may go on.
    const goOn = join(dir, "go-on");
    writeFileSync(
      join(dir, "own.ts"),
      `import { existsSync } from "node:fs";
      let votes = 0;
      export async function vote() {
        if ((votes += 1) > 250) while (!existsSync(${JSON.stringify(goOn)})) await Bun.sleep(10);
        return { action: "BUY", confidence: 60 };
      }`,
    );
    const out = join(dir, "SWEEP");
    const script = join(PROJECT_DIR, "scripts", "sweep.ts");
    const child = Bun.spawn([process.execPath, script, "run", file, "--jobs", "1"], {
      stdout: "ignore",
      stderr: "pipe",
    });
    children.push(child);
    const notes = new Response(child.stderr).text();
    while (!existsSync(join(out, "cell_1.json"))) await Bun.sleep(5);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    // The second cell has its file a moment before it is counted.
    expect(await notes).toMatch(/Stopped: [12] of 6 cells are finished, and the same command goes on\n$/);
    expect(readdirSync(out)).not.toContain("result.json");
    writeFileSync(goOn, "");
    const { code, stderr } = await sweep("run", file);
    expect(code).toBe(0);
    expect(stderr).toContain("2 cells are finished; 4 cells to run");
  });

  test.each([
    ["grid: { backtest.sed: [1] }\n", 'Cannot use backtest.sed in cell 1: found unknown key "sed" in backtest'],
    [
      "grid: { portfolio_memory.learning_rate: [0.1, 2, 3] }\n",
      "Cannot use portfolio_memory.learning_rate in cell 2: found 2, expected a number above 0, at most 1\n" +
        "error: Cannot use portfolio_memory.learning_rate in cell 3: found 3",
    ],
    ["base: none.yaml\ngrid: { backtest.seed: [1] }\n", 'none.yaml": found no such file'],
    ["grid: { memory.dir: [a] }\n", 'SWEEP.yaml:1:21: found the key "memory.dir", expected another'],
  ])("a wrong sweep file is refused before anything is run: %j", async (text, wanted) => {
    const { dir, file } = writeSweep(base, text);
    const { code, stderr } = await sweep("run", file);
    expect(code).toBeOneOf([2, 3]);
    expect(stderr).toContain(wanted);
    expect(existsSync(join(dir, "SWEEP"))).toBe(false);
  });
});

describe("shards", () => {
  test("any partition gives the bytes of sweep run", async () => {
    const { dir, file } = writeSweep(base);
    const whole = await sweep("run", file, "--keep", "summary", "--json");
    const plan = join(dir, "cells.ndjson");
    writeFileSync(plan, (await sweep("plan", file)).stdout);
    for (const shards of [2, 5]) {
      const outs: string[] = [];
      for (let shard = shards; shard >= 1; shard--) {
        const out = join(dir, `of-${shards}-${shard}`);
        outs.push(out);
        const { code, stdout } = await sweep(
          "work",
          plan,
          "--shard",
          `${shard}/${shards}`,
          "--out",
          out,
          "--keep",
          "summary",
        );
        expect([code, stdout]).toEqual([0, expect.stringContaining(`Shard ${shard} of ${shards}: ran `)]);
      }
      expect(await sweep("merge", ...outs, "--json")).toEqual({ code: 0, stdout: whole.stdout, stderr: "" });
    }
  });

  test("the environment says which shard it is", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.seed: [1, 2, 3] }\n");
    const plan = join(dir, "cells.ndjson");
    writeFileSync(plan, (await sweep("plan", file)).stdout);
    const work = (name: string, env: Record<string, string>, ...args: string[]): Promise<{ code: number }> =>
      runScript("sweep.ts", ["work", plan, "--out", join(dir, name), "--keep", "summary", "--json", ...args], { env });
    const slurm = { SLURM_ARRAY_TASK_ID: "7", SLURM_ARRAY_TASK_MIN: "7", SLURM_ARRAY_TASK_COUNT: "2" };
    expect(await work("a", slurm)).toMatchObject({ code: 0, stdout: '{"shard":1,"of":2,"ran":2,"failed":[]}\n' });
    expect(await work("b", { JOB_COMPLETION_INDEX: "1" }, "--shards", "2")).toMatchObject({
      stdout: '{"shard":2,"of":2,"ran":2,"failed":[]}\n',
    });
    expect((await sweep("merge", join(dir, "a"), join(dir, "b"))).code).toBe(0);
  });

  test("a merge without all cells names those that are missing, with exit code 3", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.seed: [1, 2, 3] }\n");
    const plan = join(dir, "cells.ndjson");
    writeFileSync(plan, (await sweep("plan", file)).stdout);
    await sweep("work", plan, "--shard", "1/2", "--out", join(dir, "a"), "--keep", "summary");
    const { code, stderr } = await sweep("merge", join(dir, "a"));
    expect([code, stderr]).toEqual([
      3,
      "error: Cannot sum up the sweep: found no result of cells 1, 3, expected one of every cell: work on the missing shards first\n",
    ]);
  });

  test("a plan that was cut off or changed is refused with exit code 4", async () => {
    const { dir, file } = writeSweep(base, "grid: { backtest.seed: [1, 2] }\n");
    const { stdout } = await sweep("plan", file);
    const plan = join(dir, "cells.ndjson");
    for (const text of ["", "{}\n", stdout.slice(0, -30), stdout.replace('seed":2', 'seed":3')]) {
      writeFileSync(plan, text);
      expect([text, (await sweep("work", plan, "--out", join(dir, "x"))).code]).toEqual([text, 4]);
    }
    expect(existsSync(join(dir, "x"))).toBe(false);
  });
});

test.each([
  [[], "sweep needs an action; known: run, plan, work, merge"],
  [["rum"], 'unknown action "rum"; did you mean run?'],
  [["run"], "run needs SWEEP.yaml"],
  [["run", "a", "b"], 'unexpected argument "b" after run'],
  [["run", "a", "--shard", "1/2"], "--shard cannot be used with run, only with work"],
  [["work", "a"], "--out is missing"],
  [["work", "a", "--out", "b", "--shard", "0/2"], 'Cannot use --shard: found "0/2"'],
  [["run", "nowhere.yaml"], 'Cannot sweep "nowhere.yaml": found no such file'],
  [["run", "a", "--json", "--csv"], "--json and --csv cannot be used together"],
])("is refused: %j", async (args, wanted) => {
  const { code, stderr } = await sweep(...args);
  expect(code).toBeOneOf([2, 3]);
  expect(stderr).toContain(wanted);
});
