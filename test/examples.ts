/** Tests of the commands in documents. */
import { expect, test } from "bun:test";
import { type cloneProject, type Example, printedBy } from "../tools/write-docs.ts";
import { HAS_REAL_BARS } from "./samples.ts";

function isMissing(program: string, ...args: string[]): boolean {
  try {
    return Bun.spawnSync([program, ...args], { stdout: "ignore", stderr: "ignore" }).exitCode !== 0;
  } catch {
    return true;
  }
}

/** Why an example can't be run here; `undefined` if it can. */
function obstacleTo({ command }: Example): string | undefined {
  if (command.includes("data/market") && !HAS_REAL_BARS) return "no bars of 2022";
  if (/\bjq\b/.test(command) && isMissing("jq", "--version")) return "jq is missing";
  if (command.includes("python3") && isMissing("python3", "--version")) return "python3 is missing";
  if (command.includes("numpy") && isMissing("python3", "-c", "import numpy")) return "numpy is missing";
  if (command.includes("duckdb") && isMissing("python3", "-c", "import duckdb")) return "duckdb is missing";
  return undefined;
}

/** Runs an example in a copy of the project, as a test, and expects what its page shows. */
export function testExample(clone: ReturnType<typeof cloneProject>, example: Example): void {
  const obstacle = obstacleTo(example);
  const title = example.command.split("\n").at(-1)!;
  test.skipIf(obstacle !== undefined)(
    `${title}${obstacle === undefined ? "" : ` (skipped: ${obstacle})`}`,
    async () => {
      const { code, stdout, stderr } = await clone.run(example.command);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).not.toContain("NaN");
      const printed = printedBy(example);
      // A page has no blank lines at the end of an output.
      if (printed !== undefined) expect(`${stdout.trimEnd()}\n`).toBe(printed);
    },
  );
}
