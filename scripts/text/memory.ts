/** What memory-stats shows. */
import type { Breakdown } from "../../lib/results/breakdown.ts";
import type { MemoryReport } from "../../lib/maintenance/memory-report.node.ts";
import { confidenceTables, winRateWithError } from "./run.ts";
import { evidenceTable, moveLines, regretLine } from "./attribution.ts";
import {
  bytes,
  fitChunks,
  fixed,
  multiplier,
  paint,
  shownPath,
  signed,
  signedPct,
  table,
  trendArrow,
  type Column,
} from "./table.ts";

/** Everything that is remembered, as text. */
export function renderReport(report: MemoryReport): string {
  if (report.outcomes.count === 0) {
    return `${counts(report)}\nNothing is remembered yet: bun scripts/run-chunks.ts remembers what it trades\n`;
  }
  return [
    counts(report),
    section(
      "Providers: win rate of the trades they voted for ± its error, trades",
      breakdowns(report.providers, report.chunks),
    ),
    section("Regimes: win rate ± its error, trades", breakdowns(report.regimes, report.chunks)),
    section("Assets: win rate ± its error, trades", breakdowns(report.assets, report.chunks)),
    section("What was learned: a vote for a trade earns its R, one against it the opposite", learned(report)),
    section(
      "Confidence: what the ensemble said, and how often its trades gained before costs",
      confidenceTables(report.confidence, { scored: true }),
    ),
  ].join("\n");
}

function counts(report: MemoryReport): string {
  const { outcomes, vectors, snapshots, newest } = report;
  const onBars =
    report.market === "synthetic"
      ? "synthetic bars, which say nothing about a real market"
      : `real bars${outcomes.synthetic === 0 ? "" : `; ${fixed(outcomes.synthetic, 0)} outcomes on synthetic bars are not shown`}`;
  const lines = [
    ["Memory", shownPath(report.memory_dir)],
    [
      "Outcomes",
      `${fixed(outcomes.count, 0)} (${bytes(outcomes.bytes)}), ${fixed(outcomes.imported, 0)} of them imported and unverified`,
    ],
    ["Trades", `${fixed(report.distinct_trades, 0)} distinct on ${onBars}`],
    [
      "Vectors",
      vectors.dim === null
        ? "none"
        : `${fixed(vectors.rows, 0)} x ${vectors.dim} by ${vectors.embedder} (${bytes(vectors.bytes)}), ${fixed(vectors.behind, 0)} outcomes behind`,
    ],
    ["Snapshots", `${fixed(snapshots.count, 0)} (${bytes(snapshots.bytes)})`],
    ["Runs", fixed(report.runs, 0)],
    ...report.forget_marks.map((mark) => ["Forgotten", `${mark.provider} before ${mark.before}`]),
    ...(newest === null
      ? []
      : [
          [
            "Newest",
            `${newest.decision_id} ${newest.action}, ${signedPct(newest.pnl_percentage, 2)}, ${signed(newest.result_r)} R, closed ${newest.exit_timestamp.slice(0, 10)}`,
          ],
        ]),
    ...(report.quarantined === 0 ? [] : [["Quarantine", `${fixed(report.quarantined, 0)} files`]]),
    ...report.damaged.map(({ problem }) => [paint("Damaged", "red"), problem]),
  ];
  const width = Math.max(...lines.map(([label = ""]) => label.length));
  return lines.map(([label = "", text]) => `${label.padEnd(width)}  ${text}\n`).join("");
}

function section(title: string, body: string): string {
  return `${paint(title, "bold")}\n${body}`;
}

function breakdowns(items: Readonly<Record<string, Breakdown>>, chunks: readonly string[]): string {
  const build = (shown: number): string => {
    const columns: Column[] = [
      { title: "", align: "left" },
      ...[...chunks.slice(-shown), "all, trend", "P&L", "mean R"].map((title) => ({ title })),
    ];
    const rows = Object.entries(items).map(([name, item]) => [
      name,
      ...item.by_quarter.slice(-shown).map(winRateWithError),
      `${winRateWithError(item)} ${trendArrow(item.trend?.change_pct ?? null, item.trend?.standard_error_pct ?? null)}`,
      signed(item.total_pnl),
      signed(item.mean_result_r, 3),
    ]);
    return table(columns, rows);
  };
  return fitChunks(build, { count: chunks.length });
}

function learned({ evidence, regret, weights }: MemoryReport): string {
  const chunks = weights?.chunks ?? [];
  const head = evidenceTable(evidence, chunks.at(-1)?.multipliers_at_end) + regretLine(regret);
  if (weights === null) return head;
  const names = Object.keys(chunks.at(-1)?.multipliers_at_end ?? {});
  const build = (count: number): string => {
    const shown = chunks.slice(-count);
    return table(
      [{ title: "at the end of", align: "left" }, ...shown.map(({ quarter }) => ({ title: quarter }))],
      names.map((name) => [name, ...shown.map(({ multipliers_at_end: at }) => multiplier(at[name] ?? null))]),
    );
  };
  const byChunk = fitChunks(build, { count: chunks.length });
  const moves = moveLines(chunks.flatMap(({ weight_moves: own }) => own));
  return `${head}\nWeights of run ${weights.run_id.slice(0, 12)}, which made the newest trade, and what moved them:\n${byChunk}${moves}`;
}
