/** What a session checks of what a program sends, beyond the types. */
import type { RBasis, SessionDecision, SessionSituation } from "../memory/session-outcome.ts";
import { directionOf } from "../memory/trade.ts";
import { abstain, toVote } from "../providers/provider.ts";
import type { Vote } from "../types.ts";
import { closest } from "../util/closest.ts";
import { isSameJson } from "../util/json.ts";
import { DAY_MS } from "../util/time.ts";
import type { DecideParams, RecordOutcomeParams, VoteParam } from "./params.ts";
import { refuseParam } from "./param-error.ts";

/** Votes of a provider after which none above 1 shows that its confidences are shares. */
const FIRST_VOTES = 50;

/** Reads the votes that a session is sent. */
export class VoteReader {
  readonly #providers: readonly string[];
  readonly #confidences = new Map<string, { count: number; highest: number }>();

  constructor(providers: readonly string[]) {
    this.#providers = providers;
  }

  /** A vote of each provider, in their order. Who sent none abstains. */
  read(method: string, sent: readonly VoteParam[]): readonly Vote[] {
    const byProvider = new Map<string, VoteParam>();
    for (const [i, vote] of sent.entries()) {
      const field = `votes[${i}].provider`;
      const found = JSON.stringify(vote.provider);
      if (!this.#providers.includes(vote.provider)) {
        const meant = closest(vote.provider, this.#providers);
        const expected = meant === undefined ? `one of ${this.#providers.join(", ")}` : JSON.stringify(meant);
        throw refuseParam(method, field, { found, expected });
      }
      if (byProvider.has(vote.provider))
        throw refuseParam(method, field, { found: `${found} a second time`, expected: "one vote of each provider" });
      byProvider.set(vote.provider, vote);
      this.#assertPercent(method, `votes[${i}].confidence`, vote);
    }
    return this.#providers.map((name) => toVote(name, byProvider.get(name) ?? abstain("no vote")));
  }

  #assertPercent(method: string, field: string, { provider, confidence }: VoteParam): void {
    if (confidence === undefined) return;
    const seen = this.#confidences.get(provider) ?? { count: 0, highest: 0 };
    this.#confidences.set(provider, seen);
    seen.count += 1;
    seen.highest = Math.max(seen.highest, confidence);
    if (seen.count < FIRST_VOTES || seen.highest === 0 || seen.highest > 1) return;
    const found = `${confidence}, and none above 1 in ${seen.count} votes of "${provider}"`;
    throw refuseParam(method, field, { found, expected: "0 to 100: 70 for a share of 0.7" });
  }
}

/** What a decision risks, as far as the program said. */
export type DecisionRisk = Pick<SessionDecision, "price" | "risk_per_unit" | "r_basis" | "stop_price">;

export const NO_RISK: DecisionRisk = { price: null, risk_per_unit: null, r_basis: "none", stop_price: null };

/** @param options `stopAtr`: how many ATR an R is. */
export function decisionRisk(
  params: Pick<DecideParams, "price" | "stop" | "atr">,
  { situation, stopAtr }: { situation: SessionSituation; stopAtr: number },
): DecisionRisk {
  const price = params.price ?? situation.close ?? null;
  const { stop, atr = situation.atr } = params;
  // Without both no costs are known, and the size would be the full one.
  if (price === null && (stop !== undefined || params.atr !== undefined)) {
    const found = `none beside the ${stop === undefined ? "atr" : "stop"}`;
    throw refuseParam("decide", "price", { found, expected: "the price now, or situation.close" });
  }
  if (params.price !== undefined && stop === undefined && atr === undefined)
    throw refuseParam("decide", "stop", { found: "none beside the price", expected: "a stop or an atr, or no price" });
  if (stop !== undefined) {
    if (stop === price)
      throw refuseParam("decide", "stop", { found: "the price itself", expected: "one below or above it" });
    return { price, risk_per_unit: Math.abs(price! - stop), r_basis: "stop", stop_price: stop };
  }
  const basis: RBasis = atr !== undefined && atr > 0 ? "atr" : "none";
  return { price, risk_per_unit: basis === "atr" ? stopAtr * atr! : null, r_basis: basis, stop_price: null };
}

