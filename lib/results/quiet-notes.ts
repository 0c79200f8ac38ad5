/** Why a run hardly traded, and which providers hardly voted, for its user. */
import { WARM_UP_BARS } from "../market/situation.ts";
import { PROVIDER_BARS } from "../settings.ts";
import { DAY_MS, isoDate, timeframeName } from "../util/time.ts";
import type { ChunkCounters } from "./chunks.ts";

const MONTH_MS = (365.25 / 12) * DAY_MS;

/** What a run decided, and with what. */
interface QuietInput {
  readonly period: { readonly startMs: number; readonly endMs: number };
  readonly decisionIntervalMs: number;
  /** By asset, from the start of its file to the end of the run. */
  readonly barCounts: Readonly<Record<string, number>>;
  readonly counters: readonly ChunkCounters[];
  readonly trades: number;
  readonly exposurePct: number | null;
}

/** A sentence on each asset that had too few bars, and one on a run without decisions, or with fewer than one trade a month. */
export function quietNotes(input: QuietInput): readonly string[] {
  const { barCounts, counters, period } = input;
  const end = isoDate(period.endMs);
  const silent = Object.entries(barCounts).filter(([, count]) => count < WARM_UP_BARS);
  const notes = silent.map(
    ([asset, count]) =>
      `${asset} never decided: it has ${count} bars up to ${end}, and an asset decides from its ${WARM_UP_BARS}th bar on`,
  );
  const decisions = counters.reduce((sum, each) => sum + each.decisions, 0);
  if (decisions > 0) return [...notes, ...fewTrades(input, decisions)];
  if (silent.length === Object.keys(barCounts).length) return notes;
  const interval = timeframeName(input.decisionIntervalMs);
  return [...notes, `No decision was made: no bar of the period is the last of a decision_interval of ${interval}`];
}

function fewTrades({ period, counters, trades, exposurePct }: QuietInput, decisions: number): readonly string[] {
  const spanMs = period.endMs - period.startMs;
  if (trades >= spanMs / MONTH_MS) return [];
  const sum = (pick: (each: ChunkCounters) => number): number =>
    counters.reduce((total, each) => total + pick(each), 0);
  const holds = sum((each) => each.holds);
  const skips = (["max_positions", "correlation", "size"] as const)
    .map((reason) => ({ reason, count: sum(({ skipped }) => skipped[reason]) }))
    .filter(({ count }) => count > 0)
    .map(({ reason, count }) => `${count} for ${reason}`);
  const reasons = [
    holds === decisions
      ? `all ${decisions} decisions were HOLD`
      : `${((100 * holds) / decisions).toFixed(0)} % of ${decisions} decisions were HOLD`,
    ...(skips.length === 0 ? [] : [`positions were not opened, ${skips.join(", ")}`]),
    ...(exposurePct !== null && exposurePct > 50
      ? [`a position was open ${exposurePct.toFixed(0)} % of the time`]
      : []),
  ];
  const count = trades === 0 ? "No trade" : trades === 1 ? "1 trade" : `${trades} trades`;
  return [`${count} in ${spanOf(spanMs)}: ${reasons.join("; ")}`];
}

function spanOf(ms: number): string {
  const months = (ms / MONTH_MS).toFixed(1);
  if (months === "1.0") return "a month";
  if (ms > MONTH_MS) return `${months} months`;
  return ms === DAY_MS ? "a day" : `${ms / DAY_MS} days`;
}

/** Fewer decisions without a BUY or SELL are nothing unusual, such as those of a day. */
const MIN_HELD = 50;

/** A sentence on each provider of one's own that abstained, or held at every one of many decisions. */
export function quietProviderNotes(
  names: readonly string[],
  counters: readonly ChunkCounters[],
  { providerBars }: { readonly providerBars?: ReadonlyMap<string, number | undefined> } = {},
): readonly string[] {
  const chunks = counters.filter(({ decisions }) => decisions > 0);
  const decisions = chunks.reduce((sum, each) => sum + each.decisions, 0);
  if (decisions === 0) return [];
  return names.flatMap((name) => {
    const quiet = chunks.flatMap(({ abstentions, quiet: all = {} }) =>
      Object.hasOwn(all, name) ? [{ ...all[name]!, abstentions: abstentions[name]! }] : [],
    );
    const onlyHeld = quiet.length === chunks.length && quiet.every(({ directed }) => directed === 0);
    const abstentions = quiet.reduce((sum, each) => sum + each.abstentions, 0);
    if (abstentions === 0 && (!onlyHeld || decisions < MIN_HELD)) return [];
    const last = quiet.findLast((each) => abstentions === 0 || each.abstentions > 0)?.last ?? "";
    const why = last === "" ? "" : ` (the last: ${JSON.stringify(last)})`;
    if (abstentions === 0) {
      const bars = providerBars?.get(name) ?? PROVIDER_BARS.max;
      // A misspelt field is undefined, and an index before the first bar gives NaN in most rules.
      const more =
        bars < PROVIDER_BARS.max
          ? `. Print what it gets: a comparison with undefined or NaN is never true. context.bars has ${bars} bars; \`bars: N\` asks for more`
          : "";
      return [`"${name}" voted HOLD at all ${decisions} decisions${why}${more}`];
    }
    const share = abstentions === decisions ? `all ${decisions}` : `${abstentions} of ${decisions}`;
    const others = onlyHeld && abstentions < decisions ? ", and voted HOLD at the others" : "";
    return [`"${name}" gave no vote at ${share} decisions${why}${others}`];
  });
}
