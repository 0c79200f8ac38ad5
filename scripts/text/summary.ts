/** A run on one screen: 24 lines of 80 columns. */
import type { QuarterSummary, Summary } from "../../lib/results/summary-shape.ts";
import { paint } from "../cli/terminal.ts";
import { count, fixed, money, multiplier, pct, signed, signedPct } from "./numbers.ts";
import { type Column, columns, labelled, shownPath, table, words } from "./table.ts";

/** A summary, and what was done for it. */
export interface ShownRun {
  readonly summary: Summary;
  readonly memoryDir: string;
  /** Such as `resumed at 2021Q3`; empty if there is nothing to say. */
  readonly state: string;
}

/** More chunks are grouped. */
const MAX_ROWS = 12;
/** Lines of a screen that has the prompt below them. */
const MAX_LINES = 23;
/** Assets whose buy and hold is named one by one. */
const MAX_ASSETS = 3;

/** Shorter names of what ends trades. */
const EXIT_NAMES: Readonly<Record<string, string>> = { end_of_run: "end" };

/** The figures of a run, a line for each chunk or group of chunks, and where its files are. */
export function renderSummary(run: ShownRun): string {
  const { summary } = run;
  const around = (figures: readonly (readonly [label: string, text: string])[]): string =>
    [titleLine(summary), ...labelled(figures), chunkRows(summary), filesLine(run)].join("");
  const figures = figureLines(summary);
  const text = around([...figures, ...randomLines(summary)]);
  return text.trimEnd().split("\n").length <= MAX_LINES ? text : around(figures);
}

export function titleLine({ run_id: id, period, data, memory_enabled: enabled }: Summary): string {
  const bars = data === "synthetic" ? `, ${paint("synthetic bars", "yellow")}` : "";
  const memory = `memory ${enabled ? "on" : "off"}`;
  return `${paint(`Run ${id.slice(0, 12)}`, "bold")}  ${period.replace("/", " to ")}${bars}, ${memory}\n`;
}

/** What everybody asks first, each with its label. A summary of an older version lacks some figures, and then their lines. */
export function figureLines(s: Summary): readonly (readonly [label: string, text: string])[] {
  const balance = `${money(s.initial_balance)} -> ${money(s.final_balance)} (${signedPct(s.total_return_pct, 2)})`;
  const result = `${balance}, Sharpe ${fixed(s.annualized_sharpe)}, drawdown ${pct(s.max_drawdown_pct, 2)}`;
  const hasTrades = s.total_trades > 0;
  const lines: readonly (readonly [label: string, isKnown: boolean, text: () => string])[] = [
    ["Result", true, () => result],
    ["Held", has(s, "buy_and_hold"), () => heldLine(s)],
    ["Costs", has(s, "costs_r"), () => costsLine(s)],
    ["Trades", has(s, "sides"), () => tradesLine(s)],
    ["Edge", hasTrades && has(s, "expected_and_realized"), () => edgeLine(s)],
    ["Exits", hasTrades && has(s, "exits"), () => exitsLine(s)],
    ["Decisions", has(s, "actions"), () => decisionsLine(s)],
    ["Changed", true, () => changedMost(s)],
  ];
  return lines
    .filter(([, isKnown]) => isKnown)
    .map(([label, , text]) => [label, text()] as const)
    .filter(([, text]) => text !== "");
}

/** Whether a stored summary has a figure. */
export function has(summary: Summary, key: keyof Summary): boolean {
  return summary[key] !== undefined;
}

/** What the same trades would have made if they had been entered at random. */
export function randomLines({ random_entry: entry }: Summary): readonly (readonly [label: string, text: string])[] {
  if (entry === null || entry === undefined) return [];
  const { draws, percentile, random_mean_pnl_pct: mean, run_mean_pnl_pct: own } = entry;
  const chance = `above ${pct(percentile, 0)} of ${draws} draws (mean ${signedPct(mean, 2)})`;
  return [["At random", `mean trade ${signedPct(own, 2)}, ${chance}`]];
}

/** What buying and holding would have made. */
function heldLine({ buy_and_hold: alone, equal_weight: all }: Summary): string {
  const held = Object.entries(alone).map(([asset, figures]) => ({ asset, gained: figures?.return_pct ?? null }));
  const each = ({ asset, gained }: (typeof held)[number]): string => `${asset} ${signedPct(gained)}`;
  if (held.length === 1) return each(held[0]!);
  const together = `equal weights ${signedPct(all?.return_pct ?? null)}`;
  if (held.length <= MAX_ASSETS) return `${held.map(each).join(", ")}; ${together}`;
  const ranked = held.filter(({ gained }) => gained !== null).toSorted((a, b) => b.gained! - a.gained!);
  const ends = ranked.length === 0 ? "" : `best ${each(ranked[0]!)}, worst ${each(ranked.at(-1)!)}; `;
  return `${held.length} assets, ${ends}${together}`;
}

function costsLine({ costs: { fees, spread, slippage }, costs_r: inR, total_trades: trades }: Summary): string {
  const all = fees + spread + slippage;
  if (all === 0) return "none";
  const perTrade = (inR.fees + inR.spread + inR.slippage) / trades;
  const parts = `fees ${count(fees)}, spread ${count(spread)}, slippage ${count(slippage)}`;
  return `${count(all)}, ${fixed(perTrade, 3)} R a trade: ${parts}`;
}

