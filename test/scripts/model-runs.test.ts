/** Runs that ask language models, from the shell: killed, resumed and replayed. More of this is in test/slow. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { KEY, openModelWorld, QUESTIONS_A_DAY, type ModelWorld } from "./model-run-samples.ts";
import { filesOf, runScript } from "./run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const world: ModelWorld = openModelWorld();
afterAll(async () => {
  await world.server.stop();
  rmSync(world.folder, { recursive: true });
});

const QUESTIONS = 2 * QUESTIONS_A_DAY;

describe("a run of three assets with three language models", () => {
  let whole = "";
  let summary: Summary;
  beforeAll(async () => {
    let stderr: string;
    ({ folder: whole, summary, stderr } = await world.runWhole());
    expect(stderr).toContain(`asked ${QUESTIONS}, cached 0, failed 0, cost $0.0396`);
    expect(stderr).toContain('The knowledge cutoff of "qwen2.5" is unknown');
    expect(stderr).toContain(
      'The period begins at 2024-01-01, before the knowledge cutoff of "gemini-2.0-flash", 2024-08-31',
    );
    expect(stderr).not.toContain('cutoff of "llama3.2"');
  });

  test("asks and records each question once", () => {
    expect(summary.total_trades).toBeGreaterThan(10);
    expect(world.server.answered.size).toBe(QUESTIONS);
    expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
    expect(world.answersIn(whole)).toHaveLength(QUESTIONS);
  });

  test("complete, it is estimated as that: nothing is left to ask", async () => {
    const { code, stdout } = await runScript("run-chunks.ts", ["--estimate"], { cwd: whole });
    expect([code, stdout]).toEqual([
      0,
      "The run is complete: its questions are answered, and nothing is left to ask.\n",
    ]);
  });

  test("has the key in no file and no output", async () => {
    for (const [name, text] of Object.entries(filesOf(whole)))
      expect({ name, has: text.includes(KEY) }).toEqual({ name, has: false });
  });

  test("offline, from recorded answers alone, ends in the same bytes without a server or a key", async () => {
    const folder = world.newFolder();
    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    const before = world.server.requests.length;
    const offline = await runScript("run-chunks.ts", ["--offline", "--json"], { cwd: folder });
    expect(offline.code).toBe(0);
    expect(offline.stderr).toContain(`asked 0, cached ${QUESTIONS}, failed 0, cost $0.0000`);
    expect(world.server.requests.length).toBe(before);
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
  });
});

describe("a server that is out", () => {
  const day = (): string =>
    world.newFolder({
      days: 1,
      providers: `  - { name: llama, type: llm, model: llama3.2, base_url: "${world.server.openaiUrl}", patience: 600ms }\n`,
    });

  test.each([
    [["--on-failure", "ignore"], '--on-failure must be stop or abstain, found "ignore"'],
    [["--offline", "--retry-failed"], "--offline and --retry-failed cannot be used together"],
  ])("refuses %j", async (flags, message) => {
    const { code, stderr } = await world.run(day(), ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
