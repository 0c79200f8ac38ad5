import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../lib/config/parse.ts";
import { compareConfig, type ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import { estimateRun, onceEach } from "../../lib/experiments/estimate.ts";
import { knowledgeVerdict } from "../../lib/experiments/known-period.ts";
import type { QuestionCounts } from "../../lib/providers/recorded/recorder-reports.ts";
import { knowledgeSections } from "../../scripts/text/known-period.ts";
import { assetOf, startModelServer } from "../providers/recorded/model-server.ts";

setDefaultTimeout(30_000);

const work = mkdtempSync(join(tmpdir(), "carryover-forms-"));

/** Votes by the averages in the prompt, by its date. */
const server = startModelServer(({ model, turns: [prompt = ""] }) => {
  const { ema_fast, ema_slow, time } = JSON.parse(/^<data>\n(.*)\n<\/data>$/m.exec(prompt)![1]!) as {
    ema_fast: number;
    ema_slow: number;
    time?: string;
  };
  const isUp = model === "dated" ? Number(time?.slice(8, 10)) % 2 === 1 : ema_fast > ema_slow;
  return JSON.stringify({ asset: assetOf(prompt), action: isUp ? "BUY" : "SELL", confidence: 70 });
});
afterAll(async () => {
  await server.stop();
  rmSync(work, { recursive: true });
});

async function compared(
  models: string,
): Promise<{ comparison: ConfigComparison; counts: QuestionCounts; toAsk: number }> {
  const config = await parseConfig(
    `backtest: { start: 2024-01-01, end: 2024-01-31, chunks: month, assets: [GOLD], decision_interval: 24h, data_dir: synthetic }
memory: { dir: ${join(work, "memory")}, answers_dir: ${join(work, "answers")} }
providers: [${models}]`,
    { file: "config.yaml" },
  );
  let counts: QuestionCounts | undefined;
  const options = {
    config,
    baseDir: work,
    seeds: 1,
    arms: ["masked", "mirrored"] as const,
    onNote: () => {},
    onStep: () => {},
  };
  const estimate = await estimateRun(config, (onQuestion) =>
    compareConfig({ ...options, mode: "dry-run", onQuestion: onceEach(onQuestion) }),
  );
  const comparison = await compareConfig({ ...options, onQuestionCounts: (latest) => (counts = latest) });
  return { comparison, counts: counts!, toAsk: estimate.to_ask };
}

const llm = (model: string, more = ""): string =>
  `{ name: ${model}, type: llm, model: ${model}, base_url: "${server.openaiUrl}", knowledge_cutoff: 2024-01-15${more} }`;

describe("models that are asked masked and mirrored", () => {
  test("turn round if they follow the data, and keep their direction if they go by the date", async () => {
    const { comparison, counts, toAsk } = await compared(`${llm("follower")}, ${llm("dated")}`);
    const [follower, dated] = comparison.period_knowledge;
    expect(follower!.parts.map(({ part }) => part)).toEqual(["whole", "before cutoff", "after cutoff"]);
    expect(follower!.parts[0]!.forms.masked!.agree!.estimate).toBe(1);
    expect(follower!.parts[0]!.forms.mirrored!.same_direction!.estimate).toBeGreaterThan(0.9);
    expect(knowledgeVerdict(follower!)).toBe("follows the data");
    expect(knowledgeVerdict(dated!)).toBe("keeps its direction");
    expect(dated!.parts[0]!.forms.mirrored!.same_direction!.estimate).toBe(-1);
    // By the date it buys every other day. Without one it only sells.
    expect(dated!.parts[0]!.forms.masked!.agree!.estimate).toBeCloseTo(0.5, 1);
    // The trades of a dry run are others, so that its runs share a few questions more or less.
    expect(counts.asked / toAsk).toBeCloseTo(1, 1);

    const text = [follower!, dated!].flatMap(knowledgeSections).join("");
    const words = text.replaceAll("\n", " ");
    expect(words).toContain(
      "follower follows the data: it turns round with inverted prices, and votes the same in 100.0%",
    );
    expect(words).toContain(
      "dated does not follow the data: with inverted prices it keeps its direction, from memory or",
    );
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("have to be models that are not masked already", async () => {
    await expect(compared(llm("follower", ", mask: true"))).rejects.toThrow(
      "Cannot use --arms masked: found only models that are masked already, expected one that can be asked",
    );
  });
});
