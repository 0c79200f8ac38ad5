import { compareTrades, type Trade } from "../memory/trade.ts";
import { openMemoryView, type MemoryView } from "../memory/view.ts";
import type { VectorRow } from "../memory/vectors.ts";
import type { Random } from "../util/random.ts";

type Result = Pick<Trade, "won" | "pnl" | "pnlPct" | "resultR">;

const NO_VECTOR = new Float32Array();

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
    const waiting = memory.rows.map(({ row }) => row).filter((row) => isBase.has(row));
    const visible: Trade[] = [];
    const results: Result[] = [];
    const indices = new Map<string, number>();
    const known = new Set(waiting.map(({ id }) => id));

    // All else is asked of a memory that is made again whenever a result changes hands.
    const openOn = (rows: readonly Trade[]): MemoryView =>
      openMemoryView(
        { ...memory, rows: rows.map((row) => ({ row, vector: NO_VECTOR })) },
        { ...options, startMs: Number.POSITIVE_INFINITY, similar: false },
      );
    let shuffled = openOn([]);

    /** Memory with the results that are visible at a time shuffled. Times only grow. */
    const at = (asOf: number): MemoryView => {
      const before = visible.length;
      while ((waiting[0]?.exitMs ?? asOf) < asOf) {
        const row = waiting.shift() as Trade;
        const other = Math.floor(random.uniform() * (visible.length + 1));
        indices.set(row.id, visible.length);
        visible.push(row);
        results.push(results[other] ?? resultOf(row));
        results[other] = resultOf(row);
      }
      if (visible.length > before) shuffled = openOn(visible.map((row, i) => ({ ...row, ...results[i] })));
      return shuffled;
    };

    const add = (entry: VectorRow): void => {
      asItIs.add(entry);
      const { row } = entry;
      if (!options.enabled || known.has(row.id)) return;
      known.add(row.id);
      let place = waiting.length;
      while (place > 0 && compareTrades(waiting[place - 1] as Trade, row) > 0) place--;
      waiting.splice(place, 0, row);
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
        const entry = await memory.record(outcome);
        add(entry);
        return entry.row;
      },
    };
  };
}

function resultOf({ won, pnl, pnlPct, resultR }: Trade): Result {
  return { won, pnl, pnlPct, resultR };
}
