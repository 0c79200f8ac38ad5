/** Runs that ask language models and programs, from the shell: the slow part of test/scripts/model-runs.test.ts. `bun run test:slow` */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Estimate } from "../../lib/experiments/estimate.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import { PROJECT_DIR } from "../samples.ts";
import { someVote } from "../providers/recorded/model-server.ts";
import { KEY, openModelWorld, QUESTIONS_A_DAY, type ModelWorld } from "../scripts/model-run-samples.ts";
import { filesOf, runScript, type ScriptResult } from "../scripts/run-script.ts";
import { IS_SAMPLE } from "./support/sample.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(600_000);

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
    ({ folder: whole, summary } = await world.runWhole());
  });

  test("with answers that come late and out of order, ends in the same bytes", async () => {
    const folder = world.newFolder();
    world.respond = async (request) => {
      await Bun.sleep((request.number * 7) % 11);
      return someVote(request);
    };
    expect((await world.run(folder)).code).toBe(0);
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
  });

  test("stopped by Ctrl-C keeps all answers, exits with 130, and goes on", async () => {
    const folder = world.newFolder();
    world.server.answered.clear();
    world.respond = async (request) => {
      await Bun.sleep(20);
      return someVote(request);
    };
    const child = world.start(folder);
    while (world.answersIn(folder).length < 30) await Bun.sleep(5);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await new Response(child.stderr).text()).toContain("the same command goes on");
    world.respond = someVote;
    expect((await world.run(folder)).code).toBe(0);
    expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
  });

  test("offline with a missing answer, exits with 3 and says how many are missing", async () => {
    const folder = world.newFolder();
    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    // Of the last decision, which nothing depends on.
    const last = world
      .answersIn(folder)
      .map((name) => ({ name, text: readFileSync(join(folder, "answers", name), "utf8") }))
      .filter(({ text }) => text.includes('time\\":\\"2024-01-03T00:00'));
    expect(last).toHaveLength(6);
    rmSync(join(folder, "answers", last[0]!.name));
    const { code, stderr } = await world.run(folder, "--offline");
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /error: Cannot run offline: found questions without a recorded answer among those that are left \("\w+": 1 of \d+\), expected an answer to each: without --offline they are asked\n/,
    );
    // Without any answer: three are certainly missing from each model, for the three assets of the first decision.
    const empty = await world.run(world.newFolder(), "--offline");
    expect(empty.code).toBe(3);
    const each = `3 to ${QUESTIONS / 3} of ${QUESTIONS / 3}`;
    expect(empty.stderr).toContain("the same command without --offline goes on");
    expect(empty.stderr).toContain(`("gemini": ${each}; "llama": ${each}; "qwen": ${each})`);
  });

  test("--estimate says what is left, and asks and writes nothing", async () => {
    const folder = world.newFolder();
    const before = world.server.requests.length;
    const fresh = await world.run(folder, "--estimate");
    expect(fresh.code).toBe(0);
    expect(fresh.stderr).toContain('before the knowledge cutoff of "gemini-2.0-flash", 2024-08-31');
    const estimate = JSON.parse(fresh.stdout) as Estimate;
    expect(estimate).toMatchObject({ questions: QUESTIONS, cached: 0, to_ask: QUESTIONS });
    const [llama, qwen] = estimate.providers;
    expect(llama).toMatchObject({
      name: "llama",
      to_ask: QUESTIONS / 3,
      output_tokens: 60 * (QUESTIONS / 3),
      seconds_per_answer: null,
    });
    expect(llama?.cost_usd).toBeCloseTo(((llama?.input_tokens ?? 0) + 10 * (llama?.output_tokens ?? 0)) / 1e6, 12);
    expect(qwen?.cost_usd).toBeNull();
    // 36 questions, 3 assets at a time, 2 seconds each.
    expect(estimate.hours).toBeCloseTo(24 / 3600, 12);
    expect(readdirSync(folder)).toEqual(["config.yaml"]);

    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    const cached = JSON.parse((await world.run(folder, "--estimate")).stdout) as Estimate;
    expect(cached).toMatchObject({ questions: QUESTIONS, cached: QUESTIONS, to_ask: 0, cost_usd: 0, hours: 0 });
    // The last decision's answers go. Their tokens are estimated from the others, which have 700 each by the server's count.
    const bytes = { left: 0, recorded: 0 };
    for (const name of world.answersIn(folder)) {
      const { provider, request } = JSON.parse(readFileSync(join(folder, "answers", name), "utf8")) as {
        provider: string;
        request: { prompt: string };
      };
      const isLast = request.prompt.includes('"time":"2024-01-03T00:00');
      if (isLast) rmSync(join(folder, "answers", name));
      if (provider === "llama") bytes[isLast ? "left" : "recorded"] += Buffer.byteLength(request.prompt);
    }
    const { providers } = JSON.parse((await world.run(folder, "--estimate")).stdout) as Estimate;
    expect(providers[0]).toMatchObject({ name: "llama", to_ask: 3, output_tokens: 120 });
    const counted = 700 * (QUESTIONS / 3 - 3);
    expect(providers[0]?.input_tokens).toBe(Math.ceil((bytes.left * counted) / bytes.recorded));
    const finished = JSON.parse((await world.run(whole, "--estimate")).stdout) as Estimate;
    expect(finished).toMatchObject({ questions: 0, to_ask: 0, chunks: 2, chunks_complete: 2 });
    const refreshed = JSON.parse(
      (await world.run(whole, "--estimate", "--refresh-provider", "llama")).stdout,
    ) as Estimate;
    expect(refreshed.providers.map(({ to_ask }) => to_ask > 0)[0]).toBeTrue();
    expect(world.server.requests.length).toBe(before);
    expect(filesOf(whole)["answers/refresh_x"]).toBeUndefined();
    expect(world.answersIn(whole)).toHaveLength(QUESTIONS);
  });

  test("retries, rate, price and folders do not change the run; the model does", async () => {
    const folder = world.newFolder({
      backtest: "budget_usd: 100",
      llama:
        ", timeout: 9s, max_retries: 1, max_concurrency: 2, requests_per_minute: 999, knowledge_cutoff: 2023-01-01",
    });
    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    expect(JSON.parse((await world.run(folder)).stdout)).toMatchObject({ run_id: summary.run_id });
    const file = join(folder, "config.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("model: llama3.2", "model: llama3.1"));
    const other = JSON.parse((await world.run(folder)).stdout) as Summary;
    expect(other.run_id).not.toBe(summary.run_id);
  });

  test("--refresh-provider asks one provider again under another run id, keeps its old answers, and goes on without the flag", async () => {
    const folder = world.newFolder();
    cpSync(join(whole, "answers"), join(folder, "answers"), { recursive: true });
    world.respond = ({ model, turns }) =>
      someVote({ model, turns: [`${turns[0]} another mood {"asset": "x"`] }).replace(
        /"asset":"[^"]*"/,
        /"asset":"[^"]*"/.exec(someVote({ model, turns }))?.[0] ?? "",
      );
    const before = world.server.requests.length;
    const refreshed = await world.run(folder, "--refresh-provider", "llama");
    world.respond = someVote;
    expect(refreshed.code).toBe(0);
    const result = JSON.parse(refreshed.stdout) as Summary;
    expect(result.run_id).not.toBe(summary.run_id);
    expect(world.server.requests.slice(before).filter(({ model }) => model === "llama3.2")).toHaveLength(QUESTIONS / 3);
    const asked = world.server.requests.length;
    expect(JSON.parse((await world.run(folder)).stdout)).toEqual({ ...result, state: "complete", chunks_run: [] });
    expect(world.server.requests.length).toBe(asked);
    for (const name of world.answersIn(whole)) {
      expect(readFileSync(join(folder, "answers", name), "utf8")).toBe(
        readFileSync(join(whole, "answers", name), "utf8"),
      );
    }
  });

  test("--refresh-provider is refused for a provider without recorded answers, and together with --offline", async () => {
    const rule = await world.run(world.newFolder(), "--refresh-provider", "trend");
    expect(rule.code).toBe(2);
    expect(rule.stderr).toEndWith(
      'error: Cannot use --refresh-provider: found "trend", expected "llama", "qwen", "gemini"\n',
    );
    expect((await world.run(world.newFolder(), "--refresh-provider", "llama", "--offline")).code).toBe(2);
  });

  test("stops before it exceeds its budget, with exit code 3, and goes on to the same bytes with a larger one", async () => {
    const folder = world.newFolder({ backtest: "budget_usd: 0.2", llama: ", max_output_tokens: 256, max_retries: 0" });
    world.server.answered.clear();
    const reference = world.newFolder({ llama: ", max_output_tokens: 256, max_retries: 0" });
    expect((await world.run(reference)).code).toBe(0);
    world.server.answered.clear();
    const file = join(folder, "config.yaml");
    const config = readFileSync(file, "utf8");
    // 700 tokens at $1 and 40 at $10 a million are $0.0011 a question.
    writeFileSync(file, config.replace("budget_usd: 0.2", "budget_usd: 0.02"));
    const stopped = await world.run(folder);
    expect(stopped.code).toBe(3);
    expect(stopped.stderr).toMatch(
      /error: Cannot ask the next question: found \$0\.0\d+ spent by this run and up to \$0\.0\d+ for the next answer/,
    );
    const spent = spentIn(folder);
    expect(spent).toBeLessThanOrEqual(0.02);
    expect(spent).toBeGreaterThan(0.008);
    const again = await world.run(folder);
    expect(again.code).toBe(3);
    writeFileSync(file, config);
    expect((await world.run(folder)).code).toBe(0);
    expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
    expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(reference, "memory")));
  });

  test("is compared within the budget of all its runs together, also when it is started again", async () => {
    // A world of three runs asks the one model with a price up to 108 times, at $0.0011.
    const budgetUsd = 0.15;
    const llama = ", max_output_tokens: 256, max_retries: 0";
    const folder = world.newFolder({ backtest: `budget_usd: ${budgetUsd}`, llama });
    const compare = (...flags: string[]): Promise<ScriptResult> =>
      runScript("compare-memory.ts", ["--seeds", "3", "--json", ...flags], {
        cwd: folder,
        env: { CARRYOVER_TEST_KEY: KEY },
      });
    for (let start = 1; start <= 2; start++) {
      const { code, stderr } = await compare();
      expect({ start, code, stderr }).toMatchObject({ start, code: 3 });
      expect(stderr).toContain("error: Cannot ask the next question: found $0.1");
      expect(spentIn(folder)).toBeLessThanOrEqual(budgetUsd);
    }
    expect(spentIn(folder)).toBeGreaterThan(budgetUsd - 0.03);
    const file = join(folder, "config.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace(`budget_usd: ${budgetUsd}`, "budget_usd: 9"));
    const { code, stderr } = await compare();
    expect(code).toBe(0);
    // It reports what all starts cost together.
    expect(stderr).toContain(`$${spentIn(folder).toFixed(4)} in all`);
  });

  test("shares its answers with another run at the same time", async () => {
    const [a, b] = [world.newFolder(), world.newFolder()];
    const shared = join(world.folder, "shared-answers");
    for (const folder of [a, b]) {
      const file = join(folder, "config.yaml");
      writeFileSync(file, readFileSync(file, "utf8").replace("answers_dir: answers", `answers_dir: ${shared}`));
    }
    world.respond = (request) => Bun.sleep(3).then(() => someVote({ ...request, turns: [`${request.turns[0]}`] }));
    const results = await Promise.all([world.run(a), world.run(b)]);
    world.respond = someVote;
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(filesOf(join(a, "memory"))).toEqual(filesOf(join(b, "memory")));
    expect(readdirSync(shared).filter((name) => !name.startsWith("."))).toHaveLength(QUESTIONS);
  });
});

