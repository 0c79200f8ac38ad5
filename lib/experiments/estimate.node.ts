import type { LlmConfig } from "../config/config.ts";
import { CarryoverError } from "../errors.ts";
import { runConfig, type RunOptions } from "../job/run.node.ts";
import { isRecorded } from "../providers/load.node.ts";
import { BYTES_PER_TOKEN } from "../providers/recorded/token-bill.ts";
import { parseTimeout } from "../util/time.ts";

/** What asking one provider would take. */
export interface ProviderEstimate {
  readonly name: string;
  readonly questions: number;
  /** Those whose answer is recorded. */
  readonly cached: number;
  readonly to_ask: number;
  /** Tokens of the questions to be asked: as many a byte as those recorded have, else a third; and for answers their mean, else 60. */
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** `null` where no price is configured. */
  readonly cost_usd: number | null;
  /** What a budget must have left before each question can be asked: the most that one may cost, with its retries. `null` as the cost. */
  readonly least_budget_usd: number | null;
  /** At the pace of recorded answers, else 2 seconds each, and what `max_concurrency` and `requests_per_minute` allow. */
  readonly hours: number;
  /** Mean seconds of an answer: of those recorded, or `null`. */
  readonly seconds_per_answer: number | null;
}

/** What a run would take. */
export interface Estimate {
  readonly questions: number;
  readonly cached: number;
  readonly to_ask: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  /** Of the providers with a price; `null` where there is none. */
  readonly cost_usd: number | null;
  readonly least_budget_usd: number | null;
  readonly hours: number;
  readonly providers: readonly ProviderEstimate[];
}

const OUTPUT_TOKENS = 60;
const SECONDS = 2;

const encoder = new TextEncoder();

/** What is added up of a provider: bytes of the questions to be asked; of those recorded, time, and where tokens were counted, these. */
interface Sums {
  questions: number;
  cached: number;
  bytes: number;
  maxCostUsd: number;
  tookMs: number;
  counted: number;
  countedBytes: number;
  input: number;
  output: number;
}

function noSums(): Sums {
  return {
    questions: 0,
    cached: 0,
    bytes: 0,
    maxCostUsd: 0,
    tookMs: 0,
    counted: 0,
    countedBytes: 0,
    input: 0,
    output: 0,
  };
}

/**
 * Says what the chunks of a run that are left would take, without asking anybody or writing anything: the run is tried in
 * memory, where chance votes for those without a recorded answer. How many questions there are is exact. Which of them have an answer is
 * so up to the first that has none; from there on the real run trades otherwise than the trial, and with memory its prompts differ.
 *
 * @throws {CarryoverError} `BAD_CONFIG` if nobody is asked in this configuration.
 */
export async function estimateRun(options: RunOptions): Promise<Estimate> {
  const { config } = options;
  const asked = config.providers.filter(isRecorded);
  if (asked.length === 0) {
    throw new CarryoverError(
      "BAD_CONFIG",
      'Cannot estimate: found no provider of the type "llm" or "command", expected one',
    );
  }
  const found = new Map(asked.map(({ name }) => [name, noSums()]));
  await runConfig({
    ...options,
    mode: "dry-run",
    onProgress: undefined,
    onQuestion: ({ provider, request, found: answer, maxCostUsd }) => {
      const sums = found.get(provider);
      if (sums === undefined) return;
      sums.questions += 1;
      const { prompt = "" } = request as { readonly prompt?: string };
      const bytes = encoder.encode(prompt).length;
      if (answer === undefined) {
        sums.bytes += bytes;
        sums.maxCostUsd = Math.max(sums.maxCostUsd, maxCostUsd);
        return;
      }
      sums.cached += 1;
      sums.tookMs += answer.took_ms;
      if (answer.tokens === null) return;
      sums.counted += 1;
      sums.countedBytes += bytes;
      sums.input += answer.tokens.input;
      sums.output += answer.tokens.output;
    },
  });

  const providers = asked.map((provider): ProviderEstimate => {
    const sums = found.get(provider.name) ?? noSums();
    const toAsk = sums.questions - sums.cached;
    const isModel = provider.type === "llm";
    const tokensPerByte = sums.countedBytes > 0 ? sums.input / sums.countedBytes : 1 / BYTES_PER_TOKEN;
    const inputTokens = Math.ceil(sums.bytes * tokensPerByte);
    const outputTokens = isModel
      ? Math.ceil(toAsk * (sums.counted > 0 ? sums.output / sums.counted : OUTPUT_TOKENS))
      : 0;
    const price = isModel ? provider.price_per_mtok : undefined;
    const seconds = sums.cached > 0 ? sums.tookMs / sums.cached / 1000 : null;
    return {
      name: provider.name,
      questions: sums.questions,
      cached: sums.cached,
      to_ask: toAsk,
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      cost_usd: price === undefined ? null : (inputTokens * price.input + outputTokens * price.output) / 1e6,
      least_budget_usd: price === undefined ? null : sums.maxCostUsd,
      hours: hoursOf(toAsk, { provider, seconds: seconds ?? SECONDS, assets: config.backtest.assets.length }),
      seconds_per_answer: seconds,
    };
  });
  const hasPrice = providers.some((each) => each.cost_usd !== null);
  const sum = (of: (provider: ProviderEstimate) => number): number =>
    providers.reduce((all, each) => all + of(each), 0);
  return {
    questions: sum((each) => each.questions),
    cached: sum((each) => each.cached),
    to_ask: sum((each) => each.to_ask),
    input_tokens: sum((each) => each.input_tokens),
    output_tokens: sum((each) => each.output_tokens),
    cost_usd: hasPrice ? sum((each) => each.cost_usd ?? 0) : null,
    least_budget_usd: hasPrice ? Math.max(...providers.map((each) => each.least_budget_usd ?? 0)) : null,
    // All are asked at once, so the slowest counts.
    hours: Math.max(...providers.map((each) => each.hours)),
    providers,
  };
}

/** The assets of one time are asked together, as many at once as the provider allows. */
function hoursOf(
  questions: number,
  {
    provider,
    seconds,
    assets,
  }: {
    provider:
      | Pick<LlmConfig, "max_concurrency" | "requests_per_minute" | "timeout">
      | { max_concurrency: number; timeout: string };
    seconds: number;
    assets: number;
  },
): number {
  const atOnce = Math.max(1, Math.min(assets, provider.max_concurrency));
  const longest = (parseTimeout(provider.timeout) ?? Infinity) / 1000;
  const perMinute = "requests_per_minute" in provider ? (provider.requests_per_minute ?? Infinity) : Infinity;
  return Math.max((questions * Math.min(seconds, longest)) / atOnce / 3600, questions / perMinute / 60);
}
