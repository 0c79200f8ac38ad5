/** What run-chunks shows of questions to language models and programs. */
import type { Estimate } from "../../lib/experiments/estimate.ts";
import type { QuestionCounts } from "../../lib/providers/recorded/recorder.ts";
import { fixed, table } from "./table.ts";

/** What was asked so far, on one line; without the cost where no price is known. */
export function renderAsked({ asked, cached, failed, costUsd }: QuestionCounts): string {
  const cost = costUsd === null ? "" : `, cost ${dollars(costUsd)}`;
  return `asked ${fixed(asked, 0)}, cached ${fixed(cached, 0)}, failed ${fixed(failed, 0)}${cost}`;
}

/** What a run would take. */
export function renderEstimate(estimate: Estimate): string {
  const row = (name: string, of: Omit<Estimate, "providers">): string[] => [
    name,
    fixed(of.questions, 0),
    fixed(of.cached, 0),
    fixed(of.to_ask, 0),
    fixed(of.input_tokens, 0),
    fixed(of.output_tokens, 0),
    of.cost_usd === null ? "no price" : dollars(of.cost_usd),
    fixed(of.hours, 2),
  ];
  const titles = ["questions", "cached", "to ask", "tokens in", "tokens out", "cost", "hours"];
  const rows = estimate.providers.map((provider) => row(provider.name, provider));
  const unpriced = estimate.providers
    .filter(({ cost_usd: cost }) => cost === null)
    .map(({ name }) => JSON.stringify(name));
  const { least_budget_usd: least } = estimate;
  const costs =
    least === null
      ? ""
      : (unpriced.length === 0 ? "" : `The cost leaves out ${unpriced.join(", ")}: no price is known.\n`) +
        (least === 0
          ? ""
          : `A question is asked where the budget has $${(Math.ceil(least * 1e4) / 1e4).toFixed(4)} left, which it costs at most with all tries.\n`);
  return (
    table(
      [{ title: "", align: "left" }, ...titles.map((title) => ({ title }))],
      estimate.providers.length > 1 ? [...rows, row("all", estimate)] : rows,
    ) +
    "\nTokens are a third of the bytes, an answer has 60 and needs 2 seconds, where none of the provider\n" +
    "is recorded yet. Nothing was asked, and nothing was written.\n" +
    costs
  );
}

function dollars(usd: number): string {
  return `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}
