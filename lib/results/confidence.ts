import type { Trade } from "../memory/trade.ts";
import { scoreForecasts, type Forecast, type ForecastScores } from "../stats/forecast-scores.ts";

/** How good the ensemble's confidence was: it was said before the trade, so that every trade is a later one. */
export interface ConfidenceScores {
  /** Of the confidence that the votes gave; `null` for fewer than 30 trades. */
  readonly before_calibration: ForecastScores | null;
  /** Of the confidence that experience had made of it; without memory the same. */
  readonly after_calibration: ForecastScores | null;
}

/** Scores the confidence of decisions by how their trades ended. */
export function confidenceScores(trades: readonly Trade[]): ConfidenceScores {
  return {
    before_calibration: scoreForecasts(
      trades.map((trade) => ({ ...forecastOf(trade), confidence: trade.rawConfidence })),
    ),
    after_calibration: scoreForecasts(trades.map(forecastOf)),
  };
}

/**
 * A trade's confidence, and whether it came true: gross, like all that learning uses, as costs say nothing about who was right.
 * An imported trade without a result in R counts by its P&L.
 */
export function forecastOf({ confidence, resultR, won }: Pick<Trade, "confidence" | "resultR" | "won">): Forecast {
  return { confidence, won: resultR === null ? won : resultR > 0 };
}
