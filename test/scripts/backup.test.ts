import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
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
import { listBackups } from "../../lib/backup/list.node.ts";
import { createBackup } from "../../lib/backup/create.node.ts";
import { entriesOf } from "../backup/backup-samples.ts";
import { PROJECT_DIR } from "../samples.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { hostScripts } from "./hosted-script.ts";
import {
  CANNOT_REFUSE,
  filesOf,
  resultOf,
  runRefused,
  whileLocked,
  writeMemory,
  type ScriptResult,
} from "./run-script.ts";

const runScript = hostScripts();

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = mkdtempSync(join(tmpdir(), "carryover-backup-cli-"));
let folders = 0;

afterAll(() => rmSync(base, { recursive: true, force: true }));

const OUTCOMES = makeOutcomes(3);
const FIRST = "20210401T060000Z";
const SECOND = "20210402T060000Z";

interface Fixture {
  readonly memoryDir: string;
  readonly backupDir: string;
  /** Runs backup.ts on the memory folder. */
  readonly backup: (...args: string[]) => Promise<ScriptResult>;
}

/** A memory of three outcomes. With `backups`, two backups of April 2021; the second has a forget mark, and a label if given. */
async function fixture(options: { backups: boolean; label?: string }): Promise<Fixture> {
  const root = join(base, String((folders += 1)));
  const memoryDir = join(root, "memory");
  const backupDir = join(root, "backups");
  await writeMemory(memoryDir, OUTCOMES);
  if (options.backups) {
    await createBackup({ memoryDir, backupDir, now: new Date("2021-04-01T06:00:00Z") });
    writeFileSync(join(memoryDir, "forget_655c28cd.json"), '{"provider":"trend","before":"2021-01-01T00:00:00.000Z"}');
    await createBackup({ memoryDir, backupDir, now: new Date("2021-04-02T06:00:00Z"), ...options });
  }
  return { memoryDir, backupDir, backup: (...args) => runScript("backup.ts", ["--memory-dir", memoryDir, ...args]) };
}

/** The outcomes of a folder, by name. */
function outcomesIn(folder: string): Record<string, string> {
  return Object.fromEntries(Object.entries(filesOf(folder)).filter(([name]) => name.startsWith("outcome_")));
}

