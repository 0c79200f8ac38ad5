/** What compare-memory prints. */
import type { FigureIntervals } from "../../lib/experiments/day-sample.ts";
import type { ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import type { TrackRecordFigures } from "../../lib/experiments/trials.ts";
import type { Interval } from "../../lib/stats/bootstrap.ts";
import { paint } from "../cli/terminal.ts";
import { count, countOf, fixed, pct, signed, signedPct } from "./numbers.ts";
import { knowledgeSections } from "./known-period.ts";
import { columns, section, table, words } from "./table.ts";

interface Figure {
  readonly key: keyof FigureIntervals;
  readonly title: string;
  readonly show: (value: number | null) => string;
  /** Of a difference. */
  readonly decimals: number;
}

const RETURN: Figure = { key: "return_pct", title: "return", show: (value) => signedPct(value, 2), decimals: 2 };
const SHARPE: Figure = { key: "sharpe", title: "Sharpe", show: (value) => fixed(value), decimals: 2 };
const GROWTH: Figure = { key: "log_growth", title: "log growth", show: (value) => signed(value, 3), decimals: 3 };
const DRAWDOWN: Figure = { key: "max_drawdown_pct", title: "drawdown", show: (value) => pct(value, 2), decimals: 2 };
const DECISION_FIGURES: readonly Figure[] = [
  { key: "win_rate", title: "won", show: (value) => pct(value), decimals: 1 },
  { key: "mean_result_r", title: "mean R", show: (value) => signed(value, 3), decimals: 3 },
  { key: "brier", title: "Brier", show: (value) => fixed(value, 3), decimals: 3 },
];
const FIGURES: readonly Figure[] = [SHARPE, RETURN, GROWTH, DRAWDOWN, ...DECISION_FIGURES];

const INTERVAL = ["95 % interval", "p"];

export function renderComparison(comparison: ConfigComparison): string {
  const { first_to_last: ends } = comparison;
  const sections = [
    headline(comparison),
    ...armsSections(comparison),
    ...(comparison.ablations.length === 0 ? [] : [section(ABLATIONS_TITLE, ablationsTable(comparison))]),
    ...(comparison.costs === null
      ? []
      : [section("Costs, as multiples of those configured", costsTable(comparison.costs))]),
    section("Return by chunk", chunksTable(comparison)),
    ...(ends === null ? [] : [section(`Decisions from ${ends.first} to ${ends.last}`, decisionsTable(ends))]),
    ...comparison.period_knowledge.flatMap(knowledgeSections),
    section("Track record", trackRecord(comparison)),
    verdict(comparison),
  ];
  return sections.join("\n");
}

function armsSections(comparison: ConfigComparison): string[] {
  const { off, matched, shuffled, worlds } = comparison;
  const { on_minus_off: onOff, on_minus_matched: onMatched, on_minus_shuffled: onShuffled } = comparison;
  const shuffles = countOf(worlds[0]!.shuffled.length, "shuffle");
  const sections = [
    section("With memory and without", armsTable(comparison, { name: "off", arm: off, difference: onOff })),
  ];
  if (matched !== null && onMatched !== null) {
    const size = fixed(comparison.betting.mean_size_scale);
    sections.push(
      section(
        `With memory, and without at its mean size (x ${size})`,
        armsTable(comparison, { name: "matched", arm: matched, difference: onMatched }),
      ),
    );
  }
  if (shuffled !== null && onShuffled !== null) {
    sections.push(
      section(
        `With memory and with shuffled outcomes (mean of ${shuffles}${worlds.length > 1 ? " per run" : ""})`,
        armsTable(comparison, { name: "shuffled", arm: shuffled, difference: onShuffled }),
      ),
    );
  }
  return sections;
}

function headline({ period, assets, data, worlds, carried_in: carriedIn }: ConfigComparison): string {
  const paths = new Set(worlds.map(({ name }) => name)).size;
  const bars = data === "synthetic" ? countOf(paths, "synthetic world") : "bars";
  const starts = worlds.length === paths ? [] : [countOf(worlds.length / paths, "start day")];
  const parts = [period.replace("/", " to "), assets.join(" "), bars, ...starts, `${count(carriedIn)} carried in`];
  return `${paint("Memory compared", "bold")}  ${parts.join(", ")}\n`;
}

/** Memory on and another arm: each figure, the difference and its interval. */
function armsTable(
  { on }: ConfigComparison,
  { name, arm, difference }: { name: string; arm: ConfigComparison["on"]; difference: FigureIntervals },
): string {
  return differenceTable(
    [
      { name: "on", figures: on },
      { name, figures: arm },
    ],
    difference,
  );
}

type NamedFigures = { readonly name: string; readonly figures: ConfigComparison["on"] };

/** Two sides: each figure, the difference and its interval. */
export function differenceTable([a, b]: readonly [NamedFigures, NamedFigures], difference: FigureIntervals): string {
  return table(
    [words(""), ...columns(a.name, b.name, `${a.name} - ${b.name}`, ...INTERVAL)],
    [
      ...FIGURES.map((figure) => [
        figure.title,
        figure.show(a.figures[figure.key]),
        figure.show(b.figures[figure.key]),
        ...intervalCells(difference[figure.key], figure),
      ]),
      ["trades", fixed(a.figures.trades, 0), fixed(b.figures.trades, 0)],
    ],
  );
}

const ABLATIONS_TITLE = "Sharpe without a part of memory; p is also adjusted for their number (Holm)";

function ablationsTable({ on, ablations }: ConfigComparison): string {
  return table(
    [words("without"), ...columns("on", "without", "on - without", ...INTERVAL, "Holm p")],
    ablations.map(({ part, without, on_minus_without: difference, holm_p_value: adjusted }) => [
      part,
      SHARPE.show(on.sharpe),
      SHARPE.show(without.sharpe),
      ...intervalCells(difference.sharpe, SHARPE),
      adjusted === null ? "-" : shownChance(adjusted),
    ]),
  );
}

function costsTable({ multiples, break_even: breakEven }: NonNullable<ConfigComparison["costs"]>): string {
  const figures = [SHARPE, RETURN, DRAWDOWN];
  const rows = multiples.map(({ multiple, on, off }) => [
    `x ${multiple}`,
    ...figures.flatMap(({ key, show }) => [show(on[key]), show(off[key])]),
  ]);
  const titles = figures.flatMap(({ title }) => [`${title} on`, "off"]);
  const shown = (value: number | null): string => (value === null ? "at none of them" : `at x ${fixed(value)}`);
  return (
    table([words("costs"), ...columns(...titles)], rows) +
    `Growth falls to 0 ${shown(breakEven.on)} with memory, ${shown(breakEven.off)} without\n`
  );
}

function chunksTable({ quarters }: ConfigComparison): string {
  return table(
    [words(""), ...columns("on", "off", "matched", "shuffled", "on - off", ...INTERVAL)],
    quarters.map(({ quarter, on, off, matched, shuffled, on_minus_off: difference }) => [
      quarter,
      ...[on, off, matched, shuffled].map((arm) => RETURN.show(arm.return_pct)),
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

function intervalCells(interval: Interval | null, { decimals }: Figure): string[] {
  if (interval === null) return ["-", "too few", "-"];
  const { estimate, low, high, p_value: p } = interval;
  return [signed(estimate, decimals), `${signed(low, decimals)} to ${signed(high, decimals)}`, shownChance(p)];
}

/** Resampling can't show that a p-value is 0. */
function shownChance(p: number): string {
  return p < 0.001 ? "<0.001" : fixed(p, 3);
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

/** What was compared, by how much it differs, whether that may be chance, and what to do: a sentence a line. */
function verdict({ verdict: found, on, off, on_minus_off: { sharpe }, betting }: ConfigComparison): string {
  const text = found.startsWith("no") ? `Memory made ${found}` : `Memory ${found}`;
  const sentences = [
    `${paint(text, "bold")}.`,
    ...sharpeSentences({ name: "with memory", sharpe: on.sharpe }, { name: "without", sharpe: off.sharpe }, sharpe),
    ...bettingSentences(betting),
    found === "helped"
      ? "Test another period before you rely on it: 1 in 20 such results is chance."
      : found === "hurt"
        ? "Compare with --ablate to see which part of memory hurts."
        : "A longer period, or more start days (--starts), can show a smaller difference.",
  ];
  return sentences.map((sentence) => `${sentence}\n`).join("");
}

function bettingSentences({ mean_size_scale: size, bet_less: less, bet_better: better }: ConfigComparison["betting"]) {
  if (less === null || better === null) return [];
  const { estimate, low, high } = better;
  const chosen = low > 0 ? "it chose better" : high < 0 ? "it chose worse" : "it may be chance";
  return [
    `Memory bet ${fixed(size)} of the full size, which alone changes log growth by ${signed(less.estimate, 3)}.`,
    `The choice of bets adds ${signed(estimate, 3)}, interval ${signed(low, 3)} to ${signed(high, 3)}: ${chosen}.`,
  ];
}

interface NamedSharpe {
  readonly name: string;
  readonly sharpe: number | null;
}

/** How two Sharpe ratios differ, and whether that may be chance. */
export function sharpeSentences(a: NamedSharpe, b: NamedSharpe, difference: Interval | null): readonly string[] {
  if (difference === null) return ["There are too few days to compare Sharpe ratios."];
  const { estimate, low, high } = difference;
  const ratios = `${fixed(a.sharpe)} ${a.name} and ${fixed(b.sharpe)} ${b.name}`;
  const range = `${signed(low, 2)} to ${signed(high, 2)}`;
  const isShown = low > 0 || high < 0;
  return [
    `The Sharpe ratio is ${ratios}, a difference of ${signed(estimate, 2)}.`,
    `Its 95 % interval, ${range}, ${isShown ? "excludes 0: chance is unlikely" : "contains 0, so it may be chance"}.`,
  ];
}
