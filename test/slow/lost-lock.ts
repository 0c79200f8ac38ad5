/** Runs whose lock or files are removed by others. `bun run test:slow` */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { runScript, type ScriptResult } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("lost-lock");

/** Questions of the provider in the run below before something happens: about three weeks of four months. */
const QUESTIONS_BEFORE = 1000;

/**
 * Runs four months while a module of the user's does something once, in the middle of them.
 *
 * @param act Statements, with `memory`, the folder of the run, and `fs` and `join` in scope.
 */
async function runWhile(
  act: string,
): Promise<{ config: string; memory: string; result: ScriptResult; stateThen: string }> {
  const folder = join(base, crypto.randomUUID());
  const config = join(folder, "config.yaml");
  // That of runs on synthetic bars.
  const memory = join(folder, "memory", "synthetic");
  const state = join(folder, "state");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "module.ts"),
    `import fs from "node:fs";
    import { join } from "node:path";
    const memory = ${JSON.stringify(memory)};
    const state = ${JSON.stringify(state)};
    const stateOf = ${String(stateOf)};
    const readdirSync = fs.readdirSync;
    let questions = 0;
    export async function vote() {
      if (++questions === ${QUESTIONS_BEFORE} && !fs.existsSync(state)) {
        ${act}
        fs.writeFileSync(state, fs.existsSync(memory) ? stateOf(memory) : "");
      }
      return { action: "HOLD", confidence: 50 };
    }`,
  );
  writeFileSync(
    config,
    "memory: { dir: memory }\nbacktest: { data_dir: synthetic, start: 2024-01-01, end: 2024-05-01, chunks: month }\n" +
      "providers:\n  - { name: trend, type: trend }\n  - { name: breakout, type: breakout }\n" +
      "  - { name: mine, type: module, path: module.ts }\n",
  );
  const result = await runScript("run-chunks.ts", ["--config", config]);
  return { config, memory, result, stateThen: await Bun.file(state).text() };
}

/** The files in a folder but for temporary ones and locks. */
function stateOf(folder: string): string {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names
    .filter((name) => !/[.]tmp-|[.]lock/.test(name))
    .toSorted()
    .join(" ");
}

const OTHER_WRITER = `
  const other = Bun.spawnSync([process.execPath, "--eval", ${JSON.stringify(`
    import { lockHolder, takeLock } from ${JSON.stringify(join(PROJECT_DIR, "lib/storage/lock.node.ts"))};
    await takeLock(process.argv.at(-1), lockHolder());
    process.exit(0);
  `)}, memory]);
  if (other.exitCode !== 0) throw new Error(other.stderr.toString());`;

test.each([
  ["whose .lock was deleted", 'fs.rmSync(join(memory, ".lock"));'],
  ["whose .lock was deleted, and another process has taken it", `fs.rmSync(join(memory, ".lock"));${OTHER_WRITER}`],
  [
    "whose lock was dropped by a module that read .lock, and another process has taken it",
    `fs.readFileSync(join(memory, ".lock"));${OTHER_WRITER}`,
  ],
])("a run %s stops with 5 and writes nothing more", async (_name, act) => {
  const { memory, result, stateThen } = await runWhile(act);
  expect(result.stderr).toContain(`error: Cannot write to "${memory}": found that its lock was removed or taken over`);
  expect([result.code, result.stdout]).toEqual([5, ""]);
  expect(stateThen).toContain("outcome_");
  expect(stateOf(memory)).toBe(stateThen);
});

test.each([
  ["the memory folder", "fs.rmSync(memory, { recursive: true });"],
  [
    "what is in the memory folder",
    "for (const name of fs.readdirSync(memory)) fs.rmSync(join(memory, name), { recursive: true });",
  ],
])("a run says with 1 that %s was removed while it ran", async (_name, act) => {
  const { memory, result } = await runWhile(act);
  expect(result.stderr).toContain(
    `error: Cannot write to "${memory}": found that the folder was removed or emptied while this process wrote to it`,
  );
  expect([result.code, result.stdout]).toEqual([1, ""]);
});

test("a run says with 1 that outcomes of it were removed while it ran, and the next run makes them again", async () => {
  const { config, memory, result } = await runWhile(
    'for (const name of fs.readdirSync(memory)) if (name.startsWith("outcome_")) fs.rmSync(join(memory, name));',
  );
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(
    /error: Cannot finish the run in ".*": found \d+ of its \d+ outcomes there, expected all/,
  );
  const again = await runScript("run-chunks.ts", ["--config", config, "--json"]);
  expect(again.code).toBe(0);
  const { total_trades, memory_persistence } = JSON.parse(again.stdout);
  expect(memory_persistence.outcomes_stored).toBe(total_trades);
  expect(readdirSync(memory).filter((name) => name.startsWith("outcome_"))).toHaveLength(total_trades);
});

test("a run says with 1 that the files of a committed chunk were removed while it ran", async () => {
  const { result } = await runWhile('fs.rmSync(join(memory, "runs"), { recursive: true, force: true });');
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/error: Cannot finish the run in ".*": found \d of its 4 chunks there, expected all/);
});

test("a lock that is held and released leaves only the empty file behind", async () => {
  const folder = join(base, "released");
  mkdirSync(folder);
  const { takeLock, lockHolder } = await import("../../lib/storage/lock.node.ts");
  const lock = await takeLock(folder, lockHolder());
  lock.assertHeld();
  await lock.release();
  expect(readdirSync(folder)).toEqual([".lock"]);
  expect(statSync(join(folder, ".lock")).size).toBe(0);
});
