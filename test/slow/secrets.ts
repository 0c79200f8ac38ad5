/** Keys that a module tells. `bun run test:slow` */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../temporary-folder.ts";
import { runScript, type ScriptResult } from "../scripts/run-script.ts";

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
backtest: { data_dir: synthetic, assets: [BTCUSD], start: 2024-01-01, end: 2024-01-03, chunks: 1d }
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

test.each([
  ["returns", `return { action: "HOLD", confidence: 0, error: leak }`],
  ["says", `return { action: "BUY", confidence: 60, reason: leak }`],
  ["throws", "throw new Error(leak)"],
  ["rejects with", "return Promise.reject(new Error(leak))"],
])("no key that a module %s is in any file or output", async (_verb, act) => {
  const { folder, result } = await runWith("  - { name: mine, type: module, path: mine.mjs, on_error: abstain }\n", {
    "mine.mjs": `export function vote() { const leak = ${LEAK.replaceAll("MY_ACCESS", "SOME_API_KEY")}; ${act}; }`,
  });
  expect(result.code).toBe(0);
  const texts = textsOf(folder, result);
  expect(texts).toContain("x.example");
  for (const form of FORMS) expect(texts).not.toContain(form);
});
