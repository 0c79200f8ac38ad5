import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackup } from "../../lib/backup/create.node.ts";
import { VERSION } from "../../lib/version.ts";
import manifest from "../../package.json";
import { PROJECT_DIR } from "../samples.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { type DoctorReport, reportIn, reportOf } from "./doctor-report.ts";
import { hostScripts } from "./hosted-script.ts";
import { CANNOT_REFUSE, resultOf, runRefused, writeMemory } from "./run-script.ts";

const runScript = hostScripts();

const work = mkdtempSync(join(tmpdir(), "carryover-doctor-"));
afterAll(() => rmSync(work, { recursive: true }));

const NAMES = ["engine", "packages", "model", "bars", "providers", "files", "memory", "disk", "space", "clock"];

/** Named only where they are not installed. */
const OPTIONAL = ["ccxt", "NATS", "MCP"];

async function examine(args: readonly string[], cwd = PROJECT_DIR): Promise<DoctorReport> {
  return reportOf(await runScript("doctor.ts", [...args, "--json"], { cwd }));
}

describe("doctor", () => {
  test("finds everything well before the first run, and leaves nothing behind", async () => {
    const place = mkdtempSync(join(work, "new-"));
    const { code, ready, checks, names } = await examine(["--memory-dir", join(place, "memory")]);
    expect({ code, ready, names }).toEqual({ code: 0, ready: true, names: NAMES });
    expect(checks["engine"]).toMatchObject({
      state: "ok",
      found: `Carryover ${VERSION} on Bun ${Bun.version}`,
      cure: null,
    });
    expect(checks["bars"]!.found).toBe(
      "1h bars of 3 assets, a run of 2021-01-01 to 2022-01-01, the last bar 2021-12-31 21:00 UTC",
    );
    expect(checks["memory"]).toMatchObject({ state: "ok", found: "none yet; a run makes it" });
    expect(readdirSync(place)).toEqual([]);
  });

  test("has a check of a configuration that cannot be used, with exit code 2", async () => {
    const { code, stdout, stderr } = await runScript("doctor.ts", ["--set", "backtest.seed=many", "--json"]);
    const { ready, checks, names } = reportIn(stdout);
    expect({ code, ready, last: names.at(-1) }).toEqual({ code: 2, ready: false, last: "config" });
    expect(checks["config"]!.state).toBe("missing");
    expect(checks["config"]!.found).toContain("seed");
    const none = await runScript("doctor.ts", ["--config", "/nope", "--json"]);
    const cure = "correct the configuration, or name another: --config FILE";
    expect([none.code, reportIn(none.stdout).checks["config"]!.cure]).toEqual([3, cure]);
    expect(stderr).toStartWith("error: ");
  });

  test("prints a line for each check, and a verdict", async () => {
    const { code, stdout } = await runScript("doctor.ts", ["--memory-dir", join(work, "none")]);
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => /^(ok|note) /.test(line));
    expect(lines.map((line) => line.split(/\s+/)[1]!)).toEqual(NAMES);
    expect(stdout).toEndWith("\n\nReady to run\n");
  });

  test("names commands that work in the current folder", async () => {
    const onnx = [
      "--memory-dir",
      join(work, "none"),
      "--set",
      "memory.embedder=onnx",
      "--set",
      "memory.model_dir=/none",
    ];
    const { checks } = await examine(onnx, work);
    expect(checks["model"]!.cure).toBe(`bun ${PROJECT_DIR}/scripts/fetch-model.ts --model-dir /none`);
    const { checks: here } = await examine(onnx, join(PROJECT_DIR, "scripts"));
    expect(here["model"]!.cure).toBe("bun fetch-model.ts --model-dir /none");
  });

  test("refuses a folder that is no memory, and writes nothing into it", async () => {
    const foreign = mkdtempSync(join(work, "foreign-"));
    writeFileSync(join(foreign, "thesis.txt"), "");
    const { code, checks } = await examine(["--memory-dir", foreign]);
    expect([code, checks["memory"]!.state, checks["disk"]!.folder]).toEqual([3, "missing", work]);
  });

  test("a memory that is gone or empty, and that backups have, is missing: the cure restores the fullest", async () => {
    const place = mkdtempSync(join(work, "lost-"));
    const [memoryDir, backupDir] = [join(place, "memory"), join(place, "backups")];
    await writeMemory(memoryDir, makeOutcomes(3));
    const now = new Date("2021-04-01T06:00:00Z");
    await createBackup({ memoryDir, backupDir, now });
    rmSync(memoryDir, { recursive: true });
    mkdirSync(memoryDir);
    await createBackup({ memoryDir, backupDir, now });
    const found =
      `no outcomes, and 3 in backups in "${backupDir}": is its disk mounted, and the name right? ` +
      "A new memory needs another --backup-dir";
    const restore = `bun scripts/backup.ts restore 20210401T060000Z --to ${memoryDir} --backup-dir ${backupDir}`;
    for (const state of ["empty", "gone", "without outcomes"]) {
      rmSync(memoryDir, { recursive: true, force: true });
      if (state !== "gone") mkdirSync(memoryDir);
      if (state === "without outcomes") mkdirSync(join(memoryDir, "runs"));
      const { code, checks } = await examine(["--memory-dir", memoryDir]);
      const aside = state === "without outcomes" ? `mv ${memoryDir} ${memoryDir}-before && ` : "";
      expect([state, code, checks["memory"]]).toEqual([
        state,
        3,
        { name: "memory", state: "missing", found, folder: memoryDir, cure: aside + restore },
      ]);
    }
    const other = ["--memory-dir", join(place, "elsewhere/memory")];
    expect((await examine(other)).checks["memory"]).toMatchObject({ state: "ok", found: "none yet; a run makes it" });
    expect((await examine([...other, "--backup-dir", backupDir])).checks["memory"]!.state).toBe("missing");
  });

  test("a memory with fewer outcomes than its newest backup is missing, until a backup is made of it", async () => {
    const place = mkdtempSync(join(work, "partly-"));
    const [memoryDir, backupDir] = [join(place, "memory"), join(place, "backups")];
    const now = new Date("2021-04-01T06:00:00Z");
    await writeMemory(memoryDir, makeOutcomes(3));
    await createBackup({ memoryDir, backupDir, now });
    rmSync(memoryDir, { recursive: true });
    await writeMemory(memoryDir, makeOutcomes(1));
    const named = ["--memory-dir", memoryDir, "--backup-dir", backupDir];
    const found =
      `outcomes 1, and 3 in the newest backup in "${backupDir}": is its disk mounted, and the name right? ` +
      "If you removed some, use backup create instead: the newest backup is then without them";
    const restore = `bun scripts/backup.ts restore 20210401T060000Z --to ${memoryDir} --backup-dir ${backupDir}`;
    const cure = `mv ${memoryDir} ${memoryDir}-before && ${restore}`;
    const unnamed = ["--memory-dir", memoryDir];
    for (const args of [named, unnamed]) {
      const { code, checks } = await examine(args);
      expect([code, checks["memory"]]).toEqual([
        3,
        { name: "memory", state: "missing", found, folder: memoryDir, cure },
      ]);
    }
    // With an outcome that no backup has, backups beside it may be of another memory.
    rmSync(memoryDir, { recursive: true });
    await writeMemory(memoryDir, makeOutcomes(4).slice(3));
    const ok = { state: "ok", found: "sound: outcomes 1, runs 0" };
    expect((await examine(unnamed)).checks["memory"]).toMatchObject(ok);
    expect((await examine(named)).checks["memory"]!.state).toBe("missing");
    await createBackup({ memoryDir, backupDir, now });
    expect((await examine(named)).checks["memory"]).toMatchObject(ok);
  });

  test("an outcome that is damaged or missing is copied from the newest sound backup, also if an earlier day was run since", async () => {
    const place = mkdtempSync(join(work, "copies-"));
    const [memoryDir, backupDir] = [join(place, "memory"), join(place, "backups")];
    const args = ["--memory-dir", memoryDir];
    const days = ["--chunks", "month", "--data-dir", "data/sample", "--assets", "BTCUSD", ...args];
    for (const [start, end] of [
      ["2021-01-16", "2021-01-31"],
      ["2021-01-01", "2021-01-16"],
    ] as const) {
      expect((await runScript("run-chunks.ts", ["--start", start, "--end", end, ...days])).code).toBe(0);
    }
    const sound = (await examine(args)).checks["memory"];
    expect(sound).toMatchObject({ state: "ok", found: expect.stringMatching(/^sound: outcomes \d+, runs 2$/) });
    const name = readdirSync(memoryDir)
      .toSorted()
      .findLast((each) => each.startsWith("outcome_"))!;
    const ids = [];
    for (const day of ["01", "02"]) {
      ids.push((await createBackup({ memoryDir, backupDir, now: new Date(`2021-04-${day}T06:00:00Z`) })).id);
    }
    // The backups share the file: a copy with other bytes takes its place in the newest.
    const bytes = readFileSync(join(memoryDir, name));
    bytes[40]! ^= 1;
    rmSync(join(backupDir, ids[1]!, name));
    writeFileSync(join(backupDir, ids[1]!, name), bytes);
    const cure = `cp -p ${join(backupDir, ids[0]!, name)} ${memoryDir}`;
    for (const damage of ["flipped", "missing"]) {
      if (damage === "flipped") writeFileSync(join(memoryDir, name), bytes);
      else rmSync(join(memoryDir, name));
      const { code, checks } = await examine(args);
      expect([damage, code, checks["memory"]]).toMatchObject([damage, 4, { state: "damaged", cure }]);
      expect(Bun.spawnSync(["/bin/sh", "-c", cure]).exitCode).toBe(0);
      expect((await examine(args)).checks["memory"]).toEqual(sound!);
    }
    // Runs that are gone altogether damage nothing: a note has the command. It keeps the times that their order is by.
    const times = (): readonly number[] =>
      readdirSync(join(memoryDir, "runs")).map((id) => statSync(join(memoryDir, "runs", id, "summary.json")).mtimeMs);
    const before = times();
    rmSync(join(memoryDir, "runs"), { recursive: true });
    const noRuns = await examine(args);
    expect([noRuns.code, noRuns.checks["memory"]]).toMatchObject([
      0,
      {
        state: "note",
        found: expect.stringContaining(`sound, but with no runs, and 2 in the newest backup in "${backupDir}"`),
        cure: `cp -rp ${join(backupDir, ids[1]!, "runs")} ${memoryDir}`,
      },
    ]);
    expect(Bun.spawnSync(["/bin/sh", "-c", noRuns.checks["memory"]!.cure!]).exitCode).toBe(0);
    expect(times()).toEqual(before);
    expect((await examine(args)).checks["memory"]).toEqual(sound!);
    // Without backups it is the run's command, with a condition that the shell skips.
    rmSync(backupDir, { recursive: true });
    rmSync(join(memoryDir, name));
    expect((await examine(args)).checks["memory"]!.cure).toBe(
      `bun scripts/run-chunks.ts --start 2021-01-16 --end 2021-01-31 --chunks month --memory-dir ${memoryDir} ` +
        "# the same run only with the same bars, strategy and version, if no earlier day was run or changed since",
    );
  });

  test.skipIf(CANNOT_REFUSE)("files that somebody else wrote are given back, not left for another memory", async () => {
    const memoryDir = join(mkdtempSync(join(work, "refused-")), "memory");
    await writeMemory(memoryDir, makeOutcomes(1));
    const file = join(memoryDir, "provider_performance.json");
    chmodSync(file, 0);
    const backupDir = join(memoryDir, "../backups");
    mkdirSync(backupDir, { mode: 0o555 });
    const flags = ["--memory-dir", memoryDir, "--backup-dir", backupDir, "--json"];
    const { code, stdout } = await runRefused("doctor.ts", flags);
    const { checks } = reportIn(stdout);
    expect([code, checks["disk"]!.folder]).toEqual([3, memoryDir]);
    expect(checks["memory"]).toMatchObject({
      state: "missing",
      found: expect.stringContaining(`Cannot read "${file}": found EACCES`),
      cure: `sudo chown -R ${process.getuid!()} ${memoryDir} && sudo chmod -R u+rwX ${memoryDir}`,
    });
    expect(checks["backups"]).toMatchObject({
      state: "missing",
      found: expect.stringContaining(`Cannot write a backup to "${backupDir}": found EACCES`),
      cure: `mount its disk; if it has none: sudo chown -R ${process.getuid!()} ${backupDir} && sudo chmod -R u+rwX ${backupDir}`,
    });
  });

  test.skipIf(process.platform !== "linux")("exits with 3 where nothing can be written", async () => {
    const { code, checks } = await examine(["--memory-dir", "/proc/memory"]);
    expect(code).toBe(3);
    expect(checks["disk"]).toMatchObject({ state: "missing", found: expect.stringContaining('write to "/proc"') });
  });

  test.skipIf(!existsSync("/dev/shm"))("says that a memory in RAM does not survive a restart", async () => {
    const { code, checks } = await examine(["--memory-dir", "/dev/shm/carryover-doctor-none"]);
    expect([code, checks["disk"]!.state, checks["disk"]!.folder]).toEqual([0, "note", "/dev/shm"]);
  });

  test("a configuration with a problem is an error, as in every command", async () => {
    const { code, stderr } = await runScript("doctor.ts", ["--set", "backtest.max_positions=none"]);
    expect([code, stderr.includes("max_positions")]).toEqual([2, true]);
  });
});

