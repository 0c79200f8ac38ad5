/** What compare-memory prints. */
import type { FigureIntervals } from "../../lib/experiments/day-sample.ts";
import type { ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import type { TrackRecordFigures } from "../../lib/experiments/trials.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";
import { paint } from "../cli/terminal.ts";
import { count, countOf, fixed, pct, signed, signedPct } from "./numbers.ts";
import { columns, section, table, words } from "./table.ts";

interface Figure {
  readonly key: keyof FigureIntervals;
  readonly title: string;
  readonly show: (value: number | null) => string;
  /** Of a difference. */
  readonly decimals: number;
}

const RETURN: Figure = { key: "return_pct", title: "return", show: (value) => signedPct(value, 2), decimals: 2 };
const DECISION_FIGURES: readonly Figure[] = [
  { key: "win_rate", title: "won", show: (value) => pct(value), decimals: 1 },
  { key: "mean_result_r", title: "mean R", show: (value) => signed(value, 3), decimals: 3 },
  { key: "brier", title: "Brier", show: (value) => fixed(value, 3), decimals: 3 },
];
const FIGURES: readonly Figure[] = [
  RETURN,
  { key: "sharpe", title: "Sharpe", show: (value) => fixed(value), decimals: 2 },
  ...DECISION_FIGURES,
];

const INTERVAL = ["95 % interval", "p"];

/** The comparison in tables, and its verdict. */
export function renderComparison(comparison: ConfigComparison): string {
  const { shuffled, worlds, first_to_last: ends } = comparison;
  const shuffles = countOf(worlds[0]?.shuffled.length ?? 0, "shuffle");
  const sections = [
    headline(comparison),
    section(
      "With memory and without",
      armsTable(comparison, { name: "off", arm: comparison.off, difference: comparison.on_minus_off }),
    ),
    section(
      `With memory and with shuffled outcomes (mean of ${shuffles}${worlds.length > 1 ? " per world" : ""})`,
      armsTable(comparison, { name: "shuffled", arm: shuffled, difference: comparison.on_minus_shuffled }),
    ),
    section("Return by chunk", chunksTable(comparison)),
    ...(ends === null ? [] : [section(`Decisions from ${ends.first} to ${ends.last}`, decisionsTable(ends))]),
    section("Track record", trackRecord(comparison)),
    verdict(comparison),
  ];
  return sections.join("\n");
}

function headline({ period, assets, data, worlds, carried_in: carriedIn }: ConfigComparison): string {
  const bars = data === "synthetic" ? countOf(worlds.length, "synthetic world") : "bars";
  const parts = [period.replace("/", " to "), assets.join(" "), bars, `${count(carriedIn)} carried in`];
  return `${paint("Memory compared", "bold")}  ${parts.join(", ")}\n`;
}

/** Memory on beside another arm: each figure, the difference and its interval. */
function armsTable(
  { on }: ConfigComparison,
  other: { name: string; arm: ConfigComparison["on"]; difference: FigureIntervals },
): string {
  const { name, arm, difference } = other;
  return table(
    [words(""), ...columns("on", name, `on - ${name}`, ...INTERVAL)],
    [
      ...FIGURES.map((figure) => [
        figure.title,
        figure.show(on[figure.key]),
        figure.show(arm[figure.key]),
        ...intervalCells(difference[figure.key], figure),
      ]),
      ["trades", fixed(on.trades, 0), fixed(arm.trades, 0)],
    ],
  );
}

function chunksTable({ quarters }: ConfigComparison): string {
  return table(
    [words(""), ...columns("on", "off", "shuffled", "on - off", ...INTERVAL)],
    quarters.map(({ quarter, on, off, shuffled, on_minus_off: difference }) => [
      quarter,
      ...[on, off, shuffled].map((arm) => RETURN.show(arm.return_pct)),
      ...intervalCells(difference.return_pct, RETURN),
    ]),
  );
}

function decisionsTable(ends: NonNullable<ConfigComparison["first_to_last"]>): string {
  const rows = DECISION_FIGURES.flatMap((figure) =>
    (["on", "off"] as const).map((arm) => [
      `${figure.title}, memory ${arm}`,
      figure.show(ends[arm].first[figure.key]),
      figure.show(ends[arm].last[figure.key]),
      ...intervalCells(ends[arm].change[figure.key], figure),
    ]),
  );
  return table([words(""), ...columns(ends.first, ends.last, "change", ...INTERVAL)], rows);
}

/** Difference, interval and p-value. */
function intervalCells(interval: Interval | null, { decimals }: Figure): string[] {
  if (interval === null) return ["-", "too few", "-"];
  const { estimate, low, high, p_value: p } = interval;
  // Resampling can't show that a p-value is 0.
  const chance = p < 0.001 ? "<0.001" : fixed(p, 3);
  return [signed(estimate, decimals), `${signed(low, decimals)} to ${signed(high, decimals)}`, chance];
}

function trackRecord({ track_record: record }: ConfigComparison): string {
  const row = (name: string, of: Partial<TrackRecordFigures> | null): string[] => [
    name,
    fixed(of?.daily_sharpe ?? null, 4),
    fixed(of?.probabilistic_sharpe ?? null, 3),
    of !== null && "deflated_sharpe" in of ? fixed(of.deflated_sharpe ?? null, 3) : "",
    fixed(of?.min_track_record_days ?? null, 0),
  ];
  const world = record.world === "bars" ? "" : ` (${record.world})`;
  return (
    table(
      [words(""), ...columns("daily Sharpe", "P(true > 0)", "deflated", "days needed")],
      [row("memory on", record.on), row("memory off", record.off), row("on - off", record.on_minus_off)],
    ) + `${countOf(record.trials, "trial")} on these bars${world}; ${countOf(record.on?.days ?? 0, "day")} observed\n`
  );
}

function verdict({ verdict: found, on_minus_off: { return_pct: effect } }: ConfigComparison): string {
  const range =
    effect === null
      ? "too few days"
      : `${signed(effect.estimate)} points of return, 95 % interval ${signed(effect.low)} to ${signed(effect.high)}`;
  const text = found.startsWith("no") ? `Memory made ${found}` : `Memory ${found}`;
  return `${paint(text, "bold")}:\n${range}\n`;
}
