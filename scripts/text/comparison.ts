/** What compare-memory prints. */
import type { FigureIntervals } from "../../lib/experiments/day-sample.ts";
import type { ConfigComparison } from "../../lib/experiments/comparisons.node.ts";
import { bettingSentences, isShown, memoryVerdict } from "../../lib/experiments/verdict.ts";
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
const DRAWDOWN: Figure = {
  key: "max_drawdown_pct",
  title: "daily drawdown",
  show: (value) => pct(value, 2),
  decimals: 2,
};
const TRADE_FIGURES: readonly Figure[] = [
  { key: "win_rate", title: "won", show: (value) => pct(value), decimals: 1 },
  { key: "mean_result_r", title: "mean R", show: (value) => signed(value, 3), decimals: 3 },
];
const DECISION_FIGURES: readonly Figure[] = [
  ...TRADE_FIGURES,
  { key: "brier", title: "Brier", show: (value) => fixed(value, 3), decimals: 3 },
];
const ACCOUNT_FIGURES: readonly Figure[] = [SHARPE, RETURN, GROWTH, DRAWDOWN];

const INTERVAL = ["95 % interval", "p"];

/** @param options `full`: with the scores of confidence, decisions from the first to the last chunk, and the track record. */
export function renderComparison(comparison: ConfigComparison, { full }: { full: boolean }): string {
  const { first_to_last: ends } = comparison;
  const sections = [
    headline(comparison),
    ...armsSections(comparison, full),
    ...(comparison.ablations.length === 0 ? [] : [section(ABLATIONS_TITLE, ablationsTable(comparison))]),
    ...(comparison.costs === null
      ? []
      : [section("Costs, as multiples of those configured", costsTable(comparison.costs))]),
    section("Return by chunk", chunksTable(comparison, full)),
    ...(ends === null || !full ? [] : [section(`Decisions from ${ends.first} to ${ends.last}`, decisionsTable(ends))]),
    ...comparison.period_knowledge.flatMap(knowledgeSections),
    ...(full ? [section("Track record", trackRecord(comparison))] : []),
    verdict(comparison),
  ];
  return sections.join("\n");
}

function armsSections(comparison: ConfigComparison, full: boolean): string[] {
  const { on, off, matched, shuffled, worlds } = comparison;
  const { on_minus_off: onOff, on_minus_matched: onMatched, on_minus_shuffled: onShuffled } = comparison;
  const against = (name: string, figures: NamedFigures["figures"], difference: FigureIntervals): string =>
    differenceTable(
      [
        { name: "on", figures: on },
        { name, figures },
      ],
      difference,
      { full },
    );
  const shuffles = countOf(worlds[0]!.shuffled.length, "shuffle");
  const sections = [section("With memory and without", against("off", off, onOff))];
  if (matched !== null && onMatched !== null) {
    const title = `With memory, and without at its mean size (x ${fixed(comparison.betting.mean_size_scale)})`;
    sections.push(section(title, against("matched", matched, onMatched)));
  }
  if (shuffled !== null && onShuffled !== null) {
    const title = `With memory and with shuffled outcomes (mean of ${shuffles}${worlds.length > 1 ? " per run" : ""})`;
    sections.push(section(title, against("shuffled", shuffled, onShuffled)));
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

type NamedFigures = { readonly name: string; readonly figures: ConfigComparison["on"] };

/**
 * Two sides: each figure, the difference and its interval.
 *
 * @param options `full`: with the scores of confidence, and with figures of trades that are equal on both sides.
 */
export function differenceTable(
  [a, b]: readonly [NamedFigures, NamedFigures],
  difference: FigureIntervals,
  { full }: { full: boolean },
): string {
  const differs = ({ key, show }: Figure): boolean => show(a.figures[key]) !== show(b.figures[key]);
  const figures = [...ACCOUNT_FIGURES, ...(full ? DECISION_FIGURES : TRADE_FIGURES.filter(differs))];
  return table(
    [words(""), ...columns(a.name, b.name, `${a.name} - ${b.name}`, ...INTERVAL)],
    [
      ...figures.map((figure) => [
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

/** Figures at multiples of the costs, and where growth ends. */
export function costsTable({ multiples, break_even: breakEven }: NonNullable<ConfigComparison["costs"]>): string {
  const figures = [SHARPE, RETURN, DRAWDOWN];
  const rows = multiples.map(({ multiple, on, off, mean_size_scale: size }) => [
    `x ${multiple}`,
    fixed(size),
    ...figures.flatMap(({ key, show }) => [show(on[key]), show(off[key])]),
  ]);
  const titles = figures.flatMap(({ title }) => [`${title} on`, "off"]);
  const limit = (arm: "on" | "off"): string => {
    const growths = multiples.map((each) => each[arm].log_growth);
    if (breakEven[arm] !== null) return `falls to 0 at x ${fixed(breakEven[arm])}`;
    if (growths.some((growth) => growth === null)) return "is not known";
    if (growths.every((growth) => growth === 0)) return "is 0 at all of them";
    return growths[0]! > 0 ? "stays above 0" : `is below 0 even at x ${multiples[0]!.multiple}`;
  };
  return (
    table([words("costs"), ...columns("size on", ...titles)], rows) +
    `Growth with memory ${limit("on")}; without it ${limit("off")}\n`
  );
}

function chunksTable({ quarters }: ConfigComparison, full: boolean): string {
  return table(
    [words(""), ...columns("on", "off", "matched", "shuffled", ...(full ? ["on - off", ...INTERVAL] : []))],
    quarters.map(({ quarter, on, off, matched, shuffled, on_minus_off: difference }) => [
      quarter,
      ...[on, off, matched, shuffled].map((arm) => RETURN.show(arm.return_pct)),
      ...(full ? intervalCells(difference.return_pct, RETURN) : []),
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

/** Whether memory helped, what betting less did, by how much Sharpe ratios differ, and what to do: a sentence a line. */
function verdict({ on, off, on_minus_off: { sharpe }, betting, ablations }: ConfigComparison): string {
  const sentences = [
    `${paint(memoryVerdict(sharpe), "bold")}.`,
    ...bettingSentences(betting),
    ...sharpeSentences({ name: "with memory", sharpe: on.sharpe }, { name: "without", sharpe: off.sharpe }, sharpe),
    sharpe === null || !isShown(sharpe)
      ? "A longer period, or more start days (--starts), can show a smaller difference."
      : sharpe.low > 0
        ? "Test another period before you rely on it: 1 in 20 such results is chance."
        : ablations.length > 0
          ? "A run has no switch for one part of memory: --no-memory leaves out all of it."
          : "Compare with --ablate to see which part of memory hurts.",
  ];
  return sentences.map((sentence) => `${sentence}\n`).join("");
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
  return [
    `The Sharpe ratio is ${ratios}, a difference of ${signed(estimate, 2)}.`,
    `Its 95 % interval, ${range}, ${isShown(difference) ? "excludes 0: chance is unlikely" : "contains 0, so it may be chance"}.`,
  ];
}
