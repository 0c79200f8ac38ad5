import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import type { Fault } from "./fault.ts";

/** Much longer than the tests of any row need. */
const LIMIT_MS = 300_000;

/** Process groups of running tests, so that nothing a test has started outlives it. */
const groups = new Set<number>();
process.once("SIGINT", () => {
  for (const group of groups) killGroup(group);
  process.exit(130);
});

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // The group has ended.
  }
}

/** Tests that show rows of the table. */
export interface SuiteTests {
  readonly rows: readonly number[];
  readonly name: string;
  /** Relative to the project. */
  readonly files: readonly string[];
  /** A regular expression for the names of tests, those of their describes first, as `bun test -t` takes it. */
  readonly pattern: string;
}

/** Counts a fault for each test that passed. If every such test is skipped, so is the fault. */
export function suiteFault({ rows, name, files, pattern }: SuiteTests): Fault {
  return {
    rows,
    name,
    how: files.map((file) => `\`${file}\``).join(", "),
    missing: () => undefined,
    inject: async () => {
      const folder = mkdtempSync(join(tmpdir(), "carryover-suite-"));
      try {
        const report = join(folder, "junit.xml");
        // A path with a dot is a file and no filter: slow tests have names of their own.
        const command = [process.execPath, "test", ...files.map((file) => `./${file}`), "-t", pattern];
        const child = Bun.spawn([...command, "--reporter=junit", `--reporter-outfile=${report}`], {
          cwd: PROJECT_DIR,
          stdin: "ignore",
          stdout: "ignore",
          stderr: "pipe",
          // A process group of its own.
          detached: true,
        });
        groups.add(child.pid);
        let isLate = false;
        const limit = setTimeout(() => {
          isLate = true;
          killGroup(child.pid);
        }, LIMIT_MS);
        const said = new Response(child.stderr).text();
        const code = await child.exited;
        clearTimeout(limit);
        killGroup(child.pid);
        groups.delete(child.pid);
        const log = await said;
        if (isLate)
          throw new Error(`"bun test ${files.join(" ")}" had not ended after ${LIMIT_MS / 1000} s:\n${log.trim()}`);
        if (code !== 0) throw new Error(`"bun test ${files.join(" ")} -t ${JSON.stringify(pattern)}":\n${log.trim()}`);
        const cases = readFileSync(report, "utf8").split("<testcase ").slice(1);
        // What the pattern leaves out is reported as skipped, like what skips itself.
        const passed = cases.filter((text) => !text.includes("<skipped"));
        if (passed.length === 0) throw new Error(`no test of ${files.join(", ")} that matches /${pattern}/ ran`);
        const silent = files.filter((file) => !passed.some((text) => text.includes(`file="${file}"`)));
        if (silent.length > 0) throw new Error(`no test of ${silent.join(", ")} matches /${pattern}/`);
        return { injected: passed.length, found: `${passed.length} tests pass` };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
