import type { Trade } from "../memory/trade.ts";
import { type Forecast, type ForecastScores, scoreForecasts } from "../stats/forecast-scores.ts";

/** How good the ensemble's confidence was. It was said before each trade, so every score is out of sample. */
export interface ConfidenceScores {
  /** Of the confidence that the votes gave; `null` for fewer than 30 trades. */
  readonly before_calibration: ForecastScores | null;
  /** Of the calibrated confidence; without memory the same. */
  readonly after_calibration: ForecastScores | null;
}

/** Scores the confidence of decisions by how their trades ended. Imported trades that state none are left out. */
export function confidenceScores(trades: readonly Trade[]): ConfidenceScores {
  const scored = trades.filter(({ crc32, confidence }) => crc32 !== null || confidence > 0);
  return {
    before_calibration: scoreForecasts(
      scored.map((trade) => ({ ...forecastOf(trade), confidence: trade.rawConfidence })),
    ),
    after_calibration: scoreForecasts(scored.map(forecastOf)),
  };
}

/**
 * A trade's confidence, and whether it was right: before costs, as costs say nothing about who was right. An imported trade
 * without a result in R counts by its P&L.
 */
export function forecastOf({ confidence, resultR, won }: Pick<Trade, "confidence" | "resultR" | "won">): Forecast {
  return { confidence, won: resultR === null ? won : resultR > 0 };
}
