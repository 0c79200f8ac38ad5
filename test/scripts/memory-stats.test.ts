import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryReport } from "../../lib/maintenance/memory-report.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { FOREIGN_FILES_DIR, PROJECT_DIR } from "../samples.ts";
import { makeOutcome } from "../memory/outcome-samples.ts";
import { hostScripts } from "./hosted-script.ts";
import { whileLocked } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-stats-"));
afterAll(() => rmSync(work, { recursive: true }));

/** Writes a memory of `count` trades, a quarter of them lost, in the quarters of 2021. */
async function makeMemory(name: string, count: number): Promise<string> {
  const folder = join(work, name);
  const memory = await openMemory(diskStorage(folder), { embedder: hashingEmbedder() });
  for (let i = 0; i < count; i++) {
    const won = i % 4 !== 0;
    const exit = new Date(Date.UTC(2021, i % 12, 1 + (i % 28), 12)).toISOString();
    await memory.record(
      makeOutcome({
        decision_id: `20210101T0000-BTCUSD-${String(i).padStart(8, "0")}`,
        exit_timestamp: exit,
        chunk: `2021Q${1 + Math.floor((i % 12) / 3)}`,
        was_profitable: won,
        realized_pnl: won ? 10 : -10,
        result_r: won ? 0.5 : -0.5,
        decision_confidence: 75,
      }),
    );
  }
  await memory.flush();
  return folder;
}

const reportOf = (stdout: string): MemoryReport => JSON.parse(stdout) as MemoryReport;