/** @throws {ParamError} If a trade contradicts itself. */
export function checkTrade(params: RecordOutcomeParams): void {
  const refuse = (field: keyof RecordOutcomeParams, found: string, expected: string): Error =>
    refuseParam("record_outcome", field, { found, expected });
  const { entry_timestamp: entry, exit_timestamp: exit, as_of: asOf } = params;
  if (entry > exit) throw refuse("exit_timestamp", iso(exit), `the entry's, ${iso(entry)}, or later`);
  if (exit > asOf)
    throw refuse(
      "exit_timestamp",
      iso(exit),
      `as_of, ${iso(asOf)}, or earlier: a trade is recorded when it has closed`,
    );
  const { entry_price, raw_entry_price: price = entry_price, stop_price: stop, action } = params;
  if (stop !== undefined && !(directionOf(action) * (price - stop) > 0)) {
    const side = action === "BUY" ? "below" : "above";
    throw refuse("stop_price", String(stop), `the stop at the entry, ${side} its price of ${price}`);
  }
  if (params.decision_id === undefined && params.votes === undefined)
    throw refuse("decision_id", "none", "what decide returned, or votes");
}

/** @throws {ParamError} If a trade is not of the decision that it names. */
export function checkDecision(decision: SessionDecision, params: RecordOutcomeParams): void {
  const { asset, entry_timestamp: entry } = params;
  const refuse = (field: keyof RecordOutcomeParams, found: string, expected: string): Error =>
    refuseParam("record_outcome", field, { found, expected });
  if (decision.asset !== asset)
    throw refuse("asset", JSON.stringify(asset), `the decision's, ${JSON.stringify(decision.asset)}`);
  if (entry < Date.parse(decision.timestamp))
    throw refuse("entry_timestamp", iso(entry), `the decision's time, ${decision.timestamp}, or later`);
}

/** How far a backtest's time may go on at once: a wrong year would commit thousands of empty chunks. */
const MAX_STEP_MS = 3653 * DAY_MS;

/** @throws {ParamError} If a backtest that is at `nowMs` cannot go on to `asOf`. */
export function checkNextTime(method: string, asOf: number, nowMs: number): void {
  if (asOf >= nowMs && asOf <= nowMs + MAX_STEP_MS) return;
  const expected =
    asOf < nowMs
      ? `${iso(nowMs)} or later: a backtest's time never goes back`
      : `at most ten years after ${iso(nowMs)}, the session's time`;
  throw refuseParam(method, "as_of", { found: iso(asOf), expected });
}

/** How far a program's clock may be ahead of the server's. */
const CLOCK_TOLERANCE_MS = 1000;

/** @throws {ParamError} If a live session's time is ahead of the server's. */
export function checkNotAhead(method: string, asOf: number, nowMs: number): void {
  if (asOf <= nowMs + CLOCK_TOLERANCE_MS) return;
  const expected = `the server's time, ${iso(nowMs)}, or earlier, as the session is live`;
  throw refuseParam(method, "as_of", { found: iso(asOf), expected });
}

/** @throws {ParamError} If a trade that is new does not belong into a backtest. */
export function checkTradeTime(params: RecordOutcomeParams, run: { startMs: number; nowMs: number }): void {
  checkNextTime("record_outcome", params.as_of, run.nowMs);
  const { entry_timestamp: entry, exit_timestamp: exit } = params;
  if (entry >= run.startMs && exit > run.startMs) return;
  const field = entry < run.startMs ? "entry_timestamp" : "exit_timestamp";
  const expected = `a time after the session's start, ${iso(run.startMs)}: open_session takes an earlier "start"`;
  throw refuseParam("record_outcome", field, { found: iso(params[field]), expected });
}

/** Whether a decision is asked for again with the same values. */
export function isSameDecision(
  before: SessionDecision,
  now: {
    asset: string;
    asOf: number;
    votes: readonly Vote[];
    situation: SessionSituation;
    sentence: string | undefined;
    risk?: DecisionRisk;
  },
): boolean {
  const { feature_ranks: _before, ...valuesBefore } = before.situation;
  const { feature_ranks: _now, ...values } = now.situation;
  return (
    before.asset === now.asset &&
    Date.parse(before.timestamp) === now.asOf &&
    isSameJson(before.votes, now.votes) &&
    isSameJson(valuesBefore, values) &&
    (now.risk === undefined || isSameRisk(before, now.risk)) &&
    (now.sentence === undefined || before.sentence === now.sentence)
  );
}

function isSameRisk(a: DecisionRisk, b: DecisionRisk): boolean {
  return a.price === b.price && a.risk_per_unit === b.risk_per_unit && a.stop_price === b.stop_price;
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
