/** What run-chunks and compare-memory print about questions to language models and programs. */
import type { Estimate } from "../../lib/experiments/estimate.ts";
import type { QuestionCounts, ServerWait } from "../../lib/providers/recorded/recorder-reports.ts";
import { count, dollars, fixed } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

/** What has been asked so far, on one line. The cost is left out if no price is known. */
export function renderQuestionCounts(counts: QuestionCounts): string {
  const { asked, cached, failed, unanswered, costUsd, costNowUsd } = counts;
  const without = unanswered === 0 ? "" : `, unanswered ${count(unanswered)}`;
  const now = costNowUsd === null || costNowUsd === costUsd ? "" : `${dollars(costNowUsd)} now, `;
  const cost = costUsd === null ? "" : `, cost ${now}${dollars(costUsd)}${now === "" ? "" : " in all"}`;
  return `asked ${count(asked)}, cached ${count(cached)}, failed ${count(failed)}${without}${cost}`;
}

/** For whom a run waits, and until when, in local time. The reason is a field of its own, which may not fit a line. */
export function renderWait({ provider, untilMs, reason }: ServerWait): string {
  const until = new Date(untilMs).toTimeString().slice(0, 8);
  return `${JSON.stringify(provider)} waits until ${until}  ${reason}`;
}

/**
 * @param options `budgetUsd`: of the configuration, if it has one; `chunks`: of the run, and how many of them are complete. Their questions are not
 * counted.
 */
export function renderEstimate(
  estimate: Estimate,
  {
    budgetUsd = Infinity,
    chunks,
  }: { budgetUsd?: number | undefined; chunks?: { readonly all: number; readonly complete: number } } = {},
): string {
  if (chunks !== undefined && chunks.all === chunks.complete) {
    return "The run is complete: its questions are answered, and nothing is left to ask.\n";
  }
  const row = (name: string, of: Omit<Estimate, "providers">): string[] => [
    name,
    ...[of.questions, of.cached, of.to_ask, of.input_tokens, of.output_tokens].map(count),
    of.cost_usd === null ? "no price" : dollars(of.cost_usd),
    fixed(of.hours, 2),
  ];
  const { providers } = estimate;
  const rows = providers.map((provider) => row(provider.name, provider));
  const heads = columns("questions", "cached", "to ask", "tokens in", "tokens out", "cost", "hours");
  return (
    table([words(""), ...heads], providers.length > 1 ? [...rows, row("total", estimate)] : rows) +
    "\nA provider without recorded answers is taken to need one token per 3 bytes, and\n" +
    "60 tokens and 2 seconds per answer. Nothing was asked or written.\n" +
    (chunks === undefined || chunks.complete === 0
      ? ""
      : `Chunks: ${chunks.complete} of ${chunks.all} are complete, and only the questions of the others are counted.\n`) +
    budgetLines(estimate) +
    ((estimate.cost_usd ?? 0) + (estimate.least_budget_usd ?? 0) > budgetUsd
      ? `With budget_usd at ${dollars(budgetUsd)} it may stop before the end. With a larger one the same command goes\non, and pays for no answer twice.\n`
      : "")
  );
}

function budgetLines({ providers, least_budget_usd: least }: Estimate): string {
  if (least === null) return "";
  const unpriced = providers.filter((provider) => provider.cost_usd === null).map(({ name }) => JSON.stringify(name));
  const left = `$${(Math.ceil(least * 1e4) / 1e4).toFixed(4)}`;
  return (
    (unpriced.length === 0 ? "" : `The cost excludes ${unpriced.join(", ")}: no price is known.\n`) +
    (least === 0
      ? ""
      : `A question is asked only while ${left} of the budget is left: its maximum cost with\nall retries.\n`)
  );
}
