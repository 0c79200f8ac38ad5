/** What a user should know about a run, a sentence each. */
import type { Progress } from "../backtest/job.ts";
import type { Config, ProviderConfig } from "../config/config.ts";
import { plainSymbol } from "../market/formats/symbols.ts";
import { MIN_TELLING_CHANGES, type VoteLeak } from "../providers/vote-leak.ts";
import type { FileVote, FileVotes } from "../providers/votes-file.ts";
import { UnusableProvider } from "../providers/first-answers.ts";
import { knowledgeCutoff } from "../providers/recorded/knowledge-cutoffs.ts";
import { protocolOf } from "../providers/recorded/llm-api.ts";
import { MissingAnswer, NoUsableAnswers, PromptsTooLong } from "../providers/recorded/recorder.ts";
import type { QuestionCounts } from "../providers/recorded/recorder-reports.ts";
import { DEFAULTS } from "../settings.ts";
import { isSameJson } from "../util/json.ts";
import { isoDate } from "../util/time.ts";
import type { Period } from "./period.ts";

/** Characters of a reason that a note shows. */
const MAX_REASON = 200;

/** Names the language models that may have read about the period. */
export function cutoffNotes(providers: readonly ProviderConfig[], period: Period): readonly string[] {
  const start = isoDate(period.startMs);
  return providers.flatMap((provider) => {
    if (provider.type !== "llm") return [];
    const { name, model, mask } = provider;
    const cutoff = provider.knowledge_cutoff ?? knowledgeCutoff(model);
    if (cutoff !== undefined && period.startMs > Date.parse(cutoff)) return [];
    const about =
      cutoff === undefined
        ? `The knowledge cutoff of "${model}" is unknown (set knowledge_cutoff) and may be after ${start}`
        : `The period begins at ${start}, before the knowledge cutoff of "${model}", ${cutoff}`;
    const advice = mask ? "" : "; mask: true hides asset, dates and prices from it";
    return [`${about}: "${name}" may remember what it seems to predict${advice}`];
  });
}

/** A provider whose votes leak. */
export interface ProviderLeak extends VoteLeak {
  readonly provider: string;
}

/**
 * Says how votes show that they know later bars, and what to do.
 *
 * @param providers The configuration of the run.
 */
export function leakNote(leak: ProviderLeak, providers: readonly ProviderConfig[]): string {
  const { provider, asset, kind, lag, share, z, later_z: later } = leak;
  const where = { change: "where they change", window: "in the bars after they change", level: "all in all" }[kind];
  const bar = lag === 0 ? "that begin when they count" : `that begin ${lag} ${lag === 1 ? "bar" : "bars"} later`;
  const percent = (50 * (1 + Math.abs(share))).toFixed(0);
  return (
    `The votes of "${provider}"${asset === null ? "" : ` on ${asset}`} seem to know the future: ${where}, ${percent} % of the moves, by size, of bars ${bar} ` +
    `go ${share > 0 ? "with" : "against"} them (z ${z.toFixed(1)}, 24 to 26 bars later at most ${later.toFixed(1)}). ` +
    `${leakAdvice(providers.find(({ name }) => name === provider))}. A real edge that fades within a day of bars, as simulated bars may have, looks alike (docs/PROVIDERS.md)`
  );
}

function leakAdvice(config: ProviderConfig | undefined): string {
  if (config?.type !== "file")
    return "Whatever it reads of its own must end at situation.timestamp: a bar is known at its end, not at its start";
  return [
    config.stamp === "bar_start"
      ? "If the votes come from longer bars than those of the run, set bar: to the length of their bars, such as bar: 1d"
      : "If their timestamps are the starts of their bars, set stamp: bar_start",
    ...(config.timezone === undefined
      ? ["If they state no zone and are not in UTC, set timezone: to theirs, such as America/New_York"]
      : []),
  ].join(". ");
}

/** Says that a file has too few changes to tell from them whether its votes know later bars. */
export function rareVotesNote({ provider, changes }: { readonly provider: string; readonly changes: number }): string {
  const times = `${changes === 1 ? "once" : `${changes} times`}, fewer than ${MIN_TELLING_CHANGES}`;
  return (
    `The votes of "${provider}" change too rarely (${times}) to tell whether they know the future: ` +
    "make sure that each counts from when it was known (docs/PROVIDERS.md)"
  );
}

/** With fewer trades for each position of a file, stops and targets did not change much. */
const MIN_TRADES_PER_POSITION = 1.5;

/**
 * Says that the positions of a file, which is the only provider, became more trades, or were not all opened.
 *
 * @param run `votes`: of its files, by provider; `trades`: how many it has made; `skipped`: decisions that opened nothing, by the reason.
 */
export function positionsNotes(
  { providers, backtest }: Pick<Config, "providers" | "backtest">,
  run: {
    votes: ReadonlyMap<string, FileVotes>;
    period: Period;
    trades: number;
    skipped: Readonly<Record<string, number>>;
  },
): readonly string[] {
  const [file] = run.votes;
  if (providers.length > 1 || file === undefined) return [];
  const [name, votes] = file;
  const positions = backtest.assets
    .map((asset) => positionsWithin(votes.get(asset) ?? [], run.period))
    .reduce((sum, ofAsset) => sum + ofAsset, 0);
  const skips = Object.entries(run.skipped).flatMap(([reason, times]) => (times > 0 ? `${times} by ${reason}` : []));
  const found = [
    ...(run.trades > MIN_TRADES_PER_POSITION * positions
      ? [
          `"${name}" has ${positions === 1 ? "1 position" : `${positions} positions`} in this period, but made ${run.trades} trades: ` +
            "after a stop, a target or max_holding, a vote that still holds opens the next one",
        ]
      : []),
    // Signals ask again and again.
    ...(backtest.risk.close_on_hold && skips.length > 0
      ? [`Decisions of "${name}" that opened nothing: ${skips.join(", ")}`]
      : []),
  ];
  return found.map((each) => `${each}. docs/PROVIDERS.md says how to trade the positions of a file and nothing else`);
}

