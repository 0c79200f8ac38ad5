/** What asking language models and programs would take. */
import { type CommandConfig, type Config, isRecorded, type LlmConfig } from "../config/config.ts";
import { fail } from "../errors.ts";
import type { SeenQuestion } from "../providers/recorded/recorder-reports.ts";
import { BYTES_PER_TOKEN } from "../providers/recorded/token-bill.ts";
import { sha256OfText } from "../util/sha256.ts";
import { parseTimeout } from "../util/time.ts";

/** What asking would take. */
interface Totals {
  readonly questions: number;
  /** Questions whose answer is recorded. */
  readonly cached: number;
  readonly to_ask: number;
  /** Tokens of the questions to ask: as many per byte as those of recorded answers, else a third. */
  readonly input_tokens: number;
  /** Tokens of their answers: the mean of the recorded ones, else 60 each. */
  readonly output_tokens: number;
  /** `null` if no price is configured. */
  readonly cost_usd: number | null;
  /** What a budget must have left before each question: the most that one may cost, with its retries. `null` as the cost. */
  readonly least_budget_usd: number | null;
  /** At the pace of the recorded answers, else 2 seconds each, within `max_concurrency` and `requests_per_minute`. */
  readonly hours: number;
}

/** What asking one provider would take. */
interface ProviderEstimate extends Totals {
  readonly name: string;
  /** Mean of the recorded answers, or `null`. */
  readonly seconds_per_answer: number | null;
}

/** What a run would take. Costs are those of the providers with a price. */
export interface Estimate extends Totals {
  readonly providers: readonly ProviderEstimate[];
}

/** Without any recorded answer. */
const OUTPUT_TOKENS = 60;
const SECONDS_PER_ANSWER = 2;

const encoder = new TextEncoder();

/**
 * Estimates what the chunks of a run that are left would take. The number of questions is exact. Which of them have a recorded
 * answer is exact up to the first that has none: from there on the run would trade differently, and ask with other prompts.
 *
 * @param dryRun Runs the configuration without asking anybody and without writing, and shows every question.
 * @throws {CarryoverError} `BAD_CONFIG` if the configuration has no provider that is asked.
 */
export async function estimateRun(
  { providers, backtest }: Pick<Config, "providers" | "backtest">,
  dryRun: (onQuestion: (question: SeenQuestion) => void) => Promise<unknown>,
): Promise<Estimate> {
  const tallies = new Map(providers.filter(isRecorded).map((provider) => [provider.name, new Tally(provider)]));
  if (tallies.size === 0) {
    throw fail("BAD_CONFIG", "Cannot estimate", {
      found: 'no provider of the type "llm" or "command"',
      expected: "one",
    });
  }
  await dryRun((question) => tallies.get(question.provider)?.add(question));
  const estimates = [...tallies.values()].map((tally) => tally.estimate({ assets: backtest.assets.length }));
  const sum = (of: (estimate: ProviderEstimate) => number): number =>
    estimates.reduce((total, estimate) => total + of(estimate), 0);
  const hasPrice = estimates.some(({ cost_usd: cost }) => cost !== null);
  return {
    questions: sum(({ questions }) => questions),
    cached: sum(({ cached }) => cached),
    to_ask: sum((each) => each.to_ask),
    input_tokens: sum((each) => each.input_tokens),
    output_tokens: sum((each) => each.output_tokens),
    cost_usd: hasPrice ? sum((each) => each.cost_usd ?? 0) : null,
    least_budget_usd: hasPrice ? Math.max(...estimates.map((each) => each.least_budget_usd ?? 0)) : null,
    // All are asked at the same time, so that the slowest counts.
    hours: Math.max(...estimates.map(({ hours }) => hours)),
    providers: estimates,
  };
}

/**
 * Passes on every question once. The runs of a comparison share questions, and each is paid once.
 *
 * @param onQuestion Gets the first question of each kind.
 */
export function onceEach(onQuestion: (question: SeenQuestion) => void): (question: SeenQuestion) => void {
  const seen = new Set<string>();
  return (question) => {
    const key = sha256OfText(JSON.stringify([question.provider, question.request]));
    if (seen.has(key)) return;
    seen.add(key);
    onQuestion(question);
  };
}

/** Adds up the questions of one provider. */
class Tally {
  readonly #provider: CommandConfig | LlmConfig;
  #questions = 0;
  #cached = 0;
  /** Of the questions to ask. */
  #bytesToAsk = 0;
  #maxCostUsd = 0;
  /** Of the recorded answers. */
  #tookMs = 0;
  /** Of the recorded answers whose tokens were counted, and of their questions. */
  readonly #counted = { answers: 0, bytes: 0, inputTokens: 0, outputTokens: 0 };

  constructor(provider: CommandConfig | LlmConfig) {
    this.#provider = provider;
  }

  add({ request, found, maxCostUsd }: SeenQuestion): void {
    const { prompt = "" } = request as { readonly prompt?: string };
    const bytes = encoder.encode(prompt).length;
    this.#questions += 1;
    if (found === undefined) {
      this.#bytesToAsk += bytes;
      this.#maxCostUsd = Math.max(this.#maxCostUsd, maxCostUsd);
      return;
    }
    this.#cached += 1;
    this.#tookMs += found.took_ms;
    if (found.tokens === null) return;
    const counted = this.#counted;
    counted.answers += 1;
    counted.bytes += bytes;
    counted.inputTokens += found.tokens.input;
    counted.outputTokens += found.tokens.output;
  }

  estimate(run: { assets: number }): ProviderEstimate {
    const provider = this.#provider;
    const { answers, bytes, inputTokens, outputTokens } = this.#counted;
    const toAsk = this.#questions - this.#cached;
    const tokensPerByte = bytes > 0 ? inputTokens / bytes : 1 / BYTES_PER_TOKEN;
    const tokensPerAnswer = provider.type !== "llm" ? 0 : answers > 0 ? outputTokens / answers : OUTPUT_TOKENS;
    const [input, output] = [Math.ceil(this.#bytesToAsk * tokensPerByte), Math.ceil(toAsk * tokensPerAnswer)];
    const price = provider.type === "llm" ? provider.price_per_mtok : undefined;
    const seconds = this.#cached > 0 ? this.#tookMs / this.#cached / 1000 : null;
    return {
      name: provider.name,
      questions: this.#questions,
      cached: this.#cached,
      to_ask: toAsk,
      input_tokens: input,
      output_tokens: output,
      cost_usd: price === undefined ? null : (input * price.input + output * price.output) / 1e6,
      least_budget_usd: price === undefined ? null : this.#maxCostUsd,
      hours: hoursFor(toAsk, provider, { seconds: seconds ?? SECONDS_PER_ANSWER, ...run }),
      seconds_per_answer: seconds,
    };
  }
}

/** The assets of one time are asked together, as many at once as the provider allows. */
function hoursFor(
  questions: number,
  provider: CommandConfig | LlmConfig,
  { seconds, assets }: { seconds: number; assets: number },
): number {
  const samples = provider.type === "llm" ? (provider.samples ?? 1) : 1;
  const atOnce = Math.max(1, Math.min(assets * samples, provider.max_concurrency));
  const longest = (parseTimeout(provider.timeout) ?? Infinity) / 1000;
  const perMinute = provider.type === "llm" ? (provider.requests_per_minute ?? Infinity) : Infinity;
  return Math.max((questions * Math.min(seconds, longest)) / atOnce / 3600, questions / perMinute / 60);
}
