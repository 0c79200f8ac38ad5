/** Runs that ask real language models of two families: SmolLM2 with 135 million parameters, and Gemma 3 with 270 million. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecordedAnswer } from "../../lib/providers/recorded/answer-file.ts";
import { filesOf, runScript, type ScriptResult } from "../scripts/run-script.ts";
import { missingFor, MODELS, type RealModel, startRealModel, type StartedModel } from "./support/real-models.ts";

// A model is slow on a busy processor.
setDefaultTimeout(600_000);

/** A request on its way to the model, and the tokens that the server counted. */
interface Forwarded {
  readonly prompt: string;
  readonly turns: number;
  readonly format: string | undefined;
  readonly tokens: { readonly input: number; readonly output: number };
}

for (const real of MODELS) {
  const missing = missingFor(real);
  describe.skipIf(missing !== "")(`${real.title}${missing === "" ? "" : ` (${missing})`}`, () => testsOf(real));
}

function testsOf(real: RealModel): void {
  let folder = "";
  const forwarded: Forwarded[] = [];
  let model: StartedModel | undefined;
  let proxy: Bun.Server<undefined>;
  let first: ScriptResult;
  let answers: readonly RecordedAnswer[];

  const run = (...flags: string[]): Promise<ScriptResult> =>
    runScript("run-chunks.ts", ["--json", ...flags], { cwd: folder });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "carryover-real-model-"));
    const started = await startRealModel(real, folder);
    model = started;
    proxy = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      fetch: async (request) => {
        const body = (await request.json()) as Record<string, never>;
        const response = await fetch(started.address + new URL(request.url).pathname, {
          method: "POST",
          body: JSON.stringify(body),
        });
        const answer = (await response.json()) as Record<string, never>;
        forwarded.push({
          prompt: body["messages"]?.[0]?.["content"] ?? "",
          turns: body["messages"]?.["length"] ?? 0,
          format: body["response_format"]?.["type"],
          tokens: {
            input: answer["usage"]?.["prompt_tokens"] ?? 0,
            output: answer["usage"]?.["completion_tokens"] ?? 0,
          },
        });
        return Response.json(answer, { status: response.status });
      },
    });
    writeFileSync(
      join(folder, "config.yaml"),
      `memory: { dir: memory, answers_dir: answers }
backtest: { start: 2024-01-01, end: 2024-01-02, chunks: 1d, decision_interval: 8h, assets: [BTCUSD], data_dir: synthetic }
providers:
  - { name: trend, type: trend }
  - { name: schema, type: llm, model: smollm2, base_url: "${proxy.url}v1", timeout: 5m, max_output_tokens: 100 }
  - { name: prose, type: llm, model: smollm2, base_url: "${proxy.url}v1", timeout: 5m, max_output_tokens: 100, output: text }
`,
    );
    first = await run();
    answers = readdirSync(join(folder, "answers"))
      .filter((name) => name.endsWith(".json"))
      .map((name) => JSON.parse(readFileSync(join(folder, "answers", name), "utf8")) as RecordedAnswer);
  });

  afterAll(async () => {
    model?.stop();
    await proxy?.stop(true);
    rmSync(folder, { recursive: true });
  });

  const answersOf = (output: string): readonly RecordedAnswer[] =>
    answers.filter(({ request }) => (request as { output: string }).output === output);

  test("is asked by two providers at three times, and an answer that is no vote counts as failed", () => {
    expect(first.stderr).toContain("asked 6, cached 0");
    expect(first.code).toBe(0);
    expect([answersOf("json_schema").length, answersOf("text").length]).toEqual([3, 3]);
    const failed = answers.filter(({ vote }) => vote.error !== undefined);
    expect(first.stderr).toEndWith(`failed ${failed.length}\n`);
    for (const { vote, raw } of failed) {
      expect(vote).toMatchObject({ action: "HOLD", confidence: 0 });
      expect(raw).toHaveLength(2);
    }
  });

  test("votes as it said, if its answers have to follow the schema", () => {
    const votes = answersOf("json_schema").filter(({ vote }) => vote.error === undefined);
    expect(votes.length).toBeGreaterThan(0);
    for (const { vote, raw } of votes) {
      expect(JSON.parse(raw.at(-1) ?? "")).toEqual({ asset: "BTCUSD", ...vote });
    }
  });

  test("is asked each question once, and its tokens are recorded as the server counted them", () => {
    expect(new Set(forwarded.map((each) => JSON.stringify([each.format, each.prompt, each.turns]))).size).toBe(
      forwarded.length,
    );
    expect(forwarded).toHaveLength(answers.flatMap(({ raw }) => raw).length);
    for (const { request, tokens } of answers) {
      const { prompt, output } = request as { prompt: string; output: string };
      const mine = forwarded.filter(
        (each) => each.prompt === prompt && each.format === (output === "text" ? undefined : output),
      );
      const sum = (which: "input" | "output"): number => mine.reduce((all, each) => all + each.tokens[which], 0);
      expect(tokens).toEqual({ input: sum("input"), output: sum("output") });
      expect(sum("output")).toBeGreaterThan(0);
    }
  });

  test("is not asked again, and without its server --offline ends in the same bytes", async () => {
    const memory = join(folder, "memory");
    const files = filesOf(memory);
    const requests = forwarded.length;
    rmSync(memory, { recursive: true });
    const again = await run();
    expect(again.stderr).toContain("asked 0, cached 6, failed 0");
    expect(forwarded).toHaveLength(requests);
    model?.stop();
    await proxy.stop(true);
    rmSync(memory, { recursive: true });
    const offline = await run("--offline");
    expect(offline.code).toBe(0);
    expect(offline.stdout).toBe(first.stdout);
    expect(filesOf(memory)).toEqual(files);
  });
}
