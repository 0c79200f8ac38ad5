/** What a session keeps of a chunk until it is committed, and the record that is made of it. */
import { DecisionLog } from "../backtest/decision-log.ts";
import type { SessionDecision, SessionOutcome } from "../memory/session-outcome.ts";
import type { BrokerState, Chunk, ChunkRecord, DayRecord, EquityMark } from "../results/chunks.ts";
import { sumCosts } from "../results/costs.ts";
import { sumExpectations } from "../results/expectation.ts";
import { type DrawdownState, markDrawdown } from "../results/metrics.ts";
import type { Outcome } from "../types.ts";
import { letEventsIn } from "../util/async.ts";
import { DAY_MS, isoDate } from "../util/time.ts";

/** The account at a chunk's border. A session knows of closed trades alone. */
interface SessionAccount {
  readonly broker: BrokerState;
  readonly drawdown: DrawdownState;
}

/** The account after a chunk; before the first, the initial balance and nothing else. */
export function accountAfter(last: ChunkRecord | undefined, initialBalance: number): SessionAccount {
  if (last !== undefined) {
    const { broker, peak_equity: peak, max_drawdown_pct: maxPct } = last.state;
    return { broker, drawdown: { peak, maxPct } };
  }
  const broker = { balance: initialBalance, positions: [], orders: [], realized_pnl: {}, turnover_notional: 0 };
  return { broker, drawdown: { peak: initialBalance, maxPct: 0 } };
}

/** The decisions of a chunk and the trades that were recorded in it. */
export class SessionChunk {
  readonly chunk: Chunk;
  readonly #lines: DecisionLog;
  /** Decisions without a line yet. */
  readonly #unwritten: SessionDecision[] = [];
  readonly #decidedAt: number[] = [];
  readonly #outcomes: SessionOutcome[] = [];
  #stored = 0;

