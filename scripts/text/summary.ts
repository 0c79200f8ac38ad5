/** A run on one screen: 24 lines of 80 columns. */
import { meanSize } from "../../lib/results/expectation.ts";
import { MIN_SIZE } from "../../lib/memory/lessons.ts";
import type { QuarterSummary, Summary } from "../../lib/results/summary-shape.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { DAY_MS } from "../../lib/util/time.ts";
import { paint } from "../cli/terminal.ts";
import { count, fixed, money, multiplier, pct, signed, signedPct } from "./numbers.ts";
import { type Column, columns, labelled, table, words } from "./table.ts";

/** A summary, and what was done for it. */
export interface ShownRun {
  readonly summary: Summary;
  readonly memoryDir: string;
  /** Such as `resumed at 2021Q3`; empty if there is nothing to say. */
  readonly state: string;
  /** Whether another program decided it, over serve. @default false */
  readonly isSession?: boolean;
  /** Whether a model or a program votes, which another run asks other questions. @default false */
  readonly asksQuestions?: boolean;
}

/** More chunks are grouped. */
const MAX_ROWS = 12;
/** Assets whose buy and hold is named one by one. */
const MAX_ASSETS = 3;

/** In less time hardly any difference is more than chance. */
const MIN_COMPARED_MS = 28 * DAY_MS;

/** What shows whether memory helped. Only its own program can make a session again. */
function comparison({ isSession = false, asksQuestions = false }: ShownRun): string {
  if (isSession) return "runs compare with a session without memory shows whether that helped";
  if (asksQuestions) return "compare-memory shows whether that helped; see its cost by --estimate";
  return "compare-memory with the same flags shows whether that helped";
}

/** R that two figures differ by where they are shown as different. */
const SHOWN_R = 0.0005;

/** The figures of a run, a line for each chunk or group of chunks, and where its files are. */
export function renderSummary(run: ShownRun): string {
  const { summary } = run;
  return [titleLine(summary), ...labelled(figureLines(run)), chunkRows(summary), filesLine(run)].join("");
}

function titleLine({ run_id: id, period, data, memory_enabled: enabled }: Summary): string {
  const bars = data === "synthetic" ? `, ${paint("synthetic bars", "yellow")}` : "";
  const memory = `memory ${enabled ? "on" : "off"}`;
  return `${paint(`Run ${id.slice(0, 12)}`, "bold")}  ${period.replace("/", " to ")}${bars}, ${memory}\n`;
}

/** A label, and the text behind it. */
export type LabelledText = readonly [label: string, text: string];

/** What everybody asks first, each with its label. A summary of an older version lacks some figures, and then their lines. */
function figureLines(run: ShownRun): readonly LabelledText[] {
  const { summary: s } = run;
  const balance = `${money(s.initial_balance)} -> ${money(s.final_balance)} (${signedPct(s.total_return_pct, 2)})`;
  const result = `${balance}, Sharpe ${fixed(s.annualized_sharpe)}, drawdown ${pct(s.max_drawdown_pct, 2)}`;
  return [
    ["Result", result],
    ...(has(s, "buy_and_hold") ? [["Held", heldLine(s)] as const] : []),
    ...(has(s, "costs_r") ? [["Costs", costsLine(s)] as const] : []),
    ...(has(s, "sides") ? [["Trades", tradesLine(s)] as const] : []),
    ...(has(s, "costs_r") && has(s, "expected_and_realized") ? edgeLines(s) : []),
    ...(has(s, "expectation") ? sizeLines(run) : []),
    ...randomLines(s),
  ];
}

/** Whether a stored summary has a figure. */
export function has(summary: Summary, key: keyof Summary): boolean {
  return summary[key] !== undefined;
}

/** How often the same trades, entered at random times, would have done worse. */
function randomLines({ random_entry: entry }: Summary): readonly LabelledText[] {
  if (entry === null || entry === undefined) return [];
  const { draws, percentile } = entry;
  return [["At random", `the same trades at random times did worse in ${pct(percentile, 0)} of ${draws} draws`]];
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

/** What trades cost, and at which multiple of it they would have made nothing. */
function costsLine({ costs: { fees, spread, slippage }, break_even_cost_multiple: multiple }: Summary): string {
  const all = fees + spread + slippage;
  if (all === 0) return "none";
  const limit = multiple === null ? "a loss without them, too" : `break-even at ${multiplier(multiple)}`;
  return `${count(all)}: fees ${count(fees)}, spread ${count(spread)}, slippage ${count(slippage)}; ${limit}`;
}

function tradesLine({ sides: { long, short }, ...s }: Summary): string {
  if (s.total_trades === 0) return "none";
  const side = (name: string, { total_trades: trades, total_pnl: pnl }: typeof long): string =>
    `${name} ${count(trades)} (${signed(pnl, 0)})`;
  const sides = `${side("long", long)}, ${side("short", short)}`;
  return `${count(s.total_trades)}, ${pct(s.overall_win_rate)} won; ${sides}; exposed ${pct(s.exposure_pct)}`;
}

/** What a trade earned in R, whatever its size. */
function edgeLines({ mean_result_r: before, costs_r: costs, total_trades: trades, ...s }: Summary): LabelledText[] {
  if (before === null || trades === 0) return [];
  const { expected_and_realized: total } = s;
  const costR = (costs.fees + costs.spread + costs.slippage) / trades;
  const after = total?.mean_realized_r ?? before - costR;
  const error = total === null ? "" : `±${fixed(total.standard_error_r, 3)}`;
  const edge = `${signed(before, 3)} R a trade, ${signed(after, 3)}${error} R after costs, whatever its size`;
  const isClipped = total?.trades === trades && Math.abs(after + costR - before) > SHOWN_R;
  const clipped = `${signed(before, 3)} counts trades beyond ±3 R as ±3 R; without that it is ${signed(after + costR, 3)} R`;
  return [["Edge", edge], ...(isClipped ? [["", clipped] as const] : [])];
}

/** How much memory reduced the trades, and what shows whether that helped. */
function sizeLines(run: ShownRun): LabelledText[] {
  const { expectation: bins, total_trades: trades } = run.summary;
  const mean = meanSize(bins);
  if (mean === null) return [];
  const losing = bins.find(({ to }) => to === 0)?.trades ?? 0;
  const least = losing === 0 ? "" : `, ${MIN_SIZE} for the ${count(losing)} of ${count(trades)} expected to lose`;
  const sizes: LabelledText = ["Sizes", `mean ${fixed(mean)} of full${least}`];
  const [start = "", end = ""] = run.summary.period.split("/");
  // Few days show nothing. A session has no end.
  return Date.parse(end) - Date.parse(start) < MIN_COMPARED_MS ? [sizes] : [sizes, ["", comparison(run)]];
}

/** Whether the screen has no line for each chunk. */
export function areGrouped({ quarterly_breakdown: chunks }: Summary): boolean {
  return chunks.length > MAX_ROWS;
}

/** A row for each chunk, or for as many chunks together as 12 rows need. */
function chunkRows(summary: Summary): string {
  const { quarterly_breakdown: chunks } = summary;
  if (!areGrouped(summary)) {
    const rows = chunks.map((chunk) => [...chunkCells(chunk), count(chunk.remembered_at_start)]);
    return table([...CHUNK_HEADS, ...columns("remembered")], rows, { rule: false });
  }
  const size = Math.ceil(chunks.length / MAX_ROWS);
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
