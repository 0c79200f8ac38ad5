import type { ProviderRecord } from "../domain.ts";
import { CONFIDENCE_BIN_WIDTH, CONFIDENCE_BINS } from "./calibration.ts";
import type { Experience } from "./evidence.ts";

/**
 * Counts what each provider's votes came to in one regime, and by confidence in all.
 *
 * @param window The rows `[from, to)` of `experience`, and the names of its providers in their order.
 * @returns Frozen, by provider: all decisions on the same window are told the same one.
 */
export function recordsIn(
  regime: string,
  window: { experience: Experience; from: number; to: number; providers: readonly string[] },
): Readonly<Record<string, ProviderRecord>> {
  const { experience, from, to, providers } = window;
  const here = experience.regimeNames.indexOf(regime);
  return Object.freeze(
    Object.fromEntries(
      experience.evidence.map(
        (column, p) => [providers[p] ?? "", recordOf(column, { regimes: experience.regimes, here, from, to })] as const,
      ),
    ),
  );
}

function recordOf(
  column: Experience["evidence"][number],
  window: { regimes: readonly number[]; here: number; from: number; to: number },
): ProviderRecord {
  const { regimes, here } = window;
  const binTrades = new Float64Array(CONFIDENCE_BINS);
  const binRight = new Float64Array(CONFIDENCE_BINS);
  let trades = 0;
  let right = 0;
  let sumR = 0;
  for (let i = window.from; i < window.to; i++) {
    const r = column.resultR[i] as number;
    if (Number.isNaN(r)) continue;
    const bin = column.bin[i] as number;
    const isRight = r > 0 ? 1 : 0;
    binTrades[bin] = (binTrades[bin] as number) + 1;
    binRight[bin] = (binRight[bin] as number) + isRight;
    if (regimes[i] !== here) continue;
    trades += 1;
    sumR += r;
    right += isRight;
  }
  const calibration: ProviderRecord["calibration"][number][] = [];
  binTrades.forEach((count, bin) => {
    if (count === 0) return;
    const from = CONFIDENCE_BIN_WIDTH * bin;
    const to = CONFIDENCE_BIN_WIDTH * (bin + 1);
    calibration.push(Object.freeze({ from, to, trades: count, right: binRight[bin] as number }));
  });
  const mean_r = trades === 0 ? null : sumR / trades;
  return Object.freeze({ trades, right, mean_r, calibration: Object.freeze(calibration) });
}