test("a model that never gives a usable answer stops the run after twenty questions, with exit code 1; it goes on when the model is better", async () => {
  const folder = world.newFolder();
  world.respond = (request) => (request.model === "llama3.2" ? "I cannot say." : someVote(request));
  const { code, stderr } = await world.run(folder);
  expect(code).toBe(1);
  expect(stderr).toMatch(/error: Cannot go on: found 2\d questions in a row without a usable answer from "llama"/);
  world.respond = someVote;
  expect((await world.run(folder)).code).toBe(0);
});

test("a server that goes away stops the run when patience ends: no abstention is recorded, and the same command goes on", async () => {
  const folder = world.newFolder({ llama: ", max_retries: 0, patience: 1s" });
  world.server.answered.clear();
  const loading = (): Response => new Response("Loading model", { status: 503 });
  let count = 0;
  world.respond = (request) => (request.model === "llama3.2" && ++count > 5 ? loading() : someVote(request));
  const { code, stderr } = await world.run(folder);
  expect(code).toBe(1);
  expect(stderr).toContain('error: Cannot ask "llama": found status 503 from the server');
  expect(stderr).toContain("failed 1,");
  world.respond = someVote;
  expect((await world.run(folder)).code).toBe(0);
  const answers = world.answersIn(folder).map((name) => readFileSync(join(folder, "answers", name), "utf8"));
  expect(answers).toHaveLength(QUESTIONS);
  expect(answers.filter((text) => text.includes('"error"'))).toEqual([]);
});

