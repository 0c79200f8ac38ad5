/** One decision, told. */
import type { FoundDecision } from "../../lib/runs/decision.ts";
import type { SessionDecision } from "../../lib/memory/session-outcome.ts";
import type { DecisionRecord, Outcome } from "../../lib/types.ts";
import { paint, shortened } from "../cli/terminal.ts";
import { count, countOf, fixed, minute, money, pct, signed, signedPct } from "./numbers.ts";
import { columns, SCREEN_COLUMNS, table, words, wrap } from "./table.ts";

/** Recalled trades that are shown. */
const SHOWN_RECALLED = 5;

/** Of a vote, confidences and a weight, with the spaces between them; and the least that is shown of a reason. */
const COLUMNS_BEFORE_REASON = 45;
const MIN_REASON = 12;

/** A price as a person reads it. */
const price = (value: number): string => (value < 10 ? fixed(value, 5) : money(value));

export function renderDecision(found: FoundDecision): string {
  const { decision } = found;
  const told = [situationText(decision), memoryText(decision), actionText(decision), outcomeText(found)].join(" ");
  return [
    `${paint(`Decision ${decision.decision_id}`, "bold")}  ${found.chunk}\n`,
    ...wrap(told, SCREEN_COLUMNS).map((line) => `${line}\n`),
    "\n",
    votesTable(decision),
    ...(found.recalled.length === 0 ? [] : ["\n", recalledTable(found)]),
  ].join("");
}

function situationText(decision: DecisionRecord | SessionDecision): string {
  if ("sentence" in decision) return `At ${minute(decision.timestamp)}: ${decision.sentence}`;
  const { timestamp, asset, situation: s } = decision;
  const trend = s.ema_fast > s.ema_slow ? "above" : "below";
  return (
    `At ${minute(timestamp)} ${asset} closed at ${price(s.close)}, ${signedPct(s.return_pct)} in 24 bars. ` +
    `The regime was ${s.regime}: ADX ${fixed(s.adx, 0)}, RSI ${fixed(s.rsi, 0)}, ATR ${pct(s.volatility_pct, 2)} of the close, ` +
    `the fast average ${trend} the slow one. Of the bars before, ${pct(100 * s.volatility_rank, 0)} had a lower ATR.`
  );
}

function memoryText({ context: { remembered, similar, recent } }: DecisionRecord): string {
  if (remembered === 0) return "Nothing was remembered.";
  const alike =
    similar.count === 0
      ? "none of them alike"
      : `the ${count(similar.count)} most alike won ${count(similar.wins)} times, mean ${signed(similar.mean_r)} R`;
  const last = `in the last ${recent.days} days ${countOf(recent.trades, "trade")} won ${count(recent.wins)} times, mean ${signed(recent.mean_r)} R`;
  return `${countOf(remembered, "trade")} were remembered: ${alike}; ${last}.`;
}

function actionText(d: DecisionRecord): string {
  const before = d.raw_confidence === d.confidence ? "" : ` (${fixed(d.raw_confidence, 1)} before calibration)`;
  const decided = `The weighted votes said ${d.action} at a confidence of ${fixed(d.confidence, 1)}${before}.`;
  if (d.action === "HOLD") return d.order === "close" ? `${decided} It closed the open position.` : decided;
  // Decisions of version 0.2.0 have none.
  const expected =
    (d.expected_r ?? null) === null
      ? ""
      : ` A position was expected to earn ${signed(d.expected_r, 3)} R after costs, which allows ${pct(100 * d.size_scale, 0)} of the full size.`;
  return `${decided}${expected} ${orderText(d)}`;
}

function orderText({ order, size, skipped, equity }: DecisionRecord): string {
  if (order === "open" && size === null) return "Its program decided what became of it.";
  const units = size === null ? "" : `${fixed(size, 4)} units, at an equity of ${money(equity)}`;
  if (order === "open") return `It opened ${units}.`;
  if (order === "reverse") return `It reversed the open position: ${units}.`;
  const reason = skipped === null ? "a position this way was open" : `the rule ${skipped} did not allow one`;
  return order === "close"
    ? `It closed the open position and opened none: ${reason}.`
    : `It opened nothing: ${reason}.`;
}

function outcomeText({ decision, outcome }: FoundDecision): string {
  if (outcome === null) {
    const isTrade = decision.order === "open" || decision.order === "reverse";
    return isTrade ? "No outcome of it is in memory: it was not filled, is still open, or was removed." : "";
  }
  return (
    `The position was filled at ${price(outcome.entry_price)} on ${minute(outcome.entry_timestamp)}, and ended by ` +
    `${outcome.exit_reason.replaceAll("_", " ")} at ${price(outcome.exit_price)} on ${minute(outcome.exit_timestamp)}, after ` +
    `${fixed(outcome.holding_period_hours, 0)} h: ${signed(outcome.realized_pnl)} after costs ` +
    `(${signedPct(outcome.pnl_percentage, 2)}), ${signed(outcome.result_r)} R before them.`
  );
}

function votesTable({ votes, weights, calibrated }: DecisionRecord): string {
  const nameColumns = Math.max("provider".length, ...votes.map(({ provider }) => provider.length));
  const room = Math.max(MIN_REASON, SCREEN_COLUMNS - nameColumns - COLUMNS_BEFORE_REASON);
  return table(
    [words("provider"), words("vote"), ...columns("confidence", "calibrated", "weight"), words("reason")],
    votes.map(({ provider, action, confidence, reason, error }) => [
      provider,
      error === undefined ? action : "abstained",
      error === undefined ? fixed(confidence, 1) : "-",
      error === undefined ? fixed(calibrated[provider] ?? null, 1) : "-",
      fixed(weights[provider] ?? null, 3),
      shortened((error ?? reason ?? "").replaceAll(/\s+/g, " ").trim(), room),
    ]),
  );
}

function recalledTable({ recalled }: FoundDecision): string {
  const cells = (outcome: Outcome | null): string[] =>
    outcome === null
      ? ["-", "-", "-", "-"]
      : [outcome.exit_timestamp.slice(0, 10), outcome.regime, outcome.action, signed(outcome.result_r)];
  const more = recalled.length - SHOWN_RECALLED;
  return (
    table(
      [words("recalled"), ...columns("match"), words("closed"), words("regime"), words("side"), ...columns("R")],
      recalled
        .slice(0, SHOWN_RECALLED)
        .map(({ decision_id: id, similarity, outcome }) => [id, fixed(similarity, 3), ...cells(outcome)]),
    ) + (more > 0 ? `and ${count(more)} more\n` : "")
  );
}
