import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";
import { resultOf, type ScriptResult } from "../run-script.ts";

/** A script that does what its first argument says. */
export const SCRIPT: string = join(PROJECT_DIR, "test", "fixtures", "cli", "script.ts");

/** Runs a command line in a shell, so that pipes and closed descriptors are real. `$SCRIPT` starts the fixture script. */
export async function shell(line: string, cwd: string = PROJECT_DIR): Promise<ScriptResult> {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd,
    env: { ...process.env, SCRIPT: `${process.execPath} ${SCRIPT}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  return resultOf(child);
}
