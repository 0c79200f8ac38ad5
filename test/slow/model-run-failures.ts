/** Runs that ask language models, from the shell, which are killed, find a server that is out, or are set up wrongly. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { assetOf, someVote } from "../providers/recorded/model-server.ts";
import { KEY, openModelWorld, QUESTIONS_A_DAY, type ModelWorld } from "../scripts/model-run-samples.ts";
import { filesOf, runScript } from "../scripts/run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const world: ModelWorld = openModelWorld();
afterAll(async () => {
  await world.server.stop();
  rmSync(world.folder, { recursive: true });
});

const QUESTIONS = 2 * QUESTIONS_A_DAY;
const AT_KILL = QUESTIONS / 2;
/** A run that was killed may have had no chunk yet. */
const ANY_STATE = { state: expect.any(String), chunks_run: expect.any(Array) };
/** Three models times three assets. */
const QUESTIONS_AT_ONCE = 9;

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

  test("killed after half of the answers and resumed, asks none of them again and ends in the same bytes", async () => {
    const folder = world.newFolder();
    world.server.answered.clear();
    // Nothing is in flight at the kill: after half of the answers no more come.
    let count = 0;
    world.respond = (request) => {
      if (count >= AT_KILL) return new Promise<string>(() => {});
      count += 1;
      return someVote(request);
    };
    const child = world.start(folder);
    while (child.exitCode === null && world.answersIn(folder).length < AT_KILL) await Bun.sleep(5);
    child.kill("SIGKILL");
    await child.exited;
    world.respond = someVote;
    const { code, stdout, stderr } = await world.run(folder);
    expect(code).toBe(0);
    expect(stderr).toContain("failed 0");
    expect(JSON.parse(stdout)).toEqual({ ...summary, ...ANY_STATE });
    expect(world.server.answered.size).toBe(QUESTIONS);
    expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
  });

  test("killed just after an answer and resumed, asks again only what was in flight; every decision was made on recorded answers", async () => {
    const folder = world.newFolder();
    world.server.answered.clear();
    const first = world.server.requests.length;
    const recorded: number[] = [];
    let count = 0;
    let isEnding = false;
    world.respond = (request) => {
      // These questions come after all decisions on earlier answers.
      if (!isEnding && (request.number - first) % QUESTIONS_AT_ONCE === 0)
        recorded.push(world.answersIn(folder).length);
      count += 1;
      if (count === AT_KILL + 1) {
        isEnding = true;
        child.kill("SIGKILL");
      }
      return someVote(request);
    };
    const child = world.start(folder);
    await child.exited;
    expect(recorded).toEqual(recorded.map((_, i) => i * QUESTIONS_AT_ONCE));
    expect(recorded.length).toBe(AT_KILL / QUESTIONS_AT_ONCE + 1);
    world.respond = someVote;
    const { code, stdout } = await world.run(folder);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ...summary, ...ANY_STATE });
    expect(world.server.answered.size).toBe(QUESTIONS);
    const again = [...world.server.answered.values()].filter((times) => times > 1);
    expect(again.length).toBeLessThanOrEqual(QUESTIONS_AT_ONCE);
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
  });

  test("is compared from the same recorded answers, and reports what the other runs asked", async () => {
    const folder = world.newFolder();
    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    const { code, stderr } = await runScript("compare-memory.ts", ["--seeds", "2", "--shuffles", "1", "--json"], {
      cwd: folder,
      env: { CARRYOVER_TEST_KEY: KEY },
    });
    expect(code).toBe(0);
    // Two worlds of four runs. All answers of the very first run are recorded.
    const [, asked, cached] = /^asked (\d+), cached (\d+), failed 0, cost \$0\.\d+$/m.exec(stderr) ?? [];
    expect(Number(asked) + Number(cached)).toBe(8 * QUESTIONS);
    expect(Number(cached)).toBeGreaterThanOrEqual(QUESTIONS);
    expect(world.answersIn(folder)).toHaveLength(QUESTIONS + Number(asked));
  });
});

