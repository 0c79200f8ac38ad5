import { expect, test } from "bun:test";
import { knowledgeCutoff } from "../../../lib/providers/recorded/knowledge-cutoffs.ts";

test.each([
  ["gpt-4", "2021-09-30"],
  ["gpt-4o", "2023-10-01"],
  ["gpt-4o-2024-08-06", "2023-10-01"],
  ["openai/gpt-4o-mini-2024-07-18", "2023-10-01"],
  ["openai/gpt-4o-2024-08-06:free", "2023-10-01"],
  ["Gemini-2.5-Flash", "2025-01-31"],
  ["llama3.1:8b-instruct-q4_K_M", "2023-12-31"],
  ["gemma3:12b", "2024-08-31"],
])("the cutoff of %s is %s", (model, day) => {
  expect(knowledgeCutoff(model)).toBe(day);
});

test.each([
  "gpt-4-1106-preview",
  "gpt-4-1106",
  "gpt-4-0125-preview",
  "gpt-4.5-preview",
  "gpt-5.2",
  "gpt-5-codex",
  "gpt-4o-2024-08",
  "gpt-4o:online",
  "gpt-4o-2024-08-06:online",
  "llama3.2-vision-tuned",
  "qwen2.5",
  "constructor",
  "",
])('the cutoff of "%s" is unknown, although other names start alike', (model) => {
  expect(knowledgeCutoff(model)).toBeUndefined();
});
