import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../temporary-folder.ts";
import { runScript, type ScriptResult } from "./run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("secrets");
const ENV = { MY_ACCESS: "ak/0123+456789==", SOME_API_KEY: "sk-9876543210abcdef" };

/** Every form in which the secrets of `ENV` may be told. */
const FORMS = Object.values(ENV).flatMap((key) => [
  key,
  encodeURIComponent(key),
  Buffer.from(key).toString("base64").replace(/=+$/, "").slice(0, -1),
]);

/** Runs two days of a configuration with these providers, in a folder of its own. */
async function runWith(
  providers: string,
  files: Readonly<Record<string, string>>,
): Promise<{ folder: string; result: ScriptResult }> {
  const folder = join(base, crypto.randomUUID());
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(
    join(folder, "config.yaml"),
    `memory: { dir: memory, answers_dir: answers }
backtest: { data_dir: synthetic, assets: [BTCUSD], start: 2018-02-01, end: 2018-02-03, chunks: 1d }
providers:
  - { name: trend, type: trend }
${providers}`,
  );
  return { folder, result: await runScript("run-chunks.ts", ["--config", join(folder, "config.yaml")], { env: ENV }) };
}

/** What a run wrote, and what it printed. */
function textsOf(folder: string, { stdout, stderr }: ScriptResult): string {
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter(
    (name) => /[.](json|ndjson|csv)$/.test(name) && statSync(join(folder, name)).isFile(),
  );
  return [stdout, stderr, ...names.map((name) => readFileSync(join(folder, name), "utf8"))].join("\n");
}

const LEAK = `[process.env.MY_ACCESS, process.env.SOME_API_KEY].map((key) =>
  "https://x.example/?key=" + encodeURIComponent(key) + " " + key + " " + btoa(key)).join(" ") + " \\u009b31m"`;

test("a program gets only the keys that env names, and no key that it tells is in any file or output", async () => {
  const { folder, result } = await runWith(
    `  - { name: mine, type: command, command: [${JSON.stringify(process.execPath)}, program.mjs], env: [MY_ACCESS] }\n`,
    {
      "program.mjs": `import { createInterface } from "node:readline";
        process.stderr.write(${LEAK} + " has " + ("SOME_API_KEY" in process.env) + "\\n");
        console.log(${LEAK});
        let n = 0;
        for await (const line of createInterface({ input: process.stdin })) {
          const { id } = JSON.parse(line);
          console.log(JSON.stringify(n++ % 2 ? { id, error: ${LEAK} } : { id, action: "BUY", confidence: 70, reason: ${LEAK} }));
        }`,
    },
  );
  expect(result.code).toBe(0);
  const texts = textsOf(folder, result);
  expect(result.stderr).toContain("?key=[key] [key]");
  expect(result.stderr).toContain("has false");
  expect(texts).toContain("x.example");
  for (const form of FORMS) expect(texts).not.toContain(form);
  expect(result.stderr).not.toContain("\u009B");
});

describe("what is missing to ask is said in one error, with 3, before anything is written", () => {
  test("keys and programs, each of them", async () => {
    const { folder, result } = await runWith(
      `  - { name: gpt, type: llm, api: openai, model: gpt-5-mini, api_key_env: NO_SUCH_KEY }
  - { name: mine, type: command, command: [no-such-program], env: [NO_SUCH_SETTING] }
  - { name: other, type: command, command: [./program.mjs] }
`,
      { "program.mjs": "is not executable" },
    );
    expect([result.code, result.stdout]).toEqual([3, ""]);
    const errors = result.stderr.split("\n").filter((line) => line.startsWith("error: "));
    expect(errors).toEqual([
      'error: Cannot ask "gpt": found no environment variable "NO_SUCH_KEY", expected the key in it, or recorded answers alone: --offline, in the library mode: "offline"',
      'error: Cannot ask "mine": found no environment variable "NO_SUCH_SETTING", expected the key in it, or recorded answers alone: --offline, in the library mode: "offline"',
      'error: Cannot start provider "mine": found no such program, expected a program "no-such-program" that can be run, or recorded answers alone: --offline, in the library mode: "offline"',
      'error: Cannot start provider "other": found no such program, expected a program "./program.mjs" that can be run, or recorded answers alone: --offline, in the library mode: "offline"',
    ]);
    for (const name of ["memory", "answers"]) expect(existsSync(join(folder, name))).toBeFalse();
  });
});