test("a refresh without an answer leaves no mark: the finished run is replayed, and nothing is paid again", async () => {
  world.respond = someVote;
  const folder = world.newFolder({ days: 1 });
  const finished = await world.run(folder);
  expect(finished.code).toBe(0);
  world.respond = () => new Response("{}", { status: 401 });
  const refresh = await world.run(folder, "--refresh-provider", "gemini");
  expect(refresh.code).toBe(1);
  world.respond = someVote;
  const before = world.server.requests.length;
  expect(refresh.stderr).toContain("and the same command goes on");
  expect(world.answersIn(folder).filter((name) => name.startsWith("refresh_"))).toEqual([]);
  const offline = await world.run(folder, "--offline");
  expect(offline.code).toBe(0);
  const complete = { state: "complete", chunks_run: [] };
  expect(JSON.parse(offline.stdout)).toEqual({ ...JSON.parse(finished.stdout), ...complete });
  expect(world.server.requests.length).toBe(before);

  const begun = await world.run(folder, "--refresh-provider", "gemini");
  expect(begun.code).toBe(0);
  expect(world.answersIn(folder).filter((name) => name.startsWith("refresh_"))).toHaveLength(1);
  expect(world.server.requests.length).toBe(before + QUESTIONS_A_DAY / 3);
  const again = await world.run(folder);
  expect(JSON.parse(again.stdout)).toEqual({ ...JSON.parse(begun.stdout), ...complete });
  expect(world.server.requests.length).toBe(before + QUESTIONS_A_DAY / 3);
});

describe("a server that is out", () => {
  const day = (): string =>
    world.newFolder({
      days: 1,
      providers: `  - { name: llama, type: llm, model: llama3.2, base_url: "${world.server.openaiUrl}", patience: 600ms }\n`,
    });
  const ASKED = QUESTIONS_A_DAY / 3;

  /** Answers all but some prompts. */
  function outFor(isOut: (prompt: string) => boolean): void {
    world.respond = (request) =>
      isOut(request.turns[0] ?? "") ? new Response("<h1>502 Bad Gateway</h1>", { status: 502 }) : someVote(request);
  }

  test("stops the run, which goes on with the same command when it is back; nothing was recorded or is asked twice", async () => {
    const folder = day();
    world.server.answered.clear();
    outFor((prompt) => prompt.includes("T12:00"));
    const { code, stdout, stderr } = await world.run(folder);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^error: Cannot ask "llama": found status 502 from the server: 502 Bad Gateway \(\d tries in 0\.\d s\), expected a server that takes questions$/m,
    );
    expect(stderr).toMatch(/Stopped in 2024-01-01_1d at 2024-01-01: .*the same command goes on/);
    // Three assets at 04:00 and at 08:00.
    expect(world.answersIn(folder)).toHaveLength(6);
    world.respond = someVote;
    const resumed = await world.run(folder);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain(`asked ${ASKED - 6}, cached 6, failed 0\n`);
    expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
  });

  test("with --on-failure abstain is marked in the decisions, replayed as it was, and asked again by --retry-failed", async () => {
    const folder = day();
    outFor((prompt) => prompt.includes("T12:00") && assetOf(prompt) === "BTCUSD");
    const first = await world.run(folder, "--on-failure", "abstain");
    expect(first.code).toBe(0);
    expect(first.stderr).toContain(`asked ${ASKED - 1}, cached 0, failed 0, unanswered 1\n`);
    expect(first.stderr).toContain(
      "1 question has no answer and counts as an abstention: --retry-failed asks again, and uses all answers that are recorded",
    );
    const marked = Object.entries(filesOf(join(folder, "memory")))
      .filter(([name]) => name.endsWith("decisions.ndjson"))
      .flatMap(([, text]) => text.trim().split("\n"))
      .map((line) => (JSON.parse(line) as { votes: { unanswered?: true; error?: string }[] }).votes[0]!)
      .filter((vote) => vote.unanswered);
    expect(marked).toHaveLength(1);
    expect(marked[0]?.error).toStartWith('Cannot ask "llama": found status 502');
    const files = filesOf(join(folder, "memory"));

    // Another run of the folder is answered since; this one keeps its decisions, byte for byte.
    world.respond = someVote;
    rmSync(join(folder, "memory"), { recursive: true });
    const offline = await runScript("run-chunks.ts", ["--json", "--offline"], { cwd: folder });
    expect({ code: offline.code, stdout: offline.stdout }).toEqual({ code: 0, stdout: first.stdout });
    expect(filesOf(join(folder, "memory"))).toEqual(files);

    const retried = await world.run(folder, "--retry-failed");
    expect(retried.code).toBe(0);
    expect(retried.stderr).toMatch(/^asked [1-9]\d*, cached \d+, failed 0$/m);
    expect(JSON.parse(retried.stdout)).not.toMatchObject({ run_id: (JSON.parse(first.stdout) as Summary).run_id });
    // Nothing is left to be asked again.
    const again = await world.run(folder, "--retry-failed");
    expect(JSON.parse(again.stdout)).toEqual({ ...JSON.parse(retried.stdout), state: "complete", chunks_run: [] });

    // Nobody answered the first refresh, so the second one asks.
    const refresh = ["--refresh-provider", "llama"];
    outFor(() => true);
    expect((await world.run(folder, ...refresh, "--on-failure", "abstain")).code).toBe(0);
    world.respond = someVote;
    expect((await world.run(folder, ...refresh)).stderr).toContain(`asked ${ASKED}, cached 0, failed 0\n`);
  });
});

