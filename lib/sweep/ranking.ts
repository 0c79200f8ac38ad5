/** The result of a sweep: its cells by Sharpe ratio, and whether the best of them is more than luck (docs/RULES.md, "Sweeps"). */
import { blockLength, bootstrap, type Interval } from "../stats/bootstrap.ts";
import { blocksFor, type Overfitting, overfitting } from "../stats/overfitting.ts";
import { deflatedSharpe, expectedMaxSharpe, momentsOf, varianceOf } from "../stats/sharpe-significance.ts";
import { createRandom } from "../util/random.ts";
import { rounded } from "../util/numbers.ts";
import type { CellFailure, CellFigures, CellResult } from "./cell-result.ts";
import type { CellKeys } from "./plan.ts";

/** Resamples of every interval. */
const DRAWS = 2000;
const SEED = "sweep";
/** With fewer cells, the probability of overfitting says nothing. */
const MIN_CELLS = 8;
const MIN_BLOCKS = 4;
/** A variance below this share of the squares is an error of rounding: all days that were drawn are equal. */
const ROUNDING = 1e-12;
/** The deflated Sharpe ratio from which on a cell is better than chance. */
const CONFIDENCE = 0.95;

/** A cell as the result shows it. */
export interface RankedCell extends CellFigures {
  readonly cell: number;
  readonly run_id: string;
  readonly set: CellKeys;
  readonly period: string;
  /** Of the annualized Sharpe ratios, on the same days; `null` for other days, or if one has none. */
  readonly sharpe_minus_default: Interval | null;
  /** The probability that the true Sharpe ratio is above 0, after as many trials as there are cells. */
  readonly deflated_sharpe: number | null;
}

/** The chance that choosing the best cell was luck, and how it was computed. */
interface SweepOverfitting extends Partial<Overfitting> {
  /** Those with the days of the first cell. */
  readonly cells: number;
  readonly not_computed?: string;
}

/** What `sweep run --json` and `sweep merge --json` print. */
export interface SweepResult {
  /** SHA-256 of the configuration and the cells. */
  readonly sweep: string;
  /** `null` if it failed. */
  readonly default: Omit<RankedCell, "set" | "sharpe_minus_default" | "deflated_sharpe"> | null;
  /** By Sharpe ratio, the highest first. */
  readonly cells: readonly RankedCell[];
  /** By number. */
  readonly failed: readonly CellFailure[];
  readonly trials: number;
  /** Cells with exactly the daily returns of a cell before them, of which 0 is the default. Perhaps what they set has no effect. */
  readonly repeated: readonly { readonly cell: number; readonly as: number }[];
  /** Annualized: the expected maximum of so many trials without skill. */
  readonly expected_max_sharpe: number;
  readonly overfitting: SweepOverfitting;
  readonly better_than_chance: boolean;
  readonly verdict: string;
  readonly method: { readonly draws: number; readonly seed: string; readonly level_pct: 95 };
}

/**
 * Ranks the cells of a sweep. The result depends on what the cells are, not on the order in which they came.
 *
 * @param results Of all finished cells, cell 0 among them.
 */
export function rankCells(
  results: readonly CellResult[],
  { sweep, failed }: { sweep: string; failed: readonly CellFailure[] },
): SweepResult {
  const byNumber = results.toSorted((a, b) => a.cell - b.cell);
  const standard = byNumber.find(({ cell }) => cell === 0);
  const cells = byNumber.filter(({ cell }) => cell !== 0);
  const intervals = standard === undefined ? new Map<number, Interval | null>() : intervalsOf(cells, standard);
  const moments = cells.map(({ returns }) => momentsOf(returns));
  const chosenFrom = { trials: cells.length, variance: varianceOf(moments.flatMap((each) => each?.sharpe ?? [])) };
  const ranked = cells
    .map(({ cell, run_id, set, period, figures }, i): RankedCell => {
      const ofCell = moments[i] ?? null;
      return {
        cell,
        run_id,
        set,
        period,
        ...figures,
        sharpe_minus_default: intervals.get(cell) ?? null,
        deflated_sharpe: ofCell === null ? null : deflatedSharpe(ofCell, chosenFrom),
      };
    })
    .toSorted((a, b) => (b.annualized_sharpe ?? -Infinity) - (a.annualized_sharpe ?? -Infinity) || a.cell - b.cell);
  const chance = overfittingOf(cells);
  return {
    sweep,
    default: standard === undefined ? null : defaultOf(standard),
    cells: ranked,
    failed: failed.toSorted((a, b) => a.cell - b.cell),
    trials: cells.length,
    repeated: repeatedIn(byNumber),
    expected_max_sharpe: rounded(
      expectedMaxSharpe(chosenFrom.trials, chosenFrom.variance) * Math.sqrt(cells[0]?.days_per_year ?? 0),
    ),
    overfitting: chance,
    ...verdictOn(ranked, chance),
    method: { draws: DRAWS, seed: SEED, level_pct: 95 },
  };
}

