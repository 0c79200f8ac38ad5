import { rounded } from "../util/numbers.ts";

/** How likely the best of several strategies was chosen by luck. */
export interface Overfitting {
  /** The probability of backtest overfitting, 0..1: how often the best in one half of the time is below the median in the other. */
  readonly probability: number;
  /** Blocks of time, and the number of ways to choose half of them. */
  readonly blocks: number;
  readonly splits: number;
  /** Means over the splits of the best strategy's ratio of mean and deviation, in the half that chose it and in the other half. */
  readonly mean_chosen_ratio: number;
  readonly mean_other_ratio: number;
}

const MAX_BLOCKS = 16;
const MIN_BLOCK_LENGTH = 5;

/** The even number of blocks of at least 5 values each, at most 16; below 4 there is too little to split. */
export function blocksFor(length: number): number {
  return Math.min(MAX_BLOCKS, 2 * Math.floor(length / (2 * MIN_BLOCK_LENGTH)));
}

/**
 * The probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, Lopez de Prado and Zhu 2017,
 * "The Probability of Backtest Overfitting"): time is cut into blocks, and for each choice of half of them the strategy with the best
 * Sharpe ratio there gets its rank in the other half. The probability is the share of choices whose logit of rank / (strategies + 1) is
 * at most 0. Equal ratios share their mean rank; of equal best ones the first is chosen; a strategy without variance has the ratio 0.
 *
 * @param returns Of each strategy, for the same periods in order of time.
 * @param blocks Even, at least 2. The first values that do not fill the blocks evenly are left out.
 * @throws {RangeError} For fewer than two strategies, or fewer than one value a block.
 */
export function overfitting(returns: readonly (readonly number[])[], blocks: number): Overfitting {
  const length = returns[0]?.length ?? 0;
  const size = Math.floor(length / blocks);
  if (
    returns.length < 2 ||
    blocks < 2 ||
    blocks % 2 !== 0 ||
    size < 1 ||
    returns.some((each) => each.length !== length)
  ) {
    throw new RangeError(
      `Cannot split returns: found ${returns.length} x ${length} in ${blocks} blocks, expected two equally long or more`,
    );
  }
  const sums = blockSums(returns, { blocks, size });
  const ratiosIn = (chosen: readonly number[]): Float64Array =>
    Float64Array.from(returns, (_, s) => ratioOf(sums, { strategy: s, chosen, blocks, size }));
  let below = 0;
  let splits = 0;
  let [sumChosen, sumOther] = [0, 0];
  for (const chosen of halvesOf(blocks)) {
    const others = Array.from({ length: blocks }, (_, i) => i).filter((i) => !chosen.includes(i));
    const [inside, outside] = [ratiosIn(chosen), ratiosIn(others)];
    const best = inside.indexOf(Math.max(...inside));
    // logit(w) <= 0 exactly if w <= 1/2.
    if (meanRank(outside, best) / (returns.length + 1) <= 0.5) below += 1;
    splits += 1;
    sumChosen += inside[best]!;
    sumOther += outside[best]!;
  }
  return {
    probability: rounded(below / splits),
    blocks,
    splits,
    mean_chosen_ratio: rounded(sumChosen / splits),
    mean_other_ratio: rounded(sumOther / splits),
  };
}

/** Of each strategy and block, the sum of the returns and of their squares. */
interface BlockSums {
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

function blockSums(
  returns: readonly (readonly number[])[],
  { blocks, size }: { blocks: number; size: number },
): BlockSums {
  const sum = new Float64Array(returns.length * blocks);
  const squares = new Float64Array(returns.length * blocks);
  for (const [s, each] of returns.entries()) {
    const first = each.length - blocks * size;
    for (let i = 0; i < blocks * size; i++) {
      const at = s * blocks + Math.floor(i / size);
      const value = each[first + i]!;
      sum[at]! += value;
      squares[at]! += value * value;
    }
  }
  return { sum, squares };
}

/** Mean / sample deviation of a strategy's returns in some blocks; 0 without variance. */
function ratioOf(
  { sum, squares }: BlockSums,
  { strategy, chosen, blocks, size }: { strategy: number; chosen: readonly number[]; blocks: number; size: number },
): number {
  let [total, totalSquares] = [0, 0];
  for (const block of chosen) {
    total += sum[strategy * blocks + block]!;
    totalSquares += squares[strategy * blocks + block]!;
  }
  const count = chosen.length * size;
  const mean = total / count;
  const variance = (totalSquares - total * mean) / (count - 1);
  return variance > 0 ? mean / Math.sqrt(variance) : 0;
}

/** The rank of a value among all, 1 for the smallest; equal values share their mean rank. */
function meanRank(values: Float64Array, index: number): number {
  const value = values[index]!;
  let [smaller, equal] = [0, 0];
  for (const other of values) {
    if (other < value) smaller += 1;
    else if (other === value) equal += 1;
  }
  return smaller + (equal + 1) / 2;
}

/** Every choice of half of the blocks, in lexicographic order. */
function* halvesOf(blocks: number): Generator<readonly number[]> {
  const half = blocks / 2;
  const chosen = Array.from({ length: half }, (_, i) => i);
  for (;;) {
    yield [...chosen];
    let i = half - 1;
    while (i >= 0 && chosen[i] === blocks - half + i) i -= 1;
    if (i < 0) return;
    chosen[i]! += 1;
    for (let k = i + 1; k < half; k++) chosen[k] = chosen[k - 1]! + 1;
  }
}