const PYTHON = Bun.which("python3");

describe.skipIf(PYTHON === null)(
  `a program as a provider${PYTHON === null ? " (skipped: python3 is missing)" : ""}`,
  () => {
    function commandFolder(program: string): string {
      const folder = world.newFolder({
        days: 5,
        providers:
          "  - { name: trend, type: trend }\n  - { name: mine, type: command, command: [python3, provider.py] }\n",
      });
      writeFileSync(join(folder, "provider.py"), program);
      return folder;
    }

    const EXAMPLE = readFileSync(join(PROJECT_DIR, "docs", "examples", "provider.py"), "utf8");

    test("the documented example votes, is recorded, and replayed without being started", async () => {
      const folder = commandFolder(EXAMPLE);
      const first = await world.run(folder);
      expect(first.code).toBe(0);
      expect(first.stderr).toContain("asked 90, cached 0, failed 0\n");
      const decisions = readdirSync(join(folder, "memory", "synthetic", "runs"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".decisions.ndjson"))
        .flatMap((name) =>
          readFileSync(join(folder, "memory", "synthetic", "runs", name), "utf8")
            .trim()
            .split("\n"),
        )
        .map(
          (line) => JSON.parse(line) as { situation: { rsi: number }; votes: { provider: string; action: string }[] },
        );
      expect(decisions).toHaveLength(90);
      for (const { situation, votes } of decisions) {
        const wanted = situation.rsi < 30 ? "BUY" : situation.rsi > 70 ? "SELL" : "HOLD";
        expect(votes.find(({ provider }) => provider === "mine")?.action).toBe(wanted);
      }
      const again = await runScript("run-chunks.ts", ["--restart", "--offline", "--json"], {
        cwd: folder,
        env: { PATH: "" },
      });
      expect(again.code).toBe(0);
      expect(again.stderr).toContain("asked 0, cached 90");
    });

    test("its stderr is passed on, and changing its file makes another run that asks again", async () => {
      const folder = commandFolder(EXAMPLE);
      const first = JSON.parse((await world.run(folder)).stdout) as Summary;
      writeFileSync(
        join(folder, "provider.py"),
        EXAMPLE.replace("import json", 'import json\nimport os; os.write(2, b"I am new\\n")'),
      );
      const second = await world.run(folder);
      expect(second.stderr).toContain("I am new");
      expect(second.stderr).toContain("asked 90");
      expect((JSON.parse(second.stdout) as Summary).run_id).not.toBe(first.run_id);
    });

    test("Ctrl-C ends it with the run, without a traceback", async () => {
      const folder = commandFolder(
        `import os, time\nopen("pid", "w").write(str(os.getpid()))\n${EXAMPLE.replace("for line in sys.stdin:", "for line in sys.stdin:\n    time.sleep(0.05)")}`,
      );
      const child = Bun.spawn(["setsid", process.execPath, join(PROJECT_DIR, "scripts", "run-chunks.ts"), "--json"], {
        cwd: folder,
        stdout: "pipe",
        stderr: "pipe",
      });
      while (world.answersIn(folder).length < 5) await Bun.sleep(10);
      // As a terminal does: to the whole foreground group, which setsid has made.
      process.kill(-child.pid, "SIGINT");
      await child.exited;
      expect(await new Response(child.stderr).text()).not.toContain("Traceback");
      const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
      for (let i = 0; i < 1000 && existsSync(`/proc/${pid}`); i++) await Bun.sleep(20);
      expect(existsSync(`/proc/${pid}`)).toBeFalse();
    });
  },
);

