/** Prices that are likely errors: beyond a bound, but not impossible. */
import { type CarryoverError, fail } from "../errors.ts";
import type { BarSeries } from "../types.ts";

/** How many times the close before a price may be, and how many times less, before it is reported. No index or currency moves so in a bar. */
const MAX_JUMP = 4;

/** A price far from the close before it. */
interface PriceJump {
  /** Of the bar, epoch ms. */
  readonly timestamp: number;
  readonly column: "high" | "low";
  readonly price: number;
  /** The close before; of the first bar its open. */
  readonly before: number;
}

/** The first bar of a series with such a price, and how many there are. The bar after a wrong one usually is one as well. */
function priceJumpsIn({ bars }: BarSeries): { readonly first: PriceJump; readonly count: number } | undefined {
  let first: PriceJump | undefined;
  let count = 0;
  let before = bars[0]?.open ?? 0;
  for (const { timestamp, high, low, close } of bars) {
    const isHigh = high > MAX_JUMP * before;
    if (isHigh || low < before / MAX_JUMP) {
      count += 1;
      first ??= { timestamp, before, ...(isHigh ? { column: "high", price: high } : { column: "low", price: low }) };
    }
    before = close;
  }
  return first === undefined ? undefined : { first, count };
}

/**
 * Reports prices that are more than four times the close before, or less than a quarter of it: one error for each asset.
 *
 * @returns `BAD_DATA` errors, for whoever wants to refuse such bars.
 */
export function unlikelyPrices(series: readonly BarSeries[]): readonly CarryoverError[] {
  return series.flatMap((each) => {
    const jumps = priceJumpsIn(each);
    if (jumps === undefined) return [];
    const { timestamp, column, price, before } = jumps.first;
    const times = Number((column === "high" ? price / before : before / price).toPrecision(2));
    const more = jumps.count === 1 ? "" : `, and ${jumps.count - 1} more such bars`;
    return [
      fail("BAD_DATA", `Cannot trust the bars of "${each.asset}"`, {
        found: `a ${column} of ${price} at ${new Date(timestamp).toISOString()} after a close of ${before}, ${times} times ${
          column === "high" ? "as much" : "less"
        }${more}`,
        expected: `at most ${MAX_JUMP} times`,
      }),
    ];
  });
}
