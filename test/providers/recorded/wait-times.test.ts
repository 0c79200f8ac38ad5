import { expect, test } from "bun:test";
import { waitOfBody, waitOfHeaders } from "../../../lib/providers/recorded/wait-times.ts";

const NOW = Date.UTC(2026, 0, 1, 12);

test.each([
  ["seconds", { "retry-after": "7" }, 7000],
  ["parts of a second", { "retry-after": "0.8" }, 800],
  ["a date", { "retry-after": "Thu, 01 Jan 2026 12:01:00 GMT" }, 60_000],
  ["a date that has passed", { "retry-after": "Thu, 01 Jan 2026 11:00:00 GMT" }, 0],
  ["a negative number, which is no time", { "retry-after": "-1" }, undefined],
  ["a year, which is no time", { "retry-after": "2026x" }, undefined],
  ["Azure's milliseconds before its seconds", { "retry-after-ms": "1500", "retry-after": "2" }, 1500],
  [
    "what is used up, of OpenAI's two",
    {
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "6m0s",
    },
    360_000,
  ],
  [
    "the first of Groq's two, if neither is used up",
    {
      "x-ratelimit-remaining-requests": "14370",
      "x-ratelimit-reset-requests": "2m59.56s",
      "x-ratelimit-remaining-tokens": "500",
      "x-ratelimit-reset-tokens": "7.66s",
    },
    7660,
  ],
  ["milliseconds", { "x-ratelimit-reset-requests": "20ms" }, 20],
  ["OpenRouter's epoch ms", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${NOW + 5000}` }, 5000],
  ["epoch seconds", { "x-ratelimit-reset": `${NOW / 1000 + 5}` }, 5000],
  ["seconds of the IETF's draft", { "ratelimit-reset": "50" }, 50_000],
  ["Anthropic's time", { "anthropic-ratelimit-requests-reset": "2026-01-01T12:00:30Z" }, 30_000],
  ["nothing", { "x-ratelimit-limit-requests": "60", date: "Thu, 01 Jan 2026 12:01:00 GMT" }, undefined],
])("headers ask to wait for %s", (_what, headers, wanted) => {
  expect(waitOfHeaders(headers, NOW)).toBe(wanted as number);
});

test.each([
  ['{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "8.5s"}', 8500],
  ["Rate limit reached on tokens per minute (TPM): Limit 7000. Please try again in 50.597s. Visit", 50_597],
  ["on tokens per day (TPD): Limit 100000, Used 97050. Please try again in 9m38.016s.", 578_016],
  ["Please retry in 23.4s.", 23_400],
  ["Please try again in 640ms.", 640],
  ["Too many requests, retry after 30 seconds", 30_000],
  ["try again in 2 minutes", 120_000],
  ["Rate limit of 10 per 60s exceeded. Please wait 43 seconds before retrying.", 43_000],
  ["Please wait for the model to load.", undefined],
  ["Please try again later.", undefined],
])("an error asks to wait: %s", (body, wanted) => {
  expect(waitOfBody(body)).toBe(wanted as number);
});
