/** What a session answers, and how it refuses. */
import { CarryoverError, fail, messageOf } from "../errors.ts";
import type { SessionDecision, SessionOutcome } from "../memory/session-outcome.ts";
import type { RecalledTrade, RecallResult } from "../memory/recall.ts";
import type { BegunRecord } from "../memory/store.ts";
import type { EmbeddedTrade } from "../memory/trade.ts";
import type { MemoryContext, SimilarTrade } from "../types.ts";
import { refuseParam } from "./param-error.ts";

/** An answer, and when what it says is durable. */
export interface Answer<T = unknown> {
  readonly result: T;
  readonly durable?: Promise<unknown> | undefined;
}

/** What `open_session` returns. */
export interface OpenResult {
  readonly session: string;
  /** `null` before the start is known. */
  readonly run_id: string | null;
  /** Whether it goes on with an earlier session. */
  readonly resumed: boolean;
}

/** What `decide` returns. */
export interface DecideResult extends Pick<
  SessionDecision,
  "decision_id" | "action" | "confidence" | "raw_confidence" | "weights" | "calibrated" | "size_scale" | "expected_r"
> {
  /** Outcomes that the decision could learn from. */
  readonly remembered: number;
  readonly similar: readonly SimilarTrade[];
  readonly records: MemoryContext["records"];
}

/** What `record_outcome` returns. */
export interface RecordResult extends Pick<
  SessionOutcome,
  "decision_id" | "realized_pnl" | "pnl_percentage" | "result_r" | "r_basis"
> {
  /** Whether it was recorded before, with the same values. */
  readonly already_recorded: boolean;
}

/** An answer to a trade, and the trade as memory has it. */
export interface RecordedTrade extends Required<Answer<RecordResult>> {
  readonly durable: Promise<unknown>;
  readonly trade: EmbeddedTrade;
}

/** What `close_session` returns. */
export interface CloseResult {
  readonly run_id: string;
  readonly chunks: number;
  readonly decisions: number;
  readonly outcomes: number;
}

/** What `recall_trades` returns. */
export interface RecallTradesResult extends Pick<RecallResult, "searched" | "tied"> {
  /** What was compared. */
  readonly sentence: string;
  readonly trades: readonly RecalledTrade[];
  /** That similarity is chance. */
  readonly note?: string;
}

/** What `provider_weights` and `provider_records` say of the time that they look at. */
interface AsOf {
  /** ISO 8601. */
  readonly as_of: string;
  /** Outcomes that count then. */
  readonly remembered: number;
}

/** What `provider_weights` returns. */
export interface WeightsResult extends AsOf {
  /** They sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
}

/** What `provider_records` returns. */
export interface RecordsResult extends AsOf {
  readonly records: MemoryContext["records"];
}

export function resultOf(decision: SessionDecision, recalled: MemoryContext): DecideResult {
  const { decision_id, action, confidence, raw_confidence, weights, calibrated, size_scale, expected_r } = decision;
  const { remembered, similar, records } = recalled;
  const figures = { decision_id, action, confidence, raw_confidence, weights, calibrated, size_scale, expected_r };
  return { ...figures, remembered, similar, records };
}

/** @param name Of the open one. */
export function alreadyOpen(name: string): CarryoverError {
  const expected = 'another "engine", "resume": false, or close_session of that one first';
  return fail("CONFLICT", "Cannot open_session", { found: `the same session open already, as "${name}"`, expected });
}

/** Refuses calls of a backtest after a write that failed. */
export function lostDecisions(method: string, error: unknown): CarryoverError {
  const cause = error instanceof CarryoverError ? (error.cause ?? error) : error;
  const found = `an earlier write failed (${messageOf(cause)})`;
  const expected = 'a new open_session, or one with "resume": true, which lacks the decisions that were not stored';
  return fail("READ_ONLY", `Cannot ${method}`, { found, expected, cause: error });
}

export function takenId(method: string, id: string): CarryoverError {
  const expected = "the same values as before, or another decision_id";
  return refuseParam(method, "decision_id", { found: `"${id}", which has other values`, expected, code: "CONFLICT" });
}

export function unknownDecision(id: string): CarryoverError {
  const expected = "what decide returned in this session, or votes beside it";
  return refuseParam("record_outcome", "decision_id", { found: JSON.stringify(id), expected, code: "NOT_FOUND" });
}

/** Says which trade it is whose values differ from those that were recorded. */
export async function unlessTaken(id: string, work: () => Promise<BegunRecord>): Promise<BegunRecord> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CarryoverError && error.code === "CONFLICT") throw takenId("record_outcome", id);
    throw error;
  }
}
