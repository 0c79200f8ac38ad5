/** What a session's summary and snapshots are made of. */
import type { Trade } from "../memory/trade.ts";
import { baselinesOf } from "../results/baselines.ts";
import type { ChunkRecord } from "../results/chunks.ts";
import { summarize, type SummaryInput } from "../results/summary.ts";
import type { Summary } from "../results/summary-shape.ts";
import { DAY_MS } from "../util/time.ts";
import type { OpenSessionParams } from "./params.ts";
import type { SessionSettings } from "./session-identity.ts";

/** @param facts `records`: of the committed chunks; `trades`: those of these chunks. */
export function sessionSummaryInput(
  session: { readonly params: OpenSessionParams; readonly settings: SessionSettings; readonly startMs: number },
  facts: {
    readonly id: string;
    readonly records: readonly ChunkRecord[];
    readonly trades: readonly Trade[];
    readonly assets: ReadonlySet<string>;
    readonly isOpenAtWeekends: boolean;
  },
): SummaryInput {
  const { params, settings, startMs } = session;
  const assets = [...facts.assets].toSorted();
  const chunks = facts.records.map(({ chunk, start, end }) => ({
    name: chunk,
    startMs: Date.parse(start),
    endMs: Date.parse(end),
  }));
  return {
    runId: facts.id,
    period: { startMs: floorDay(startMs), endMs: chunks.at(-1)!.endMs },
    chunkKind: settings.chunkKind,
    chunks,
    market: params.market,
    memoryEnabled: settings.memory.enabled,
    assets,
    // A session has no bars.
    barGaps: Object.fromEntries(assets.map((asset) => [asset, { missing: 0, closed: 0 }])),
    barCounts: {},
    decisionIntervalMs: settings.backtest.decisionIntervalMs,
    initialBalance: settings.backtest.initialBalance,
    daysPerYear: facts.isOpenAtWeekends ? 365 : 252,
    providers: params.providers,
    notes: [],
    records: facts.records,
    trades: facts.trades,
  };
}

export function sessionSummary(input: SummaryInput, persistence: Summary["memory_persistence"]): Summary {
  const held = input.assets.map((asset) => ({ asset, bars: [], timeframeMs: DAY_MS, feeShare: 0, fillShare: 0 }));
  return summarize(input, { baselines: baselinesOf(held, input), persistence });
}

export function isSaturday(ms: number): boolean {
  return new Date(ms).getUTCDay() === 6;
}

/** The midnight at or before a time. */
export function floorDay(ms: number): number {
  return ms - (ms % DAY_MS);
}
