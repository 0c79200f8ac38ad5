/** What memory-stats prints. */
import type { MemoryReport } from "../../lib/maintenance/memory-report.ts";
import type { Breakdown } from "../../lib/results/breakdown.ts";
import { scriptCommand, shownPath } from "../../lib/util/command-line.node.ts";
import { paint } from "../cli/terminal.ts";
import {
  allWithTrend,
  CONFIDENCE_TITLE,
  confidenceTables,
  EVIDENCE_TITLE,
  evidenceTable,
  EXPECTATION_TITLE,
  expectationTable,
  moveLines,
  regretLine,
  winRateWithError,
} from "./breakdown.ts";
import { bytes, count, countOf, multiplier, signed, signedPct } from "./numbers.ts";
import { chunkTable, section } from "./table.ts";

export function renderReport(report: MemoryReport): string {
  if (report.outcomes.count === 0) {
    return `${counts(report)}\nNothing is remembered yet; ${scriptCommand("run-chunks")} stores every closed trade\n`;
  }
  const { providers, regimes, assets, confidence } = report;
  return [
    counts(report),
    section("Providers: win rate ± error of trades they voted for, trades", breakdownTable(report, providers)),
    section("Regimes: win rate ± error, trades", breakdownTable(report, regimes)),
    section("Assets: win rate ± error, trades", breakdownTable(report, assets)),
    section(EVIDENCE_TITLE, learned(report)),
    ...(report.expectation.length === 0 ? [] : [section(EXPECTATION_TITLE, expectationTable(report.expectation))]),
    section(CONFIDENCE_TITLE, confidenceTables(confidence, { scored: true })),
  ].join("\n");
}

function counts(report: MemoryReport): string {
  const { outcomes, vectors, snapshots, newest, quarantined } = report;
  const lines = [
    ["Memory", shownPath(report.memory_dir)],
    [
      "Outcomes",
      `${count(outcomes.count)} (${bytes(outcomes.bytes)}), ${count(outcomes.imported)} imported without a checksum`,
    ],
    ["Trades", `${count(report.distinct_trades)} distinct on ${market(report)}`],
    [
      "Vectors",
      vectors.dim === null
        ? "none"
        : `${count(vectors.rows)} x ${vectors.dim} by ${vectors.embedder} (${bytes(vectors.bytes)}), ${count(vectors.behind)} missing`,
    ],
    ["Snapshots", `${count(snapshots.count)} (${bytes(snapshots.bytes)})`],
    ["Runs", count(report.runs)],
    ...report.forget_marks.map((mark) => ["Forgotten", `${mark.provider} before ${mark.before}`]),
    ...(newest === null ? [] : [["Newest", newestTrade(newest)]]),
    ...(quarantined === 0 ? [] : [["Quarantine", countOf(quarantined, "file")]]),
    ...report.damaged.map(({ problem }) => [paint("Damaged", "red"), problem]),
  ];
  const width = Math.max(...lines.map(([label = ""]) => label.length));
  return lines.map(([label = "", text]) => `${label.padEnd(width)}  ${text}\n`).join("");
}

function market({ market: name, outcomes }: MemoryReport): string {
  if (name === "synthetic") return "synthetic bars, which say nothing about a real market";
  return outcomes.synthetic === 0
    ? "real bars"
    : `real bars; ${countOf(outcomes.synthetic, "outcome")} on synthetic bars not shown`;
}

function newestTrade(trade: NonNullable<MemoryReport["newest"]>): string {
  const { decision_id: id, action, pnl_percentage: pnl, result_r: r, exit_timestamp: exit } = trade;
  return `${id} ${action} ${signedPct(pnl, 2)}, ${signed(r)} R on ${exit.slice(0, 10)}`;
}

function breakdownTable({ chunks }: MemoryReport, items: Readonly<Record<string, Breakdown>>): string {
  const rows = Object.entries(items).map(([name, item]) => ({
    name,
    cells: item.by_quarter.map(winRateWithError),
    last: [allWithTrend(item), signed(item.total_pnl), signed(item.mean_result_r, 3)],
  }));
  return chunkTable(chunks, rows, { last: ["all, trend", "P&L", "mean R"] });
}

function learned({ evidence, regret, weights }: MemoryReport): string {
  const chunks = weights?.chunks ?? [];
  const next = chunks.at(-1)?.multipliers_at_end;
  const head = evidenceTable(evidence, next) + regretLine(regret);
  if (weights === null) return head;
  const byChunk = chunkTable(
    chunks.map(({ quarter }) => quarter),
    Object.keys(next ?? {}).map((name) => ({
      name,
      cells: chunks.map((chunk) => multiplier(chunk.multipliers_at_end[name])),
    })),
    { corner: "at the end of" },
  );
  const moves = moveLines(chunks.flatMap((chunk) => chunk.weight_moves));
  const title = `Multipliers of run ${weights.run_id.slice(0, 12)} (newest trade), and its largest weight changes:`;
  return `${head}\n${title}\n${byChunk}${moves}`;
}
