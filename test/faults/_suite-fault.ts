import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../_samples.ts";
import type { Fault } from "./_fault.ts";

/**
 * Rows that tests of the ordinary suite show: those of `files` whose name (its describe's first, if there is one) matches
 * `pattern`. A fault counts for each test that passed. Where every such test is skipped, so is the fault.
 *
 * @param options `files`: relative to the project; `pattern`: a regular expression, as `bun test -t` takes it.
 */
export function suiteFault(options: {
  rows: readonly number[];
  name: string;
  files: readonly string[];
  pattern: string;
}): Fault {
  const { rows, name, files, pattern } = options;
  return {
    rows,
    name,
    how: files.map((file) => `\`${file}\``).join(", "),
    missing: () => undefined,
    inject: async () => {
      const folder = mkdtempSync(join(tmpdir(), "carryover-suite-"));
      try {
        const report = join(folder, "junit.xml");
        const command = [process.execPath, "test", ...files, "-t", pattern];
        const child = Bun.spawn([...command, "--reporter=junit", `--reporter-outfile=${report}`], {
          cwd: PROJECT_DIR,
          stdin: "ignore",
          stdout: "ignore",
          stderr: "pipe",
        });
        const [log, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
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