test(`${IS_SAMPLE ? "a quarter" : "a year"} of three assets with three language models, killed and resumed, asks each question once and ends in the same bytes`, async () => {
  const days = IS_SAMPLE ? 91 : 366;
  const questions = days * QUESTIONS_A_DAY;
  world.respond = someVote;
  const whole = world.newFolder({ days, chunks: "quarter" });
  world.server.answered.clear();
  expect((await world.run(whole)).code).toBe(0);
  expect(world.server.answered.size).toBe(questions);

  const folder = world.newFolder({ days, chunks: "quarter" });
  world.server.answered.clear();
  const kills = [0.2, 0.5, 0.9].map((share) => Math.floor(share * questions));
  for (const atKill of kills) {
    let count = world.answersIn(folder).length;
    world.respond = (request) => (count++ >= atKill ? new Promise<string>(() => {}) : someVote(request));
    const child = world.start(folder);
    while (world.answersIn(folder).length < atKill) await Bun.sleep(50);
    child.kill("SIGKILL");
    await child.exited;
  }
  world.respond = someVote;
  expect((await world.run(folder)).code).toBe(0);
  expect(world.server.answered.size).toBe(questions);
  expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
  expect(filesOf(join(folder, "memory"))).toEqual(filesOf(join(whole, "memory")));
});

