/**
 * How often the nearest neighbours of a situation predict the direction of its trade: by the hashing embedder, the sentence
 * model, hashed words and plain indicators, in worlds where the result depends on the situation and where it does not.
 *
 *     bun bench/recall-quality.ts [--seeds 3] [--more-seeds 40]
 *
 * It takes some minutes, nearly all of them for the sentence model, so it is not a part of bench/all.ts.
 */
import { parseArgs } from "node:util";
import type { Outcome } from "../lib/types.ts";
import { hashingEmbedder } from "../lib/embed/hashing.ts";
import { loadEmbedder } from "../lib/embed/load.node.ts";
import { HAS_MODEL, HAS_REAL_BARS, MODEL_DIR, REAL_BARS_DIR } from "../test/samples.ts";
import { renderReport, type BenchReport, type BenchRow } from "./support/measure.ts";
import { mean, percentileInterval, RESAMPLES } from "./support/statistics.ts";
import { isoDate } from "../lib/util/time.ts";
import { wordHashing } from "./recall/word-hashing.ts";
import { bySentence, byNumbers, K, type Method } from "./recall/methods.ts";
import {
  INDICATOR_WORLDS,
  indicatorsOf,
  namesOf,
  plantedSample,
  runSample,
  tradesOfRun,
  type Sample,
} from "./recall/worlds.ts";

/** Trades of a run overlap in time, so this many neighbours in time are resampled together. */
const RUN_BLOCK = 10;
const SYNTHETIC = "synthetic market, trades of runs";
const REAL = "real bars 2021 and 2022, trades of a run";
const POOLED = "the three worlds planted on indicators, together";
const DEFAULT = "hashing";
const WORDS = "hashed words";
const PLAIN = "plain indicators";
const NAMED = "indicators, asset, regime";

/** How often each method is right, 0..1 for each query. Queries with the same index are the same. */
interface Scores {
  readonly byMethod: Record<string, number[]>;
  /** Predicting the majority of the remembered trades for every situation. */
  readonly majority: number[];
  readonly ceilings: number[];
  readonly block: number;
}

export interface RecallQualityOptions {
  /** Seeds for all methods. */
  readonly seeds?: number;
  /** Seeds for the fast methods, in worlds with seeds; 0 for none. */
  readonly moreSeeds?: number;
  readonly memory?: number;
  readonly queries?: number;
  /** Whether the sentence model takes part. @default if it is there */
  readonly model?: boolean;
}

