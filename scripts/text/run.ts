/** All tables of a run: what run-chunks --full prints at its end. */
import type { Breakdown } from "../../lib/results/breakdown.ts";
import type { Summary } from "../../lib/results/summary-shape.ts";
import {
  allWithTrend,
  CONFIDENCE_TITLE,
  confidenceTables,
  EVIDENCE_TITLE,
  evidenceTable,
  EXPECTATION_TITLE,
  expectationTable,
  moveLines,
  rateWithError,
  regretLine,
  scoreLine,
  winRateWithError,
} from "./breakdown.ts";
import { count, countOf, fixed, multiplier, pct, signed, signedPct } from "./numbers.ts";
import {
  areGrouped,
  CHUNK_HEADS,
  chunkCells,
  has,
  type LabelledText,
  renderSummary,
  type ShownRun,
} from "./summary.ts";
import { chunkTable, columns, labelled, section, table, type ChunkRow } from "./table.ts";

/** Shorter names of what ends trades. */
const EXIT_NAMES: Readonly<Record<string, string>> = { hold: "HOLD", end_of_run: "end" };

/** The screen of a run, and below it everything else that run-chunks knows, table by table. */
export function renderFullSummary(run: ShownRun): string {
  const { summary } = run;
  const { providers, expectation = [] } = summary;
  // One provider has all of the weight, whatever it earns.
  const isEnsemble = Object.keys(providers).length > 1;
  const sections = [
    renderSummary(run),
    labelled(detailLines(summary)).join(""),
    ...(areGrouped(summary) ? [section("Chunks", chunksTable(summary))] : []),
    section("Providers by chunk: win rate ± error of trades they voted for, multiplier", providersTable(summary)),
    section("Regimes by chunk: win rate ± error, trades", regimes(summary)),
    section("Assets by chunk: win rate ± error, trades, Sharpe", assets(summary)),
    ...(isEnsemble ? [section("Carried over", carriedOver(summary)), section(EVIDENCE_TITLE, learned(summary))] : []),
    section(CONFIDENCE_TITLE, confidenceTables(summary.confidence, { scored: false })),
    ...(expectation.length === 0 ? [] : [section(EXPECTATION_TITLE, expectationTable(expectation))]),
  ];
  return sections.join("\n");
}

/** What one screen has no room for. */
function detailLines(s: Summary): readonly LabelledText[] {
  const skipped = Object.entries(s.skipped).filter(([, times]) => times > 0);
  const notOpened = skipped.map(([reason, times]) => `${count(times)} for ${reason}`).join(", ") || "0";
  const byAsset = (what: string, counts: Readonly<Record<string, number>>): string => {
    const found = Object.entries(counts).filter(([, times]) => times > 0);
    return found.length === 0
      ? ""
      : `; ${what}: ${found.map(([asset, times]) => `${asset} ${count(times)}`).join(", ")}`;
  };
  const { before_calibration: before, after_calibration: after } = s.confidence;
  const ratios = `Sortino ${fixed(s.annualized_sortino)}, profit factor ${fixed(s.profit_factor)}`;
  return [
    ["Ratios", `${ratios}, turnover ${fixed(s.turnover, 1)}x`],
    ...(has(s, "actions") ? [["Decisions", decisionsLine(s)] as const] : []),
    ["Not opened", `${notOpened}; not filled: ${count(s.not_filled)}`],
    ...(has(s, "exits") && s.total_trades > 0 ? [["Exits", exitsLine(s)] as const] : []),
    ...expectedLines(s),
    ...changedLines(s),
    ...meanTradeLines(s),
    ...(s.memory_enabled ? [["Stated", scoreLine(before)] as const] : []),
    [s.memory_enabled ? "Calibrated" : "Confidence", scoreLine(after)],
    ...noiseLines(s),
    [
      "Assets",
      s.assets.join(" ") + byAsset("gaps in bars", s.bar_gaps) + byAsset("market closed", s.session_gaps ?? {}),
    ],
    ["Stored", storedLine(s)],
  ];
}

function storedLine({ memory_persistence: stored }: Summary): string {
  const parts = [
    countOf(stored.outcomes_stored, "outcome"),
    countOf(stored.vectors_stored, "vector"),
    countOf(stored.snapshots_stored, "snapshot"),
  ];
  return `${parts.join(", ")}; ${count(stored.outcomes_carried_in)} carried in`;
}

function decisionsLine({ decisions, actions: { buy, sell, hold } }: Summary): string {
  return `${count(decisions)}: BUY ${count(buy)}, SELL ${count(sell)}, HOLD ${count(hold)}`;
}

/** How long trades were held, and what ended them. */
function exitsLine({ mean_holding_hours: hours, exits }: Summary): string {
  const reasons = Object.entries(exits).map(([reason, trades]) => `${EXIT_NAMES[reason] ?? reason} ${count(trades)}`);
  return `held ${fixed(hours, 0)} h; ${reasons.join(", ")}`;
}

/** What memory expected of trades, for the realized mean of the edge. */
function expectedLines({ expected_and_realized: total }: Summary): readonly LabelledText[] {
  if (total === null || total === undefined) return [];
  return [["Expected", `${signed(total.mean_expected_r, 3)} R a trade after costs`]];
}

/** P&L in percent of a trade's position, beside that of the same trades at random times. */
function meanTradeLines({ random_entry: entry }: Summary): readonly LabelledText[] {
  if (entry === null || entry === undefined) return [];
  const { random_mean_pnl_pct: mean, run_mean_pnl_pct: own } = entry;
  return [["Mean trade", `${signedPct(own, 2)} of its position, at random times ${signedPct(mean, 2)}`]];
}

