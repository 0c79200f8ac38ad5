/** Modules of the user's that end the process, throw beside a vote, or print. `bun run test:slow` */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { resultOf, runScript, type ScriptResult } from "../scripts/run-script.ts";

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

/** Runs two months with a module whose vote number 300 also runs some code. */
async function runWith(name: string, doing: string): Promise<ScriptResult & { file: string; outcomes: number }> {
  const { home, file } = homeWith(
    name,
    `let votes = 0;\nexport async function vote() {\n  if (++votes === 300) {\n    ${doing};\n  }\n  return { action: "HOLD", confidence: 50 };\n}\n`,
  );
  const result = await runScript("run-chunks.ts", ["--json"], { cwd: home });
  const outcomes = readdirSync(join(home, "memory", "synthetic")).filter((entry) =>
    entry.startsWith("outcome_"),
  ).length;
  return { ...result, file, outcomes };
}

test.each([
  ["process.exit()", "process.exit()", 'found process.exit() called at "FILE:4:'],
  ["process.exit(7)", "process.exit(7)", 'found process.exit(7) called at "FILE:4:'],
  ["process.reallyExit(7)", "process.reallyExit(7)", 'found process.reallyExit(7) called at "FILE:4:'],
  ["a rejection", 'void Promise.reject(new Error("boom"))', "found an unhandled error at"],
  ["a rejection with a text", 'void Promise.reject("boom")', 'some place in "FILE" (boom)'],
  ["a timer that throws", 'setTimeout(() => { throw new Error("boom"); })', 'unhandled error at "FILE:4:'],
])(
  "%s in a module stops the run with exit code 1, names the file, and keeps the outcomes",
  async (title, doing, message) => {
    const { code, stdout, stderr, file, outcomes } = await runWith(title.replaceAll(/\W/g, "-"), doing);
    expect(stderr).toContain(message.replace("FILE", file));
    expect(stderr).toMatch(new RegExp(`all ${outcomes} outcomes are kept, and the same command goes on`));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    // The error's own stack follows.
    if (doing.includes("new Error"))
      expect(stderr).toMatch(/, expected the module to handle it\nError: boom\n +at .*odd\.ts:4:/);
    expect(stderr).not.toContain("/lib/");
  },
);

test("an unhandled error of our own is reported as a bug with its stack, even if there is a module", async () => {
  const place = join(PROJECT_DIR, "lib/providers/recorded/recorder.ts:10:5");
  const own = `void Promise.reject(Object.assign(new Error("ours"), { stack: "TypeError: ours\\n    at open (${place})" }))`;
  const { code, stderr, outcomes } = await runWith("own", own);
  expect(stderr).toContain(`all ${outcomes} outcomes are kept`);
  expect(stderr).toEndWith(
    `TypeError: ours\n    at open (${place})\nerror: This is a bug in Carryover: please report it with the lines above\n`,
  );
  expect(stderr).not.toContain("module");
  expect(code).toBe(1);
});

test("what a module prints goes to stderr", async () => {
  const { code, stdout, stderr } = await runWith("prints", 'console.log("seen"); process.stdout.write("too\\n")');
  expect(JSON.parse(stdout)).toMatchObject({ period: "2024-01-01/2024-03-01" });
  expect(stderr).toContain("\nseen\ntoo\n");
  expect(code).toBe(0);
});

test("a module that throws in every call stops the run with its last error, unless it is to abstain", async () => {
  const { home } = homeWith("throws", "export const vote = ({ rsi }) => { throw new Error(`no ${typeof rsi}`); };\n");
  const { code, stdout, stderr } = await runScript("run-chunks.ts", [], { cwd: home });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^Stopped in .*, but the same command stops again$/m);
  expect(stderr).toContain(
    'error: Cannot use provider "odd": found an error in each of its 50 calls (the last: no number)',
  );
  const config = join(home, "config.yaml");
  writeFileSync(config, readFileSync(config, "utf8").replace("path: odd.ts", "path: odd.ts, on_error: abstain"));
  const abstaining = await runScript("run-chunks.ts", ["--json"], { cwd: home });
  expect(abstaining.code).toBe(0);
  expect(abstaining.stderr).toMatch(/"odd" gave no vote at all \d+ decisions \(the last: "no number"\)/);
});

test.concurrent("a timer of a module does not keep a finished run from ending, and is reported", async () => {
  const { code, stdout, stderr, file } = await runWith("open", "setInterval(() => {}, 1000)");
  expect(JSON.parse(stdout)).toMatchObject({ period: "2024-01-01/2024-03-01" });
  const lines = stderr.trimEnd().split("\n");
  expect({ code, lines: lines.length }).toEqual({ code: 0, lines: 3 });
  expect(lines[1]).toMatch(/^"odd" voted HOLD at all \d+ decisions/);
  expect(lines[2]).toBe(`Ended after 3 s: a timer or connection was left open by "${file}"`);
});

test.concurrent("only the first of endless errors after the end is reported", async () => {
  const after = "let n = 0;\nsetInterval(() => { throw new Error(`boom ${++n}`); }, 5)";
  const { code, stderr } = await runDone("again.ts", { main: "return 0", after });
  expect(stderr.match(/boom \d+/g)).toEqual(["boom 1", "boom 1"]);
  expect(stderr).toContain("Ended after 3 s");
  expect(code).toBe(1);
});

test("process.exit of a module after the run does not lose the result, and is reported", async () => {
  const { code, stdout, stderr, file } = await runWith("late", "process.on('beforeExit', () => { process.exit(9); })");
  expect(JSON.parse(stdout)).toMatchObject({ period: "2024-01-01/2024-03-01" });
  const message = /\nerror: Found process\.exit\(9\) called at "(.*):4:\d+", after the result was written\n$/;
  expect(stderr.match(message)?.[1]).toBe(file);
  expect(code).toBe(1);
});

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
