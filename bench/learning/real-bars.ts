import { runInMemory } from "../../lib/experiments/in-memory-run.ts";
import type { Outcome } from "../../lib/types.ts";
import { createRandom } from "../../lib/util/random.ts";
import { bootstrap, type Interval } from "../../lib/stats/bootstrap.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../../test/samples.ts";
import { RESAMPLES } from "../support/statistics.ts";
import { defaultJob } from "../support/default-job.ts";
import { equalWeights, fixedShare, followTheLeader, hedged, ours, type View } from "./contenders.ts";
import type { BenchReport, BenchRow } from "../support/measure.ts";
import { DAY_MS, isoDate } from "../../lib/util/time.ts";

/** A position lasts five days at most. */
const BLOCK_DAYS = 5;

const CONTENDERS: Readonly<Record<string, View>> = {
  "equal weights": equalWeights,
  "follow the leader": followTheLeader,
  Hedge: hedged,
  "fixed share": fixedShare,
  ours,
};

export const REAL_TITLE = "Learning on real bars";

/** Net R of a contender's trades, by the day of their exit. */
interface Days {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

/**
 * Compares the known ways of weighing with ours on real bars, with the default configuration.
 *
 * @param options `years`: in order; each starts with what the one before taught. `end`: of the last one. Default: all of 2021 and
 * 2022.
 */
export async function learningOnRealBars(
  options: { years?: readonly number[]; end?: string } = {},
): Promise<BenchReport> {
  const { years = [2021, 2022] } = options;
  const [startMs, endMs] = [
    Date.UTC(years[0]!, 0, 1),
    Date.parse(options.end ?? `${years[years.length - 1]! + 1}-01-01`),
  ];
  const report = {
    title: REAL_TITLE,
    notes: [
      `Hourly bars of BTCUSD, ETHUSD and EURUSD, ${years.join(" and ")} in one run, so that the second year starts with what the first one taught. Risk and costs as in config.yaml; its three rules alone, then with the provider of type memory. The truth is unknown here, and there is one path for each method.`,
      "Ours: net R a trade, in the fourth quarter, then in the year. Peer: the same less equal weights. 95 % intervals are from a stationary bootstrap of days, in blocks of five on average, all methods on the same days. Only ours also uses confidence and sizes.",
      "Following the leader of all four soon stops trading: `memory` leads while it abstains, because its sum stays 0, and it abstains until there are 30 trades.",
    ],
  };
  if (!HAS_REAL_BARS) return { ...report, rows: [{ what: "all", ours: "skipped: no real bars" }] };

  const job = await defaultJob({ start: isoDate(startMs), end: isoDate(endMs), dataDir: REAL_BARS_DIR });
  const ensembles = {
    "three rules": job.providers.filter(({ name }) => name !== "memory"),
    "with memory": job.providers,
  };
  const rows: BenchRow[] = [];
  for (const [ensemble, providers] of Object.entries(ensembles)) {
    const found = new Map<string, Days>();
    for (const [name, openView] of Object.entries(CONTENDERS)) {
      const { outcomes } = await runInMemory({ ...job, providers, openView });
      found.set(name, daysOf(outcomes, { startMs, days: (endMs - startMs) / DAY_MS }));
    }
    rows.push(...years.flatMap((year) => rowsOf(found, { of: `${ensemble}, ${year}`, spans: spansOf(year) })));
  }
  return { ...report, rows };

  /** Indices of the days of the fourth quarter, and of the year. */
  function spansOf(year: number): readonly Int32Array[] {
    const daysFrom = (fromMonth: number): Int32Array => {
      const first = Math.floor((Date.UTC(year, fromMonth, 1) - startMs) / DAY_MS);
      const end = Math.floor((Math.min(endMs, Date.UTC(year + 1, 0, 1)) - startMs) / DAY_MS);
      return Int32Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
    };
    return [daysFrom(9), daysFrom(0)];
  }
}

function daysOf(outcomes: readonly string[], { startMs, days }: { startMs: number; days: number }): Days {
  const found = { sums: new Float64Array(days), counts: new Float64Array(days) };
  for (const line of outcomes) {
    const trade = JSON.parse(line) as Outcome;
    // A trade that closed at midnight closed with the last bar of the day before.
    const index = Math.floor((Date.parse(trade.exit_timestamp) - 1 - startMs) / DAY_MS);
    found.sums[index]! += trade.realized_pnl / (trade.risk_per_unit * trade.position_size);
    found.counts[index]!++;
  }
  return found;
}

function rowsOf(
  found: ReadonlyMap<string, Days>,
  { of, spans }: { of: string; spans: readonly Int32Array[] },
): BenchRow[] {
  const all = [...found.values()];
  const bySpan = spans.map((days) => intervalsOf(all, days));
  return [...found.keys()].map((name, i) => {
    const trades = spans.map((days) => days.reduce((sum, day) => sum + all[i]!.counts[day]!, 0));
    const row = {
      what: `${of}: ${name} (${trades.join(" and ")} trades)`,
      ours: shown(bySpan.map((span) => span[i]!)),
    };
    return i === 0 ? row : { ...row, peer: shown(bySpan.map((span) => span[all.length + i]!)) };
  });
}

/** The mean of each contender over some days, then its difference to the first contender. */
function intervalsOf(all: readonly Days[], days: Int32Array): readonly (Interval | null)[] {
  const mean = ({ sums, counts }: Days, indices: Int32Array): number | null => {
    let sum = 0;
    let count = 0;
    for (const i of indices) {
      sum += sums[days[i]!]!;
      count += counts[days[i]!]!;
    }
    return count === 0 ? null : sum / count;
  };
  return bootstrap(
    [{ length: days.length, meanBlock: BLOCK_DAYS }],
    ([indices = new Int32Array()]) => {
      const means = all.map((each) => mean(each, indices));
      const [first = null] = means;
      return [...means, ...means.map((value) => (value === null || first === null ? null : value - first))];
    },
    { draws: RESAMPLES, random: createRandom("learning on real bars") },
  );
}

function shown(intervals: readonly (Interval | null)[]): string {
  return intervals
    .map((interval) => {
      if (interval === null) return "too few";
      const { estimate, low, high } = interval;
      return `${estimate.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
    })
    .join(", ");
}
