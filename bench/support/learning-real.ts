/** The known ways of weighing and ours on real bars, where nobody knows the truth: the default configuration over two years. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInMemory } from "../../lib/experiments/in-memory-run.ts";
import { overrideConfig, parseConfig } from "../../lib/config/parse.ts";
import type { Outcome } from "../../lib/types.ts";
import { openInMemoryJob } from "../../lib/job/open.node.ts";
import { createRandom } from "../../lib/util/random.ts";
import { bootstrap, type Interval } from "../../lib/stats/bootstrap.ts";
import { HAS_REAL_BARS, PROJECT_DIR, REAL_BARS_DIR } from "../../test/samples.ts";
import { at, RESAMPLES } from "./chance.ts";
import { equalWeights, fixedShare, followTheLeader, hedged, ours, type View } from "./learning-contenders.ts";
import type { BenchReport, BenchRow } from "./measure.ts";
import { DAY_MS } from "../../lib/util/time.ts";

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

/** What a contender's trades earned, by the day of their exit. */
interface Days {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
}

/**
 * Measures it.
 *
 * @param options `years`: in order; what one taught, the next begins with. `end`: of the last one. @default all of 2021 and 2022
 */
export async function learningOnRealBars(
  options: { years?: readonly number[]; end?: string } = {},
): Promise<BenchReport> {
  const { years = [2021, 2022] } = options;
  const [startMs, endMs] = [
    Date.UTC(at(years, 0), 0, 1),
    Date.parse(options.end ?? `${at(years, years.length - 1) + 1}-01-01`),
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

  const text = readFileSync(join(PROJECT_DIR, "config.yaml"), "utf8");
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const { job } = await openInMemoryJob({
    config: await overrideConfig(await parseConfig(text, { file: "config.yaml" }), {
      start: day(startMs),
      end: day(endMs),
      data_dir: REAL_BARS_DIR,
      memory_dir: join(tmpdir(), "carryover-nothing-remembered"),
    }),
    baseDir: PROJECT_DIR,
    dataDirIsExplicit: true,
  });
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

  /** Places of the days of the fourth quarter, and of the year. */
  function spansOf(year: number): readonly Int32Array[] {
    const places = (fromMonth: number): Int32Array => {
      const first = Math.floor((Date.UTC(year, fromMonth, 1) - startMs) / DAY_MS);
      const end = Math.floor((Math.min(endMs, Date.UTC(year + 1, 0, 1)) - startMs) / DAY_MS);
      return Int32Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
    };
    return [places(9), places(0)];
  }
}

function daysOf(outcomes: readonly string[], { startMs, days }: { startMs: number; days: number }): Days {
  const found = { sums: new Float64Array(days), counts: new Float64Array(days) };
  for (const line of outcomes) {
    const trade = JSON.parse(line) as Outcome;
    // What closed at midnight closed with the last bar of the day before.
    const place = Math.floor((Date.parse(trade.exit_timestamp) - 1 - startMs) / DAY_MS);
    found.sums[place] = at(found.sums, place) + trade.realized_pnl / (trade.risk_per_unit * trade.position_size);
    found.counts[place] = at(found.counts, place) + 1;
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
    const trades = spans.map((days) => days.reduce((sum, place) => sum + at(at(all, i).counts, place), 0));
    const row = {
      what: `${of}: ${name} (${trades.join(" and ")} trades)`,
      ours: said(bySpan.map((span) => at(span, i))),
    };
    return i === 0 ? row : { ...row, peer: said(bySpan.map((span) => at(span, all.length + i))) };
  });
}

/** The mean of each contender, then each less the first's, over the days given. */
function intervalsOf(all: readonly Days[], days: Int32Array): readonly (Interval | null)[] {
  const mean = ({ sums, counts }: Days, places: Int32Array): number | null => {
    let sum = 0;
    let count = 0;
    for (const place of places) {
      sum += at(sums, at(days, place));
      count += at(counts, at(days, place));
    }
    return count === 0 ? null : sum / count;
  };
  return bootstrap(
    [{ length: days.length, meanBlock: BLOCK_DAYS }],
    ([places = new Int32Array()]) => {
      const means = all.map((each) => mean(each, places));
      const [first = null] = means;
      return [...means, ...means.map((value) => (value === null || first === null ? null : value - first))];
    },
    { draws: RESAMPLES, random: createRandom("learning on real bars") },
  );
}

function said(intervals: readonly (Interval | null)[]): string {
  return intervals
    .map((interval) => {
      if (interval === null) return "too few";
      const { estimate, low, high } = interval;
      return `${estimate.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
    })
    .join(", ");
}
