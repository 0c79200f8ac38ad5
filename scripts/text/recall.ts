/** What recall.ts shows. */
import type { RecallResult, RecallQuestion } from "../../lib/memory/recall.ts";
import { fixed, signed, signedPct, table } from "./table.ts";

/** The answer as text. */
export function renderRecall(answer: RecallResult & { embedder: string }, question: RecallQuestion): string {
  if (answer.remembered === 0) {
    return "Nothing is remembered yet: bun scripts/run-chunks.ts remembers what it trades\n";
  }
  const { asOfMs, sentence } = question;
  const { asset, regime } = answer;
  const market = answer.market === "synthetic" ? "synthetic bars, which say nothing about a real market" : "real bars";
  const limits = [
    asset === undefined ? "" : `of the asset ${asset}`,
    regime === undefined ? "" : `in the regime ${regime}`,
    asOfMs === undefined ? "" : `closed before ${new Date(asOfMs).toISOString().replace(".000Z", "Z")}`,
  ].filter((limit) => limit !== "");
  const about = [`on ${market}`, ...limits].join(", ");
  if (answer.searched === 0) return `Nothing is remembered ${about}\n`;

  const rows = answer.similar.map((trade) => [
    fixed(trade.similarity, 3),
    trade.exit_timestamp.slice(0, 10),
    trade.regime,
    trade.action,
    signed(trade.result_r),
    signedPct(trade.pnl_pct, 2),
    trade.decision_id,
  ]);
  const columns = [
    { title: "Alike" },
    { title: "Closed", align: "left" },
    { title: "Regime", align: "left" },
    { title: "Side", align: "left" },
    { title: "R" },
    { title: "P&L" },
    { title: "Decision", align: "left" },
  ] as const;
  const results = answer.similar.flatMap(({ result_r: r }) => (r === null ? [] : [r]));
  const meanR = results.length === 0 ? null : results.reduce((sum, r) => sum + r, 0) / results.length;
  const won = answer.similar.filter((trade) => trade.won).length;
  return [
    `"${sentence}":\nthe nearest by ${answer.embedder} of ${fixed(answer.searched, 0)} trades ${about}\n\n`,
    table(columns, rows),
    `\n${fixed(won, 0)} of ${fixed(answer.similar.length, 0)} won, mean ${signed(meanR)} R\n`,
    answer.tied === 0 ? "" : tiedLine(answer),
  ].join("");
}

function tiedLine({ tied, similar }: RecallResult): string {
  const more = `${fixed(tied, 0)} more ${tied === 1 ? "is" : "are"} exactly as alike as the last`;
  return `${more}: --k ${similar.length + tied} shows all\n`;
}