export async function recallQuality(options: RecallQualityOptions = {}): Promise<BenchReport> {
  const { seeds = 3, moreSeeds = 40, memory = 400, queries = 200, model = HAS_MODEL } = options;
  const size = { memory, queries };
  const fast = {
    [DEFAULT]: bySentence(hashingEmbedder()),
    [WORDS]: bySentence(wordHashing()),
    [PLAIN]: byNumbers(indicatorsOf),
    [NAMED]: byNumbers((situation) => [...indicatorsOf(situation), ...namesOf(situation)]),
  };
  const minilm = model ? bySentence(await loadEmbedder({ embedder: "onnx", model_dir: MODEL_DIR })) : undefined;
  const all: Record<string, Method> = minilm === undefined ? fast : { MiniLM: minilm, ...fast };

  const samples = await seededSamples(range(1, seeds), size);
  if (HAS_REAL_BARS) {
    const trades = await tradesOfRun({ start: "2021-01-01", end: "2023-01-01", dataDir: REAL_BARS_DIR });
    samples.push(...samplesOf(REAL, trades, size));
  }
  const few = await score(samples, all);
  const many =
    moreSeeds > 0 ? await score(await seededSamples(range(1, moreSeeds), size), fast) : new Map<string, Scores>();
  return {
    title: "Is recall any good?",
    notes: [
      `Ours: how often the sign of direction x result_r, summed over the ${K} nearest of ${memory} remembered trades, is the sign of a held-out trade's. Peer: the same with the sum over all remembered trades, which does not depend on the situation. Ratio: the difference in percentage points. In brackets: 95 % intervals, bootstrapped over queries ${RESAMPLES} times (trades of runs in blocks of ${RUN_BLOCK}), given what is remembered.`,
      `Hashing and MiniLM: cosine of the sentences' vectors, as in a decision. Hashed words: the same for a plain hash of words and word pairs, without levels and numbers. Plain indicators: Euclidean distance of the 7 z-scored numbers that the sentence has in words (return / ATR, distance of the averages / ATR, ADX, RSI, volatility rank, z-score, place in the channel); asset and regime are not among them. "Indicators, asset, regime" adds these two, as a z-scored 0 or 1 for each name, and so has all that the sentence has. ${minilm === undefined ? "MiniLM skipped: the sentence model (CARRYOVER_MODEL_DIR). " : ""}`,
      `Planted worlds: random situations, and a price that goes where the situation says at most 80 % of the time. Results are drawn 20 times for each. Trades of runs: config.yaml's rule providers without memory, up to ${queries} trades decided after the last remembered one closed.`,
      ...againstDefault(few, `${seeds} seeds`),
      ...againstDefault(many, `${moreSeeds} seeds`),
    ],
    rows: [...rowsOf(few, `${seeds} seeds`), ...rowsOf(many, `${moreSeeds} seeds`)],
  };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The planted worlds and the synthetic market's trades, by seed. */
async function seededSamples(seeds: readonly number[], size: { memory: number; queries: number }): Promise<Sample[]> {
  const samples: Sample[] = [];
  // There are more than 25 trades a month.
  const end = isoDate(Date.UTC(2019, Math.ceil((size.memory + size.queries) / 25)));
  for (const seed of seeds) {
    samples.push(plantedSample(seed, { ...size, draws: 20 }));
    const trades = await tradesOfRun({ start: "2019-01-01", end, seed });
    samples.push(...samplesOf(SYNTHETIC, trades, size).slice(0, 1));
  }
  return samples;
}

/** Samples of a run, each later than the one before by as many trades as it has queries. */
function samplesOf(name: string, trades: readonly Outcome[], size: { memory: number; queries: number }): Sample[] {
  const samples: Sample[] = [];
  for (let from = 0; from + size.memory + size.queries / 2 < trades.length; from += size.queries) {
    samples.push(runSample(name, trades, { from, ...size }));
  }
  return samples;
}

/** How often each method is right in each world. */
async function score(
  samples: readonly Sample[],
  methods: Readonly<Record<string, Method>>,
): Promise<Map<string, Scores>> {
  const worlds = new Map<string, Scores>();
  for (const sample of samples) {
    const remembered = sample.memory.length;
    const nearest: [string, number[][]][] = [];
    for (const [name, method] of Object.entries(methods)) nearest.push([name, await method(sample)]);
    for (const { name, draws, ceiling } of sample.worlds) {
      const block = draws.length > 1 ? 1 : RUN_BLOCK;
      const scores = worlds.get(name) ?? { byMethod: {}, majority: [], ceilings: [], block };
      worlds.set(name, scores);
      const everything = sample.memory.map((_, i) => i);
      sample.queries.forEach((_, q) => {
        const rate = (rows: readonly number[]): number => {
          return mean(draws.map((results) => agreement(rows, results, results[remembered + q]!)));
        };
        for (const [method, found] of nearest) (scores.byMethod[method] ??= []).push(rate(found[q]!));
        scores.majority.push(rate(everything));
      });
      if (ceiling !== undefined) scores.ceilings.push(ceiling);
    }
  }
  if (worlds.size > 0) worlds.set(POOLED, pooled(INDICATOR_WORLDS.flatMap((name) => worlds.get(name) ?? [])));
  return worlds;
}

/** 1 if the remembered results agree with the actual direction, 0 if they disagree, 0.5 if they have none. */
function agreement(rows: readonly number[], results: readonly number[], actual: number): number {
  const sum = rows.reduce((total, row) => total + results[row]!, 0);
  return 0.5 + 0.5 * Math.sign(sum) * Math.sign(actual);
}

/** The mean over worlds, query by query, as they have the same situations. */
function pooled(worlds: readonly Scores[]): Scores {
  const meanOf = (lists: readonly (readonly number[])[]): number[] =>
    lists[0]!.map((_, i) => mean(lists.map((list) => list[i]!)));
  const methods = Object.keys(worlds[0]!.byMethod);
  return {
    byMethod: Object.fromEntries(
      methods.map((method) => [method, meanOf(worlds.map((w) => w.byMethod[method] ?? []))]),
    ),
    majority: meanOf(worlds.map(({ majority }) => majority)),
    ceilings: worlds.flatMap(({ ceilings }) => ceilings),
    block: 1,
  };
}

/** A mean in percent, and its 95 % interval. */
interface MeanPct {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** The mean of values of 0 to 1 in percent, its interval by a bootstrap over blocks of neighbouring values (Künsch 1989). */
function meanPct(values: readonly number[], block: number): MeanPct {
  const blocks: { sum: number; count: number }[] = [];
  for (let start = 0; start < values.length; start += block) {
    const part = values.slice(start, start + block);
    blocks.push({ sum: part.reduce((sum, value) => sum + value, 0), count: part.length });
  }
  const resampledMean = (indices: readonly number[]): number => {
    let sum = 0;
    let count = 0;
    for (const i of indices) {
      sum += blocks[i]!.sum;
      count += blocks[i]!.count;
    }
    return (100 * sum) / count;
  };
  return { mean: percentOf(values), ...percentileInterval(blocks.length, resampledMean, { seed: values.length }) };
}

/** The mean of values of 0 to 1, in percent. */
function percentOf(values: readonly number[]): number {
  return (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
}

/** The mean difference of pairs, in percentage points. */
function meanDifference(a: readonly number[], b: readonly number[], block: number): MeanPct {
  return meanPct(
    a.map((value, i) => value - b[i]!),
    block,
  );
}

function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
}

/** Every method in every world, and the share that perfect knowledge of the world gets right. */
function rowsOf(worlds: ReadonlyMap<string, Scores>, seeds: string): BenchRow[] {
  return [...worlds].flatMap(([name, { byMethod, majority, ceilings, block }]) => {
    const where = name === REAL ? name : `${name}, ${seeds}`;
    const peer = `${percentOf(majority).toFixed(1)} %`;
    const rows = Object.entries(byMethod).map(([method, hits]) => {
      const share = meanPct(hits, block);
      const more = meanDifference(hits, majority, block);
      return {
        what: `${where}: ${method}`,
        ours: `${share.mean.toFixed(1)} % (${share.low.toFixed(1)} to ${share.high.toFixed(1)})`,
        peer,
        ratio: `${signed(more.mean)} (${signed(more.low)} to ${signed(more.high)})`,
      };
    });
    if (ceilings.length === 0) return rows;
    return [...rows, { what: `${where}: the oracle`, ours: `${percentOf(ceilings).toFixed(1)} %` }];
  });
}

/** How much better than the default each method is. */
function againstDefault(worlds: ReadonlyMap<string, Scores>, seeds: string): string[] {
  return [...worlds].map(([name, { byMethod, block, majority }]) => {
    const { [DEFAULT]: defaultHits = [], ...others } = byMethod;
    const comparisons = Object.entries(others).map(([method, hits]) => {
      const more = meanDifference(hits, defaultHits, block);
      const verdict = more.low > 0 ? "better" : more.high < 0 ? "worse" : "no difference shown";
      return `${method} ${signed(more.mean)} points (${signed(more.low)} to ${signed(more.high)}): ${verdict}`;
    });
    const where = name === REAL ? name : `${name}, ${seeds}`;
    return `Against ${DEFAULT}, ${where}, ${majority.length} queries: ${comparisons.join("; ")}.`;
  });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seeds: { type: "string" }, "more-seeds": { type: "string" } } });
  const seeds = Number(values.seeds ?? 3);
  console.log(renderReport(await recallQuality({ seeds, moreSeeds: Number(values["more-seeds"] ?? 40) })));
}
