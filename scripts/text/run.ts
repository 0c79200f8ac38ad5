/** The tables that run-chunks shows at its end. */
/** Rates with their errors, and how good the confidence was, as run-chunks and memory-stats show them. */
import type { RunOutcome } from "../../lib/job/run.node.ts";
import type { Breakdown } from "../../lib/results/breakdown.ts";
import type { ConfidenceScores } from "../../lib/results/confidence.ts";
import type { Summary } from "../../lib/results/summary.ts";
import type { ForecastScores } from "../../lib/stats/forecast-scores.ts";
import { evidenceTable, moveLines, regretLine } from "./attribution.ts";
import {
  type Column,
  countOf,
  fitChunks,
  fixed,
  money,
  multiplier,
  paint,
  pct,
  scoreLine,
  shownPath,
  signed,
  signedPct,
  table,
  trendArrow,
} from "./table.ts";

const NAME: Column = { title: "", align: "left" };

/** The tables of a finished run. */
export function renderSummary(outcome: RunOutcome): string {
  const { summary } = outcome;
  const sections = [
    headline(outcome),
    section("Chunks", quarters(summary)),
    section("Providers by chunk: win rate ± its error where they voted for it, multiplier", providers(summary)),
    section("Regimes by chunk: win rate ± its error, trades", breakdowns(summary.regimes, summary)),
    section("Assets by chunk: win rate ± its error, trades, Sharpe", assets(summary)),
    section("Carried over", carriedOver(summary)),
    section("What was learned: a vote for a trade earns its R, one against it the opposite", learned(summary)),
    section(
      "Confidence: what the ensemble said, and how often its trades gained before costs",
      confidenceTables(summary.confidence, { scored: false }),
    ),
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
    .map(([asset, count]) => `${asset} ${fixed(count, 0)}`);
  const reasons = Object.entries(s.skipped).filter(([, count]) => count > 0);
  const skipped = reasons.map(([reason, count]) => `${fixed(count, 0)} for ${reason}`).join(", ");
  return [
    `${paint(`Run ${s.run_id.slice(0, 12)}`, "bold")}  ${s.period.replace("/", " to ")} (${state})`,
    "",
    `  Assets     ${s.assets.join(" ")}, ${s.data === "synthetic" ? paint("synthetic bars", "yellow") : "bars"}, memory ${s.memory_enabled ? "on" : "off"}`,
    `  Balance    ${money(s.initial_balance)} -> ${money(s.final_balance)} (${signedPct(s.total_return_pct, 2)})`,
    `  Sharpe     ${fixed(s.annualized_sharpe)}, Sortino ${fixed(s.annualized_sortino)}, max drawdown ${pct(s.max_drawdown_pct, 2)}`,
    `  Trades     ${fixed(s.total_trades, 0)}, ${fixed(s.total_winning_trades, 0)} won (${pct(s.overall_win_rate)}), mean ${signed(s.mean_result_r, 3)} R, profit factor ${fixed(s.profit_factor)}`,
    ...(s.memory_enabled ? [`  As voted   ${scoreLine(s.confidence.before_calibration)}`] : []),
    `  Confidence ${scoreLine(s.confidence.after_calibration)}`,
    `  Decisions  ${fixed(s.decisions, 0)}; not opened: ${skipped || "0"}; not filled: ${fixed(s.not_filled, 0)}`,
    `  Exposure   ${pct(s.exposure_pct)} of the time; turnover ${fixed(s.turnover, 1)}x${gaps.length === 0 ? "" : `; gaps in bars: ${gaps.join(", ")}`}`,
    "",
  ].join("\n");
}

function section(title: string, body: string): string {
  return `${paint(title, "bold")}\n${body}`;
}

function quarters({ quarterly_breakdown: chunks }: Summary): string {
  return table(
    [NAME, ...titles("balance", "return", "Sharpe", "drawdown", "trades", "won", "P&L")],
    chunks.map((q) => [
      q.quarter,
      money(q.final_value),
      signedPct(q.return_pct, 2),
      fixed(q.sharpe_ratio),
      pct(q.max_drawdown_pct, 2),
      fixed(q.total_trades, 0),
      pct(q.win_rate),
      signed(q.total_pnl),
    ]),
  );
}

function providers(summary: Summary): string {
  const { quarterly_breakdown: chunks, providers: all } = summary;
  const rows = Object.entries(all).map(([name, item]) => {
    const cells = item.by_quarter.map((cell) => {
      const chunk = chunks.find((each) => each.quarter === cell.quarter);
      return `${rateWithError(cell)} ${multiplier(chunk?.provider_multipliers[name] ?? null)}`;
    });
    return { name, cells, item, last: fixed(item.abstentions, 0) };
  });
  return byChunk(summary, { rows, last: "silent" });
}

function breakdowns(items: Readonly<Record<string, Breakdown>>, summary: Summary): string {
  const rows = Object.entries(items).map(([name, item]) => {
    return { name, cells: item.by_quarter.map(winRateWithError), item, last: signed(item.mean_result_r, 3) };
  });
  return byChunk(summary, { rows, last: "mean R" });
}

function assets(summary: Summary): string {
  const rows = Object.entries(summary.assets_breakdown).map(([name, item]) => {
    const cells = item.by_quarter.map((cell) => `${winRateWithError(cell)} ${fixed(cell.sharpe_ratio, 1)}`);
    return { name, cells, item, last: signed(item.total_pnl, 0) };
  });
  return byChunk(summary, { rows, last: "P&L" });
}

/** A row an item: a cell a chunk, all chunks together, and a last column. */
function byChunk(
  { quarterly_breakdown: chunks }: Summary,
  { rows, last }: { rows: readonly { name: string; cells: string[]; item: Breakdown; last: string }[]; last: string },
): string {
  const build = (shown: number): string => {
    const names = chunks.slice(-shown).map(({ quarter }) => quarter);
    return table(
      [NAME, ...titles(...names, "all, trend", last)],
      rows.map((row) => [
        row.name,
        ...row.cells.slice(-shown),
        `${winRateWithError(row.item)} ${trend(row.item)}`,
        row.last,
      ]),
    );
  };
  return fitChunks(build, { count: chunks.length });
}

function carriedOver({ quarterly_breakdown: chunks, memory_enabled: enabled }: Summary): string {
  if (!enabled) return "  Nothing: memory is off, and every provider has an equal say\n";
  const names = Object.keys(chunks[0]?.provider_multipliers_at_start ?? {});
  const build = (shown: number): string => {
    const last = chunks.slice(-shown);
    return table(
      [{ title: "at the start of", align: "left" }, ...titles(...last.map(({ quarter }) => quarter))],
      [
        ["outcomes", ...last.map(({ remembered_at_start: count }) => fixed(count, 0))],
        ...names.map((name) => [
          name,
          ...last.map(({ provider_multipliers_at_start: at }) => multiplier(at[name] ?? null)),
        ]),
      ],
    );
  };
  return fitChunks(build, { count: chunks.length });
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
    `  ${shown}  ${countOf(outcomes, "outcome")}, ${countOf(vectors, "vector")}, ${countOf(snapshots, "snapshot")}; ${fixed(carried, 0)} carried in`,
    `  ${shown}/runs/${summary.run_id}`,
    "",
  ].join("\n");
}

