/** Answers that version 0.2.0 recorded are valid, and found by the questions of this version. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LlmConfig } from "../../../lib/config/config.ts";
import { loadConfig } from "../../../lib/config/load.node.ts";
import { LlmClient, type LlmConnection } from "../../../lib/providers/recorded/llm.ts";
import { type RecordedAnswer, withKey } from "../../../lib/providers/recorded/answer-file.ts";
import { AnswerStore } from "../../../lib/providers/recorded/recordings.ts";
import { diskStorage } from "../../../lib/storage/disk.node.ts";
import { makeContext, makeSituation } from "../situation-samples.ts";

const FIXTURE = join(import.meta.dir, "../../fixtures/version-0.2.0");
const ANSWERS = join(FIXTURE, "answers");
const NAMES = readdirSync(ANSWERS);

/** Nobody is asked. */
const connection: LlmConnection = {
  ready: () => Promise.reject(new Error("asked")),
  complete: () => Promise.reject(new Error("asked")),
};

test("each is found by its own question", async () => {
  const damaged: string[] = [];
  const store = new AnswerStore(diskStorage(ANSWERS), { onNote: (note) => damaged.push(note) });
  const { config } = await loadConfig(join(FIXTURE, "config.yaml"));
  const model = config.providers.find((provider): provider is LlmConfig => provider.type === "llm")!;
  expect(NAMES).toHaveLength(80);
  for (const name of NAMES) {
    const { provider, refresh, request } = JSON.parse(readFileSync(join(ANSWERS, name), "utf8")) as RecordedAnswer;
    const { prompt, asset } = request as { prompt: string; asset: string };
    // A template without placeholders is the prompt itself.
    const client = new LlmClient(model, { connection, template: prompt, now: () => 0 });
    const question = client.prepare(makeSituation({ asset }), makeContext(0));
    const asked = withKey({ provider, refresh, request: question.request });
    expect(`${asked.key}.json`).toBe(name);
    expect((await store.find(asked))?.vote.action).toMatch(/^(?:BUY|SELL|HOLD)$/);
  }
  expect(damaged).toEqual([]);
});
