/** How good probabilities were, once it is known what happened. */
import { rounded } from "../util/numbers.ts";

/** With fewer forecasts a score says nothing. */
export const MIN_FORECASTS = 30;

const BIN_WIDTH = 10;

/** The log loss of a sure forecast that fails would be infinite. */
const SUREST = 1e-15;

/** A probability that was said before it was known what happens. */
export interface Forecast {
  /** 0..100. */
  readonly confidence: number;
  readonly won: boolean;
}

/** How often forecasts of about the same confidence came true. */
export interface ReliabilityBin {
  /** Confidence, `[from, to)`; the last bin has 100 as well. */
  readonly from: number;
  readonly to: number;
  readonly trades: number;
  readonly wins: number;
  readonly mean_confidence: number;
  readonly win_rate: number;
}

/** The scores of forecasts. Brier score, log loss, ECE and parts are of probabilities, 0..1; less is better. */
export interface ForecastScores {
  readonly trades: number;
  /** Percent. */
  readonly win_rate: number;
  /** Mean of (probability - what happened)^2 (Brier 1950). */
  readonly brier: number;
  /** What the Brier score would be if the sample's own win rate had been said every time: Murphy's uncertainty. */
  readonly brier_of_win_rate: number;
  /** Mean of -ln(probability given to what happened), probabilities kept within [1e-15, 1 - 1e-15]. */
  readonly log_loss: number;
  /** Expected calibration error: mean over trades of |mean confidence - win rate| of their bin (Naeini et al. 2015). */
  readonly ece: number;
  /** Murphy's (1973) decomposition over the bins: (mean confidence - win rate)^2, and (win rate of the bin - of all)^2. */
  readonly reliability: number;
  readonly resolution: number;
  /** Ten bins of equal width; those that have trades, lowest first. */
  readonly bins: readonly ReliabilityBin[];
}

/**
 * Scores forecasts.
 *
 * @returns `null` for fewer than 30: too few to say anything.
 */
export function scoreForecasts(forecasts: readonly Forecast[]): ForecastScores | null {
  const trades = forecasts.length;
  if (trades < MIN_FORECASTS) return null;
  const wins = forecasts.filter(({ won }) => won).length;
  const rate = wins / trades;
  const bins = binsOf(forecasts);
  const overBins = (score: (bin: { said: number; found: number }) => number): number =>
    bins.reduce(
      (sum, bin) => sum + bin.trades * score({ said: bin.mean_confidence / 100, found: bin.wins / bin.trades }),
      0,
    ) / trades;
  return {
    trades,
    win_rate: 100 * rate,
    brier: forecasts.reduce((sum, forecast) => sum + squaredError(forecast), 0) / trades,
    brier_of_win_rate: rate * (1 - rate),
    log_loss: rounded(forecasts.reduce((sum, forecast) => sum + logLoss(forecast), 0) / trades),
    ece: overBins(({ said, found }) => Math.abs(said - found)),
    reliability: overBins(({ said, found }) => (said - found) * (said - found)),
    resolution: overBins(({ found }) => (found - rate) * (found - rate)),
    bins,
  };
}

/** (probability - what happened)^2 of one forecast: its part of the Brier score. */
export function squaredError({ confidence, won }: Forecast): number {
  const error = confidence / 100 - (won ? 1 : 0);
  return error * error;
}

function logLoss({ confidence, won }: Forecast): number {
  const probability = Math.min(1 - SUREST, Math.max(SUREST, confidence / 100));
  return -Math.log(won ? probability : 1 - probability);
}

/** A reliability table (Murphy and Winkler 1977). */
function binsOf(forecasts: readonly Forecast[]): readonly ReliabilityBin[] {
  const bins = new Map<number, { trades: number; wins: number; confidence: number }>();
  for (const { confidence, won } of forecasts) {
    const from = Math.min(100 - BIN_WIDTH, BIN_WIDTH * Math.floor(confidence / BIN_WIDTH));
    const bin = bins.get(from) ?? { trades: 0, wins: 0, confidence: 0 };
    bins.set(from, { trades: bin.trades + 1, wins: bin.wins + (won ? 1 : 0), confidence: bin.confidence + confidence });
  }
  return [...bins]
    .toSorted(([a], [b]) => a - b)
    .map(([from, { trades, wins, confidence }]) => ({
      from,
      to: from + BIN_WIDTH,
      trades,
      wins,
      mean_confidence: confidence / trades,
      win_rate: (100 * wins) / trades,
    }));
}
