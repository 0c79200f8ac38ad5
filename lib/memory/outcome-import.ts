/** Outcomes that another system wrote. Only they need zod, so this file is loaded with the first of them. */
import { z } from "zod";
import { corruptFile, messageOf } from "../errors.ts";
import { trendScore } from "../market/regime.ts";
import type { Vote } from "../types.ts";
import { assertFileNamePart } from "../util/names.ts";
import { parseTimestamp } from "../util/time.ts";
import { MAX_NUMBER } from "./outcome.ts";
import { clippedR, type DecodedOutcome, tradeVotesOf } from "./trade.ts";

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

/** JSON can say -0.0, and freqtrade does. It would be written back as 0, and so be another value in every cache. */
const number = z
  .number()
  .refine((value) => Math.abs(value) <= MAX_NUMBER, "expected at most 1e100")
  .transform((value) => value + 0);

/** The field's established names. Other fields are ignored. */
const schema = z.object({
  decision_id: fileNamePart,
  asset_pair: z.string().min(1),
  action: z.enum(["BUY", "SELL"]),
  entry_timestamp: time,
  exit_timestamp: time,
  realized_pnl: number,
  pnl_percentage: number,
  ai_provider: z.string().min(1).nullish(),
  decision_confidence: number.nullish(),
  raw_confidence: number.nullish(),
  situation: z.object({ adx: number, atr: number, ema_fast: number, ema_slow: number }).nullish(),
  market: z.enum(["bars", "synthetic"]).nullish(),
  regime: z.string().min(1).nullish(),
  market_regime: z.string().min(1).nullish(),
  exit_reason: z.string().nullish(),
  result_r: number.transform(clippedR).nullish(),
  votes: z
    .array(
      z.object({
        provider: z.string().min(1),
        action: z.enum(["BUY", "SELL", "HOLD"]),
        confidence: number,
        error: z.string().exactOptional(),
      }),
    )
    .refine(
      (votes) => new Set(votes.map((vote) => vote.provider)).size === votes.length,
      "expected one vote a provider",
    )
    .nullish(),
  description: z.string().min(1).nullish(),
});

/**
 * The trade of an outcome that another system wrote. Only what it says is taken: without `votes`, a single `ai_provider` counts as
 * having voted the trade's way, and an ensemble as no vote; without `result_r` the trade says nothing about any provider.
 *
 * @throws {CarryoverError} `CORRUPT` if a required field is missing or of another type.
 */
export function tradeOfImported(
  fields: Record<string, unknown>,
  file: { name: string; bytes: number; contentHash: string },
): DecodedOutcome {
  const parsed = schema.safeParse(fields);
  if (!parsed.success) {
    const found = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw corruptFile(file.name, { found, expected: "an outcome" });
  }
  const outcome = parsed.data;
  const { action, ai_provider: provider } = outcome;
  const confidence = outcome.decision_confidence ?? 0;
  const regime = outcome.regime ?? outcome.market_regime ?? "UNKNOWN";
  const single: Vote[] = provider && provider !== "ensemble" ? [{ provider, action, confidence }] : [];
  return {
    trade: {
      id: outcome.decision_id,
      bytes: file.bytes,
      crc32: null,
      contentHash: file.contentHash,
      runId: "",
      chunk: "",
      market: outcome.market ?? "bars",
      asset: outcome.asset_pair,
      regime,
      action,
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
      votes: tradeVotesOf(outcome.votes ?? single),
    },
    description: outcome.description ?? `${outcome.asset_pair} is in the regime ${regime}.`,
  };
}
