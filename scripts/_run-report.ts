/** What run-chunks shows: the progress line while it runs, the tables at its end. */
import type { Progress } from "../lib/backtest/run-job.ts";
import type { Breakdown } from "../lib/backtest/breakdown.ts";
import type { Summary } from "../lib/backtest/summary.ts";
import type { RunOutcome } from "../lib/host/run-config.ts";
import type { AskedCounts } from "../lib/providers/desk.ts";
import { renderAsked } from "./_asked-report.ts";
import { evidenceTable, moveLines, regretLine } from "./_learned-report.ts";
import {
  duration,
  fixed,
  money,
  multiplier,
  paint,
  pct,
  progressLine,
  scoreLine,
  SHOWN_CHUNKS,
  shownChunks,
  shownPath,
  signed,
  signedPct,
  table,
  trendArrow,
  type Column,
} from "./_render.ts";

const NAME: Column = { title: "", align: "left" };

/** A progress line of chunk, simulated date, equity, trades, rate and time left. */
export function runProgress(): {
  update: (progress: Progress) => void;
  asked: (counts: AskedCounts) => void;
  counts: () => AskedCounts | undefined;
  clear: () => void;
} {
  const line = progressLine();
  let counts: AskedCounts | undefined;
  let shown = "";
  let first: { atMs: number; ticks: number; share: number } | undefined;
  let ticks = 0;
  return {
    clear: line.clear,
    counts: () => counts,
    // An answer may take longer than all ticks before it.
    asked: (now) => {
      counts = now;
      if (shown !== "") line.update(() => `${shown}  ${renderAsked(now)}`);
    },
    update: (progress) => {
      const now = performance.now();
      ticks += 1;
      first ??= { atMs: now, ticks, share: progress.share };
      const start = first;
      line.update(() => {
        const passedMs = now - start.atMs;
        const rate = passedMs > 0 ? ((ticks - start.ticks) / passedMs) * 1000 : 0;
        const done = progress.share - start.share;
        const left = done > 0 ? duration((passedMs / done) * (1 - progress.share)) : "-";
        const date = new Date(progress.simulatedMs).toISOString().slice(0, 10);
        shown =
          `${progress.chunk}  ${date}  ${fixed(100 * progress.share, 0)}%  equity ${money(progress.equity)}  ` +
          `${progress.trades} trades  ${fixed(rate, 0)} ticks/s  ${left} left`;
        return counts === undefined ? shown : `${shown}  ${renderAsked(counts)}`;
      });
    },
  };
}

/** The tables of a finished run. */
export function renderSummary(outcome: RunOutcome): string {
  const { summary } = outcome;
  const sections = [
    headline(outcome),
    section("Chunks", quarters(summary) + shownChunks(summary.quarterly_breakdown.length)),
    section(
      "Providers by chunk: win rate of the trades they voted for, and multiplier at the chunk's end",
      providers(summary),
    ),
    section("Regimes by chunk: win rate, trades", breakdowns(summary.regimes, summary)),
    section("Assets by chunk: win rate, trades, Sharpe", assets(summary)),
    section("Carried over", carriedOver(summary)),
    section("What was learned: a vote for a trade earns its R, one against it the opposite", learned(summary)),
    section("Files", files(outcome)),
  ];
  return sections.join("\n");
}

function headline({ summary: s, chunksRun }: RunOutcome): string {
  const state =
    chunksRun.length === 0
      ? "finished before; nothing was run"
      : chunksRun.length < s.quarterly_breakdown.length
        ? `resumed at ${chunksRun[0]}`
        : "run whole";
  const gaps = Object.entries(s.bar_gaps)
    .filter(([, count]) => count > 0)
    .map(([asset, count]) => `${asset} ${count}`);
  const skipped = `${s.skipped.max_positions} max_positions, ${s.skipped.correlation} correlation, ${s.skipped.size} size`;
  return [
    `${paint(`Run ${s.run_id.slice(0, 12)}`, "bold")}  ${s.period.replace("/", " to ")}, ${s.assets.join(" ")}, ` +
      `${s.data === "synthetic" ? paint("synthetic bars", "yellow") : "bars"}, memory ${s.memory_enabled ? "on" : "off"} (${state})`,
    "",
    `  Balance    ${money(s.initial_balance)} -> ${money(s.final_balance)} (${signedPct(s.total_return_pct, 2)})`,
    `  Sharpe     ${fixed(s.annualized_sharpe)}, Sortino ${fixed(s.annualized_sortino)}, max drawdown ${pct(s.max_drawdown_pct, 2)}`,
    `  Trades     ${s.total_trades}, ${s.total_winning_trades} won (${pct(s.overall_win_rate)}), mean ${signed(s.mean_result_r, 3)} R, profit factor ${fixed(s.profit_factor)}`,
    ...(s.memory_enabled ? [`  As voted   ${scoreLine(s.confidence.before_calibration)}`] : []),
    `  Confidence ${scoreLine(s.confidence.after_calibration)}`,
    `  Decisions  ${s.decisions}; not opened: ${skipped}; not filled: ${s.not_filled}`,
    `  Exposure   ${pct(s.exposure_pct)} of the time; turnover ${fixed(s.turnover, 1)}x${gaps.length === 0 ? "" : `; gaps in bars: ${gaps.join(", ")}`}`,
    "",
  ].join("\n");
}

