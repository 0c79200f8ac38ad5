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
 * is seen before its time. Times must not fall, except to look back.
 */
export class ShuffledMemoryView extends MemoryView {
  readonly #random: Random;
  readonly #enabled: boolean;
  /** Not visible yet, in the order of (exit, id). */
  readonly #waiting: EmbeddedTrade[];
  readonly #ids: Set<string>;
  readonly #visible: EmbeddedTrade[] = [];
  /** Of the visible trades, permuted. */
  readonly #results: Result[] = [];

  /** @param options `random`: draws the permutation. */
  constructor(memory: Memory, options: MemoryViewOptions & { random: Random }) {
    super(memory, options);
    this.#random = options.random;
    this.#enabled = options.enabled;
    this.#waiting = [...this.carriedIn];
    this.#ids = new Set(this.#waiting.map(({ id }) => id));
  }

  override remembered(asOf: number): number {
    this.#showUntil(asOf);
    return super.remembered(asOf);
  }

  override lessons(asOf: number): Lessons | undefined {
    this.#showUntil(asOf);
    return super.lessons(asOf);
  }

  override recall(situation: Situation): Promise<MemoryContext> {
    this.#showUntil(situation.timestamp);
    return super.recall(situation);
  }

  override add(trade: EmbeddedTrade): void {
    super.add(trade);
    if (!this.#enabled || this.#ids.has(trade.id)) return;
    this.#ids.add(trade.id);
    this.#waiting.splice(insertionIndex(this.#waiting, trade), 0, trade);
  }

  #showUntil(asOf: number): void {
    while ((this.#waiting[0]?.exitMs ?? asOf) < asOf) this.#show(this.#waiting.shift()!);
  }

  #show(trade: EmbeddedTrade): void {
    const index = this.#visible.length;
    const other = Math.floor(this.#random.uniform() * (index + 1));
    this.#visible.push(trade);
    this.#results.push(this.#results[other] ?? resultOf(trade));
    this.#results[other] = resultOf(trade);
    for (const changed of new Set([index, other])) {
      this.replace({ ...this.#visible[changed]!, ...this.#results[changed]! });
    }
  }
}

function resultOf({ won, pnl, pnlPct, resultR }: Trade): Result {
  return { won, pnl, pnlPct, resultR };
}
