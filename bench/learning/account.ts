/** What memory does to the account: runs with memory, without it, with as much at stake as with memory, and with an oracle. */
import type { InMemoryJob } from "../../lib/backtest/job.ts";
import { runInMemory, type RunTrace } from "../../lib/experiments/in-memory-run.ts";
import { matchedSizes, meanSizeScale, type OpenView } from "../../lib/experiments/memory-arms.ts";
import type { DecisionRecord } from "../../lib/types.ts";

/** How an account fared in a run. */
export interface Account {
  /** ln(final / initial balance). */
  readonly logGrowth: number;
  readonly returnPct: number;
  readonly sharpe: number;
  readonly drawdownPct: number;
  readonly turnover: number;
  readonly trades: number;
}

export type ArmName = "on" | "off" | "matched" | "oracle";

/** The arms of one world, and what the run with memory did beside its account. */
export interface WorldAccounts {
  readonly arms: Readonly<Partial<Record<ArmName, Account>>> & Readonly<Record<"on" | "off" | "matched", Account>>;
  readonly meanScale: number;
  /** Decisions that move a provider's weight by more than 0.30 against the decision before on the same asset. */
  readonly flickers: number;
  readonly decisions: number;
  /** Of the run with memory. */
  readonly trades: RunTrace["trades"];
}

/** Runs a job with memory, without, matched, and with an oracle where there is one. */
export async function accountsOf(
  job: InMemoryJob,
  options: { ours?: OpenView; oracle?: OpenView } = {},
): Promise<WorldAccounts> {
  const on = await runInMemory({ ...job, openView: options.ours });
  const off = await runInMemory(withoutMemory(job));
  const meanScale = meanSizeScale(on) ?? 1;
  const matched = await runInMemory({ ...withoutMemory(job), openView: matchedSizes(meanScale) });
  const oracle = options.oracle && (await runInMemory({ ...job, openView: options.oracle }));
  return {
    arms: {
      on: accountOf(on),
      off: accountOf(off),
      matched: accountOf(matched),
      ...(oracle === undefined ? {} : { oracle: accountOf(oracle) }),
    },
    meanScale,
    flickers: flickersIn(on),
    decisions: on.decisions.length,
    trades: on.trades,
  };
}

function withoutMemory(job: InMemoryJob): InMemoryJob {
  return {
    ...job,
    memorySettings: { ...job.memorySettings, enabled: false },
    remembered: { ...job.remembered, trades: [], marks: [] },
  };
}

function accountOf({ summary }: RunTrace): Account {
  const { initial_balance: initial, final_balance: final, ...figures } = summary!;
  return {
    logGrowth: Math.log(final / initial),
    returnPct: figures.total_return_pct,
    sharpe: figures.annualized_sharpe ?? 0,
    drawdownPct: figures.max_drawdown_pct,
    turnover: figures.turnover,
    trades: figures.total_trades,
  };
}

const FLICKER = 0.3;

function flickersIn({ decisions }: RunTrace): number {
  const before = new Map<string, DecisionRecord["weights"]>();
  let flickers = 0;
  for (const line of decisions) {
    const { asset, weights } = JSON.parse(line) as DecisionRecord;
    const last = before.get(asset);
    if (last && Object.entries(weights).some(([name, weight]) => Math.abs(weight - (last[name] ?? 0)) > FLICKER)) {
      flickers++;
    }
    before.set(asset, weights);
  }
  return flickers;
}
