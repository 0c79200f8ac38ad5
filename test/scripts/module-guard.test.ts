import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScript, type ScriptResult } from "./_run.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const work = mkdtempSync(join(tmpdir(), "carryover-guard-"));
afterAll(() => rmSync(work, { recursive: true }));

/** Runs two months with a module whose vote number 300 does something else. */
async function runWith(name: string, doing: string): Promise<ScriptResult & { file: string; outcomes: number }> {
  const home = join(work, name);
  const file = join(home, "odd.ts");
  mkdirSync(home);
  writeFileSync(
    file,
    `let votes = 0;\nexport async function vote() {\n  if (++votes === 300) {\n    ${doing};\n  }\n  return { action: "HOLD", confidence: 50 };\n}\n`,
  );
  writeFileSync(
    join(home, "config.yaml"),
    "memory: { dir: memory }\nbacktest: { start: 2024-01-01, end: 2024-03-01, data_dir: data }\n" +
      "providers:\n  - { name: trend, type: trend }\n  - { name: odd, type: module, path: odd.ts }\n",
  );
  const result = await runScript("run-chunks.ts", ["--json"], { cwd: home });
  const outcomes = readdirSync(join(home, "memory")).filter((entry) => entry.startsWith("outcome_")).length;
  return { ...result, file, outcomes };
}

test.each([
  ["process.exit()", "process.exit()", 'found process.exit() called at "FILE:4:'],
  ["process.exit(7)", "process.exit(7)", 'found process.exit(7) called at "FILE:4:'],
  ["a rejection", 'void Promise.reject(new Error("boom"))', "found an error that nobody handles at"],
  ["a rejection with a text", 'void Promise.reject("boom")', 'some place in "FILE" (boom)'],
  ["a timer that throws", 'setTimeout(() => { throw new Error("boom"); })', 'nobody handles at "FILE:4:'],
])("%s in a module stops the run with exit code 1, names the file, and keeps memory", async (title, doing, message) => {
  const { code, stdout, stderr, file, outcomes } = await runWith(title.replaceAll(/\W/g, "-"), doing);
  expect(stderr).toContain(message.replace("FILE", file));
  expect(stderr).toMatch(new RegExp(`all ${outcomes} outcomes are kept, and the same command goes on`));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).not.toContain("at vote (");
});

test("a module that leaves a timer does not keep a finished run from ending", async () => {
  const { code, stdout, stderr } = await runWith("open", "setInterval(() => {}, 1000)");
  expect(JSON.parse(stdout)).toMatchObject({ period: "2024-01-01/2024-03-01" });
  expect({ code, stderr: stderr.split("\n").length }).toEqual({ code: 0, stderr: 2 });
});

test("what a module does when the run is finished does not lose the result, and is said", async () => {
  const { code, stdout, stderr } = await runWith("late", "process.on('beforeExit', () => process.exit(9))");
  expect(JSON.parse(stdout)).toMatchObject({ period: "2024-01-01/2024-03-01" });
  expect(stderr).toContain("found process.exit(9) called at");
  expect(stderr).toContain("The result was complete and written by then");
  expect(code).toBe(1);
});
