/** Another future: the same past, and from a time on everything different. No dice: the same input gives the same future. */
import type { Bar, BarSeries } from "../domain.ts";
import type { OutcomeRow } from "../memory/outcome-row.ts";
import type { VectorRow } from "../memory/vector-store.ts";
import type { FileVotes } from "../providers/file.ts";

/** A jump, so that no price is what it was even where a bar opens at the close before. */
const JUMP = 1.05;

/** Further than the bar itself went, so that one which stood still goes somewhere as well. */
const FURTHER = 1.01;

const TURNED = { BUY: "SELL", SELL: "HOLD", HOLD: "BUY" } as const;

/**
 * Bars that start at or after `fromMs` are others: prices go the other way from a level 5 % higher, with other volumes.
 *
 * @param options `jump`: from another level, in place of 1.05 times the last close. `opensAlike`: the bar that starts at `fromMs` keeps
 * its open, and all else of it is other.
 * @returns The series, and how many bars are others.
 */
export function otherBars(
  series: BarSeries,
  fromMs: number,
  options: { jump?: number; opensAlike?: boolean } = {},
): { series: BarSeries; changed: number } {
  const { jump = JUMP, opensAlike = false } = options;
  const first = series.bars.findIndex(({ timestamp }) => timestamp >= fromMs);
  if (first === -1) return { series, changed: 0 };
  const level = (series.bars[first - 1] ?? series.bars[first])?.close ?? 1;
  const other = (price: number): number => (jump * level * level) / price;
  const bars = series.bars.map((bar, i): Bar => {
    if (i < first) return bar;
    if (opensAlike && bar.timestamp === fromMs) return otherwiseFrom(bar);
    const { timestamp, open, high, low, close, volume } = bar;
    return {
      timestamp,
      open: other(open),
      high: other(low),
      low: other(high),
      close: other(close),
      volume: 2 * volume + 1,
    };
  });
  return { series: { ...series, bars }, changed: bars.length - first };
}

/** The bar from its open on, the other way and further. */
function otherwiseFrom({ timestamp, open, high, low, close, volume }: Bar): Bar {
  const turned = (price: number): number => (open * open) / price;
  return {
    timestamp,
    open,
    high: turned(low) * FURTHER,
    low: turned(high) / FURTHER,
    close: turned(close) * (close <= open ? FURTHER : 1 / FURTHER),
    volume: 2 * volume + 1,
  };
}

/**
 * Votes that count from a time after `afterMs` are others.
 *
 * @returns The votes, and how many are others.
 */
export function otherVotes(votes: FileVotes, afterMs: number): { votes: FileVotes; changed: number } {
  let changed = 0;
  const others = [...votes].map(([asset, ofAsset]) => {
    const turned = ofAsset.map((vote) => {
      if (vote.timestamp <= afterMs) return vote;
      changed += 1;
      const { action, confidence } = vote.answer;
      return { timestamp: vote.timestamp, answer: { action: TURNED[action], confidence: 100 - confidence } };
    });
    return [asset, turned] as const;
  });
  return { votes: new Map(others), changed };
}

/**
 * Outcomes that closed at or after `fromMs` are others: in turn one has another result and other votes, one comes twice, the
 * second time changed, and one is gone.
 *
 * @param rows In the order of (exit, id), which is kept.
 * @returns The rows, and how many of the given ones were touched.
 */
export function otherOutcomes(rows: readonly VectorRow[], fromMs: number): { rows: VectorRow[]; changed: number } {
  let changed = 0;
  const others = rows.flatMap((entry) => {
    if (entry.row.exitMs < fromMs) return [entry];
    changed += 1;
    const { vector } = entry;
    if (changed % 3 === 1) return [{ row: otherResult(entry.row), vector }];
    if (changed % 3 === 2) return [entry, { row: { ...otherResult(entry.row), id: `${entry.row.id}-twice` }, vector }];
    return [];
  });
  return { rows: others, changed };
}

function otherResult(row: OutcomeRow): OutcomeRow {
  return {
    ...row,
    won: !row.won,
    pnl: -row.pnl - 1,
    pnlPct: -row.pnlPct - 1,
    resultR: row.resultR === null || row.resultR === 0 ? 1 : -row.resultR,
    confidence: 100 - row.confidence,
    rawConfidence: 100 - row.rawConfidence,
    votes: row.votes.map((vote) => ({
      provider: vote.provider,
      direction: vote.direction === 0 ? 1 : vote.direction === 1 ? -1 : 0,
      confidence: 100 - vote.confidence,
    })),
  };
}
