import { z } from "zod";
import type { Vote } from "../types.ts";
import { CarryoverError, messageOf } from "../errors.ts";
import { assertFileNamePart } from "../util/names.ts";
import { parseTimestamp } from "../util/time.ts";
import { tradeVotesOf, type Trade } from "./trade.ts";
import { trendScore } from "../market/regime.ts";

/** As in docs/RULES.md: one freak result must not teach more than many trades. */
const MAX_RESULT_R = 3;

const time = z.string().transform((text, context) => {
  const ms = parseTimestamp(text);
  if (ms === undefined) context.addIssue({ code: "custom", message: "expected an ISO 8601 time", input: text });
  return ms ?? 0;
});

const fileNamePart = z.string().superRefine((id, context) => {
  try {
    assertFileNamePart("decision_id", id);
  } catch (error) {
    context.addIssue({ code: "custom", message: messageOf(error) });
  }
});

/** The field's established names; fields that are not here are not used. */
const schema = z.object({
  decision_id: fileNamePart,
  asset_pair: z.string().min(1),
  action: z.enum(["BUY", "SELL"]),
  entry_timestamp: time,
  exit_timestamp: time,
  realized_pnl: z.number(),
  pnl_percentage: z.number(),
  ai_provider: z.string().min(1).nullish(),
  decision_confidence: z.number().nullish(),
  raw_confidence: z.number().nullish(),
  situation: z.object({ adx: z.number(), atr: z.number(), ema_fast: z.number(), ema_slow: z.number() }).nullish(),
  market: z.enum(["bars", "synthetic"]).nullish(),
  regime: z.string().min(1).nullish(),
  market_regime: z.string().min(1).nullish(),
  exit_reason: z.string().nullish(),
  result_r: z
    .number()
    .transform((r) => Math.max(-MAX_RESULT_R, Math.min(MAX_RESULT_R, r)))
    .nullish(),
  votes: z
    .array(
      z.object({
        provider: z.string().min(1),
        action: z.enum(["BUY", "SELL", "HOLD"]),
        confidence: z.number(),
        error: z.string().exactOptional(),
      }),
    )
    .refine((votes) => new Set(votes.map((vote) => vote.provider)).size === votes.length, "expected one of a provider")
    .nullish(),
  description: z.string().min(1).nullish(),
});

/**
 * What memory keeps of an outcome that another system wrote. Only what it says is taken: without `votes`, a single `ai_provider`
 * counts as having voted the trade's way, an ensemble as nothing; without `result_r` no provider gets evidence from it.
 *
 * @throws {CarryoverError} `CORRUPT` if a field that nothing can stand in for is missing or of another type.
 */
export function tradeOfImported(
  fields: Record<string, unknown>,
  file: { name: string; bytes: number },
): { trade: Trade; description: string } {
  const parsed = schema.safeParse(fields);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new CarryoverError("CORRUPT", `Cannot read "${file.name}": found ${problems}, expected an outcome`);
  }
  const outcome = parsed.data;
  const provider = outcome.ai_provider;
  const confidence = outcome.decision_confidence ?? 0;
  const regime = outcome.regime ?? outcome.market_regime ?? "UNKNOWN";
  const lone: Vote[] = provider && provider !== "ensemble" ? [{ provider, action: outcome.action, confidence }] : [];
  return {
    trade: {
      id: outcome.decision_id,
      bytes: file.bytes,
      crc32: null,
      runId: "",
      chunk: "",
      market: outcome.market ?? "bars",
      asset: outcome.asset_pair,
      regime,
      action: outcome.action,
      entryMs: outcome.entry_timestamp,
      exitMs: outcome.exit_timestamp,
      exitReason: outcome.exit_reason ?? "unknown",
      won: outcome.realized_pnl > 0,
      pnl: outcome.realized_pnl,
      pnlPct: outcome.pnl_percentage,
      resultR: outcome.result_r ?? null,
      confidence,
      rawConfidence: outcome.raw_confidence ?? confidence,
      trendScore: outcome.situation ? trendScore(outcome.situation) : null,
      votes: tradeVotesOf(outcome.votes ?? lone),
    },
    description: outcome.description ?? `${outcome.asset_pair} is in the regime ${regime}.`,
  };
}
