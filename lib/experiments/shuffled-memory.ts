import { compareTrades, type EmbeddedTrade, type Trade } from "../memory/trade.ts";
import { openMemoryView, type MemoryView } from "../memory/view.ts";
import type { Random } from "../util/random.ts";

type Result = Pick<Trade, "won" | "pnl" | "pnlPct" | "resultR">;

/**
 * A look at memory in which results are permuted among the trades: what remains of learning is noise, and the rest of memory is as
 * it was. At every time the permutation is one of the outcomes that are visible then, each as likely as any other (the inside-out
 * shuffle of Fisher and Yates: a trade that becomes visible changes results with one that is drawn from all that are, itself
 * among them), so that nothing is seen before its time. The trades' votes, situations and confidences stay with them; what they
 * gain and lose in the account is their own.
 *
 * @param random Draws the permutation.
 */
export function shuffledMemoryView(random: Random): typeof openMemoryView {
  return (memory, options) => {
    // Which trades are similar does not depend on results: it is asked of memory as it is.
    const asItIs = openMemoryView(memory, options);
    const isBase = new Set(asItIs.carriedIn);
    /** Not visible yet, in the order of (exit, id). */
    const waiting = memory.trades.filter((trade) => isBase.has(trade));
    const visible: EmbeddedTrade[] = [];
    const results: Result[] = [];
    const indices = new Map<string, number>();
    const known = new Set(waiting.map(({ id }) => id));

    // All else is asked of a memory that is made again whenever a result changes hands.
    const openOn = (trades: readonly EmbeddedTrade[]): MemoryView =>
      openMemoryView({ ...memory, trades }, { ...options, startMs: Number.POSITIVE_INFINITY, similar: false });
    let shuffled = openOn([]);

    /** Memory with the results that are visible at a time shuffled. Times only grow. */
    const at = (asOf: number): MemoryView => {
      const before = visible.length;
      while ((waiting[0]?.exitMs ?? asOf) < asOf) {
        const trade = waiting.shift() as EmbeddedTrade;
        const other = Math.floor(random.uniform() * (visible.length + 1));
        indices.set(trade.id, visible.length);
        visible.push(trade);
        results.push(results[other] ?? resultOf(trade));
        results[other] = resultOf(trade);
      }
      if (visible.length > before) shuffled = openOn(visible.map((trade, i) => ({ ...trade, ...results[i] })));
      return shuffled;
    };

    const add = (trade: EmbeddedTrade): void => {
      asItIs.add(trade);
      if (!options.enabled || known.has(trade.id)) return;
      known.add(trade.id);
      let place = waiting.length;
      while (place > 0 && compareTrades(waiting[place - 1] as Trade, trade) > 0) place--;
      waiting.splice(place, 0, trade);
    };

    const resultOfId = (id: string): Result | undefined => results[indices.get(id) ?? -1];

    return {
      carriedIn: asItIs.carriedIn,
      remembered: (asOf) => at(asOf).remembered(asOf),
      lessons: (asOf) => at(asOf).lessons(asOf),
      recall: async (situation) => {
        const told = await at(situation.timestamp).recall(situation);
        const { similar } = await asItIs.recall(situation);
        return {
          ...told,
          similar: similar.map((trade) => {
            const { won, pnlPct, resultR } = resultOfId(trade.decision_id) ?? {
              won: trade.won,
              pnlPct: trade.pnl_pct,
              resultR: trade.result_r,
            };
            return { ...trade, won, pnl_pct: pnlPct, result_r: resultR };
          }),
        };
      },
      add,
      record: async (outcome) => {
        const trade = await memory.record(outcome);
        add(trade);
        return trade;
      },
    };
  };
}

function resultOf({ won, pnl, pnlPct, resultR }: Trade): Result {
  return { won, pnl, pnlPct, resultR };
}
