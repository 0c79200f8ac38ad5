import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../../samples.ts";
import { resultOf, type ScriptResult } from "../run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-guard-"));
afterAll(() => rmSync(work, { recursive: true }));

/** A folder with a module, and a configuration of two months that uses it. */
function homeWith(name: string, source: string): { home: string; file: string } {
  const home = join(work, name);
  const file = join(home, "odd.ts");
  mkdirSync(home);
  writeFileSync(file, source);
  writeFileSync(
    join(home, "config.yaml"),
    "memory: { dir: memory }\nbacktest: { start: 2024-01-01, end: 2024-03-01, data_dir: synthetic }\n" +
      "providers:\n  - { name: trend, type: trend }\n  - { name: odd, type: module, path: odd.ts }\n",
  );
  return { home, file };
}

/** Runs a made-up script that ends at once, and code of a module after it. */
async function runDone(name: string, { main, after }: { main: string; after: string }): Promise<ScriptResult> {
  const file = join(work, name);
  const cli = JSON.stringify(join(PROJECT_DIR, "scripts/cli/main.ts"));
  writeFileSync(
    file,
    `import { runScript } from ${cli};\nawait runScript(async ({ guard }) => {\n  guard(["/my.ts"]);\n  ${main};\n});\n${after};\n`,
  );
  const child = Bun.spawn([process.execPath, file], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  return resultOf(child);
}

test.each([
  ["a-timer.ts", 'setTimeout(() => { throw new Error("boom"); })', "an unhandled error"],
  ["an-exit.ts", "setTimeout(() => process.exit(7))", "process.exit(7)"],
])("a failure of a module after the end changes only exit code 0 (%s)", async (name, after, found) => {
  for (const was of [0, 4]) {
    const { code, stderr } = await runDone(name, { main: `return ${was}`, after });
    expect(stderr).toContain(found);
    expect({ was, code }).toEqual({ was, code: was === 0 ? 1 : was });
  }
});

test("Ctrl-C stops a run whose module never finishes loading", async () => {
  const { home } = homeWith("endless", 'process.stderr.write("loading\\n");\nawait new Promise(() => {});\n');
  const script = join(PROJECT_DIR, "scripts/run-chunks.ts");
  const child = Bun.spawn([process.execPath, script], { cwd: home, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  for await (const chunk of child.stderr) if (new TextDecoder().decode(chunk).includes("loading")) break;
  child.kill("SIGINT");
  // A run that hangs is killed, which is another exit code.
  const last = setTimeout(() => child.kill("SIGKILL"), 10_000);
  expect(await child.exited).toBe(130);
  clearTimeout(last);
});
