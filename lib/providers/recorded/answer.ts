import { z } from "zod";
import type { Answer } from "../../types.ts";
import { messageOf } from "../../errors.ts";

/** What a model is asked for, as JSON. A whole number: 0.7 for 70 % would pass as a confidence of nearly nothing. */
const SCHEMA = z.object({
  asset: z.string(),
  action: z.enum(["BUY", "SELL", "HOLD"]),
  confidence: z.int().min(0).max(100),
  reason: z.string(),
});

/** The schema as servers take it. */
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

/** How the prompt says it. Small models copy what they see: that has to be JSON, and no vote for a trade. */
export function answerForm(asset: string): string {
  return (
    `The action is "BUY", "SELL" or "HOLD"; the confidence is a whole number from 0 to 100. For example:\n` +
    `{"asset": ${JSON.stringify(asset)}, "action": "HOLD", "confidence": 50, "reason": "one short sentence"}`
  );
}

/** Characters of an answer that a message shows. */
const SHOWN = 80;

/**
 * Reads a model's answer: one JSON object and nothing around it.
 *
 * @param asset What the answer has to be about.
 * @returns The vote, or what is wrong, in words that the model is told as well.
 */
export function readVote(text: string, asset: string): { vote: Answer } | { problem: string } {
  const trimmed = text.trim();
  if (trimmed === "") return { problem: "found an empty answer, expected a JSON object" };
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    const shown = trimmed.length > SHOWN ? `${trimmed.slice(0, SHOWN)}...` : trimmed;
    return { problem: `found ${JSON.stringify(shown)}, expected one JSON object and nothing around it` };
  }
  const result = SCHEMA.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = issue === undefined || issue.path.length === 0 ? "" : ` at "${issue.path.join(".")}"`;
    return { problem: `found an answer of another form${place}: ${issue?.message ?? messageOf(result.error)}` };
  }
  const { action, confidence, reason } = result.data;
  if (result.data.asset !== asset) {
    const found = JSON.stringify(result.data.asset.slice(0, SHOWN));
    return { problem: `found a vote on the asset ${found}, expected ${JSON.stringify(asset)}` };
  }
  return { vote: { action, confidence, reason } };
}
