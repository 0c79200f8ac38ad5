/** What recall prints. */
import type { RecallResult, RecallQuestion } from "../../lib/memory/recall.ts";
import { scriptCommand } from "../../lib/util/command-line.node.ts";
import { meanOf } from "../../lib/util/numbers.ts";
import { count, fixed, signed, signedPct } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

/** Below this match two situations have next to nothing in common. */
const MIN_ALIKE = 0.1;

export function renderRecall(answer: RecallResult, question: RecallQuestion): string {
  if (answer.remembered === 0)
    return `Nothing is remembered yet; ${scriptCommand("run-chunks")} stores every closed trade\n`;
  const searched = searchedTrades(answer, question);
  if (answer.searched === 0) return `No remembered ${searched}`;

  const { similar, tied } = answer;
  const meanR = meanOf(similar.map(({ result_r }) => result_r));
  const won = similar.filter((trade) => trade.won).length;
  const best = similar[0]?.similarity ?? 0;
  const head = `"${question.sentence}"\nNearest by ${answer.embedder} of ${count(answer.searched)} ${searched}\n`;
  if (best < MIN_ALIKE) return `${head}None of them is alike: the best match is ${fixed(best, 3)}, and 1 is the same\n`;
  return [
    head,
    tradesTable(answer),
    similar.some(({ imported }) => imported) ? "\n* imported from another system\n" : "",
    `\n${count(won)} of ${count(similar.length)} won, mean ${signed(meanR)} R\n`,
    tied === 0 ? "" : `${count(tied)} more tie with the last one: --k ${similar.length + tied} shows all\n`,
  ].join("");
}

function searchedTrades({ market, asset, regime }: RecallResult, { asOfMs }: RecallQuestion): string {
  const bars = market === "synthetic" ? "synthetic bars, which say nothing about a real market" : "real bars";
  const filters = [
    ...(asset === undefined ? [] : [asset]),
    ...(regime === undefined ? [] : [regime]),
    ...(asOfMs === undefined ? [] : [`closed before ${shortTime(asOfMs)}`]),
  ];
  return `trades on ${bars}\n${filters.length === 0 ? "" : `Filters: ${filters.join(", ")}\n`}`;
}

/** The date alone if the time is midnight. */
function shortTime(ms: number): string {
  return new Date(ms).toISOString().replace("T00:00:00.000Z", "").replace(".000Z", "Z");
}

function tradesTable({ similar }: RecallResult): string {
  return table(
    [...columns("Match"), words("Closed"), words("Regime"), words("Side"), ...columns("R", "P&L"), words("Decision")],
    similar.map((trade) => [
      fixed(trade.similarity, 3),
      trade.exit_timestamp.slice(0, 10),
      trade.regime,
      trade.action,
      signed(trade.result_r),
      signedPct(trade.pnl_pct, 2),
      trade.decision_id + (trade.imported ? " *" : ""),
    ]),
  );
}