describe("backup", () => {
  test("without an action makes a backup beside the memory folder, even while another process writes", async () => {
    const { memoryDir, backupDir, backup } = await fixture({ backups: false });
    const { code, stdout, stderr } = await whileLocked(memoryDir, () => backup());
    expect([code, stderr]).toEqual([0, ""]);
    const [id = ""] = entriesOf(backupDir);
    expect(stdout).toMatch(/^Backed up 3 outcomes in 3 files \(\d\.\d kB, \d\.\d kB new\) to .*\n$/);
    expect(stdout).toEndWith(` to ${join(backupDir, id)}, the first backup there\n`);
    expect(outcomesIn(join(backupDir, id))).toEqual(outcomesIn(memoryDir));
    expect((await backup()).stdout).toEndWith(` to ${join(backupDir, entriesOf(backupDir)[1]!)}\n`);
  });

  test("create describes the backup in JSON, and --keep-last removes older ones", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    const { code, stdout } = await backup("create", "--label", "third", "--keep-last", "2", "--json");
    expect(code).toBe(0);
    const json = JSON.parse(stdout) as { id: string };
    expect(json).toMatchObject({
      label: "third",
      outcomes: 3,
      files: 4,
      new_bytes: 0,
      skipped: [],
      removed: [FIRST],
      damaged: [],
    });
    expect(entriesOf(backupDir)).toEqual([SECOND, json.id]);
  });

  test("create of a damaged memory backs up what is there, names the file, removes no older backup and exits with 4", async () => {
    const { memoryDir, backupDir, backup } = await fixture({ backups: true });
    const [name = ""] = Object.keys(outcomesIn(memoryDir));
    const text = readFileSync(join(memoryDir, name), "utf8");
    writeFileSync(join(memoryDir, name), text.replace("BUY", "SEL"));
    // The second night finds the damaged file as in the backup before, and links to it.
    for (const night of [1, 2]) {
      const { code, stdout, stderr } = await backup("create", "--keep-last", "1");
      expect([code, night]).toEqual([4, night]);
      expect(stdout).toMatch(/^Backed up 3 outcomes .*\n$/);
      expect(stderr).toMatch(
        new RegExp(
          `^warning: Damaged in memory, and so in this backup: Cannot read "${name}": found a crc32 of .*\n` +
            `warning: No older backup was removed. What to do about each file: ` +
            `bun scripts/memory-stats.ts --check --memory-dir ${memoryDir}\n$`,
        ),
      );
      expect(entriesOf(backupDir)).toHaveLength(2 + night);
    }
    const json = JSON.parse((await backup("create", "--keep-last", "1", "--json")).stdout) as object;
    expect(json).toMatchObject({ removed: [], damaged: [], damaged_files: [{ name }] });

    const verified = await backup("verify");
    expect(verified.code).toBe(4);
    expect(verified.stdout).toStartWith(`${FIRST}  good\n${SECOND}  good\n`);
    expect(
      verified.stdout.match(new RegExp(`  damaged\n  Damaged when it was copied: Cannot read "${name}"`, "g")),
    ).toHaveLength(3);

    // A prune keeps a good one, too: what was damaged when it was copied counts for no rule.
    const pruned = await backup("prune", "--keep-last", "1");
    expect([pruned.code, pruned.stdout.endsWith("\nKept 4 and removed 1\n")]).toEqual([4, true]);
    expect(pruned.stdout).toMatch(new RegExp(`${SECOND} .* kept: last\n`));

    // Mended, the same command removes what the rule does not keep.
    writeFileSync(join(memoryDir, name), text);
    const mended = await backup("create", "--keep-last", "1");
    expect([mended.code, mended.stderr]).toEqual([0, ""]);
    expect(entriesOf(backupDir)).toHaveLength(1);
  });

  test("create of a memory that has lost outcomes removes no backup that has them, ends with 4, and says what to do", async () => {
    const { memoryDir, backupDir, backup } = await fixture({ backups: true });
    for (const name of Object.keys(outcomesIn(memoryDir)).slice(1)) rmSync(join(memoryDir, name));
    expect((await backup("create", "--keep-last", "3")).code).toBe(0);
    const { code, stdout, stderr } = await backup("create", "--keep-last", "3");
    expect([code, stdout.split("\n").length]).toEqual([4, 2]);
    expect(stderr).toBe(
      `warning: This backup has 1 outcome, and older ones that would go have more: ${FIRST} (3 outcomes). No older backup was removed\n` +
        `warning: Is "${memoryDir}" the right folder, and its disk mounted? The fullest backup: ` +
        `bun scripts/backup.ts restore ${SECOND} --to ${memoryDir}-restored --backup-dir ${backupDir}\n` +
        `warning: If outcomes were removed on purpose, prune by hand: ` +
        `bun scripts/backup.ts prune --keep-last 2 --dry-run --backup-dir ${backupDir}\n`,
    );
    expect(entriesOf(backupDir)).toHaveLength(4);

    const dry = await backup("prune", "--keep-last", "2", "--dry-run");
    expect([dry.code, dry.stdout.endsWith("\nWould keep 2 and remove 2\n")]).toEqual([0, true]);
    const both = `${FIRST} (3 outcomes), ${SECOND} (3 outcomes)`;
    const warning = `more outcomes than the newest has, so memory may be lost: ${both}\n`;
    expect(dry.stderr).toBe(`warning: Backups would be removed with ${warning}`);
    const pruned = await backup("prune", "--keep-last", "2");
    expect([pruned.code, pruned.stderr]).toEqual([0, `warning: Backups were removed with ${warning}`]);
    const next = JSON.parse((await backup("create", "--keep-last", "2", "--json")).stdout) as object;
    expect(next).toMatchObject({ outcomes: 1, removed: [expect.any(String)], fuller: [] });
  });

  test("a label keeps a backup from every --keep flag, and prune says how to remove it", async () => {
    const { backupDir, backup } = await fixture({ backups: true, label: "before the upgrade" });
    const kept = `Kept ${SECOND} for its label "before the upgrade". To remove it: rm -r ${join(backupDir, SECOND)}\n`;
    const created = await backup("create", "--keep-last", "1");
    expect([created.code, created.stderr]).toEqual([0, ""]);
    expect(created.stdout).toEndWith(`\nRemoved ${FIRST}\n`);
    const pruned = await backup("prune", "--keep-daily", "1");
    expect([pruned.code, pruned.stderr]).toEqual([0, kept]);
    expect(pruned.stdout).toMatch(new RegExp(`${SECOND}  before the upgrade .* kept: label\n`));
    expect((await backup("prune", "--keep-last", "2")).stderr).toBe("");
    expect(entriesOf(backupDir)).toContain(SECOND);
  });

  test("a damaged cache is no damage of a backup, which has no caches", async () => {
    const { memoryDir, backup } = await fixture({ backups: false });
    const vectors = readFileSync(join(memoryDir, "vectors.f32"));
    vectors[40]! ^= 1;
    writeFileSync(join(memoryDir, "vectors.f32"), vectors);
    expect((await runScript("memory-stats.ts", ["--check", "--memory-dir", memoryDir])).code).toBe(4);
    const { code, stderr } = await backup("create", "--keep-last", "1");
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("of many damaged files, create names five and counts the others", async () => {
    const root = mkdtempSync(join(base, "many-"));
    const memoryDir = join(root, "memory");
    await writeMemory(memoryDir, makeOutcomes(7));
    for (const name of Object.keys(outcomesIn(memoryDir))) writeFileSync(join(memoryDir, name), "{}");
    const { code, stderr } = await runScript("backup.ts", ["--memory-dir", memoryDir]);
    const lines = stderr.split("\n");
    expect([code, lines.length]).toEqual([4, 7]);
    expect(lines[5]).toStartWith("warning: 2 more files damaged. No older backup was removed.");
  });

  test("create --answers needs a folder of answers only if a provider would write one", async () => {
    const { memoryDir, backup } = await fixture({ backups: false });
    const answers = join(memoryDir, "..", "answers");
    const config = join(memoryDir, "..", "config.yaml");
    writeFileSync(config, "memory: { answers_dir: answers }\n");
    const { code, stderr } = await backup("--answers", "--config", config);
    expect([code, stderr]).toEqual([0, ""]);
    const program = "providers: [{ type: command, name: mine, command: [cat] }]\n";
    writeFileSync(config, `memory: { answers_dir: answers }\n${program}`);
    expect(await backup("--answers", "--config", config)).toMatchObject({
      code: 3,
      stderr: `error: Cannot back up "${answers}": found no such folder, expected one\n`,
    });
  });

  test("create --answers includes the recorded answers, and restore brings them back", async () => {
    const { memoryDir, backup } = await fixture({ backups: false });
    const answers = join(memoryDir, "..", "answers");
    const config = join(memoryDir, "..", "config.yaml");
    writeFileSync(config, "memory: { answers_dir: answers }\n");
    mkdirSync(answers);
    writeFileSync(join(answers, `${"a".repeat(64)}.json`), "{}");
    expect((await backup("--answers", "--config", config)).code).toBe(0);
    const to = join(memoryDir, "..", "restored");
    const { stdout } = await backup("restore", "latest", "--to", to);
    expect(existsSync(join(to, "answers", `${"a".repeat(64)}.json`))).toBeTrue();
    expect(stdout).toEndWith(`\nTo use its recorded answers: --set memory.answers_dir=${join(to, "answers")}\n`);
  });

  test("create names what it left out, and warns that a backup has no outcomes", async () => {
    const { memoryDir, backup } = await fixture({ backups: false });
    for (const name of Object.keys(outcomesIn(memoryDir))) rmSync(join(memoryDir, name));
    symlinkSync("/etc/passwd", join(memoryDir, "outcome_planted.json"));
    const { code, stderr } = await backup();
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning: Left out "outcome_planted.json": it is not a regular file, or its name cannot be restored\n` +
        `warning: The backup has no outcomes, because "${memoryDir}" has none\n`,
    );
  });

  test("finds the backups beside the memory folder of the configuration, from any current folder", async () => {
    const root = mkdtempSync(join(base, "config-"));
    writeFileSync(join(root, "config.yaml"), "memory:\n  dir: deep/memory\n");
    await writeMemory(join(root, "deep", "memory"), OUTCOMES);
    const args = ["--config", join(root, "config.yaml"), "--json"];
    expect((await runScript("backup.ts", args, { cwd: "/" })).code).toBe(0);
    const { stdout } = await runScript("backup.ts", ["list", "--json"], { cwd: root });
    expect(JSON.parse(stdout)).toMatchObject({ backup_dir: join(root, "deep", "backups"), backups: [{ outcomes: 3 }] });
  });

  test.skipIf(!existsSync("/bin/sh"))(
    "works as cron runs it: without environment, terminal or PATH, in another folder",
    async () => {
      const { memoryDir, backupDir } = await fixture({ backups: false });
      const bin = join(memoryDir, "..", "bin");
      mkdirSync(bin);
      symlinkSync(process.execPath, join(bin, "bun"));
      const run = (action: string): Promise<ScriptResult> => {
        const line = `bun ${join(PROJECT_DIR, "scripts/backup.ts")} ${action} --memory-dir ${memoryDir} > /dev/null`;
        const command = ["/usr/bin/env", "-i", `PATH=${bin}`, "/bin/sh", "-c", line];
        return resultOf(Bun.spawn(command, { cwd: "/", stdin: "ignore", stdout: "pipe", stderr: "pipe" }));
      };
      for (const action of ["create --answers --keep-last 30", "verify"]) {
        expect(await run(action)).toEqual({ code: 0, stdout: "", stderr: "" });
      }
      const [backup] = await listBackups(backupDir);
      expect(backup).toMatchObject({ outcomes: OUTCOMES.length });

      // Cron mails stderr, so errors must be there.
      rmSync(memoryDir, { recursive: true });
      expect(await run("create")).toMatchObject({ code: 3, stderr: expect.stringContaining("found no such folder") });
    },
  );

  test("list shows a table, oldest first, or says that there are no backups", async () => {
    const { backup } = await fixture({ backups: true, label: "before the switch" });
    const { code, stdout, stderr } = await backup("list");
    expect([code, stderr]).toEqual([0, ""]);
    const size = String.raw`\d\.\d kB`;
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^ID +Age +Label +Outcomes +Files +Size +New$/);
    expect(lines[2]).toMatch(new RegExp(String.raw`^${FIRST}  [\d,]+d +3 +3  ${size}  ${size}$`));
    expect(lines[3]).toMatch(new RegExp(String.raw`^${SECOND}  [\d,]+d  before the switch +3 +4  ${size} +56 B$`));
    expect(lines.slice(4)).toEqual([""]);

    const none = await fixture({ backups: false });
    expect(await none.backup("list")).toEqual({
      code: 0,
      stdout: "",
      stderr: `There are no backups in "${none.backupDir}"\n`,
    });
    expect(existsSync(none.backupDir)).toBeFalse();
  });

  test("verify reads one or all, and exits with 4 naming each damaged file", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    expect(await backup("verify")).toEqual({ code: 0, stdout: `${FIRST}  good\n${SECOND}  good\n`, stderr: "" });

    const [one = "", two = ""] = Object.keys(outcomesIn(join(backupDir, SECOND)));
    rmSync(join(backupDir, SECOND, one));
    const text = readFileSync(join(backupDir, SECOND, two), "utf8");
    // A new file, because the backup before shares the old one.
    rmSync(join(backupDir, SECOND, two));
    writeFileSync(join(backupDir, SECOND, two), text.replace("BUY", "SEL"));
    const { code, stdout, stderr } = await backup("verify");
    expect(code).toBe(4);
    expect(stdout).toBe(
      `${FIRST}  good\n${SECOND}  damaged\n  "${one}" is missing\n  "${two}" has other bytes than were backed up\n`,
    );
    expect(stderr).toBe(
      `warning: 1 of 2 backups in "${backupDir}" is damaged\n` +
        `To remove it when it is of no use: rm -r ${join(backupDir, SECOND)}\n`,
    );
    expect((await backup("verify", FIRST)).code).toBe(0);
    const latest = await backup("verify", "latest", "--json");
    expect(latest.code).toBe(4);
    expect(JSON.parse(latest.stdout)).toMatchObject({
      backups: [
        {
          id: SECOND,
          problems: [
            { file: one, kind: "missing" },
            { file: two, kind: "changed" },
          ],
        },
      ],
    });
    // A damaged backup is not restored.
    const to = join(backupDir, "..", "restored");
    expect((await backup("restore", "latest", "--to", to)).code).toBe(4);
    expect(existsSync(to)).toBeFalse();
  });

  test("a damaged manifest is shown by list, kept by prune, and exits with 4", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    writeFileSync(join(backupDir, FIRST, "MANIFEST.json"), "{}");
    const { code, stdout, stderr } = await backup("list");
    expect(code).toBe(4);
    expect(stdout).toMatch(new RegExp(`${FIRST} .* damaged +- +- +- +-\n`));
    expect(stderr).toStartWith(`warning: Cannot read "${join(backupDir, FIRST, "MANIFEST.json")}"`);
    expect(stderr).toEndWith(`. It stays until you remove it: rm -r ${join(backupDir, FIRST)}\n`);
    const pruned = await backup("prune", "--keep-last", "1");
    expect(pruned.code).toBe(4);
    expect(pruned.stdout).toMatch(
      new RegExp(`${FIRST} .* kept: damaged\n${SECOND} .* kept: last\n\nKept 2 and removed 0`),
    );
    expect(pruned.stderr).toBe(stderr);
  });

  test.skipIf(CANNOT_REFUSE)(
    "a backup that another user wrote is kept, and what it needs is permission: exit code 1",
    async () => {
      const { memoryDir, backupDir, backup } = await fixture({ backups: true });
      const manifest = join(backupDir, FIRST, "MANIFEST.json");
      chmodSync(manifest, 0);
      const refused = (...args: string[]): Promise<ScriptResult> =>
        runRefused("backup.ts", ["--memory-dir", memoryDir, ...args]);
      const advice = `Cannot read "${manifest}": found EACCES: permission denied, open '${manifest}', expected permission: check owner and mode of the file and its folders, or choose another folder`;
      const created = await refused("create", "--keep-last", "1", "--json");
      expect([created.code, created.stderr.startsWith(`warning: ${advice}`)]).toEqual([1, true]);
      expect(JSON.parse(created.stdout)).toMatchObject({ outcomes: 3, removed: [SECOND] });
      const pruned = await refused("prune", "--keep-last", "1");
      expect([pruned.code, pruned.stdout.includes("kept: unreadable")]).toEqual([1, true]);
      expect((await backup("create")).code).toBe(0);
      const verified = await refused("verify");
      expect([verified.code, verified.stderr]).toEqual([1, `warning: ${advice}\n`]);
      expect(verified.stdout).toMatch(new RegExp(`^${FIRST}  unreadable\n\\S+  good\n`));
      const json = JSON.parse((await refused("verify", "--json")).stdout) as { backups: unknown[] };
      expect(json.backups[0]).toEqual({ id: FIRST, problems: [], unreadable: true, problem: advice });
      const single = await refused("verify", FIRST);
      expect([single.code, single.stderr]).toEqual([1, `error: ${advice}\n`]);
    },
  );

  test("prune and create --keep-last finish their work, then exit with 4 for a damaged backup", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    const third = JSON.parse((await backup("create", "--json")).stdout) as { id: string };
    // Replaced, because the other backups link to the same bytes.
    const damaged = join(
      backupDir,
      third.id,
      readdirSync(join(backupDir, third.id)).find((name) => name.startsWith("outcome_"))!,
    );
    rmSync(damaged);
    writeFileSync(damaged, "{]");
    const pruned = await backup("prune", "--keep-last", "1", "--json");
    const problem = expect.stringContaining(`${third.id}" is damaged: `) as string;
    expect([pruned.code, JSON.parse(pruned.stdout)]).toEqual([
      4,
      {
        backup_dir: backupDir,
        kept: [
          { id: SECOND, reasons: ["last"] },
          { id: third.id, reasons: ["damaged"], problem },
        ],
        removed: [FIRST],
        fuller: [],
        dry_run: false,
      },
    ]);
    expect(pruned.stderr).toStartWith(`warning: "${join(backupDir, third.id)}" is damaged: `);

    writeFileSync(join(backupDir, third.id, "MANIFEST.json"), "{}");
    const created = await backup("create", "--keep-last", "1");
    expect(created.code).toBe(4);
    expect(created.stdout).toMatch(new RegExp(`^Backed up 3 outcomes .*\nRemoved ${SECOND}\n$`));
    expect(created.stderr).toStartWith(`warning: Cannot read "${join(backupDir, third.id, "MANIFEST.json")}"`);
    const again = await backup("create", "--keep-last", "9", "--json");
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
      4,
      { outcomes: 3, removed: [], damaged: [{ id: third.id }] },
    ]);
  });

  test("restore brings the same outcomes back into a new folder, and --dry-run writes nothing", async () => {
    const { memoryDir, backupDir, backup } = await fixture({ backups: true });
    const to = join(backupDir, "..", "deep", "restored");
    const what = /^(Would restore|Restored) 20210401T060000Z, 3 outcomes in 3 files \(\d\.\d kB\) to (.*)\n$/;
    const dry = await backup("restore", FIRST, "--to", to, "--dry-run");
    expect(dry.stdout.match(what)?.slice(1)).toEqual(["Would restore", to]);
    expect(existsSync(join(to, ".."))).toBeFalse();
    const real = await backup("restore", FIRST, "--to", to);
    expect(real.stdout.match(what)?.slice(1)).toEqual(["Restored", to]);
    expect(filesOf(to)).toEqual(outcomesIn(memoryDir));
    // The restored folder is a memory folder: its caches are rebuilt to the same bytes.
    expect((await runScript("rebuild-vectors.ts", ["--memory-dir", to])).stdout).toStartWith("Made 3 vectors");
    expect(filesOf(to)["vectors.f32"]).toBe(filesOf(memoryDir)["vectors.f32"]!);

    const again = await backup("restore", FIRST, "--to", to);
    expect([again.code, again.stdout]).toEqual([2, ""]);
    expect(again.stderr).toContain("move it away first");
  });

  test("a clock that was in 2040 is a note, and removes nothing that was made after it", async () => {
    const { memoryDir, backupDir, backup } = await fixture({ backups: false });
    const { id } = await createBackup({ memoryDir, backupDir, now: new Date("2040-01-01T00:00:00Z") });
    const wrong = `The clock is wrong, or was: 1 backup dated in the future (${id})\n`;
    const listed = await backup("list");
    expect([listed.code, listed.stderr]).toEqual([0, wrong]);
    expect(listed.stdout).toMatch(new RegExp(`^${id} +- `, "m"));
    const kept = await backup("create", "--keep-last", "2", "--json");
    expect([kept.code, kept.stderr]).toEqual([0, wrong]);
    const created = await backup("create", "--keep-last", "1", "--json");
    expect([created.code, created.stderr]).toEqual([0, ""]);
    const json = JSON.parse(created.stdout) as { id: string; sequence: number; removed: string[] };
    expect(json).toMatchObject({ sequence: 3, removed: [id, (JSON.parse(kept.stdout) as { id: string }).id] });
    expect(entriesOf(backupDir)).toEqual([json.id]);
  });

  test("prune --dry-run lists what prune then removes", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    const dry = await backup("prune", "--keep-monthly", "1", "--dry-run");
    expect(dry.stdout).toMatch(new RegExp(`\n${FIRST} .* would be removed\n${SECOND} .* kept: monthly\n`));
    expect(dry.stdout).toEndWith("\nWould keep 1 and remove 1\n");
    expect(entriesOf(backupDir)).toEqual([FIRST, SECOND]);
    const { stdout } = await backup("prune", "--keep-last", "1", "--json");
    expect(JSON.parse(stdout)).toEqual({
      backup_dir: backupDir,
      kept: [{ id: SECOND, reasons: ["last"] }],
      removed: [FIRST],
      fuller: [],
      dry_run: false,
    });
    expect(entriesOf(backupDir)).toEqual([SECOND]);
  });

  test("exits with 3 if a backup or folder is missing, naming what there is, and makes no folder", async () => {
    const { backupDir, backup } = await fixture({ backups: true });
    const to = join(backupDir, "..", "to");
    expect(await backup("restore", "20200101T000000Z", "--to", to)).toMatchObject({
      code: 3,
      stderr:
        `error: Cannot find the backup: found no "20200101T000000Z" in "${backupDir}", ` +
        `expected latest or one of ${FIRST}, ${SECOND}\n`,
    });
    expect(await backup("restore", "2021", "--to", to)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('found several that begin with "2021" in'),
    });
    const none = await fixture({ backups: false });
    expect(await none.backup("verify")).toMatchObject({ code: 3, stdout: "" });
    expect(await none.backup("restore", "latest", "--to", to)).toMatchObject({ code: 3, stdout: "" });
    const nowhere = join(base, "nowhere");
    expect(await backup("list", "--backup-dir", nowhere)).toMatchObject({
      code: 3,
      stderr: `error: Cannot list: found no folder "${nowhere}", expected one with backups\n`,
    });
    const loop = join(base, "loop");
    symlinkSync(loop, loop);
    expect(await backup("list", "--backup-dir", loop)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: Cannot list backups in ".*loop": found ELOOP.*expected a file or folder of/,
      ),
    });
    const absent = await runScript("backup.ts", ["--memory-dir", join(nowhere, "memory")]);
    expect(absent).toMatchObject({ code: 3, stdout: "" });
    expect(existsSync(nowhere)).toBeFalse();
  });

  test.each([
    [["lst"], `unknown action "lst"; did you mean list?`],
    [["make"], `unknown action "make"; known: create, list, verify, restore, prune`],
    [["list", FIRST], `unexpected argument "${FIRST}" after list`],
    [["restore"], 'restore needs an ID, or "latest"\nerror: restore needs --to DIR'],
    [["verify", "--dry-run"], "--dry-run cannot be used with verify, only with restore or prune"],
    [["prune", "--label", "x"], "--label cannot be used with prune, only with create"],
    [["prune"], "Cannot prune: found nothing to keep"],
    [["--keep-last", "0"], `--keep-last must be a whole number, 1 or more, found "0"`],
  ])("refuses %j with 2", async (args, message) => {
    const { code, stdout, stderr } = await runScript("backup.ts", ["--memory-dir", join(base, "nowhere"), ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith(`error: ${message}`);
  });
});
