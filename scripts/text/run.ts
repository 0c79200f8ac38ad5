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
import { count, countOf, fixed, multiplier, pct, signed } from "./numbers.ts";
import { CHUNK_HEADS, chunkCells, figureLines, has, randomLines, type ShownRun, titleLine } from "./summary.ts";
import { chunkTable, columns, labelled, section, shownPath, table, type ChunkRow } from "./table.ts";

/** Everything that run-chunks knows of a run, table by table. */
export function renderFullSummary(run: ShownRun): string {
  const { summary } = run;
  const sections = [
    titleLine(summary) + labelled([...figureLines(summary), ...detailLines(summary)]).join(""),
    section("Chunks", chunksTable(summary)),
    section("Providers by chunk: win rate ± error of trades they voted for, multiplier", providers(summary)),
    section("Regimes by chunk: win rate ± error, trades", regimes(summary)),
    section("Assets by chunk: win rate ± error, trades, Sharpe", assets(summary)),
    section("Carried over", carriedOver(summary)),
    section(EVIDENCE_TITLE, learned(summary)),
    section(CONFIDENCE_TITLE, confidenceTables(summary.confidence, { scored: false })),
    ...(!has(summary, "expectation") || summary.expectation.length === 0
      ? []
      : [section(EXPECTATION_TITLE, expectationTable(summary.expectation))]),
    section("Files", files(run)),
  ];
  return sections.join("\n");
}

/** What one screen has no room for. */
function detailLines(s: Summary): readonly (readonly [label: string, text: string])[] {
  const skipped = Object.entries(s.skipped).filter(([, times]) => times > 0);
  const notOpened = skipped.map(([reason, times]) => `${count(times)} for ${reason}`).join(", ") || "0";
  const byAsset = (what: string, counts: Readonly<Record<string, number>>): string => {
    const found = Object.entries(counts).filter(([, times]) => times > 0);
    return found.length === 0
      ? ""
      : `; ${what}: ${found.map(([asset, times]) => `${asset} ${count(times)}`).join(", ")}`;
  };
  const { before_calibration: before, after_calibration: after } = s.confidence;
  return [
    [
      "Ratios",
      `Sortino ${fixed(s.annualized_sortino)}, profit factor ${fixed(s.profit_factor)}, turnover ${fixed(s.turnover, 1)}x`,
    ],
    ...randomLines(s),
    ...(s.memory_enabled ? [["Stated", scoreLine(before)] as const] : []),
    [s.memory_enabled ? "Calibrated" : "Confidence", scoreLine(after)],
    ...noiseLines(s),
    ["Not opened", `${notOpened}; not filled: ${count(s.not_filled)}`],
    [
      "Assets",
      s.assets.join(" ") + byAsset("gaps in bars", s.bar_gaps) + byAsset("market closed", s.session_gaps ?? {}),
    ],
  ];
}

/** How much of what a model says is its own noise. */
function noiseLines({ providers: all }: Summary): (readonly [label: string, text: string])[] {
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

function providers(summary: Summary): string {
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

function files({ summary, memoryDir }: ShownRun): string {
  const stored = summary.memory_persistence;
  const parts = [
    countOf(stored.outcomes_stored, "outcome"),
    countOf(stored.vectors_stored, "vector"),
    countOf(stored.snapshots_stored, "snapshot"),
  ];
  const folder = shownPath(memoryDir);
  return [
    `  ${folder}  ${parts.join(", ")}; ${count(stored.outcomes_carried_in)} carried in`,
    `  ${folder}/runs/${summary.run_id}`,
    "",
  ].join("\n");
}
