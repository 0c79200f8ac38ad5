import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";
import type { ScriptResult } from "../run-script.ts";

/** A script that does what its first argument says. */
export const SCRIPT: string = join(PROJECT_DIR, "test", "fixtures", "cli", "script.ts");

/** Runs a command line in a shell, so that pipes and closed descriptors are real. `$SCRIPT` starts the fixture script. */
export async function shell(line: string, cwd: string = PROJECT_DIR): Promise<ScriptResult> {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd,
    env: { ...process.env, SCRIPT: `${process.execPath} ${SCRIPT}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}
