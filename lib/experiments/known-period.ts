/** Whether a language model already knows the period: the same questions asked without names and dates, and in the mirror. */
import { bootstrap, type Interval } from "../stats/bootstrap.ts";
import { sampleNoise, type SampleNoise, samplePairs } from "../results/sample-noise.ts";
import type { Answer, BarSeries, Situation } from "../types.ts";
import { createRandom } from "../util/random.ts";
import { DAY_MS, isoDate } from "../util/time.ts";

/** How a question is asked beside its plain form: with names, dates and price levels hidden, or with inverted prices. */
export const QUESTION_FORMS = ["masked", "mirrored"] as const;
/** A form of a question. */
export type QuestionForm = (typeof QUESTION_FORMS)[number];

/** The votes on one decision. */
export interface PairedVotes {
  readonly asset: string;
  /** When the decision is made, epoch ms. */
  readonly timestamp: number;
  readonly plain: Answer;
  /** That of the mirror is turned back. */
  readonly forms: Readonly<Partial<Record<QuestionForm, Answer>>>;
  /** What a long position gains within a day, in ATR; `null` where the bars end before. */
  readonly move: number | null;
}

/** The votes of one form beside the plain ones, over the decisions where both are usable. */
export interface FormFigures {
  readonly decisions: number;
  /** Share of the decisions in which both votes have one action, 0..1. In the mirror: turned round as the prices are. */
  readonly agree: Interval | null;
  /** Decisions in which both buy or sell. */
  readonly directional: number;
  /** Of those, the share in one direction less the share in opposite ones, -1..1. */
  readonly same_direction: Interval | null;
  /** The mean of what the votes gain within a day, in ATR; 0 for a HOLD. */
  readonly plain_gain: number | null;
  readonly form_gain: number | null;
  readonly plain_minus_form: Interval | null;
}

/** The decisions of a part of the period. */
interface PartOfPeriod {
  readonly part: "whole" | "before cutoff" | "after cutoff";
  readonly forms: Readonly<Partial<Record<QuestionForm, FormFigures>>>;
}

/** What the forms say about one model. */
export interface PeriodKnowledge {
  readonly provider: string;
  readonly model: string;
  /** The last day that the model has read about, `YYYY-MM-DD`; `null` if unknown. */
  readonly knowledge_cutoff: string | null;
  /** How far several answers of its own to one question differ; `null` if it was asked once. */
  readonly own_noise: SampleNoise | null;
  /** The whole period, and where it spans the cutoff, what is before and after. */
  readonly parts: readonly PartOfPeriod[];
}

/** A model whose votes were paired. */
export interface PairedModel {
  readonly provider: string;
  readonly model: string;
  readonly cutoff: string | undefined;
  readonly votes: readonly PairedVotes[];
}

/** How the figures are computed. */
interface KnowledgeOptions {
  /** Mean length of the blocks of days that are drawn. */
  readonly blockDays: number;
  /** Resamples of every interval. */
  readonly draws: number;
}

/** Compares the forms of a model's questions. */
export function periodKnowledge(
  { provider, model, cutoff, votes }: PairedModel,
  options: KnowledgeOptions,
): PeriodKnowledge {
  // The cutoff is a day that the model has read about, to its end.
  const endMs = cutoff === undefined ? undefined : Date.parse(cutoff) + DAY_MS;
  const before = endMs === undefined ? [] : votes.filter(({ timestamp }) => timestamp < endMs);
  const spans = before.length > 0 && before.length < votes.length;
  const part = (name: PartOfPeriod["part"], some: readonly PairedVotes[]): PartOfPeriod => ({
    part: name,
    forms: Object.fromEntries(
      QUESTION_FORMS.filter((form) => some.some(({ forms }) => forms[form] !== undefined)).map((form) => [
        form,
        figuresOf(some, form, { ...options, seed: `known period ${provider} ${name} ${form}` }),
      ]),
    ),
  });
  return {
    provider,
    model,
    knowledge_cutoff: cutoff ?? null,
    own_noise: sampleNoise(votes.map(({ plain }) => plain.samples && samplePairs(plain.samples))).samples ?? null,
    parts: [
      part("whole", votes),
      ...(spans
        ? [
            part("before cutoff", before),
            part(
              "after cutoff",
              votes.filter(({ timestamp }) => timestamp >= endMs!),
            ),
          ]
        : []),
    ],
  };
}