describe("memory-stats", () => {
  test("counts what is remembered", async () => {
    const folder = await makeMemory("forty", 40);
    const { code, stdout, stderr } = await runScript("memory-stats.ts", ["--memory-dir", folder, "--json"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const report = reportOf(stdout);
    expect(report.outcomes.count).toBe(40);
    expect(report.outcomes.bytes).toBe(
      readdirSync(folder)
        .filter((name) => name.startsWith("outcome_"))
        .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0),
    );
    expect(report.chunks).toEqual(["2021Q1", "2021Q2", "2021Q3", "2021Q4"]);
    expect(report.vectors).toMatchObject({ rows: 40, dim: 128, embedder: "hashing", behind: 0 });
    expect(report.confidence.after_calibration).toMatchObject({
      trades: 40,
      // (30 x 0.25^2 + 10 x 0.75^2) / 40
      brier: 0.1875,
      ece: 0,
      bins: [{ from: 70, to: 80, trades: 40, wins: 30, mean_confidence: 75, win_rate: 75 }],
    });
  });

  test("scores no confidence with fewer than 30 trades", async () => {
    const folder = await makeMemory("few", 12);
    const { stdout } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
    expect(stdout).toContain("too few trades");
  });

  test("reads beside a writer, takes no lock and writes no file", async () => {
    const folder = await makeMemory("busy", 3);
    await whileLocked(folder, async () => {
      const before = readdirSync(folder, { recursive: true });
      const { code } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
      expect(code).toBe(0);
      expect(readdirSync(folder, { recursive: true })).toEqual(before);
    });
  });

  test("names damaged outcomes, moves none, counts the rest and exits with 4", async () => {
    const folder = await makeMemory("damaged", 5);
    const first = readdirSync(folder).find((name) => name.startsWith("outcome_")) ?? "";
    writeFileSync(join(folder, first), "");
    const { code, stdout, stderr } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
    expect([code, stderr]).toEqual([4, `warning: 1 damaged file in "${folder}"\n`]);
    expect(stdout).toContain(`Damaged    Cannot read "${first}"`);
    expect(stdout).toContain("Outcomes   4 ");
    expect(readdirSync(folder)).toContain(first);
  });

  test("strips control characters from names in tables, and keeps them in JSON", async () => {
    const folder = join(work, "hostile");
    mkdirSync(folder);
    const imported = {
      decision_id: "one",
      asset_pair: "BTCUSD",
      action: "BUY",
      entry_timestamp: "2021-01-04T12:00:00Z",
      exit_timestamp: "2021-01-05T12:00:00Z",
      realized_pnl: 1,
      pnl_percentage: 1,
      ai_provider: "\u202Elive\u001B[2J\u001B]0;owned\u0007",
      market_regime: "\u2067CALM\rWILD",
    };
    writeFileSync(join(folder, "outcome_one.json"), JSON.stringify(imported));
    const { code, stdout } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
    expect(code).toBe(0);
    expect(stdout).toContain("\n\uFFFDlive\uFFFD[2J\uFFFD]0;owned\uFFFD  ");
    expect(stdout).toContain("\n\uFFFDCALM\uFFFDWILD  ");
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202E\u2067]/u);
    const { providers } = reportOf((await runScript("memory-stats.ts", ["--memory-dir", folder, "--json"])).stdout);
    expect(Object.keys(providers)).toEqual([imported.ai_provider]);
  });

  test.skipIf(Bun.which("script") === null)("fits a terminal of 80 columns", async () => {
    const folder = await makeMemory("narrow", 40);
    const command = `stty cols 80; "${process.execPath}" scripts/memory-stats.ts --memory-dir "${folder}"`;
    const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
      cwd: PROJECT_DIR,
      env: { ...process.env, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
    });
    const lines = (await new Response(child.stdout).text()).split("\r\n");
    expect(lines.some((line) => line.includes("all, trend"))).toBeTrue();
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  test("exits with 3 if there is no folder, and makes none", async () => {
    const folder = join(work, "nowhere");
    const { code, stderr } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
    expect(code).toBe(3);
    expect(stderr).toContain("nowhere");
    expect(existsSync(folder)).toBe(false);
  });

  test("says that nothing is remembered in an empty folder", async () => {
    const folder = join(work, "blank");
    mkdirSync(folder);
    const { code, stdout } = await runScript("memory-stats.ts", ["--memory-dir", folder]);
    expect(code).toBe(0);
    expect(stdout).toContain("Nothing is remembered yet");
  });

  test.skipIf(!existsSync(join(FOREIGN_FILES_DIR, "original")))(
    "loads the outcomes of the original system, and counts them as imported",
    async () => {
      const folder = join(work, "original");
      cpSync(join(FOREIGN_FILES_DIR, "original"), folder, { recursive: true });
      const { code, stdout } = await runScript("memory-stats.ts", ["--memory-dir", folder, "--json"]);
      expect(code).toBe(0);
      const report = reportOf(stdout);
      expect(report.outcomes).toMatchObject({ count: 5, imported: 5 });
      // trade-002 of "cli" lost. The ensemble's own trade counts for no provider.
      expect(report.providers["cli"]).toMatchObject({ total_trades: 2, winning_trades: 1 });
      expect(report.providers["local"]).toMatchObject({ total_trades: 2, winning_trades: 2 });
    },
  );

  test("--watch repeats, with one line of JSON each time, until it is interrupted", async () => {
    const folder = await makeMemory("watched", 3);
    const script = join(PROJECT_DIR, "scripts", "memory-stats.ts");
    const child = Bun.spawn([process.execPath, script, "--memory-dir", folder, "--json", "--watch", "0.05"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    try {
      let text = "";
      for await (const chunk of child.stdout) {
        text += new TextDecoder().decode(chunk);
        if (text.split("\n").length > 3) break;
      }
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
      const [first = "", second = ""] = text.split("\n");
      expect(reportOf(first)).toEqual(reportOf(second));
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("--check finds a flipped digit that a start does not read, and --repair moves the file to quarantine", async () => {
    const folder = await makeMemory("flipped", 5);
    const name = readdirSync(folder).find((each) => each.startsWith("outcome_")) ?? "";
    const text = readFileSync(join(folder, name), "utf8");
    writeFileSync(join(folder, name), text.replace('"position_size": 0.05', '"position_size": 0.06'));
    const run = (...flags: string[]): ReturnType<typeof runScript> =>
      runScript("memory-stats.ts", ["--memory-dir", folder, ...flags]);
    expect((await run()).code).toBe(0);

    const checked = await run("--check");
    expect([checked.code, checked.stderr]).toEqual([4, `warning: 1 damaged file in "${folder}"\n`]);
    expect(checked.stdout).toContain(`Damaged  Cannot read "${name}": found a crc32 of`);
    expect(checked.stdout).toEndWith("\n1 damaged\n");
    expect(readdirSync(folder)).toContain(name);
    const json = JSON.parse((await run("--check", "--json")).stdout);
    expect(json).toMatchObject({ outcomes: 4, damaged: 1, findings: [{ name, damaged: true, heals_itself: false }] });

    const repaired = await run("--repair", "--json");
    expect([repaired.code, repaired.stderr]).toEqual([4, `warning: 1 file lost from "${folder}"\n`]);
    const moved = [{ name, to: `quarantine/${name}` }];
    expect(JSON.parse(repaired.stdout)).toMatchObject({ moved, lost: [name], left: [] });
    expect(await run("--check")).toMatchObject({
      code: 0,
      stdout: `Read ${folder}: 4 outcomes, 0 snapshots, 0 runs with 0 chunks, 4 vectors\nIn quarantine: 1 file\nEverything is intact\n`,
    });
    expect((await run("--repair")).stdout).toEndWith("Nothing to repair\n");
  });

  test("--repair exits with 4 as long as something stays damaged that only the same run can make again", async () => {
    const folder = join(work, "of-a-run");
    const period = ["--start", "2021-01-01", "--end", "2021-01-16", "--chunks", "month", "--data-dir", "data/sample"];
    const run = (): ReturnType<typeof runScript> => runScript("run-chunks.ts", [...period, "--memory-dir", folder]);
    const repair = (): ReturnType<typeof runScript> =>
      runScript("memory-stats.ts", ["--repair", "--memory-dir", folder]);
    expect((await run()).code).toBe(0);
    const name = readdirSync(folder).find((each) => each.startsWith("outcome_")) ?? "";
    const bytes = readFileSync(join(folder, name));
    bytes[40]! ^= 1;
    writeFileSync(join(folder, name), bytes);
    for (const time of ["first", "second"]) {
      const { code, stdout, stderr } = await repair();
      expect([code, time, stderr]).toEqual([4, time, `warning: 1 damaged file in "${folder}"\n`]);
      expect(stdout).toContain("\nNot repaired:\nDamaged  Memory does not match ");
      const command = `bun scripts/run-chunks.ts --start 2021-01-01 --end 2021-01-16 --chunks month --memory-dir ${folder}`;
      expect(stdout).toEndWith(
        "\n         doctor has the command that copies it from a backup on disk; else, with the same bars, strategy and version, if no " +
          `earlier day was run or changed since, the same run-chunks command makes it again, with any other flags that it had: ${command}\n`,
      );
      expect(stdout).not.toContain("Lost");
    }
    // What it printed.
    const printed = ["--start", "2021-01-01", "--end", "2021-01-16", "--chunks", "month", "--memory-dir", folder];
    expect((await runScript("run-chunks.ts", printed)).code).toBe(0);
    expect(await repair()).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing to repair") });

    // Without its run, nothing else tells that an outcome is missing.
    const pruned = await runScript("runs.ts", ["remove", "latest", "--yes", "--memory-dir", folder]);
    expect(pruned.code).toBe(0);
    writeFileSync(join(folder, name), bytes);
    const { code, stdout, stderr } = await repair();
    expect([code, stderr]).toEqual([4, `warning: 1 file lost from "${folder}"\n`]);
    expect(stdout).toContain("; else --repair moves it to quarantine; its run is not stored any more\n");
    const day = `${name.slice(8, 12)}-${name.slice(12, 14)}-${name.slice(14, 16)}`;
    expect(stdout).toEndWith(
      `\nLost     ${name} of ${day}: no stored run makes it again\n` +
        "         copy it from a backup, or use the run-chunks command of that day\n",
    );
    const other = readdirSync(folder).find((each) => each.startsWith("outcome_"))!;
    rmSync(join(folder, other));
    expect((await runScript("memory-stats.ts", ["--check", "--memory-dir", folder])).stdout).toContain(
      `Stale    "vectors.meta.json.gz" still has outcomes that are gone: 1, such as "${other}"\n`,
    );
  });

  test("--check ends with 0 on vectors whose sidecar a kill kept from being written, and the next start heals them", async () => {
    const folder = await makeMemory("killed", 5);
    const sidecar = join(folder, "vectors.meta.json.gz");
    const old = readFileSync(sidecar);
    const memory = await openMemory(diskStorage(folder), { embedder: hashingEmbedder() });
    // It closed before the others, so that the vectors are replaced.
    await memory.record(
      makeOutcome({
        entry_timestamp: "2020-01-02T00:00:00.000Z",
        exit_timestamp: "2020-01-02T04:00:00.000Z",
        description: "ETHUSD is falling in a ranging market. Decided BUY at confidence 72.",
      }),
    );
    await memory.flush();
    writeFileSync(sidecar, old);
    const check = (): ReturnType<typeof runScript> => runScript("memory-stats.ts", ["--memory-dir", folder, "--check"]);
    const { code, stdout } = await check();
    expect(stdout).toContain('Stale    "vectors.f32" is of another state than "vectors.meta.json.gz"');
    expect(code).toBe(0);
    await openMemory(diskStorage(folder), { embedder: hashingEmbedder() });
    expect((await check()).stdout).toEndWith("\nEverything is intact\n");
  });

  test("--check reads beside a writer, --repair exits with 5 and names it, and both exclude --watch", async () => {
    const folder = await makeMemory("held", 2);
    await whileLocked(folder, async (pid) => {
      expect((await runScript("memory-stats.ts", ["--memory-dir", folder, "--check"])).code).toBe(0);
      const { code, stderr } = await runScript("memory-stats.ts", ["--memory-dir", folder, "--repair"]);
      expect(code).toBe(5);
      expect(stderr).toContain(`locked by process ${pid}`);
    });
    const both = await runScript("memory-stats.ts", ["--check", "--watch"]);
    expect(both.code).toBe(2);
    expect(both.stderr).toBe("error: --watch and --check cannot be used together\n");
    expect((await runScript("memory-stats.ts", ["--check", "--memory-dir", join(work, "nowhere")])).code).toBe(3);
  });

  test("shows what the newest run expected of its trades and what they earned, as the run did", async () => {
    const home = join(work, "expecting");
    mkdirSync(home);
    writeFileSync(
      join(home, "config.yaml"),
      "memory: { dir: kept }\nbacktest: { start: 2018-02-01, end: 2018-03-15, chunks: 14d, data_dir: synthetic }\n",
    );
    const run = await runScript("run-chunks.ts", ["--json"], { cwd: home });
    const { expectation } = JSON.parse(run.stdout) as Pick<MemoryReport, "expectation">;
    expect(expectation.length).toBeGreaterThan(1);
    const { stdout } = await runScript("memory-stats.ts", ["--json"], { cwd: home });
    expect(reportOf(stdout).expectation).toEqual(expectation);
    const shown = await runScript("memory-stats.ts", [], { cwd: home });
    expect(shown.stdout).toContain("\nExpected and realized R of trades, after costs");
  });

  test("finds the memory folder of the configuration in the current folder", async () => {
    const home = join(work, "home");
    mkdirSync(home);
    writeFileSync(join(home, "config.yaml"), "memory: { dir: kept }\n");
    cpSync(await makeMemory("source", 2), join(home, "kept"), { recursive: true });
    const { stdout } = await runScript("memory-stats.ts", ["--json"], { cwd: home });
    expect(reportOf(stdout).outcomes.count).toBe(2);
    expect(readFileSync(join(home, "config.yaml"), "utf8")).toBe("memory: { dir: kept }\n");
  });
});