test("a model that takes neither max_tokens nor a temperature is asked without, and a replay needs no server", async () => {
  const folder = world.newFolder({
    days: 1,
    providers: `  - { name: o1, type: llm, model: o1, base_url: "${world.server.openaiUrl}" }\n`,
  });
  world.respond = (request) => {
    const param = ["max_tokens", "temperature"].find((name) => name in request.body);
    if (param === undefined) return someVote(request);
    const message = `Unsupported parameter: '${param}' is not supported with this model.`;
    return Response.json({ error: { message, param, code: "unsupported_parameter" } }, { status: 400 });
  };
  const before = world.server.requests.length;
  const first = await world.run(folder);
  expect(first.code).toBe(0);
  expect(first.stderr.match(/^"o1" is asked with .*$/gm)).toEqual([
    expect.stringContaining('"o1" is asked with max_completion_tokens in place of max_tokens: status 400'),
    expect.stringContaining('"o1" is asked with no temperature: status 400'),
  ]);
  // Three questions at a time are refused twice each before one of them is answered.
  const refused = world.server.requests.length - before - QUESTIONS_A_DAY / 3;
  expect(refused).toBeLessThanOrEqual(6);
  rmSync(join(folder, "memory"), { recursive: true });
  const offline = await runScript("run-chunks.ts", ["--json", "--offline"], { cwd: folder });
  expect({ code: offline.code, stdout: offline.stdout }).toEqual({ code: 0, stdout: first.stdout });
});

test("a run whose prompts are all too long says that it will stop again, and what to change", async () => {
  const folder = world.newFolder({ chunks: "month", llama: ", prompt_file: long.txt" });
  writeFileSync(join(folder, "long.txt"), `${"{{situation}} ".repeat(1000)}{{answer}}`);
  for (let start = 1; start <= 2; start++) {
    const { code, stderr } = await world.run(folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /error: Cannot ask "llama": 20 prompts in a row are too long \(found a prompt of \d+ characters, expected at most 32000\); shorten prompt_file or use fewer placeholders\n/,
    );
    expect(stderr).toMatch(
      /Stopped in .*, but the same command meets the same prompts again: with another prompt_file it is another run/,
    );
    expect(stderr).not.toContain("goes on");
  }
});

test("the estimate names providers without a price, and the budget that a question needs", async () => {
  const folder = world.newFolder({ days: 1, llama: ", max_retries: 0" });
  const env = { CARRYOVER_TEST_KEY: KEY };
  const { stdout } = await runScript("run-chunks.ts", ["--estimate"], { cwd: folder, env });
  expect(stdout).toContain('The cost excludes "qwen", "gemini": no price is known.\n');
  const [, least = ""] = /while \$(0\.\d{4}) of the budget is left/.exec(stdout) ?? [];
  // With a cent less, the provider with a price is not asked.
  const file = join(folder, "config.yaml");
  const config = readFileSync(file, "utf8");
  world.respond = someVote;
  for (const [budget, isAsked] of [
    [Number(least) - 0.01, false],
    [Number(least), true],
  ] as const) {
    writeFileSync(file, config.replace("data_dir: synthetic", `data_dir: synthetic, budget_usd: ${budget.toFixed(4)}`));
    const { stderr } = await world.run(folder);
    expect(/, cost \$0\.0000\n/.test(stderr)).toBe(!isAsked);
    expect(stderr).toMatch(/, cost \$\d/);
  }
});

test("a key in the configuration is refused, and no message repeats it", async () => {
  const folder = world.newFolder();
  const file = join(folder, "config.yaml");
  const config = readFileSync(file, "utf8");
  for (const wrong of [
    `api_key: ${KEY}`,
    `key: ${KEY}`,
    `api_key_env: ${KEY}`,
    `api_key_env: AIzaSy${KEY.slice(3, 9)}`,
  ]) {
    writeFileSync(file, config.replace("mask: true", wrong));
    const { code, stdout, stderr } = await world.run(folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/api_key_env|environment variable/);
    expect(stdout + stderr).not.toMatch(/0123456789|AIzaSy/);
  }
  for (const url of ["ftp://x/v1", "http://user:secret@x/v1", "https://x/v1?key=secret", "localhost:11434"]) {
    writeFileSync(file, config.replace(world.server.openaiUrl, url));
    const { code, stderr } = await world.run(folder);
    expect(code).toBe(2);
    expect(stderr).toContain("base_url, expected an http or https address");
    expect(stderr).not.toContain("secret");
  }
});
