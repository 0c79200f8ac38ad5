/**
 * TradingAgents' decision log, `trading_memory.md`: an entry is `[date | ticker | rating | return | alpha | 5d]`, its decision and what
 * was learned. `TradingMemoryLog` in tradingagents/agents/utils/memory.py writes it.
 */
import { DAY_MS, parseTimestamp } from "../util/time.ts";
import type { Findings, OutcomeReader, ReadOptions } from "./findings.ts";

const SEPARATOR = "<!-- ENTRY_END -->";
const TAG = /^\[(\d{4}-\d\d-\d\d) \| ([^|\]]+) \| ([^|\]]+) \| (.+)\]$/;

export const tradingagents: OutcomeReader = {
  system: "tradingagents",
  owns: ({ text }) => text !== undefined && TAG.test(text.trimStart().split(/\r?\n/, 1)[0]!.trim()),
  read: (sources, findings, options) => {
    for (const { name, text = "" } of sources) {
      const entries = text.split(SEPARATOR).map((entry) => entry.trim());
      for (const [i, entry] of entries.entries()) {
        if (entry !== "") take(entry, `${name}, entry ${i + 1}`, { findings, options });
      }
    }
  },
};

const ACTIONS = { buy: "BUY", overweight: "BUY", sell: "SELL", underweight: "SELL" } as const;

function take(entry: string, place: string, { findings, options }: { findings: Findings; options: ReadOptions }): void {
  const [head = "", ...body] = entry.split(/\r?\n/);
  const tag = TAG.exec(head.trim());
  if (tag === null)
    return findings.skip("entries without a head such as [2026-01-15 | NVDA | Buy | +2.9% | +1.2% | 5d]", place);
  const [date, asset, rating] = [tag[1]!, tag[2]!.trim(), tag[3]!.trim()];
  const [result = "", , held] = tag[4]!.split("|").map((part) => part.trim());
  if (result === "pending") return findings.skip("trades that are still open", place);
  const action = ACTIONS[rating.toLowerCase() as keyof typeof ACTIONS];
  if (action === undefined) return findings.skip(`entries rated ${rating}, which are no trades`, place);
  const moved = /^([+-]?\d+(?:\.\d+)?)%$/.exec(result)?.[1];
  const days = /^(\d{1,4})d$/.exec(held ?? "")?.[1];
  const entryMs = parseTimestamp(date);
  if (moved === undefined || days === undefined || entryMs === undefined) {
    return findings.skip("trades without date, return or holding days", place);
  }
  // The log has the return of the asset, and no money: this is the result of 100 that were invested.
  const pnlPct = (action === "BUY" ? 1 : -1) * Number(moved) + 0;
  const decision = decisionIn(body.join("\n"));
  findings.trades.push({
    system: "tradingagents",
    place,
    trade: {
      identity: [date],
      asset,
      action,
      entryMs: entryMs + DAY_MS,
      exitMs: exitOf(entryMs, Number(days)),
      pnl: pnlPct,
      pnlPct,
      exitReason: "timeout",
      provider: options.provider ?? "tradingagents",
      sentence: decision === "" ? undefined : `${asset} is rated ${rating}: ${decision}.`,
      fields: { rating },
    },
  });
}

/**
 * When the return was known: the end of the last trading day. The log counts trading days, and does not say which days had none. So
 * a weekday more is added for every week begun, as a week has one holiday at most.
 */
function exitOf(dayMs: number, tradingDays: number): number {
  let left = tradingDays + Math.ceil(tradingDays / 5);
  let ms = dayMs;
  while (left > 0) {
    ms += DAY_MS;
    const weekday = new Date(ms).getUTCDay();
    if (weekday !== 0 && weekday !== 6) left -= 1;
  }
  return ms + DAY_MS;
}

/** The decision as a part of a sentence: what follows a full stop would not be compared by recall. */
function decisionIn(body: string): string {
  // What follows was written when the result was known; milestones are graded then.
  const text = /DECISION:\s*([\s\S]*?)(?:\n\s*(?:MILESTONES|(?:THESIS_)?REFLECTION):|$)/.exec(body)?.[1] ?? "";
  const plain = text
    .replaceAll(/[*#_`]+/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  return plain
    .replaceAll(/\.(?= )/g, ",")
    .replace(/\.$/, "")
    .slice(0, 2000);
}
