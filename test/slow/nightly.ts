/** examples/nightly.sh, as cron runs it. `bun run test:slow` */
import { afterAll, describe, expect, test } from "bun:test";
import {
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
import { assetFileName } from "../../lib/config/asset-name.ts";
import { parseConfig } from "../../lib/config/parse.ts";
import { listBackups } from "../../lib/backup/list.node.ts";
import { PROJECT_DIR } from "../samples.ts";
import { type ScriptResult, resultOf, runScript } from "../scripts/run-script.ts";

const work = mkdtempSync(join(tmpdir(), "carryover-nightly-"));
afterAll(() => rmSync(work, { recursive: true }));

/** GNU's `date` and busybox's have this flag, that of macOS has another. */
const WITHOUT_DATE =
  Bun.spawnSync(["date", "-u", "-d", "@0", "+%s"]).exitCode === 0 ? "" : " (skipped: date has no -d)";

const SCRIPT = readFileSync(join(PROJECT_DIR, "examples/nightly.sh"), "utf8");
const GET_BARS = /^get_bars=.*?"\}$/ms;

const PAGE = readFileSync(join(PROJECT_DIR, "docs/OPERATIONS.md"), "utf8");
const CRON_COMMAND = /^30 4 \* \* \* trading {2}(.*)$/m.exec(PAGE)![1]!;

/** The first block of docs/OPERATIONS.md in this language. */
function shownInDocs(language: string): string {
  return PAGE.split(`\`\`\`${language}\n`)[1]!.split("```")[0]!;
}

/** A folder as docs/OPERATIONS.md has it: its configuration, nightly.sh with its lines for bars from files, and its line for cron. It is a Friday. */
function tradingHome(): {
  home: string;
  environment: readonly string[];
  night: (...args: string[]) => Promise<ScriptResult>;
} {
  const home = mkdtempSync(join(work, "home "));
  const bin = join(home, "bin");
  for (const folder of [bin, join(home, "raw")]) mkdirSync(folder);
  symlinkSync(process.execPath, join(bin, "bun"));
  setWeekday(home, 5);
  for (const asset of ["BTC", "ETH"]) {
    const bars = readFileSync(join(PROJECT_DIR, "data/sample", `${asset}USD_1h.csv.gz`));
    writeFileSync(join(home, "raw", `${asset}.csv`), Bun.gunzipSync(bars));
  }
  writeFileSync(join(home, "config.yaml"), shownInDocs("yaml"));
  const script = SCRIPT.replace(GET_BARS, () => shownInDocs("sh").trim());
  writeFileSync(join(home, "nightly.sh"), script, { mode: 0o755 });
  writeFileSync(join(bin, "chronic"), '#!/bin/sh\n"$@"\n', { mode: 0o755 });
  writeFileSync(join(home, "keys.env"), `NAME_OF_PING=pinged\n`);
  const environment = [
    `PATH=${bin}:/usr/bin:/bin`,
    `CARRYOVER=${PROJECT_DIR}`,
    `TRADING_HOME=${home}`,
    `PING=touch '${home}'/$NAME_OF_PING`,
  ];
  const night = (...args: string[]): Promise<ScriptResult> => {
    const line = CRON_COMMAND.replace("/srv/trading/nightly.sh", `'${home}/nightly.sh' ${args.join(" ")}`);
    const child = Bun.spawn(["/usr/bin/env", "-i", ...environment, "/bin/sh", "-c", line], {
      cwd: "/",
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    return resultOf(child);
  };
  return { home, environment, night };
}

/** From now on `date +%u` says this. */
function setWeekday(home: string, day: number): void {
  const script = `#!/bin/sh\ncase $2 in +%u) echo ${day} ;; *) exec /bin/date "$@" ;; esac\n`;
  writeFileSync(join(home, "bin/date"), script, { mode: 0o755 });
}

describe.skipIf(WITHOUT_DATE !== "")(`nightly.sh${WITHOUT_DATE}`, () => {
  test("runs one day after the other, and each night ends with a backup that is good", async () => {
    const { home, night } = tradingHome();
    for (const [i, day] of ["2021-03-31", "2021-04-01"].entries()) {
      const { code, stdout } = await night(day);
      expect([day, code]).toEqual([day, 0]);
      expect(stdout).toContain("Ready to run\n");
      expect(stdout).toMatch(/\nBacked up \d+ outcomes? .*\n\d{8}T\d{6}Z(-\d+)?  good\n$/);
      expect(existsSync(join(home, "pinged"))).toBeTrue();
      expect(await listBackups(join(home, "backups"))).toHaveLength(i + 1);
    }
    const runs = readdirSync(join(home, "memory/runs")).map((id) => {
      const manifest = readFileSync(join(home, "memory/runs", id, "manifest.json"), "utf8");
      return (JSON.parse(manifest) as { key: { period: string } }).key.period;
    });
    expect(runs.toSorted()).toEqual(["2021-03-31/2021-04-01", "2021-04-01/2021-04-02"]);
    // A day that was run is not run again, also after a later one. On a Saturday all three backups are verified.
    setWeekday(home, 6);
    const { stdout } = await night("2021-03-31");
    expect(stdout).toMatch(/;\s+complete\s+before;\s+--restart\s+repeats\s+it\n/);
    expect(stdout.match(/^\d{8}T\d{6}Z(-\d+)?  good$/gm)).toHaveLength(3);
  });

  test("without a day it runs yesterday, of which there are no bars: it ends with 3 before it writes", async () => {
    const { home, night } = tradingHome();
    const yesterday = (): string => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const before = yesterday();
    const { code, stdout } = await night();
    expect(code).toBe(3);
    // Midnight may have passed.
    expect([before, yesterday()]).toContain(/Cannot run (\S+) to /.exec(stdout)?.[1] as string);
    for (const name of ["memory", "backups", "pinged"]) expect(existsSync(join(home, name))).toBeFalse();
  });

  test("ends with the exit code of the first command for bars that fails, also if a later one would not", async () => {
    const { home, night } = tradingHome();
    rmSync(join(home, "raw/BTC.csv"));
    const { code, stdout, stderr } = await night("2021-03-01");
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toContain("BTC.csv");
    expect(existsSync(join(home, "market"))).toBeFalse();
  });

  test("refuses a day that is no date before it gets bars", async () => {
    const { home, night } = tradingHome();
    expect((await night("2021-13-01")).code).toBe(2);
    expect(existsSync(join(home, "market"))).toBeFalse();
  });

  test("fetches the assets that the configuration in docs/OPERATIONS.md names", async () => {
    const { backtest } = await parseConfig(shownInDocs("yaml"), { file: "docs/OPERATIONS.md" });
    const fetched = /--assets (\S+)/.exec(SCRIPT)![1]!.split(",");
    expect(backtest.assets).toEqual(fetched.map(assetFileName));
    expect([backtest.data_dir, SCRIPT]).toEqual(["market", expect.stringContaining("--data-dir '$home/market'")]);
  });

  test("goes on after a restore as docs/OPERATIONS.md has it", async () => {
    const { home, night, environment } = tradingHome();
    expect((await night("2021-03-01")).code).toBe(0);
    const [backup] = await listBackups(join(home, "backups"));
    const block = PAGE.split("```\n").find((text) => text.startsWith("systemctl stop"))!;
    const lines = block
      .replaceAll(/^systemctl.*\n/gm, "")
      .replaceAll("sudo -u trading ", "")
      .replaceAll('"/srv/trading', `'${home}'"`)
      .replaceAll("/srv/trading", `'${home}'`)
      .replace(" ID ", ` ${backup!.id} `)
      .replace("2026-11-28", "2021-03-02");
    const command = ["/usr/bin/env", "-i", ...environment, "/bin/sh", "-ec", lines];
    const child = Bun.spawn(command, { cwd: PROJECT_DIR, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const { code, stdout } = await resultOf(child);
    expect(code).toBe(0);
    expect(stdout).toStartWith(`${backup!.id}  good\n`);
    expect(readdirSync(join(home, "memory/runs"))).toHaveLength(2);
    const before = readdirSync(home).find((each) => each.startsWith("memory-before-"))!;
    expect(readdirSync(join(home, before, "runs"))).toHaveLength(1);
  });

  test("ends with 3 if memory is gone and backups have it, and makes no new one; restored, the night goes on", async () => {
    const { home, night } = tradingHome();
    expect((await night("2021-03-01")).code).toBe(0);
    const [backup] = await listBackups(join(home, "backups"));
    rmSync(join(home, "memory"), { recursive: true });
    const { code, stdout, stderr } = await night("2021-03-02");
    expect([code, stderr.endsWith("Not ready to run: memory\n")]).toEqual([3, true]);
    expect(existsSync(join(home, "memory"))).toBeFalse();
    const cure = /-> bun (.*)\n/.exec(stdout)?.[1] ?? "";
    expect(cure).toEndWith(` restore ${backup!.id} --to '${home}/memory' --backup-dir '${home}/backups'`);
    expect(Bun.spawnSync(["/bin/sh", "-c", `'${process.execPath}' ${cure}`]).exitCode).toBe(0);
    expect((await night("2021-03-02")).code).toBe(0);
  });

  test("ends with 4 if memory is damaged, makes and removes no backup, and goes on after what docs/OPERATIONS.md says", async () => {
    const { home, night } = tradingHome();
    expect((await night("2021-03-01")).code).toBe(0);
    const before = await listBackups(join(home, "backups"));
    const name = readdirSync(join(home, "memory")).find((each) => each.startsWith("outcome_"))!;
    const bytes = readFileSync(join(home, "memory", name));
    bytes[40]! ^= 1;
    writeFileSync(join(home, "memory", name), bytes);
    const { code, stdout, stderr } = await night("2021-03-02");
    expect(code).toBe(4);
    expect(stderr).toEndWith("warning: Not ready to run: memory\n");
    expect(await listBackups(join(home, "backups"))).toEqual(before);
    expect(readdirSync(join(home, "memory/runs"))).toHaveLength(1);

    const cure = /-> (cp .*)\n/.exec(stdout)?.[1] ?? "";
    expect(cure).toBe(`cp -p '${before[0]!.path}/${name}' '${home}/memory'`);

    // Without the copy.
    const config = ["--config", join(home, "config.yaml")];
    expect((await runScript("memory-stats.ts", ["--repair", ...config])).code).toBe(4);
    expect((await night("2021-03-01")).code).toBe(4);
    const day = ["--start", "2021-03-01", "--end", "2021-03-02"];
    expect((await runScript("run-chunks.ts", [...config, ...day])).code).toBe(0);
    expect((await night("2021-03-02")).code).toBe(0);

    // With it.
    writeFileSync(join(home, "memory", name), bytes);
    expect(Bun.spawnSync(["/bin/sh", "-c", cure]).exitCode).toBe(0);
    expect((await night("2021-03-03")).code).toBe(0);
  });
});