  constructor(chunk: Chunk, providers: readonly string[]) {
    this.chunk = chunk;
    this.#lines = new DecisionLog(
      providers.map((name) => ({ name })),
      { isRead: true },
    );
  }

  /** Its line is written when something reads it, or once events are let in: a client has its answer by then. */
  addDecision(decision: SessionDecision): void {
    this.#decidedAt.push(Date.parse(decision.timestamp));
    this.#unwritten.push(decision);
    if (this.#unwritten.length === 1) void letEventsIn().then(() => this.#log);
  }

  addOutcome(outcome: SessionOutcome): void {
    this.#outcomes.push(outcome);
  }

  /** Whether nothing was decided or recorded. */
  get isEmpty(): boolean {
    return this.#log.count === 0 && this.#outcomes.length === 0;
  }

  /** The lines of `decisions.ndjson`. */
  get decisions(): Uint8Array {
    return this.#log.bytes;
  }

  /** How many bytes of the lines are in their file. */
  get stored(): number {
    return this.#stored;
  }

  set stored(bytes: number) {
    this.#stored = bytes;
  }

  get #log(): DecisionLog {
    for (const decision of this.#unwritten.splice(0)) {
      const { action, skipped, votes } = decision;
      this.#lines.add({ action, skipped, votes, toRecord: () => decision });
    }
    return this.#lines;
  }

  /** Marks of equity, at each time of a decision or an exit. */
  marks(initial: number): readonly EquityMark[] {
    const outcomes = this.#outcomes.toSorted(byExit);
    const closed = outcomes.map((outcome) => ({
      atMs: Date.parse(outcome.exit_timestamp),
      pnl: outcome.realized_pnl,
    }));
    const times = [...new Set([...this.#decidedAt, ...closed.map(({ atMs }) => atMs)])].toSorted((a, b) => a - b);
    const entered = outcomes.map((outcome) => Date.parse(outcome.entry_timestamp)).toSorted((a, b) => a - b);
    let [equity, done, begun] = [initial, 0, 0];
    return times.map((timestamp) => {
      while (begun < entered.length && entered[begun]! <= timestamp) begun++;
      for (; done < closed.length && closed[done]!.atMs <= timestamp; done++) equity += closed[done]!.pnl;
      return { timestamp, equity, openPositions: Math.max(0, begun - done) };
    });
  }

  /**
   * The record that commits the chunk.
   *
   * @param context `endMs`: where the session is, if it ends in this chunk.
   */
  toRecord(context: {
    readonly base: Pick<
      ChunkRecord,
      | "run_id"
      | "outcomes_digest"
      | "outcomes_so_far"
      | "remembered_at_start"
      | "multipliers_at_start"
      | "multipliers_at_end"
      | "weight_moves"
    >;
    readonly before: SessionAccount;
    readonly marks: readonly EquityMark[];
    readonly endMs: number;
  }): ChunkRecord {
    const { base, before, marks, endMs } = context;
    const drawdown = { ...before.drawdown };
    const ofChunk: DrawdownState = { peak: before.broker.balance, maxPct: 0 };
    for (const { equity } of marks) {
      markDrawdown(ofChunk, equity);
      markDrawdown(drawdown, equity);
    }
    const outcomes = this.#outcomes.toSorted(byExit);
    const broker = afterTrades(before.broker, outcomes);
    const { run_id, outcomes_digest, outcomes_so_far, ...learned } = base;
    return {
      run_id,
      chunk: this.chunk.name,
      start: new Date(this.chunk.startMs).toISOString(),
      end: new Date(endMs).toISOString(),
      outcomes_digest,
      outcomes_so_far,
      ...learned,
      initial_balance: before.broker.balance,
      final_value: broker.balance,
      max_drawdown_pct: ofChunk.maxPct,
      counters: this.#counters(marks),
      ...costsAndExpectation(outcomes),
      daily: daysOf({ marks, endMs, startMs: this.chunk.startMs }, before.broker, outcomes),
      state: { broker, peak_equity: drawdown.peak, max_drawdown_pct: drawdown.maxPct },
    };
  }

  #counters(marks: readonly EquityMark[]): ChunkRecord["counters"] {
    const { count, holds, buys, skipped, abstentions } = this.#log;
    return {
      ticks: marks.length,
      ticks_exposed: marks.filter(({ openPositions }) => openPositions > 0).length,
      decisions: count,
      holds,
      buys,
      skipped,
      not_filled: 0,
      abstentions,
    };
  }
}

/** The order in which a session that goes on reads its trades, so that sums over them end in the same digits. */
function byExit(a: SessionOutcome, b: SessionOutcome): number {
  if (a.exit_timestamp !== b.exit_timestamp) return a.exit_timestamp < b.exit_timestamp ? -1 : 1;
  return a.decision_id < b.decision_id ? -1 : 1;
}

/** Trades without an R have no part in what is measured in it. */
function costsAndExpectation(
  outcomes: readonly SessionOutcome[],
): Pick<ChunkRecord, "costs" | "costs_r" | "expectation"> {
  const measured = outcomes.filter(({ risk_per_unit: risk }) => risk !== null && risk > 0) as unknown as Outcome[];
  return {
    costs: sumCosts(outcomes as unknown as Outcome[]).costs,
    costs_r: sumCosts(measured).costs_r,
    expectation: sumExpectations(measured),
  };
}

function afterTrades(before: BrokerState, outcomes: readonly SessionOutcome[]): BrokerState {
  const realized = new Map(Object.entries(before.realized_pnl));
  let { balance, turnover_notional: turnover } = before;
  for (const { asset_pair: asset, realized_pnl: pnl, entry_price, exit_price, position_size: size } of outcomes) {
    balance += pnl;
    turnover += (entry_price + exit_price) * size;
    realized.set(asset, (realized.get(asset) ?? 0) + pnl);
  }
  return { ...before, balance, turnover_notional: turnover, realized_pnl: Object.fromEntries(realized) };
}

/**
 * Equity at the end of each day of a chunk, also of days on which nothing happened.
 *
 * @param closed In the order of their exits.
 */
function daysOf(
  { marks, startMs, endMs }: { marks: readonly EquityMark[]; startMs: number; endMs: number },
  before: BrokerState,
  closed: readonly SessionOutcome[],
): readonly DayRecord[] {
  const days: DayRecord[] = [];
  const pnl = new Map(Object.entries(before.realized_pnl));
  let [equity, mark, trade] = [before.balance, 0, 0];
  for (let day = startMs; day < endMs; day += DAY_MS) {
    // What happens at midnight ends the day before.
    const isBy = (ms: number): boolean => ms <= day + DAY_MS || day + DAY_MS >= endMs;
    for (; mark < marks.length && isBy(marks[mark]!.timestamp); mark++) ({ equity } = marks[mark]!);
    for (; trade < closed.length && isBy(Date.parse(closed[trade]!.exit_timestamp)); trade++) {
      const { asset_pair: asset, realized_pnl } = closed[trade]!;
      pnl.set(asset, (pnl.get(asset) ?? 0) + realized_pnl);
    }
    days.push({ date: isoDate(day), equity, pnl: Object.fromEntries(pnl) });
  }
  return days;
}