function tradesLine({ sides: { long, short }, ...s }: Summary): string {
  if (s.total_trades === 0) return "none";
  const side = (name: string, { total_trades: trades, total_pnl: pnl }: typeof long): string =>
    `${name} ${count(trades)} (${signed(pnl, 0)})`;
  const won = `${pct(s.overall_win_rate)} won, ${signed(s.mean_result_r, 3)} R`;
  return `${count(s.total_trades)}, ${won}; ${side("long", long)}, ${side("short", short)}`;
}

/** How long trades were held, and what ended them. */
function exitsLine({ mean_holding_hours: hours, exits }: Summary): string {
  const reasons = Object.entries(exits).map(([reason, trades]) => `${EXIT_NAMES[reason] ?? reason} ${count(trades)}`);
  return `held ${fixed(hours, 0)} h; ${reasons.join(", ")}`;
}

function decisionsLine({ decisions, actions: { buy, sell, hold }, exposure_pct: exposure }: Summary): string {
  return `${count(decisions)}: BUY ${count(buy)}, SELL ${count(sell)}, HOLD ${count(hold)}; exposed ${pct(exposure)} of the time`;
}

/** What trades earned after costs beside what they were expected to earn, and how high costs may be. */
function edgeLine({ expected_and_realized: total, break_even_cost_multiple: multiple }: Summary): string {
  const breakEven = `break-even ${multiplier(multiple)}`;
  if (total === null) return breakEven;
  const realized = `${signed(total.mean_realized_r, 3)}±${fixed(total.standard_error_r, 3)}`;
  return `after costs ${realized} R a trade, expected ${signed(total.mean_expected_r, 3)}; ${breakEven}`;
}

/** The multiplier that changed most, and the clearest trend of a win rate. */
function changedMost(summary: Summary): string {
  const { quarterly_breakdown: chunks, providers, memory_enabled: enabled, decisions } = summary;
  const parts: string[] = [];
  const before = chunks[0]?.provider_multipliers_at_start ?? {};
  const after = chunks.at(-1)?.provider_multipliers ?? {};
  // The multiplier of a provider without a vote moves with those of the others.
  const voters = Object.keys(after).filter((name) => (providers[name]?.abstentions ?? 0) < decisions);
  const changes = voters.map((name) => ({ name, size: Math.abs(after[name]! - (before[name] ?? 1)) }));
  const [largest] = changes.toSorted((a, b) => b.size - a.size);
  if (enabled && largest !== undefined && largest.size > 0) {
    parts.push(`${largest.name} ${multiplier(before[largest.name])} -> ${multiplier(after[largest.name])}`);
  }
  const trends = Object.entries(providers).flatMap(([name, { trend }]) =>
    // Before version 1.0.0 a trend was no slope.
    trend?.slope_pct === undefined ? [] : [{ name, ...trend }],
  );
  const [clearest] = trends.toSorted(
    (a, b) => Math.abs(b.slope_pct / b.standard_error_pct) - Math.abs(a.slope_pct / a.standard_error_pct),
  );
  if (clearest !== undefined) {
    const slope = `${signed(clearest.slope_pct, 1)}±${fixed(clearest.standard_error_pct, 1)}`;
    parts.push(`win rate of ${clearest.name} ${slope} a chunk`);
  }
  return parts.join("; ");
}

/** A row for each chunk, or for as many chunks together as 12 rows need. */
function chunkRows({ quarterly_breakdown: chunks }: Summary): string {
  const size = Math.ceil(chunks.length / MAX_ROWS);
  if (size <= 1) {
    const rows = chunks.map((chunk) => [...chunkCells(chunk), count(chunk.remembered_at_start)]);
    return table([...CHUNK_HEADS, ...columns("remembered")], rows, { rule: false });
  }
  const groups = Array.from({ length: Math.ceil(chunks.length / size) }, (_, i) =>
    chunks.slice(i * size, (i + 1) * size),
  );
  return table([words(""), ...columns("balance", "return", "trades", "won", "remembered")], groups.map(groupCells), {
    rule: false,
  });
}

/** The figures of a chunk that every table of chunks begins with. */
export const CHUNK_HEADS: readonly Column[] = [
  words(""),
  ...columns("balance", "return", "Sharpe", "drawdown", "trades", "won"),
];

export function chunkCells(chunk: QuarterSummary): string[] {
  return [
    chunk.quarter,
    money(chunk.final_value),
    signedPct(chunk.return_pct, 2),
    fixed(chunk.sharpe_ratio),
    pct(chunk.max_drawdown_pct, 2),
    count(chunk.total_trades),
    pct(chunk.win_rate),
  ];
}

function groupCells(group: readonly QuarterSummary[]): string[] {
  const [first, last] = [group[0]!, group.at(-1)!];
  const sum = (pick: (chunk: QuarterSummary) => number): number => group.reduce((total, each) => total + pick(each), 0);
  const trades = sum((chunk) => chunk.total_trades);
  return [
    first === last ? first.quarter : `${first.quarter} to ${last.quarter}`,
    money(last.final_value),
    signedPct(100 * (last.final_value / first.initial_balance - 1), 2),
    count(trades),
    pct(trades === 0 ? null : (100 * sum((chunk) => chunk.winning_trades)) / trades),
    count(first.remembered_at_start),
  ];
}

function filesLine({ summary, memoryDir, state }: ShownRun): string {
  const folder = `${shownPath(memoryDir)}/runs/${summary.run_id.slice(0, 12)}*`;
  return labelled([["Files", `${folder}${state === "" ? "" : `; ${state}`}`]]).join("");
}
