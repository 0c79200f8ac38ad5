/** What import-bars prints. */
import type { ImportResult } from "../../lib/market/import.node.ts";
import type { WeekOpens } from "../../lib/market/week-opens.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { count, countOf, minute } from "./numbers.ts";

export function importJson(result: ImportResult): Readonly<Record<string, unknown>> {
  const { format, timezone, stamp, timeframe, series, file, repaired, unendedMs, weekOpens } = result;
  const [first, last] = [series.bars[0], series.bars.at(-1)];
  return {
    format,
    timezone,
    stamp,
    timeframe,
    rows: series.bars.length,
    gaps: series.gaps,
    first: first === undefined ? null : new Date(first.timestamp).toISOString(),
    last: last === undefined ? null : new Date(last.timestamp).toISOString(),
    file,
    repaired,
    flat: result.flat,
    unended: unendedMs === undefined ? null : new Date(unendedMs).toISOString(),
    weeks_open: weekOpens?.open ?? null,
    weeks_shifted: weekOpens?.shifted ?? 0,
  };
}

/** A smaller share of flat bars is nothing unusual. */
const MIN_FLAT_SHARE = 0.02;

/** @param options `zone`: the time zone that the user named; `dropFlat`: whether flat bars were left out. */
export function renderImport(
  result: ImportResult,
  options: { dryRun: boolean; zone: string | undefined; dropFlat: boolean },
): string {
  const { format, timezone, stamp, isStartAssumed, timeframe, series, file, known, originals, unendedMs, weekOpens } =
    result;
  const { bars, gaps } = series;
  const added = known > 0 ? `, ${count(bars.length - known)} new` : "";
  const [first, last] = [bars[0]!, bars.at(-1)!].map((bar) => minute(new Date(bar.timestamp).toISOString()));
  const isUnused = options.zone !== undefined && !timezone.includes(options.zone);
  const hint = timezone.endsWith("(assumed)") ? ": its times state no zone; --timezone names another" : "";
  const unused = isUnused ? `, as its times state: --timezone ${options.zone} was not used` : "";
  const repairs = repairsOf(result);
  const lines = [
    ["Format", format],
    ["Time zone", timezone + hint + unused],
    ["Times", `of the bar's ${stamp}${isStartAssumed ? " (assumed): --stamp end takes them as its end" : ""}`],
    ["Timeframe", timeframe],
    ["Bars", `${count(bars.length)}${added}; ${countOf(gaps, "gap")}`],
    ["From", `${first} to ${last} UTC`],
    ...flatLines(result, options).map((line) => ["Flat", line]),
    ...(unendedMs === undefined
      ? []
      : [["Left out", `the bar of ${minute(new Date(unendedMs).toISOString())}, which has not ended`]]),
    ...weekLines(weekOpens).map((line) => ["Weeks", line]),
    ...(repairs === "" ? [] : [["Repaired", repairs]]),
    [options.dryRun ? "Would write" : "Written", shownPath(file)],
    ...originals.map((original) => ["Kept", shownPath(original)]),
  ];
  return lines.map(([label = "", text]) => `${label.padEnd(10)} ${text}\n`).join("");
}

/** Names bars with which a vendor has filled times without trade: they have no volatility, so that stops come too near. */
function flatLines({ flat, read }: ImportResult, { dropFlat }: { dropFlat: boolean }): readonly string[] {
  if (flat === 0 || (!dropFlat && flat < MIN_FLAT_SHARE * read)) return [];
  const bars = `${countOf(flat, "bar")} without volume and with equal prices`;
  return [dropFlat ? `${bars}, left out` : `${bars}, such as those of weekends: --drop-flat leaves them out`];
}

/** Asks for the zone where weeks open otherwise than currency markets do, or not all at one hour. */
function weekLines(opens: WeekOpens | undefined): readonly string[] {
  if (opens === undefined) return [];
  const { open, isUsual, weeks, shifted } = opens;
  if (!isUsual) return [`open ${open} in New York; currencies open Sunday 17:00. Is --timezone right?`];
  return shifted === 0
    ? []
    : [`${shifted} of ${weeks} open an hour before or after ${open} in New York: is --timezone right?`];
}

function repairsOf({ repaired: { sorted, duplicates, nulls, widened, replaced } }: ImportResult): string {
  return [
    ...(sorted > 0 ? [`${countOf(sorted, "row")} sorted`] : []),
    ...(duplicates > 0 ? [`${countOf(duplicates, "equal row")} dropped`] : []),
    ...(nulls > 0 ? [`${countOf(nulls, "empty row")} dropped`] : []),
    ...(widened > 0 ? [`${countOf(widened, "rounded bar")} widened`] : []),
    ...(replaced > 0 ? [`${countOf(replaced, "unended bar")} replaced`] : []),
  ].join(", ");
}