/** How often a vote of BUY or SELL differs from the one before; one that holds when the period starts counts, too. */
function positionsWithin(votes: readonly FileVote[], { startMs, endMs }: Period): number {
  const within = votes.filter(
    ({ timestamp }, i) => timestamp < endMs && (votes[i + 1]?.timestamp ?? Number.POSITIVE_INFINITY) > startMs,
  );
  return within.filter(({ answer: { action } }, i) => action !== "HOLD" && action !== within[i - 1]?.answer.action)
    .length;
}

/** Names the models of `api: openai` on a server that is not OpenAI's. */
export function apiNotes(providers: readonly ProviderConfig[]): readonly string[] {
  return providers.flatMap((provider) => {
    if (provider.type !== "llm" || provider.api !== "openai" || protocolOf(provider) === "openai") return [];
    const { name, base_url: url } = provider;
    return [
      `"${name}" is asked as api: openai-compatible, since "${url}" is not OpenAI's address; its recorded answers stay valid`,
    ];
  });
}

const CURRENCIES = new Set(
  "AUD CAD CHF CNH CZK DKK EUR GBP HKD HUF JPY MXN NOK NZD PLN SEK SGD TRY USD ZAR".split(" "),
);

/** Names the currency pairs of a run that pay the default costs, which are those of crypto. */
export function costsNotes({ assets, costs, asset_costs: ofAssets }: Config["backtest"]): readonly string[] {
  const pairs = assets.filter((asset) => {
    const [, base = "", quoted = ""] = /^(...)(...)$/.exec(plainSymbol(asset)) ?? [];
    return CURRENCIES.has(base) && CURRENCIES.has(quoted) && !Object.hasOwn(ofAssets, asset);
  });
  if (pairs.length === 0 || !isSameJson(costs, DEFAULTS.backtest.costs)) return [];
  const { fee_bps: fee, spread_bps: spread, slippage_bps: slippage } = costs;
  const example = JSON.stringify({ [pairs[0]!]: DEFAULTS.backtest.asset_costs.EURUSD });
  return [
    `${pairs.join(", ")}: the costs are those of crypto (fee ${fee}, spread ${spread}, slippage ${slippage} basis points); ` +
      `backtest.asset_costs sets those of a currency pair, such as ${example}`,
  ];
}

/**
 * Says where a run was stopped, what is kept of it, and how to continue it.
 *
 * @param run `outcomes`: how many it has recorded; `refresh`: providers of `--refresh-provider`; `begun`: those of them that have
 * been asked again.
 */
export function stoppedNote(run: {
  progress: Progress | undefined;
  outcomes: number;
  reason: unknown;
  refresh: readonly string[];
  begun: readonly string[];
}): string {
  const { progress, outcomes, reason, refresh, begun } = run;
  const place = progress === undefined ? " at the start" : ` in ${progress.chunk} at ${isoDate(progress.simulatedMs)}`;
  const kept =
    outcomes === 0
      ? progress === undefined
        ? "nothing has changed"
        : "no trade had closed yet"
      : outcomes === 1
        ? "the outcome is kept"
        : `all ${outcomes} outcomes are kept`;
  if (reason instanceof PromptsTooLong) {
    const next = "but the same command meets the same prompts again: with another prompt_file it is another run";
    return `Stopped${place}: ${kept}, ${next}`;
  }
  if (reason instanceof UnusableProvider) return `Stopped${place}: ${kept}, but the same command stops again`;
  // A refresh that has begun would start again.
  const names = begun.length === refresh.length ? "" : ` ${begun.map((name) => JSON.stringify(name)).join(", ")}`;
  const without =
    reason instanceof MissingAnswer
      ? " without --offline"
      : begun.length === 0
        ? ""
        : ` without --refresh-provider${names}`;
  const again = progress === undefined ? "" : ` with ${progress.chunk}`;
  const unless =
    reason instanceof NoUsableAnswers ? ", but stops again if the next questions have no usable answer either" : "";
  return `Stopped${place}: ${kept}, and the same command${without} goes on${again}${unless}`;
}

/** Says why answers could not be used. */
export function failureNotes(counts: QuestionCounts | undefined): readonly string[] {
  if (counts?.commonestFailure === undefined) return [];
  const { failed, commonestFailure } = counts;
  const { reason, times } = commonestFailure;
  const what = failed === 1 ? "1 answer cannot be used" : `${failed} answers cannot be used`;
  const often = failed === 1 ? "" : `; the commonest reason, ${times} times`;
  return [`${what}${often}: ${reason.slice(0, MAX_REASON)}`];
}

/** Says that a run went on without some answers, and how to ask again. */
export function unansweredNotes(counts: QuestionCounts | undefined): readonly string[] {
  const { unanswered = 0 } = counts ?? {};
  if (unanswered === 0) return [];
  const what =
    unanswered === 1
      ? "1 question has no answer and counts as an abstention"
      : `${unanswered} questions have no answer and count as abstentions`;
  return [`${what}: --retry-failed asks again, and uses all answers that are recorded`];
}
