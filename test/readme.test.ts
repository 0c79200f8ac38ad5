/**
 * Runs what the documents tell a user to run: every `sh` block of README.md, in order, in one copy of the project, and
 * compares what follows as a `text` block with what is printed.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseConfig } from "../lib/config/parse.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "./samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

interface Block {
  readonly command: string;
  /** What the README says that it prints, if it says so. */
  readonly printed: string | undefined;
}

const readme = readFileSync(join(PROJECT_DIR, "README.md"), "utf8");
const blocks: readonly Block[] = [...readme.matchAll(/```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?/gs)].map(
  ([, command = "", printed]) => ({ command: command.trim(), printed }),
);

const work = mkdtempSync(join(tmpdir(), "carryover-readme-"));
const project = join(work, "carryover");
const tools = join(work, "bin");
afterAll(() => rmSync(work, { recursive: true }));

beforeAll(() => {
  const files = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: PROJECT_DIR });
  const names = files.stdout.toString().trim().split("\n");
  // The copy must run without its tests: what is left is a clone.
  for (const name of names.filter((path) => !path.startsWith("test/"))) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    copyFileSync(join(PROJECT_DIR, name), join(project, name));
  }
  symlinkSync(join(PROJECT_DIR, "node_modules"), join(project, "node_modules"));
  mkdirSync(tools);
  symlinkSync(process.execPath, join(tools, "bun"));
});

/** Runs commands as a user would, and stops at the first that fails. */
async function shell(command: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn(["bash", "-e", "-c", command], {
    cwd: project,
    env: { ...process.env, PATH: `${tools}:${process.env["PATH"]}`, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

function missing(program: string, ...args: string[]): boolean {
  try {
    return Bun.spawnSync([program, ...args], { stdout: "ignore", stderr: "ignore" }).exitCode !== 0;
  } catch {
    return true;
  }
}

/** Why a block can't be run here; `undefined` if it can. */
function obstacle({ command }: Block): string | undefined {
  if (/\bjq\b/.test(command) && missing("jq", "--version")) return "jq is missing";
  if (command.includes("python3") && missing("python3", "--version")) return "python3 is missing";
  if (command.includes("numpy") && missing("python3", "-c", "import numpy")) return "numpy is missing";
  if (command.includes("duckdb") && missing("python3", "-c", "import duckdb")) return "duckdb is missing";
  return undefined;
}

describe("README.md", () => {
  const [first, suite, ...rest] = blocks;

  test("its first command runs in a fresh clone, on synthetic bars, and says so", async () => {
    // The packages are there already; CI installs them in a clone.
    expect(first?.command).toStartWith("bun install && ");
    const { code, stdout, stderr } = await shell(first?.command.replace("bun install && ", "") ?? "");
    expect(stderr).toContain("synthetic bars");
    expect(stdout).toContain("Carried over");
    expect(code).toBe(0);
  });

  test("its second command is the one that runs this", () => {
    expect(suite?.command).toBe("bun install && bun run test");
  });

  test("then the reader brings bars", () => {
    if (!HAS_REAL_BARS) return;
    for (const name of readdirSync(REAL_BARS_DIR)) {
      symlinkSync(join(REAL_BARS_DIR, name), join(project, "data", "market", name));
    }
  });

  test("its configuration is one that is accepted", async () => {
    const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(readme) ?? [];
    expect(await parseConfig(yaml, { file: "README.md" })).toMatchObject({
      backtest: { start: "2021-01-01", seed: 1 },
    });
  });

  for (const block of rest) {
    const reason = obstacle(block);
    const title = block.command.split("\n").at(-1) ?? "";
    test.skipIf(reason !== undefined)(`${title}${reason === undefined ? "" : ` (skipped: ${reason})`}`, async () => {
      const { code, stdout, stderr } = await shell(block.command);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).not.toContain("NaN");
      if (block.printed !== undefined && HAS_REAL_BARS) expect(stdout).toBe(block.printed);
    });
  }
});

describe("docs/CLI.md", () => {
  const cli = readFileSync(join(PROJECT_DIR, "docs", "CLI.md"), "utf8");
  const scripts = readdirSync(join(PROJECT_DIR, "scripts")).filter((name) => name.endsWith(".ts"));
  for (const name of scripts) {
    test(`has what ${name} --help prints`, async () => {
      const { code, stdout } = await shell(`bun scripts/${name} --help`);
      expect(code).toBe(0);
      expect(cli).toContain(stdout);
    });
  }
});
