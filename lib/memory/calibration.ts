import type { OutcomeRow } from "./outcome-row.ts";

/** With fewer trades a rate says nothing. */
const LEAST_TRADES = 30;

const BIN_WIDTH = 10;

/** How often trades of about the same confidence won. */
export interface ReliabilityBin {
  /** Confidence of the decision, `[from, to)`; the last bin has 100 as well. */
  readonly from: number;
  readonly to: number;
  readonly trades: number;
  readonly wins: number;
  readonly mean_confidence: number;
  readonly win_rate: number;
}

/**
 * A reliability table (Murphy and Winkler 1977): what the ensemble's confidence was, and how often it was right.
 *
 * @returns Bins that have trades, lowest first; `null` for fewer than 30 trades.
 */
export function reliability(rows: readonly OutcomeRow[]): readonly ReliabilityBin[] | null {
  if (rows.length < LEAST_TRADES) return null;
  const bins = new Map<number, { trades: number; wins: number; confidence: number }>();
  for (const { confidence, won } of rows) {
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
