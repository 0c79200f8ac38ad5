/** The passes of a search over rows that lie where they are: codes first, then the floats of what may be among the best. */
/**
 * Where things lie in a kernel's memory: the query, its codes, scores, a list of places, the floats of a batch of rows, then blocks
 * of 1,024 rows: their int8 codes, and a scale and an error for each row's codes. Blocks let the memory grow without a
 * move.
 */
import { type Candidates, coarsePass, corruptVector, createCodes, type Range } from "./coarse-pass.ts";
import { BATCH_ROWS, createBlocks } from "./blocks.ts";
import type { Kernel } from "./kernel.ts";
import { type Best, createBest, type Match } from "./top-k.ts";

/** Ranges with fewer rows than this, or than 8 for each row that is wanted, are not worth a first pass over codes. */
const MIN_COARSE_ROWS = 64;

/** Searches one array of vectors. */
export interface TwoPasses {
  /** @returns The `wanted` best rows of a range that has as many, best first. */
  search(query: Float32Array, range: Range & { wanted: number }): readonly Match[];
  /** Says that the rows from `at` on are not what they were. */
  cut(at: number): void;
}

/** @param index `vectors`: the rows, as they are at every call, each of `dim` numbers. */
export function createTwoPasses(index: { kernel: Kernel; dim: number; vectors: readonly Float32Array[] }): TwoPasses {
  const { kernel, dim, vectors } = index;
  const blocks = createBlocks(kernel, dim);
  const codes = createCodes(kernel, blocks, vectors);
  const { stride, query: queryAt, batch: batchAt, scores: scoresAt } = blocks;

  /** The rows of the batch, of which `offerBatch()` computes the first `count`. */
  const batch = new Int32Array(BATCH_ROWS);
  const offerBatch = (best: Best, count: number, accept?: (row: number) => boolean): void => {
    const { doubles } = blocks.views();
    for (let i = 0; i < count; i++) blocks.load(vectors[batch[i] as number] as Float32Array, i);
    kernel.exact(batchAt, count, stride, queryAt, scoresAt);
    let least = best.least();
    for (let i = 0; i < count; i++) {
      const row = batch[i] as number;
      const similarity = doubles[scoresAt / 8 + i] as number;
      // No unit vectors give it, and NaN would be the best for ever.
      if (!(Math.abs(similarity) < 2)) throw corruptVector(`the similarity ${similarity}`);
      if (similarity < least || (accept !== undefined && !accept(row))) continue;
      best.offer(row, similarity);
      least = best.least();
    }
  };

  const exactPass = (best: Best, { from, to, accept }: Range): void => {
    for (let first = from; first < to; first += BATCH_ROWS) {
      const count = Math.min(BATCH_ROWS, to - first);
      for (let i = 0; i < count; i++) batch[i] = first + i;
      offerBatch(best, count, accept);
    }
  };

  /** Computes candidates: first those that are the best by their codes, which spare most of the others. */
  const exactCandidates = (best: Best, { rows, uppers, lowers, floor }: Candidates): void => {
    for (const isFirst of [true, false]) {
      for (let next = 0; next < rows.length;) {
        const least = best.least();
        let count = 0;
        for (; next < rows.length && count < BATCH_ROWS; next++) {
          if ((lowers[next] as number) >= floor !== isFirst || (uppers[next] as number) < least) continue;
          batch[count] = rows[next] as number;
          count += 1;
        }
        offerBatch(best, count);
      }
    }
  };

  return {
    search: (query, { wanted, from, to, accept }) => {
      const best = createBest(wanted);
      const worthIt = Math.max(MIN_COARSE_ROWS, 8 * wanted);
      if (to - from >= worthIt) codes.extend(to);
      blocks.views().doubles.set(query, queryAt / 8);
      const coded = Math.max(from, Math.min(to, codes.rows()));
      exactPass(best, { from: coded, to, accept });
      const range = { from, to: coded, accept };
      const candidates =
        coded - from < worthIt
          ? undefined
          : coarsePass({ kernel, blocks, codes }, { query, wanted, least: best.least(), ...range });
      if (candidates === undefined) exactPass(best, range);
      else exactCandidates(best, candidates);
      return best.sorted();
    },
    cut: codes.cut,
  };
}