/** A decision in figures: both votes as directions, -1, 0 or 1. */
interface Pair {
  readonly plain: number;
  readonly form: number;
  readonly move: number | null;
}

function figuresOf(
  votes: readonly PairedVotes[],
  form: QuestionForm,
  { blockDays, draws, seed }: KnowledgeOptions & { seed: string },
): FormFigures {
  const byDay = new Map<string, Pair[]>();
  for (const { timestamp, plain, forms, move } of votes) {
    const other = forms[form];
    if (other === undefined || plain.error !== undefined || other.error !== undefined) continue;
    const day = isoDate(timestamp);
    const pairs = byDay.get(day) ?? [];
    byDay.set(day, pairs);
    pairs.push({ plain: directionOf(plain), form: directionOf(other), move });
  }
  const days = [...byDay.values()];
  const meanBlock = Math.max(1, Math.min(blockDays, days.length / 3));
  const [agree, sameDirection, difference] = bootstrap(
    [{ length: days.length, meanBlock }],
    ([drawn]) => {
      const { agreeing, pairs, same, directional, gains, moved } = sumsOf(Array.from(drawn!, (i) => days[i]!).flat());
      return [ratio(agreeing, pairs), ratio(same, directional), ratio(gains.plain - gains.form, moved)];
    },
    { draws, random: createRandom(seed) },
  );
  const { pairs, directional, gains, moved } = sumsOf(days.flat());
  return {
    decisions: pairs,
    agree: within(agree, { min: 0, max: 1 }),
    directional,
    same_direction: within(sameDirection, { min: -1, max: 1 }),
    plain_gain: ratio(gains.plain, moved),
    form_gain: ratio(gains.form, moved),
    plain_minus_form: difference ?? null,
  };
}

/** An interval of a figure that has bounds. */
function within(interval: Interval | null | undefined, { min, max }: { min: number; max: number }): Interval | null {
  if (interval === null || interval === undefined) return null;
  return { ...interval, low: Math.max(min, interval.low), high: Math.min(max, interval.high) };
}

function directionOf({ action }: Answer): number {
  return action === "BUY" ? 1 : action === "SELL" ? -1 : 0;
}

function sumsOf(pairs: readonly Pair[]) {
  const sums = { pairs: pairs.length, agreeing: 0, directional: 0, same: 0, moved: 0, gains: { plain: 0, form: 0 } };
  for (const { plain, form, move } of pairs) {
    if (plain === form) sums.agreeing += 1;
    if (plain !== 0 && form !== 0) sums.directional += 1;
    sums.same += plain * form;
    if (move === null) continue;
    sums.moved += 1;
    sums.gains.plain += plain * move;
    sums.gains.form += form * move;
  }
  return sums;
}

function ratio(sum: number, count: number): number | null {
  return count === 0 ? null : sum / count;
}

/** What a long position gains from a situation's close to the last close within a day after it, in ATR. */
export function moveWithinDay({ timestamp, close, atr }: Situation, { bars, timeframeMs }: BarSeries): number | null {
  const last = bars.at(-1);
  if (last === undefined || last.timestamp + timeframeMs < timestamp + DAY_MS || !(atr > 0)) return null;
  let [low, high] = [0, bars.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle]!.timestamp + timeframeMs <= timestamp + DAY_MS) low = middle + 1;
    else high = middle;
  }
  return (bars[low - 1]!.close - close) / atr;
}

/** What the forms of one model's questions say, by the first of these that holds. */
export type KnowledgeVerdict = "remembers" | "keeps its direction" | "follows the data" | "no difference shown";

/**
 * `remembers`: its plain votes gain more than its masked ones. `keeps its direction`: it does not turn round in the mirror.
 * `follows the data`: it does.
 */
export function knowledgeVerdict({ parts }: PeriodKnowledge): KnowledgeVerdict {
  const { masked, mirrored } = parts[0]!.forms;
  if ((masked?.plain_minus_form?.low ?? 0) > 0) return "remembers";
  if ((mirrored?.same_direction?.high ?? 0) < 0) return "keeps its direction";
  return (mirrored?.same_direction?.low ?? 0) > 0 ? "follows the data" : "no difference shown";
}
