import { fail } from "../../errors.ts";

/** What the questions of a run have cost, and may still cost. */
export class Budget {
  readonly #limitUsd: number;
  /** Maximum costs of the answers in flight. */
  readonly #reserved = new Set<{ readonly usd: number }>();
  #waiting: (() => void)[] = [];
  #spentUsd = 0;

  constructor(limitUsd: number) {
    this.#limitUsd = limitUsd;
  }

  get spentUsd(): number {
    return this.#spentUsd;
  }

  spend(usd: number): void {
    this.#spentUsd += usd;
  }

  /**
   * Reserves the maximum cost of an answer. Where there is no room, waits for answers in flight: they may cost less than was
   * reserved for them.
   *
   * @returns A function that releases the reservation, to be called when the real cost is known.
   * @throws {CarryoverError} `BUDGET` if nothing is in flight and there is still no room. The signal's reason, if it is
   * aborted during the wait.
   */
  async reserve(maxCostUsd: number, signal: AbortSignal): Promise<() => void> {
    while (maxCostUsd > this.#leftUsd()) {
      if (this.#reserved.size === 0) {
        throw fail("BUDGET", "Cannot ask the next question", {
          found: `$${this.#spentUsd.toFixed(4)} spent by this run and up to $${maxCostUsd.toFixed(4)} for the next answer`,
          expected: `at most $${this.#limitUsd} together (backtest.budget_usd): raise it to go on; no answer is paid for twice`,
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      signal.throwIfAborted();
    }
    const reservation = { usd: maxCostUsd };
    this.#reserved.add(reservation);
    return () => {
      this.#reserved.delete(reservation);
      const woken = this.#waiting;
      this.#waiting = [];
      for (const wake of woken) wake();
    };
  }

  #leftUsd(): number {
    return [...this.#reserved].reduce((rest, { usd }) => rest - usd, this.#limitUsd - this.#spentUsd);
  }
}
