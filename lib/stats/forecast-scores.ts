import { rounded } from "../util/numbers.ts";

export const MIN_FORECASTS = 30;

const BIN_WIDTH = 10;

/** Probabilities are kept this far from 0 and 1, as the log loss of a certain forecast that fails would be infinite. */
const MARGIN = 1e-15;

/** A forecast that a trade wins, and whether it did. */
export interface Forecast {
  /** 0..100. */
  readonly confidence: number;
  readonly won: boolean;
}

/** How often forecasts of similar confidence came true. */
export interface ReliabilityBin {
  /** Confidence, `[from, to)`; the last bin includes 100. */
  readonly from: number;
  readonly to: number;
  readonly trades: number;
  readonly wins: number;
  readonly mean_confidence: number;
  readonly win_rate: number;
}

/** Scores of forecasts. Brier score, log loss, ECE and the decomposition are of probabilities, 0..1. */
export interface ForecastScores {
  readonly trades: number;
  /** Percent. */
  readonly win_rate: number;
  /** Mean of (probability - outcome)^2, the outcome being 0 or 1 (Brier 1950). Lower is better. */
  readonly brier: number;
  /** The Brier score of always forecasting the sample's own win rate: Murphy's (1973) uncertainty. */
  readonly brier_of_win_rate: number;
  /** Mean of -ln(probability of the outcome) (Good 1952), probabilities within [1e-15, 1 - 1e-15]. Lower is better. */
  readonly log_loss: number;
  /** Expected calibration error: mean over trades of |mean confidence - win rate| of their bin (Naeini et al. 2015). */
  readonly ece: number;
  /** Murphy's (1973) decomposition over the bins: (mean confidence - win rate)^2, and (win rate of the bin - of all)^2. */
  readonly reliability: number;
  readonly resolution: number;
  /** Of ten bins of equal width, those with trades, lowest first. */
  readonly bins: readonly ReliabilityBin[];
}

/** @returns `null` for fewer than 30 forecasts, which are too few to say anything. */
export function scoreForecasts(forecasts: readonly Forecast[]): ForecastScores | null {
  const trades = forecasts.length;
  if (trades < MIN_FORECASTS) return null;
  const wins = forecasts.filter(({ won }) => won).length;
  const rate = wins / trades;
  const bins = binsOf(forecasts);
  const overBins = (score: (bin: { forecast: number; observed: number }) => number): number =>
    bins.reduce(
      (sum, bin) => sum + bin.trades * score({ forecast: bin.mean_confidence / 100, observed: bin.wins / bin.trades }),
      0,
    ) / trades;
  return {
    trades,
    win_rate: 100 * rate,
    brier: forecasts.reduce((sum, forecast) => sum + squaredError(forecast), 0) / trades,
    brier_of_win_rate: rate * (1 - rate),
    log_loss: rounded(forecasts.reduce((sum, forecast) => sum + logLoss(forecast), 0) / trades),
    ece: overBins(({ forecast, observed }) => Math.abs(forecast - observed)),
    reliability: overBins(({ forecast, observed }) => (forecast - observed) * (forecast - observed)),
    resolution: overBins(({ observed }) => (observed - rate) * (observed - rate)),
    bins,
  };
}

/** One forecast's part of the Brier score. */
export function squaredError({ confidence, won }: Forecast): number {
  const error = confidence / 100 - (won ? 1 : 0);
  return error * error;
}

function logLoss({ confidence, won }: Forecast): number {
  const probability = Math.min(1 - MARGIN, Math.max(MARGIN, confidence / 100));
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