function section(title: string, body: string): string {
  return `${paint(title, "bold")}\n${body}`;
}

function quarters({ quarterly_breakdown: chunks }: Summary): string {
  return table(
    [NAME, ...titles("start", "end", "return", "Sharpe", "max drawdown", "trades", "won", "P&L")],
    chunks.map((q) => [
      q.quarter,
      money(q.initial_balance),
      money(q.final_value),
      signedPct(q.return_pct, 2),
      fixed(q.sharpe_ratio),
      pct(q.max_drawdown_pct, 2),
      String(q.total_trades),
      pct(q.win_rate),
      signed(q.total_pnl),
    ]),
  );
}

function providers(summary: Summary): string {
  const rows = Object.entries(summary.providers).map(([name, provider]) => [
    name,
    ...last(provider.by_quarter).map((cell) => {
      const chunk = summary.quarterly_breakdown.find(({ quarter }) => quarter === cell.quarter);
      const weight = chunk?.provider_multipliers[name] ?? null;
      return `${pct(cell.win_rate)} ${multiplier(weight)}`;
    }),
    trend(provider),
    String(provider.total_trades),
    pct(provider.win_rate),
    signed(provider.mean_result_r, 3),
    String(provider.abstentions),
  ]);
  return table([NAME, ...chunkTitles(summary), ...titles("trend", "trades", "won", "mean R", "abstained")], rows);
}

function breakdowns(items: Readonly<Record<string, Breakdown>>, summary: Summary): string {
  const rows = Object.entries(items).map(([name, item]) => [
    name,
    ...last(item.by_quarter).map((cell) => `${pct(cell.win_rate)} ${cell.total_trades}`),
    trend(item),
    String(item.total_trades),
    pct(item.win_rate),
    signed(item.mean_result_r, 3),
  ]);
  return table([NAME, ...chunkTitles(summary), ...titles("trend", "trades", "won", "mean R")], rows);
}

function assets(summary: Summary): string {
  const rows = Object.entries(summary.assets_breakdown).map(([name, asset]) => [
    name,
    ...last(asset.by_quarter).map((cell) => `${pct(cell.win_rate)} ${cell.total_trades} ${fixed(cell.sharpe_ratio)}`),
    trend(asset),
    String(asset.total_trades),
    pct(asset.win_rate),
    signed(asset.total_pnl),
  ]);
  return table([NAME, ...chunkTitles(summary), ...titles("trend", "trades", "won", "P&L")], rows);
}

function carriedOver({ quarterly_breakdown: chunks, memory_enabled: enabled }: Summary): string {
  if (!enabled) return "  Nothing: memory is off, and every provider has an equal say\n";
  const lines = last(chunks).map((q) => {
    const multipliers = Object.entries(q.provider_multipliers_at_start).map(
      ([name, value]) => `${name} ${multiplier(value)}`,
    );
    return `  ${q.quarter} starts with ${q.remembered_at_start} outcomes; ${multipliers.join(", ")}\n`;
  });
  return lines.join("");
}

function learned(summary: Summary): string {
  const evidence = Object.fromEntries(
    Object.entries(summary.providers).map(([name, { evidence: own }]) => [name, own]),
  );
  const next = summary.quarterly_breakdown.at(-1)?.provider_multipliers;
  const moves = moveLines(summary.quarterly_breakdown.flatMap(({ weight_moves: own }) => own));
  return [
    evidenceTable(evidence, next),
    regretLine(summary.regret),
    moves === "" ? "" : `What moved the weights most:\n${moves.replaceAll(/^/gm, "  ").trimEnd()}\n`,
  ].join("");
}

function files({ summary, memoryDir }: RunOutcome): string {
  const {
    outcomes_carried_in: carried,
    outcomes_stored: outcomes,
    snapshots_stored: snapshots,
    vectors_stored: vectors,
  } = summary.memory_persistence;
  const shown = shownPath(memoryDir);
  return [
    `  ${shown}  ${outcomes} outcomes, ${vectors} vectors, ${snapshots} snapshots of this run; ${carried} outcomes carried in`,
    `  ${shown}/runs/${summary.run_id}`,
    "",
  ].join("\n");
}

/** The change from the first to the last chunk: an arrow only where it is larger than its standard error. */
function trend({ trend: change }: Breakdown): string {
  return trendArrow(change?.change_pct ?? null, change?.standard_error_pct ?? null);
}

function last<Item>(chunks: readonly Item[]): readonly Item[] {
  return chunks.slice(-SHOWN_CHUNKS);
}

function titles(...names: readonly string[]): Column[] {
  return names.map((title) => ({ title }));
}

function chunkTitles(summary: Summary): Column[] {
  return titles(...last(summary.quarterly_breakdown).map((q) => q.quarter));
}
