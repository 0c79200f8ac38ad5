/** What import-bars prints. */
import type { ImportResult } from "../../lib/market/import.node.ts";
import { shownPath } from "./table.ts";

/** The keys of `--json`. */
export function importJson(result: ImportResult): Readonly<Record<string, unknown>> {
  const { format, timezone, stamp, timeframe, series, file, repaired } = result;
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
  };
}

/** A few lines: what was recognised, and what is where now. */
export function renderImport(result: ImportResult, options: { dryRun: boolean }): string {
  const { format, timezone, stamp, timeframe, series, file, known, repaired } = result;
  const { bars, gaps } = series;
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const mended = [
    repaired.sorted > 0 ? `${repaired.sorted} rows sorted` : "",
    repaired.duplicates > 0 ? `${repaired.duplicates} equal rows dropped` : "",
    repaired.nulls > 0 ? `${repaired.nulls} empty rows dropped` : "",
    repaired.widened > 0 ? `${repaired.widened} rounded bars widened` : "",
  ].filter((part) => part !== "");
  const zone = timezone.endsWith("(assumed)")
    ? `${timezone}: the times state no zone, --timezone tells another`
    : timezone;
  return [
    `Format     ${format}`,
    `Time zone  ${zone}`,
    `Times      of the bar's ${stamp}`,
    `Timeframe  ${timeframe}`,
    `Bars       ${bars.length.toLocaleString("en-US")}${known > 0 ? `, ${(bars.length - known).toLocaleString("en-US")} of them new` : ""}; ${gaps} gaps`,
    `From       ${time(bars[0]!.timestamp)} to ${time(bars.at(-1)!.timestamp)} UTC`,
    ...(mended.length > 0 ? [`Repaired   ${mended.join(", ")}`] : []),
    options.dryRun ? `Would write ${shownPath(file)}` : `Written    ${shownPath(file)}`,
    "",
  ].join("\n");
}