test("a stopped refresh says to go on without the flag, and then asks nothing twice", async () => {
  world.respond = someVote;
  const folder = world.newFolder();
  expect((await world.run(folder)).code).toBe(0);
  world.server.answered.clear();
  world.respond = (request) => Bun.sleep(20).then(() => someVote(request));
  const child = Bun.spawn(
    [process.execPath, join(PROJECT_DIR, "scripts", "run-chunks.ts"), "--json", "--refresh-provider", "qwen"],
    { cwd: folder, env: { ...process.env, CARRYOVER_TEST_KEY: "k" }, stdout: "ignore", stderr: "pipe" },
  );
  while (world.answersIn(folder).length < QUESTIONS + 10) await Bun.sleep(5);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await new Response(child.stderr).text()).toContain("the same command without --refresh-provider goes on");
  world.respond = someVote;
  expect((await world.run(folder)).code).toBe(0);
  expect(world.server.answered.size).toBe(QUESTIONS / 3);
  expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
});

test("a refresh that the budget stops gives one advice, with which nothing is paid twice", async () => {
  world.respond = someVote;
  const llama = ", max_output_tokens: 256, max_retries: 0";
  const folder = world.newFolder({ llama });
  expect((await world.run(folder)).code).toBe(0);
  world.server.answered.clear();
  const file = join(folder, "config.yaml");
  const config = readFileSync(file, "utf8");
  const withBudget = (usd: number): void =>
    writeFileSync(file, config.replace("data_dir: synthetic", `data_dir: synthetic, budget_usd: ${usd}`));
  withBudget(0.02);
  const stopped = await world.run(folder, "--refresh-provider", "llama");
  expect(stopped.code).toBe(3);
  expect(stopped.stderr.match(/same command[^\n]*/g)).toEqual([
    expect.stringMatching(/^same command without --refresh-provider goes on/),
  ]);
  withBudget(9);
  expect((await world.run(folder)).code).toBe(0);
  expect(world.server.answered.size).toBe(QUESTIONS / 3);
  expect(new Set(world.server.answered.values())).toEqual(new Set([1]));
});

/** What the recorded answers of a folder cost, dollars. */
function spentIn(folder: string): number {
  const costs = world.answersIn(folder).map((name) => {
    const answer = JSON.parse(readFileSync(join(folder, "answers", name), "utf8")) as { cost_usd: number | null };
    return answer.cost_usd ?? 0;
  });
  return costs.reduce((a, b) => a + b, 0);
}
