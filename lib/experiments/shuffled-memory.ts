import { InMemoryMemory } from "../memory/in-memory.ts";
import type { Lessons } from "../memory/lessons.ts";
import type { Memory } from "../memory/store.ts";
import { type EmbeddedTrade, insertionIndex, type Trade } from "../memory/trade.ts";
import { MemoryView, type MemoryViewOptions } from "../memory/view.ts";
import type { MemoryContext, Situation } from "../types.ts";
import type { Random } from "../util/random.ts";

type Result = Pick<Trade, "won" | "pnl" | "pnlPct" | "resultR">;

/**
 * A view of memory in which results are permuted among the trades. Votes, situations and confidences stay with their trades, and
 * so does what they gain and lose in the account. What is left of learning is noise, and the rest of memory is as it was.
 *
 * At every time the permutation is one of the trades that are visible then, each as likely as any other (the inside-out shuffle of
 * Fisher and Yates): a trade that becomes visible swaps results with one drawn from all visible ones, itself among them. So nothing
 * is seen before its time.
 */
export class ShuffledMemoryView extends MemoryView {
  readonly #memory: Memory;
  readonly #options: MemoryViewOptions;
  readonly #random: Random;
  /** Not visible yet, in the order of (exit, id). */
  readonly #waiting: EmbeddedTrade[];
  readonly #ids: Set<string>;
  readonly #visible: EmbeddedTrade[] = [];
  /** Of the visible trades, permuted. */
  readonly #results: Result[] = [];
  readonly #indices = new Map<string, number>();
  /** The visible trades with their permuted results. Made again when a trade becomes visible. */
  #shuffled: MemoryView;

  /** @param options `random`: draws the permutation. */
  constructor(memory: Memory, options: MemoryViewOptions & { random: Random }) {
    super(memory, options);
    this.#memory = memory;
    this.#options = options;
    this.#random = options.random;
    const carriedIn = new Set(this.carriedIn);
    this.#waiting = memory.trades.filter((trade) => carriedIn.has(trade));
    this.#ids = new Set(this.#waiting.map(({ id }) => id));
    this.#shuffled = this.#viewOf([]);
  }

  override remembered(asOf: number): number {
    return this.#at(asOf).remembered(asOf);
  }

  override lessons(asOf: number): Lessons | undefined {
    return this.#at(asOf).lessons(asOf);
  }

  override async recall(situation: Situation): Promise<MemoryContext> {
    const context = await this.#at(situation.timestamp).recall(situation);
    // Which trades are similar does not depend on results.
    const { similar } = await super.recall(situation);
    return {
      ...context,
      similar: similar.map((trade) => {
        const result = this.#results[this.#indices.get(trade.decision_id) ?? -1];
        if (result === undefined) return trade;
        return { ...trade, won: result.won, pnl_pct: result.pnlPct, result_r: result.resultR };
      }),
    };
  }

  override add(trade: EmbeddedTrade): void {
    super.add(trade);
    if (!this.#options.enabled || this.#ids.has(trade.id)) return;
    this.#ids.add(trade.id);
    this.#waiting.splice(insertionIndex(this.#waiting, trade), 0, trade);
  }

  /** The view of a time. Times only grow. */
  #at(asOf: number): MemoryView {
    const before = this.#visible.length;
    while ((this.#waiting[0]?.exitMs ?? asOf) < asOf) this.#show(this.#waiting.shift()!);
    if (this.#visible.length > before) {
      this.#shuffled = this.#viewOf(this.#visible.map((trade, i) => ({ ...trade, ...this.#results[i]! })));
    }
    return this.#shuffled;
  }

  #show(trade: EmbeddedTrade): void {
    const index = this.#visible.length;
    const other = Math.floor(this.#random.uniform() * (index + 1));
    this.#visible.push(trade);
    this.#results.push(this.#results[other] ?? resultOf(trade));
    this.#results[other] = resultOf(trade);
    this.#indices.set(trade.id, index);
  }

  #viewOf(trades: readonly EmbeddedTrade[]): MemoryView {
    const { embedder, marks } = this.#memory;
    const memory = new InMemoryMemory({ embedder, trades, marks });
    return new MemoryView(memory, { ...this.#options, startMs: Number.POSITIVE_INFINITY, similar: false });
  }
}

function resultOf({ won, pnl, pnlPct, resultR }: Trade): Result {
  return { won, pnl, pnlPct, resultR };
}
