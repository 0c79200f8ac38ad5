/** Where a package and a clone keep what they remember. `bun run test:slow` */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { resultOf, type ScriptResult } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("package");

/** A copy of the project in a folder, without data of its own but the sample. */
function install(folder: string): string {
  mkdirSync(join(folder, "data"), { recursive: true });
  for (const name of ["lib", "scripts", "package.json", "config.yaml", "data/sample"])
    cpSync(join(PROJECT_DIR, name), join(folder, name), { recursive: true });
  symlinkSync(join(PROJECT_DIR, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function run(script: string, args: readonly string[], cwd: string): Promise<ScriptResult> {
  return resultOf(
    Bun.spawn([process.execPath, script, ...args], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" }),
  );
}

const MONTH = ["--start", "2021-01-01", "--end", "2021-02-01", "--chunks", "month"];

test("a package below node_modules remembers in the current folder, and nothing is written into it", async () => {
  const project = join(base, "project");
  const installed = install(join(project, "node_modules", "carryover"));
  const before = readdirSync(installed, { recursive: true }).length;
  const script = (name: string): string => join("node_modules", "carryover", "scripts", name);
  expect((await run(script("run-chunks.ts"), MONTH, project)).code).toBe(0);
  expect(existsSync(join(project, "data", "memory", "memory.json"))).toBeTrue();
  expect((await run(script("backup.ts"), [], project)).code).toBe(0);
  expect(existsSync(join(project, "data", "backups"))).toBeTrue();
  expect((await run(script("memory-stats.ts"), ["--json"], project)).stdout).toContain(
    JSON.stringify(join(project, "data", "memory")),
  );
  expect(readdirSync(installed, { recursive: true })).toHaveLength(before);
});

test("bars of the current folder come before those of the package, and a configuration there before its own", async () => {
  const project = join(base, "with-bars");
  install(join(project, "node_modules", "carryover"));
  mkdirSync(join(project, "data", "sample"), { recursive: true });
  const script = join("node_modules", "carryover", "scripts", "run-chunks.ts");
  const { code, stderr } = await run(script, MONTH, project);
  expect([code, stderr.includes(`in "${join(project, "data", "sample")}"`)]).toEqual([3, true]);
  writeFileSync(join(project, "config.yaml"), "memory: { dir: mine }\nbacktest: { data_dir: synthetic }\n");
  expect((await run(script, ["--start", "2024-01-01", "--end", "2024-02-01"], project)).code).toBe(0);
  expect(existsSync(join(project, "mine", "synthetic", "memory.json"))).toBeTrue();
});

test("a clone remembers in its own folder, wherever it is started, as cron does", async () => {
  const clone = install(join(base, "clone"));
  const elsewhere = join(base, "elsewhere");
  mkdirSync(elsewhere);
  expect((await run(join(clone, "scripts", "run-chunks.ts"), MONTH, elsewhere)).code).toBe(0);
  expect(existsSync(join(clone, "data", "memory", "memory.json"))).toBeTrue();
  expect(readdirSync(elsewhere)).toEqual([]);
});