/** The multiplier that changed most, and the clearest trend of a win rate. */
function changedLines(summary: Summary): readonly LabelledText[] {
  const parts = [...changedMultiplier(summary), ...clearestTrend(summary)];
  return parts.length === 0 ? [] : [["Changed", parts.join("; ")]];
}

function changedMultiplier({ quarterly_breakdown: chunks, providers, ...s }: Summary): string[] {
  const before = chunks[0]?.provider_multipliers_at_start ?? {};
  const after = chunks.at(-1)?.provider_multipliers ?? {};
  // The multiplier of a provider without a vote moves with those of the others.
  const voters = Object.keys(after).filter((name) => (providers[name]?.abstentions ?? 0) < s.decisions);
  const changes = voters.map((name) => ({ name, size: Math.abs(after[name]! - (before[name] ?? 1)) }));
  const [largest] = changes.toSorted((a, b) => b.size - a.size);
  if (!s.memory_enabled || Object.keys(after).length < 2 || largest === undefined || largest.size === 0) return [];
  return [`${largest.name} ${multiplier(before[largest.name])} -> ${multiplier(after[largest.name])}`];
}

function clearestTrend({ providers }: Summary): string[] {
  const trends = Object.entries(providers).flatMap(([name, { trend }]) =>
    // Before version 1.0.0 a trend was no slope.
    trend?.slope_pct === undefined ? [] : [{ name, ...trend }],
  );
  const [clearest] = trends.toSorted(
    (a, b) => Math.abs(b.slope_pct / b.standard_error_pct) - Math.abs(a.slope_pct / a.standard_error_pct),
  );
  if (clearest === undefined) return [];
  const slope = `${signed(clearest.slope_pct, 1)}±${fixed(clearest.standard_error_pct, 1)}`;
  return [`win rate of ${clearest.name} ${slope} a chunk`];
}

/** How much of what a model says is its own noise. */
function noiseLines({ providers: all }: Summary): LabelledText[] {
  return Object.entries(all).flatMap(([name, { samples }]) =>
    samples === undefined
      ? []
      : [["Own noise" as const, `two answers of ${name} to one question differ in ${pct(samples.differing_pct)}`]],
  );
}

function chunksTable({ quarterly_breakdown: chunks }: Summary): string {
  const rows = chunks.map((chunk) => [...chunkCells(chunk), signed(chunk.total_pnl)]);
  return table([...CHUNK_HEADS, ...columns("P&L")], rows);
}

function providersTable(summary: Summary): string {
  const multipliers = summary.quarterly_breakdown.map((chunk) => chunk.provider_multipliers);
  return breakdownTable(summary, summary.providers, {
    last: "silent",
    row: (item, name) => ({
      cells: item.by_quarter.map((cell, i) => `${rateWithError(cell)} ${multiplier(multipliers[i]?.[name])}`),
      last: count(item.abstentions),
    }),
  });
}

function regimes(summary: Summary): string {
  return breakdownTable(summary, summary.regimes, {
    last: "mean R",
    row: (item) => ({ cells: item.by_quarter.map(winRateWithError), last: signed(item.mean_result_r, 3) }),
  });
}

function assets(summary: Summary): string {
  return breakdownTable(summary, summary.assets_breakdown, {
    last: "P&L",
    row: (item) => ({
      cells: item.by_quarter.map((cell) => `${winRateWithError(cell)} ${fixed(cell.sharpe_ratio, 1)}`),
      last: signed(item.total_pnl, 0),
    }),
  });
}

/** A row for each item: a cell for each chunk, all chunks together, and one more column. */
function breakdownTable<Item extends Breakdown>(
  { quarterly_breakdown: chunks }: Summary,
  items: Readonly<Record<string, Item>>,
  options: { last: string; row: (item: Item, name: string) => { cells: string[]; last: string } },
): string {
  const rows = Object.entries(items).map(([name, item]): ChunkRow => {
    const { cells, last } = options.row(item, name);
    return { name, cells, last: [allWithTrend(item), last] };
  });
  const names = chunks.map(({ quarter }) => quarter);
  return chunkTable(names, rows, { last: ["all, trend", options.last] });
}

function carriedOver({ quarterly_breakdown: chunks, memory_enabled: enabled }: Summary): string {
  if (!enabled) return "  Nothing: memory is off, and all providers have equal weight\n";
  const names = Object.keys(chunks[0]?.provider_multipliers_at_start ?? {});
  const rows: ChunkRow[] = [
    { name: "outcomes", cells: chunks.map((chunk) => count(chunk.remembered_at_start)) },
    ...names.map((name) => ({
      name,
      cells: chunks.map((chunk) => multiplier(chunk.provider_multipliers_at_start[name])),
    })),
  ];
  return chunkTable(
    chunks.map(({ quarter }) => quarter),
    rows,
    { corner: "at the start of" },
  );
}

function learned({ providers: all, quarterly_breakdown: chunks, regret }: Summary): string {
  const evidence = Object.fromEntries(Object.entries(all).map(([name, item]) => [name, item.evidence]));
  const moves = moveLines(chunks.flatMap((chunk) => chunk.weight_moves));
  return [
    evidenceTable(evidence, chunks.at(-1)?.provider_multipliers),
    regretLine(regret),
    moves === "" ? "" : `Largest weight changes:\n${moves.replaceAll(/^/gm, "  ").trimEnd()}\n`,
  ].join("");
}
