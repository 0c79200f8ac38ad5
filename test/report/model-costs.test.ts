import { expect, test } from "bun:test";
import type { ReportData } from "../../lib/report/data.ts";
import { modelCosts } from "../../lib/report/model-costs.ts";
import { modelsPicture } from "../../lib/report/pictures/costs.ts";
import { AnswerStore } from "../../lib/providers/recorded/recordings.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";

const RUN = "a".repeat(64);

test("the answers that a run asked for are counted by provider, and shown with what they cost", async () => {
  const store = new AnswerStore(inMemoryStorage(), { onNote: () => {} });
  let asked = 0;
  const keep = (provider: string, usd: number | null, runId = RUN): Promise<unknown> =>
    store.keep(
      { provider, request: { prompt: String(asked++) }, refresh: 0 },
      {
        vote: { action: "BUY", confidence: 70 },
        raw: ["BUY"],
        tokens: { input: 700, output: 40 },
        cost_usd: usd,
        asked_at: "2026-01-02T03:04:05.000Z",
        took_ms: 1,
        run_id: runId,
      },
    );
  await keep("llama", null);
  await keep("gemini", 0.25);
  await keep("gemini", 1.5);
  await keep("gemini", 9, "b".repeat(64));
  const models = await modelCosts(store, RUN);
  expect(models).toEqual([
    { provider: "gemini", answers: 2, usd: 1.75, inputTokens: 1400, outputTokens: 80 },
    { provider: "llama", answers: 1, usd: null, inputTokens: 700, outputTokens: 40 },
  ]);
  const picture = modelsPicture({ models } as ReportData);
  expect(picture.note).toStartWith("What this run asked for cost $1.75.");
  expect(picture.note).toContain("Of a provider without a price only the answers are counted.");
  expect(picture.body).toContain("$1.75");
  expect(picture.table!.rows).toEqual([
    ["gemini", "2", "$1.75", "1,400", "80"],
    ["llama", "1", "-", "700", "40"],
  ]);
});

test("without a price no cost is claimed", () => {
  const models = [{ provider: "llama", answers: 1, usd: null, inputTokens: 7, outputTokens: 4 }];
  const { note, body } = modelsPicture({ models } as unknown as ReportData);
  expect(note).toStartWith("No price is known of what this run asked for.");
  expect(body).toBeUndefined();
});

test("a run that asks nobody, or nothing new, has no picture of costs", () => {
  expect(modelsPicture({ models: undefined } as ReportData)).toMatchObject({ note: "No model voted in this run." });
  expect(modelsPicture({ models: [] as const } as unknown as ReportData).body).toBeUndefined();
});
