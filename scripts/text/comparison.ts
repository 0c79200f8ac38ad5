/** What compare-memory shows. */
import type { FigureIntervals } from "../../lib/experiments/day-sample.ts";
import type { TrackRecordFigures } from "../../lib/experiments/trials.ts";
import type { ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";
import { countOf, fixed, paint, pct, signed, signedPct, table, type Column } from "./table.ts";

type FigureName = keyof FigureIntervals;

interface Row {
  readonly figure: FigureName;
  readonly title: string;
  /** How the figure itself is shown, and how many decimals a difference of it has. */
  readonly show: (value: number | null) => string;
  readonly decimals: number;
}

const ROWS: readonly Row[] = [
  { figure: "return_pct", title: "return", show: (value) => signedPct(value, 2), decimals: 2 },
  { figure: "sharpe", title: "Sharpe", show: (value) => fixed(value), decimals: 2 },
  { figure: "win_rate", title: "won", show: (value) => pct(value), decimals: 1 },
  { figure: "mean_result_r", title: "mean R", show: (value) => signed(value, 3), decimals: 3 },
  { figure: "brier", title: "Brier", show: (value) => fixed(value, 3), decimals: 3 },
];
const RETURN = ROWS.slice(0, 1);

const LEFT: Column = { title: "", align: "left" };

/** The comparison as text. */
export function renderComparison(comparison: ConfigComparison): string {
  const { on, off, shuffled, worlds, quarters, first_to_last: ends } = comparison;
  const [world] = worlds;
  const shuffles = world?.shuffled.length ?? 0;
  const about =
    `${paint("Memory compared", "bold")}  ${comparison.period.replace("/", " to ")}, ${comparison.assets.join(" ")}, ` +
    `${comparison.data === "synthetic" ? `${countOf(worlds.length, "synthetic world")}` : "bars"}, ` +
    `${fixed(comparison.carried_in, 0)} carried in\n`;
  const trades = ["trades", ...[on, off, shuffled].map((arm) => fixed(arm.trades, 0))];
  const sections = [
    about,
    section(
      "With memory and without",
      table(titles("", "on", "off", "on - off", "95 % interval", "p"), [
        ...ROWS.map((row) => [
          row.title,
          row.show(on[row.figure]),
          row.show(off[row.figure]),
          ...difference(comparison.on_minus_off[row.figure], row),
        ]),
        trades.slice(0, 3),
      ]),
    ),
    section(
      `With memory and with shuffled outcomes (mean of ${countOf(shuffles, "shuffle")}${worlds.length > 1 ? " of each world" : ""})`,
      table(titles("", "on", "shuffled", "on - shuffled", "95 % interval", "p"), [
        ...ROWS.map((row) => [
          row.title,
          row.show(on[row.figure]),
          row.show(shuffled[row.figure]),
          ...difference(comparison.on_minus_shuffled[row.figure], row),
        ]),
        ["trades", trades[1] ?? "", trades[3] ?? ""],
      ]),
    ),
    section(
      "Return by chunk",
      table(
        titles("", "on", "off", "shuffled", "on - off", "95 % interval", "p"),
        quarters.flatMap((chunk) =>
          RETURN.map((row) => [
            chunk.quarter,
            row.show(chunk.on.return_pct),
            row.show(chunk.off.return_pct),
            row.show(chunk.shuffled.return_pct),
            ...difference(chunk.on_minus_off.return_pct, row),
          ]),
        ),
      ),
    ),
    ...(ends === null ? [] : [section(`Decisions from ${ends.first} to ${ends.last}`, decisions(ends))]),
    section("Track record", track(comparison)),
    verdict(comparison),
  ];
  return sections.join("\n");
}

function section(title: string, body: string): string {
  return `${paint(title, "bold")}\n${body}`;
}

function titles(...names: readonly string[]): Column[] {
  return names.map((title, i) => (i === 0 ? LEFT : { title }));
}

/** Difference, interval and p-value. */
function difference(interval: Interval | null, { decimals }: Row): string[] {
  if (interval === null) return ["-", "too few", "-"];
  const { estimate, low, high, p_value: p } = interval;
  return [signed(estimate, decimals), `${signed(low, decimals)} to ${signed(high, decimals)}`, chance(p)];
}

/** No number of resamples shows that a p-value is 0. */
function chance(p: number): string {
  return p < 0.001 ? "<0.001" : fixed(p, 3);
}

function decisions(ends: NonNullable<ConfigComparison["first_to_last"]>): string {
  const rows = ROWS.slice(2).flatMap((row) =>
    (["on", "off"] as const).map((arm) => [
      `${row.title}, memory ${arm}`,
      row.show(ends[arm].first[row.figure]),
      row.show(ends[arm].last[row.figure]),
      ...difference(ends[arm].change[row.figure], row),
    ]),
  );
  return table(titles("", ends.first, ends.last, "change", "95 % interval", "p"), rows);
}

function track({ track_record: record }: ConfigComparison): string {
  const row = (name: string, of: Partial<TrackRecordFigures> | null): string[] => [
    name,
    fixed(of?.daily_sharpe ?? null, 4),
    fixed(of?.probabilistic_sharpe ?? null, 3),
    of !== null && "deflated_sharpe" in of ? fixed(of.deflated_sharpe ?? null, 3) : "",
    fixed(of?.min_track_record_days ?? null, 0),
  ];
  return (
    table(titles("", "daily Sharpe", "P(true > 0)", "deflated", "days to show it"), [
      row("memory on", record.on),
      row("memory off", record.off),
      row("on - off", record.on_minus_off),
    ]) +
    `${countOf(record.trials, "trial")} on these bars${record.world === "bars" ? "" : ` (${record.world})`}; there are ${fixed(record.on?.days ?? 0, 0)} days\n`
  );
}

function verdict({ verdict: word, on_minus_off: { return_pct: effect } }: ConfigComparison): string {
  const range =
    effect === null
      ? "too few days"
      : `${signed(effect.estimate)} points of return, 95 % interval ${signed(effect.low)} to ${signed(effect.high)}`;
  const text = word.startsWith("no") ? `Memory made ${word}` : `Memory ${word}`;
  return `${paint(text, "bold")}:\n${range}\n`;
}
