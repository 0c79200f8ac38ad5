/** What a session stores of a trade: a program outside decided on it, and knows less of it than the backtest does. */
import type { DecisionRecord, Outcome, Situation } from "../types.ts";

/** The values that a program sent of a situation. */
export type SessionSituation = Partial<Omit<Situation, "asset" | "timestamp" | "regime">> & {
  /** `UNKNOWN` if it sent none. */
  readonly regime: string;
};

/** What one R of a trade is: its stop, an ATR, how much the asset's trades usually move, or unknown. */
export type RBasis = "stop" | "atr" | "dispersion" | "none";

type LessKnown =
  | "stop_price"
  | "target_price"
  | "risk_per_unit"
  | "result_r"
  | "exit_reason"
  | "volatility"
  | "regime"
  | "situation";

/** A closed trade of a session: one `outcome_<decision_id>.json`, with the keys of an `Outcome`. */
export interface SessionOutcome extends Omit<Outcome, LessKnown> {
  readonly stop_price: number | null;
  readonly target_price: number | null;
  /** Price distance of one R; `null` if it is unknown, as `result_r` then is. */
  readonly risk_per_unit: number | null;
  readonly result_r: number | null;
  readonly r_basis: RBasis;
  /** Whatever the program said. */
  readonly exit_reason: string;
  readonly volatility: number | null;
  readonly regime: string;
  readonly situation: SessionSituation;
}

/** One line of a session's `<chunk>.decisions.ndjson`. */
export interface SessionDecision extends Omit<DecisionRecord, "situation"> {
  readonly situation: SessionSituation;
  /** What recall compared. */
  readonly sentence: string;
  /** What the program said of the risk, for the trade that may follow. */
  readonly price: number | null;
  readonly risk_per_unit: number | null;
  readonly r_basis: RBasis;
  readonly stop_price: number | null;
}