function repeatedIn(results: readonly CellResult[]): SweepResult["repeated"] {
  const firsts = new Map<string, CellResult>();
  // Cells without trades are the same for that reason.
  return results
    .filter(({ figures }) => figures.total_trades > 0)
    .flatMap((result) => {
      const key = `${result.dates.join()} ${result.returns.join()}`;
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, result);
      // A cell that sets what the configuration has is the same run.
      return first === undefined || first.run_id === result.run_id ? [] : { cell: result.cell, as: first.cell };
    });
}

function defaultOf({ cell, run_id, period, figures }: CellResult): SweepResult["default"] {
  return { cell, run_id, period, ...figures };
}

/** Intervals of the difference to the default, all from the same resamples of days. */
function intervalsOf(cells: readonly CellResult[], standard: CellResult): Map<number, Interval | null> {
  const compared = cells.filter((each) => hasDaysOf(each, standard));
  const { length } = standard.returns;
  if (compared.length === 0 || length === 0) return new Map();
  const differences = compared.map(({ returns }) => returns.map((value, i) => value - standard.returns[i]!));
  const longest = Math.max(
    Math.ceil(standard.longest_trade_days),
    ...compared.map(({ longest_trade_days: days }) => Math.ceil(days)),
    ...differences.map(blockLength),
  );
  // No more than a third of the days is one block, so that there is something to draw.
  const meanBlock = Math.max(1, Math.min(longest, length / 3));
  const [ofDefault, ...ofCells] = [standard, ...compared].map(sharpeByCounts);
  const counts = new Float64Array(length);
  const found = bootstrap(
    [{ length, meanBlock }],
    ([days]) => {
      counts.fill(0);
      for (const day of days!) counts[day]! += 1;
      const base = ofDefault!(counts);
      return ofCells.map((sharpeOf) => {
        const sharpe = sharpeOf(counts);
        return sharpe === null || base === null ? null : sharpe - base;
      });
    },
    { draws: DRAWS, random: createRandom(SEED) },
  );
  return new Map(compared.map(({ cell }, i) => [cell, found[i] ?? null]));
}

/**
 * The annualized Sharpe ratio of a cell as a function of how often each of its days was drawn: the order does not matter to it. It is
 * asked two thousand times for each cell.
 */
function sharpeByCounts({ returns, days_per_year: daysPerYear }: CellResult): (counts: Float64Array) => number | null {
  const values = Float64Array.from(returns);
  const { length } = values;
  return (counts) => {
    let [sum, squares] = [0, 0];
    for (let day = 0; day < length; day++) {
      const weighted = counts[day]! * values[day]!;
      sum += weighted;
      squares += weighted * values[day]!;
    }
    const mean = sum / length;
    const variance = (squares - sum * mean) / (length - 1);
    return variance > ROUNDING * squares ? (mean / Math.sqrt(variance)) * Math.sqrt(daysPerYear) : null;
  };
}

function hasDaysOf(a: CellResult, b: CellResult): boolean {
  return a.dates.length === b.dates.length && a.dates.every((date, i) => date === b.dates[i]);
}

/** Over the cells that have the same days as the first: of a sweep over years, there are few. */
function overfittingOf(cells: readonly CellResult[]): SweepOverfitting {
  const [first] = cells;
  const same = first === undefined ? [] : cells.filter((each) => hasDaysOf(each, first));
  const base = { cells: same.length };
  if (same.length < MIN_CELLS) return { ...base, not_computed: `too few cells with the same days, below ${MIN_CELLS}` };
  const blocks = blocksFor(first!.dates.length);
  if (blocks < MIN_BLOCKS) return { ...base, not_computed: "too few days" };
  return {
    ...base,
    ...overfitting(
      same.map(({ returns }) => returns),
      blocks,
    ),
  };
}

function verdictOn(
  ranked: readonly RankedCell[],
  { probability }: SweepOverfitting,
): Pick<SweepResult, "better_than_chance" | "verdict"> {
  const best = ranked[0];
  const deflated = best?.deflated_sharpe ?? null;
  if (best === undefined || deflated === null) {
    return { better_than_chance: false, verdict: "No cell is better than chance: none has a Sharpe ratio." };
  }
  const trials = `${ranked.length} ${ranked.length === 1 ? "cell" : "cells"} tried`;
  const figure = `a deflated Sharpe ratio of ${shown(deflated)} with ${trials}`;
  if (deflated < CONFIDENCE) {
    const verdict = `No cell is better than chance: the best, cell ${best.cell}, has ${figure}, below ${CONFIDENCE}.`;
    return { better_than_chance: false, verdict };
  }
  if (probability !== undefined && probability > 0.5) {
    const verdict = `No cell is better than chance: cell ${best.cell} has ${figure}, but the best of one half of the days was below the median of the other in ${shown(probability)} of the splits.`;
    return { better_than_chance: false, verdict };
  }
  const luck = probability === undefined ? "" : `, and a probability of overfitting of ${shown(probability)}`;
  return { better_than_chance: true, verdict: `Cell ${best.cell} is better than chance: it has ${figure}${luck}.` };
}

/** A share with two digits as in the tables, or cut after three where it would be rounded up to the bound that it is below. */
function shown(share: number): string {
  const text = share.toFixed(2);
  const isRoundedUp = share < CONFIDENCE && Number(text) >= CONFIDENCE;
  return isRoundedUp ? (Math.floor(share * 1000) / 1000).toFixed(3) : text;
}