describe("doctor in a project whose packages are not as package.json wants them", () => {
  const project = join(work, "project");
  for (const name of ["lib", "scripts", "package.json", "config.yaml", "data/sample"]) {
    cpSync(join(PROJECT_DIR, name), join(project, name), { recursive: true });
  }

  async function examineProject(cwd = project): Promise<DoctorReport> {
    const command = [process.execPath, "--no-install", join(project, "scripts/doctor.ts"), "--json"];
    const child = Bun.spawn(command, { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const { code, stdout } = await resultOf(child);
    return { code, ...reportIn(stdout) };
  }

  test("names those that are missing, and looks at nothing else", async () => {
    const { code, names, checks } = await examineProject();
    expect([code, names]).toEqual([3, ["engine", "packages", ...OPTIONAL]]);
    expect(checks["packages"]).toMatchObject({ state: "missing", cure: "bun install" });
    expect(checks["packages"]!.found).toBe(`not installed: ${Object.keys(manifest.dependencies).join(", ")}`);
    expect(checks["ccxt"]).toMatchObject({ state: "note", cure: "bun add ccxt" });
    const fromElsewhere = await examineProject("/");
    expect(fromElsewhere.checks["packages"]!.cure).toBe(`cd ${project} && bun install`);
  });

  test("names those of another version, and goes on", async () => {
    for (const name of Object.keys(manifest.dependencies)) {
      const place = join(project, "node_modules", name);
      mkdirSync(join(place, ".."), { recursive: true });
      symlinkSync(join(PROJECT_DIR, "node_modules", name), place);
    }
    const uplot = join(project, "node_modules/uplot");
    rmSync(uplot);
    mkdirSync(uplot);
    writeFileSync(join(uplot, "package.json"), '{ "version": "1.0.0" }');
    const { code, names, checks } = await examineProject();
    expect([code, names]).toEqual([0, NAMES.toSpliced(2, 0, ...OPTIONAL)]);
    const found = `uplot 1.0.0 in place of ${manifest.dependencies.uplot}`;
    expect(checks["packages"]).toMatchObject({ state: "note", found, cure: "bun install" });
  });
});
