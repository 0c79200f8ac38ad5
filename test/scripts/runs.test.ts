import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import type { RunEntry } from "../../lib/runs/list.node.ts";
import type { DecisionRecord } from "../../lib/types.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { runHere } from "./run-here.ts";
import { hostScripts } from "./hosted-script.ts";
import { filesOf, type ScriptResult, whileLocked } from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = temporaryFolder("runs");
const memory = join(work, "memory");
let copies = 0;
let [first, off, second] = [{} as Summary, {} as Summary, {} as Summary];

/** What the command prints of the runs that were made at the beginning, or of a copy of them. */
function runs(args: readonly string[], folder = join(memory, "synthetic")): Promise<ScriptResult> {
  return runScript("runs.ts", [...args, "--memory-dir", folder], { env: { NO_COLOR: "1" } });
}

function copyOfRuns(folder = work): string {
  const copy = join(folder, `copy-${(copies += 1)}`);
  cpSync(join(memory, "synthetic"), copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

async function listed(folder?: string): Promise<readonly RunEntry[]> {
  return (JSON.parse((await runs(["list", "--json"], folder)).stdout) as { runs: RunEntry[] }).runs;
}

beforeAll(async () => {
  const make = (start: string, end: string, isOn = true): Promise<Summary> =>
    runHere(`
portfolio_memory: { enabled: ${isOn} }
memory: { dir: ${JSON.stringify(memory)} }
backtest: { start: ${start}, end: ${end}, chunks: 15d, data_dir: synthetic }
`);
  first = await make("2018-02-01", "2018-03-03");
  off = await make("2018-02-01", "2018-03-03", false);
  // Carries in what the first has learned.
  second = await make("2018-03-03", "2018-03-18");
});

describe("list", () => {
  test("shows the newest first, of the folders inside too, and what differs from the one before", async () => {
    const entries = await listed();
    expect(entries.map(({ run_id, folder }) => [run_id, folder])).toEqual([
      [second.run_id, ""],
      [off.run_id, "off"],
      [first.run_id, ""],
    ]);
    expect(entries[0]).toMatchObject({
      state: "finished",
      stopped_in: null,
      period: "2018-03-03/2018-03-18",
      assets: ["BTCUSD", "ETHUSD", "EURUSD"],
      providers: ["trend", "reversion", "breakout", "memory"],
      total_return_pct: second.total_return_pct,
      annualized_sharpe: second.annualized_sharpe,
      total_trades: second.total_trades,
    });
    expect(entries.map(({ memory_enabled: on }) => on)).toEqual([true, false, true]);
    expect(entries.map(({ differs_in: differs }) => differs)).toEqual([
      ["period", "config.portfolio_memory.enabled", "carried_in_sha256"],
      ["config.portfolio_memory.enabled"],
      null,
    ]);
  });

  test("says in lines of 80 columns what each run is, with all of its assets and providers", async () => {
    const { stdout } = await runs([]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[2]).toMatch(new RegExp(`^${second.run_id.slice(0, 12)} +2018-03-03/2018-03-18 +[+-][\\d.]+% `));
    expect(lines[3]).toStartWith("  differs in period, portfolio_memory.enabled");
    const next = lines.findIndex((line) => line.startsWith(`off/${off.run_id.slice(0, 12)}`));
    const about = lines.slice(3, next).join("").replaceAll(/\s+/g, " ");
    expect(about).toEndWith("; BTCUSD ETHUSD EURUSD; trend reversion breakout memory");
  });

  test("says where a run stopped, and which is damaged", async () => {
    const copy = copyOfRuns();
    const [stopped, damaged] = [first, second].map(({ run_id: id }) => join(copy, "runs", id));
    for (const name of ["summary.json", "2018-02-16_15d.json"]) rmSync(join(stopped!, name));
    writeFileSync(
      join(damaged!, "summary.json"),
      readFileSync(join(damaged!, "summary.json"), "utf8").replace("1", "2"),
    );
    const states = (await listed(copy)).map(({ run_id, state, stopped_in }) => [run_id, state, stopped_in]);
    expect(states).toContainEqual([first.run_id, "stopped", "2018-02-16_15d"]);
    expect(states).toContainEqual([second.run_id, "damaged", null]);
    expect((await runs(["list"], copy)).stdout).toContain("  stopped in 2018-02-16_15d; ");

    const shown = await runs(["show", first.run_id.slice(0, 8)], copy);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(
      /State +stopped in 2018-02-16_15d\n.*Chunks +2018-02-01_15d to 2018-02-01_15d committed/s,
    );
    const wrong = await runs(["show", second.run_id.slice(0, 8)], copy);
    expect(wrong.code).toBe(4);
    expect(wrong.stderr).toContain('warning: Cannot read "runs/');
  });

  test("of a folder without runs says so on stderr", async () => {
    const { code, stdout, stderr } = await runs(["list"], temporaryFolder("no-runs"));
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain("There are no runs in");
  });
});

describe("show", () => {
  test("prints the summary again, and the folder", async () => {
    const { stdout } = await runs(["show", "latest"]);
    expect(stdout).toStartWith(
      `Run ${second.run_id.slice(0, 12)}  2018-03-03 to 2018-03-18, synthetic bars, memory on\n`,
    );
    expect(stdout).toContain(join(memory, "synthetic", "runs", second.run_id));
    const json = JSON.parse((await runs(["show", "latest", "--json"])).stdout) as {
      summary: Summary;
      files: { name: string }[];
    };
    expect(json.summary).toEqual(second);
    expect(json.files.map(({ name }) => name)).toContain("2018-03-03_15d.decisions.ndjson");
    expect((await runs(["show", "latest", "--full"])).stdout).toContain("Carried over\n");
  });

  test("--decision tells one decision: situation, memory, votes, size, outcome", async () => {
    const folder = join(memory, "synthetic");
    const lines = readFileSync(join(folder, "runs", second.run_id, "2018-03-03_15d.decisions.ndjson"), "utf8").split(
      "\n",
    );
    const decisions = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as DecisionRecord);
    const traded = decisions.find(
      ({ order, decision_id: id }) => order === "open" && readdirSync(folder).includes(`outcome_${id}.json`),
    )!;
    const { stdout } = await runs(["show", "latest", "--decision", traded.decision_id.slice(0, -4)]);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const told = stdout.replaceAll(/\s+/g, " ");
    expect(told).toContain(`Decision ${traded.decision_id} 2018-03-03_15d `);
    expect(told).toContain(`The regime was ${traded.situation.regime}`);
    expect(told).toMatch(/ the slow one\. Of the bars before, \d+% had a lower ATR\. /);
    expect(told).toContain(`${traded.context.remembered} trades were remembered`);
    expect(told).toContain(`said ${traded.action} at a confidence of ${traded.confidence.toFixed(1)}`);
    expect(told).toMatch(/and ended by (stop|target|reversed|timeout) at [\d.,]+ on 2018-/);
    for (const { provider } of traded.votes)
      expect(stdout).toMatch(new RegExp(`^${provider} +(BUY|SELL|HOLD|abst)`, "m"));
    for (const { decision_id: id } of traded.context.similar.nearest.slice(0, 5)) expect(stdout).toContain(`\n${id} `);

    const held = decisions.find(({ action }) => action === "HOLD")!;
    const json = JSON.parse(
      (await runs(["show", "latest", "--decision", held.decision_id, "--json"])).stdout,
    ) as object;
    expect(json).toMatchObject({ decision: held, outcome: null });
  });

  test("--decision that several or none are lists some", async () => {
    const several = await runs(["show", "latest", "--decision", "20180305"]);
    expect(several.code).toBe(2);
    expect(several.stderr).toMatch(
      /^error: Cannot tell which decision "20180305" is: found 20180305T0000-BTCUSD-\w{8}, /,
    );
    const none = await runs(["show", "latest", "--decision", "19990305"]);
    expect(none.code).toBe(3);
    expect(none.stderr).toMatch(/found \d+ others, from "20180303T0400-BTCUSD-\w{8}" to "20180318/);
  });
});

test("compare says in words what two runs show on the days that both have", async () => {
  const { stdout } = await runs(["compare", first.run_id.slice(0, 10), "off/latest"]);
  expect(stdout).toStartWith("Runs compared  30 days that both have, 2018-02-01 to 2018-03-02\n");
  expect(stdout).toContain(`B          off/latest: ${off.run_id.slice(0, 12)}\n`);
  expect(stdout).toMatch(
    /^(No difference that this much data can show|A is better than B|B is better than A)\.\nThe Sharpe ratio is \S+ of A and \S+ of B, a difference of /m,
  );
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  const json = JSON.parse((await runs(["compare", first.run_id, "off/latest", "--json"])).stdout) as {
    a: { return_pct: number; trades: number };
  };
  expect(json.a.return_pct).toBeCloseTo(first.total_return_pct, 6);
  expect(json.a.trades).toBe(first.total_trades);
});

describe("label", () => {
  test("names a run, which is found by it and listed with it", async () => {
    const copy = copyOfRuns();
    expect((await runs(["label", first.run_id.slice(0, 6), "before the change"], copy)).stdout).toBe(
      `Run ${first.run_id.slice(0, 12)} is "before the change"\n`,
    );
    expect(JSON.parse((await runs(["show", "before the change", "--json"], copy)).stdout)).toMatchObject({
      run_id: first.run_id,
      label: "before the change",
    });
    expect((await runs(["list"], copy)).stdout).toContain('\n  "before the change"; ');
    expect((await runs(["label", "before the change", ""], copy)).stdout).toContain("has no label");
  });

  test("is not given while a run writes", async () => {
    const copy = copyOfRuns();
    await whileLocked(copy, async () => {
      expect((await runs(["label", "latest", "x"], copy)).code).toBe(5);
    });
  });
});

describe("remove", () => {
  test("keeps the outcomes, and says who carried them in", async () => {
    const copy = copyOfRuns();
    const before = filesOf(copy);
    const { code, stdout } = await runs(["remove", first.run_id, "--yes"], copy);
    expect(code).toBe(0);
    expect(stdout).toContain(`Removed run ${first.run_id.slice(0, 12)} of 2018-02-01/2018-03-03 with 2 snapshots\n`);
    expect(stdout).toContain(
      `Its ${first.total_trades} outcomes stay, and later runs remember them. They can no longer be removed by the run\n`,
    );
    expect(stdout).toContain(
      `Run ${second.run_id.slice(0, 12)} carried in ${first.total_trades} of them: it is not affected`,
    );
    const after = filesOf(copy);
    const gone = Object.keys(before).filter((name) => !(name in after));
    expect(gone.filter((name) => !name.startsWith(`runs/${first.run_id}/`) && !name.startsWith("snapshot_"))).toEqual(
      [],
    );
    expect((await listed(copy)).map(({ run_id }) => run_id)).toEqual([second.run_id, off.run_id]);
    expect((await runScript("memory-stats.ts", ["--check", "--memory-dir", copy])).code).toBe(0);
  });

  test("takes the outcomes along if asked, and the caches know it", async () => {
    const copy = copyOfRuns(join(work, "backed-up"));
    const backupDir = join(work, "backed-up/backups");
    const backup = await createBackup({ memoryDir: copy, backupDir, now: new Date("2018-04-01T06:00:00Z") });
    const { stdout, stderr } = await runs(["remove", first.run_id, "--yes", "--with-outcomes", "--json"], copy);
    expect(stderr).toBe(
      `The newest backup, "${backup.path}", still has these outcomes, so doctor reports them as lost. To make one without them ` +
        `(add --answers if your backups have answers): bun scripts/backup.ts create --memory-dir ${copy}\n`,
    );
    expect(JSON.parse(stdout)).toEqual({
      run_id: first.run_id,
      outcomes: first.total_trades,
      snapshots: 2,
      outcomes_removed: true,
      carried_in_by: [{ run_id: second.run_id, outcomes: first.total_trades }],
    });
    const outcomes = readdirSync(copy).filter((name) => name.startsWith("outcome_"));
    expect(outcomes).toHaveLength(second.total_trades);
    const check = await runScript("memory-stats.ts", ["--check", "--memory-dir", copy]);
    expect(check.stdout).toContain("Everything is intact");
  });

  test("needs --yes without a terminal, and then has removed nothing", async () => {
    const copy = copyOfRuns();
    const before = filesOf(copy);
    const { code, stderr } = await runs(["remove", "latest"], copy);
    expect(code).toBe(2);
    expect(stderr).toBe("error: remove needs --yes where it cannot ask\n");
    expect(filesOf(copy)).toEqual(before);
  });
});

describe("prune", () => {
  const pruned = { run_id: "", folder: "" };

  test("keeps the newest of each folder, and all that memory has learned", async () => {
    const copy = copyOfRuns();
    const before = filesOf(copy);
    const { code, stdout } = await runs(["prune", "--keep-last", "1", "--yes", "--json"], copy);
    expect({ code, result: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      result: {
        kept: [
          { ...pruned, run_id: second.run_id },
          { run_id: off.run_id, folder: "off" },
        ],
        removed: [{ ...pruned, run_id: first.run_id }],
        dry_run: false,
      },
    });
    const gone = Object.keys(before).filter((name) => !(name in filesOf(copy)));
    expect(gone.filter((name) => !name.startsWith(`runs/${first.run_id}/`)).map((name) => name.slice(0, 9))).toEqual([
      "snapshot_",
      "snapshot_",
    ]);
    const check = await runScript("memory-stats.ts", ["--check", "--memory-dir", copy]);
    expect(check.stdout).toContain("Everything is intact");
  });

  test("keeps a run with a label, and says that there is nothing to remove", async () => {
    const copy = copyOfRuns();
    await runs(["label", first.run_id, "the first"], copy);
    const { code, stdout } = await runs(["prune", "--keep-last", "1"], copy);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Kept 3 runs, and removed 0\n" });
  });

  test("shows with --dry-run what would go, and removes nothing", async () => {
    const copy = copyOfRuns();
    const before = filesOf(copy);
    const { code, stdout } = await runs(["prune", "--keep-last", "1", "--dry-run"], copy);
    expect(code).toBe(0);
    expect(stdout).toContain(`${first.run_id.slice(0, 12)}  ${first.period}`);
    expect(stdout).toEndWith("\nWould keep 2 runs, and remove 1. Later runs still remember their outcomes\n");
    expect(filesOf(copy)).toEqual(before);
  });

  test("needs --yes without a terminal, and then has removed nothing", async () => {
    const copy = copyOfRuns();
    const before = filesOf(copy);
    const { code, stderr } = await runs(["prune", "--keep-last", "1"], copy);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "error: prune needs --yes where it cannot ask\n" });
    expect(filesOf(copy)).toEqual(before);
  });

  test("waits for nobody: a folder that is written to is left alone", async () => {
    const copy = copyOfRuns();
    const { code } = await whileLocked(copy, () => runs(["prune", "--keep-last", "1", "--yes"], copy));
    expect(code).toBe(5);
    expect(await listed(copy)).toHaveLength(3);
  });
});

test.each([
  [["prune"], "prune needs --keep-last N"],
  [["shw"], 'unknown action "shw"; did you mean show?'],
  [["show"], "show needs RUN"],
  [["compare", "latest"], "compare needs A and B"],
  [["list", "latest"], 'unexpected argument "latest" after list'],
  [["show", "latest", "--yes"], "--yes cannot be used with show, only with remove or prune"],
])("%j is refused", async (args, message) => {
  const { code, stderr } = await runs(args);
  expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${message}\n` });
});
