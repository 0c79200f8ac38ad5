import { z } from "zod";
import type { Answer } from "../../types.ts";
import { messageOf } from "../../errors.ts";

/** A vote as a model writes it. The confidence is a whole number, so that 0.7, meant as 70 %, is not taken for 0.7 %. */
const SCHEMA = z.object({
  asset: z.string(),
  action: z.enum(["BUY", "SELL", "HOLD"]),
  confidence: z.int().min(0).max(100),
  reason: z.string(),
});

/** The same as a JSON schema, for servers. */
export const VOTE_JSON_SCHEMA: Readonly<Record<string, unknown>> = {
  type: "object",
  properties: {
    asset: { type: "string" },
    action: { type: "string", enum: ["BUY", "SELL", "HOLD"] },
    confidence: { type: "integer", minimum: 0, maximum: 100 },
    reason: { type: "string" },
  },
  required: ["asset", "action", "confidence", "reason"],
  additionalProperties: false,
};

/** The same in words, for the prompt. Small models copy the example, so it must be valid JSON and must not be a trade. */
export function answerForm(asset: string): string {
  return (
    `The action is "BUY", "SELL" or "HOLD"; the confidence is a whole number from 0 to 100. For example:\n` +
    `{"asset": ${JSON.stringify(asset)}, "action": "HOLD", "confidence": 50, "reason": "one short sentence"}`
  );
}

/** A vote, or what is wrong with an answer. */
type VoteReading = { readonly vote: Answer } | { readonly problem: string };

/** Characters of an answer that a message quotes. */
const MAX_QUOTED = 80;

/**
 * Reads a model's answer: one JSON object and nothing around it.
 *
 * @param asset The asset that the answer must be about.
 * @returns The vote, or what is wrong. The model reads that too, before it answers again.
 */
export function readVote(text: string, asset: string): VoteReading {
  const trimmed = text.trim();
  if (trimmed === "") return { problem: "found an empty answer, expected a JSON object" };
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    const quoted = trimmed.length > MAX_QUOTED ? `${trimmed.slice(0, MAX_QUOTED)}...` : trimmed;
    return { problem: `found ${JSON.stringify(quoted)}, expected one JSON object and nothing around it` };
  }
  const result = SCHEMA.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue === undefined || issue.path.length === 0 ? "" : ` at "${issue.path.join(".")}"`;
    return { problem: `found an answer of another form${place}: ${issue?.message ?? messageOf(result.error)}` };
  }
  const { action, confidence, reason } = result.data;
  if (result.data.asset !== asset) {
    const found = JSON.stringify(result.data.asset.slice(0, MAX_QUOTED));
    return { problem: `found a vote on the asset ${found}, expected ${JSON.stringify(asset)}` };
  }
  return { vote: { action, confidence, reason } };
}