/** The change from the first to the last chunk: an arrow only where it is larger than its standard error. */
function trend({ trend: change }: Breakdown): string {
  return trendArrow(change?.change_pct ?? null, change?.standard_error_pct ?? null);
}

function titles(...names: readonly string[]): Column[] {
  return names.map((title) => ({ title }));
}

/** A win rate and its standard error, percent; no decimal of it means anything. */
export function rateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct">): string {
  return `${fixed(of.win_rate, 0)}${of.win_rate_error_pct === null ? "" : `±${fixed(of.win_rate_error_pct, 0)}`}`;
}

/** The same with the number of trades. */
export function winRateWithError(of: Pick<Breakdown, "win_rate" | "win_rate_error_pct" | "total_trades">): string {
  return `${rateWithError(of)} ${fixed(of.total_trades, 0)}`;
}

/**
 * What was claimed, and how often it came true: as the votes gave it, and as experience supported it where the two differ.
 *
 * @param options `scored`: with a line of scores below each table.
 */
export function confidenceTables(confidence: ConfidenceScores, options: { scored: boolean }): string {
  const { before_calibration: before, after_calibration: after } = confidence;
  const reliability = (scores: ForecastScores): string =>
    binsTable(scores) + (options.scored ? `${scoreLine(scores)}\n` : "");
  if (before === null || after === null) return "  too few trades: fewer than 30 say nothing\n";
  const isLearned = JSON.stringify(before) !== JSON.stringify(after);
  return isLearned
    ? `As the votes gave it\n${reliability(before)}As experience supported it\n${reliability(after)}`
    : reliability(after);
}

function binsTable({ bins }: ForecastScores): string {
  return table(
    ["confidence", "mean", "trades", "gained"].map((title) => ({ title })),
    bins.map((bin) => [
      `${bin.from} to ${bin.to}`,
      fixed(bin.mean_confidence, 1),
      fixed(bin.trades, 0),
      pct(bin.win_rate),
    ]),
  );
}
