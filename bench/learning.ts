/**
 * Compares our weights with known ways of weighing providers, in planted worlds whose providers are right with a known
 * probability, and on real bars; and the account with memory and without. Writes bench/LEARNING.md.
 *
 *     bun bench/learning.ts [--worlds accounts|planted|real] [--seeds 30] [--first 1] [--date YYYY-MM-DD]
 *
 * Planted worlds take half an hour, accounts ten minutes, real bars one, so it is not a part of bench/all.ts. A section that is not measured
 * stays as it was.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runInMemory } from "../lib/experiments/in-memory-run.ts";
import type { Outcome } from "../lib/types.ts";
import { DAY_MS } from "../lib/util/time.ts";
import { PROJECT_DIR } from "../test/samples.ts";
import { mean, percentileInterval } from "./support/statistics.ts";
import { renderReport, type BenchReport, type BenchRow } from "./support/measure.ts";
import { learningOnRealBars, REAL_TITLE } from "./learning/real-bars.ts";
import { equalWeights, fixedShare, followTheLeader, hedged, oracle, ours, type View } from "./learning/contenders.ts";
import { ACCOUNT_TITLE, learningOfAccounts } from "./learning/account-report.ts";
import { CLEAR, plantedJob } from "./learning/planted-job.ts";
import { OTHER_WORLDS, START_MS, WORLDS, type Climate, type World } from "./learning/worlds.ts";

/** Goals: our share of the oracle's gain in the fourth quarter. */
const GOALS: Readonly<Record<string, number>> = {
  "steady .60 .50 .42": 0.97,
  "weak .54 .50 .47": 0.75,
  "many: twelve, one of .62, others .50": 0.9,
  "switch .62/.42 at half-year": 0.92,
  "regime .64 trending .44 ranging, and the reverse": 0.4,
  "overconfident .47, beside .58 and .55": 0.85,
};

const PLANTED_TITLE = "Learning in worlds with a known truth";

const FAINT: Climate = { drift: 0.2, pull: 0.1 };

/** Net R per trade, by quarter. */
type Quarters = readonly number[];

export async function learning(
  options: {
    seeds?: number;
    first?: number;
    days?: number;
    worlds?: readonly World[];
    /** Also measured in weaker trends and ranges. */
    faintWorlds?: readonly World[];
    onWorld?: (rows: readonly BenchRow[]) => void;
  } = {},
): Promise<BenchReport> {
  const { seeds = 30, first = 1, days = 365 } = options;
  const rows: BenchRow[] = [];
  const {
    worlds = [...WORLDS, ...OTHER_WORLDS],
    faintWorlds = WORLDS.filter(({ name }) => name.startsWith("regime")),
  } = options;
  const runs: [World, Climate, string][] = [
    ...worlds.map((world): [World, Climate, string] => [world, CLEAR, ""]),
    ...faintWorlds.map((world): [World, Climate, string] => [world, FAINT, ", in fainter trends and ranges"]),
  ];
  for (const [world, climate, where] of runs) {
    const found = new Map<string, Quarters[]>();
    for (let seed = first; seed < first + seeds; seed++) {
      for (const [name, quarters] of await runWorld(world, { seed, days, climate })) {
        found.set(name, [...(found.get(name) ?? []), quarters]);
      }
    }
    const done = rowsOf(world, found, where);
    rows.push(...done);
    options.onWorld?.(done);
  }
  return {
    title: PLANTED_TITLE,
    notes: [
      `Seeds ${first} to ${first + seeds - 1}; the constants of learning were chosen on other seeds, from 1001 on. Three assets, hourly for ${days} days, in stretches of 3 to 8 days that trend (a drift of ${CLEAR.drift} deviations an hour) or range (a pull of ${CLEAR.pull} to where the stretch began); fainter: ${FAINT.drift} and ${FAINT.pull}. Portfolio memory and risk as in config.yaml, costs of 1 bp a side.`,
      "Each figure is the share of the oracle's gain over equal weights, in net R a trade: a ratio of means over seeds, with its 95 % bootstrap interval over seeds. In the null world and among equals it is the difference to equal weights, in R a trade. Ours: the first quarter, then the fourth. Peer: R a trade of the oracle and of equal weights, in the fourth quarter.",
      "Hedge has a rate of 0.08; fixed share also shares 0.005. The oracle knows the planted rates, the true stretch and how good each confidence is. It ignores a bad provider rather than invert its votes.",
    ],
    rows,
  };
}

/** Net R per trade by quarter of every contender in one world with one seed. */
async function runWorld(
  world: World,
  options: { seed: number; days: number; climate: Climate },
): Promise<ReadonlyMap<string, Quarters>> {
  const { job, markets } = await plantedJob(world, options);
  const contenders: Record<string, View> = {
    "equal weights": equalWeights,
    "follow the leader": followTheLeader,
    Hedge: hedged,
    "fixed share": fixedShare,
    oracle: oracle(world, markets),
    ours,
  };
  const result = new Map<string, Quarters>();
  for (const [name, openView] of Object.entries(contenders)) {
    const { outcomes } = await runInMemory({ ...job, openView });
    result.set(name, netR(outcomes, options.days));
  }
  return result;
}

function netR(lines: readonly string[], days: number): Quarters {
  const sums = [0, 0, 0, 0];
  const counts = [0, 0, 0, 0];
  for (const line of lines) {
    const trade = JSON.parse(line) as Outcome;
    const share = (Date.parse(trade.exit_timestamp) - START_MS) / (days * DAY_MS);
    const quarter = Math.min(3, Math.floor(4 * share));
    sums[quarter]! += trade.realized_pnl / (trade.risk_per_unit * trade.position_size);
    counts[quarter]!++;
  }
  return sums.map((sum, i) => (counts[i] === 0 ? 0 : sum / counts[i]!));
}

function rowsOf(world: World, found: ReadonlyMap<string, readonly Quarters[]>, where: string): BenchRow[] {
  const of = (name: string): readonly Quarters[] => found.get(name) ?? [];
  const [equal, best] = [of("equal weights"), of("oracle")];
  const fourth = (runs: readonly Quarters[]): string => mean(runs.map((run) => run[3]!)).toFixed(3);
  return ["follow the leader", "Hedge", "fixed share", "ours"].map((name) => {
    const figures = [0, 3].map((quarter) => {
      const gains = of(name).map((run, i) => run[quarter]! - equal[i]![quarter]!);
      const possible = best.map((run, i) => (world.absolute === true ? 1 : run[quarter]! - equal[i]![quarter]!));
      const ratio = (indices: readonly number[]): number =>
        mean(indices.map((i) => gains[i]!)) / mean(indices.map((i) => possible[i]!));
      return {
        value: mean(gains) / mean(possible),
        ...percentileInterval(gains.length, ratio, { seed: gains.length }),
      };
    });
    const digits = world.absolute === true ? 3 : 2;
    const shown = figures.map(
      ({ value, low, high }) => `${value.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`,
    );
    const last = figures[1]!.value;
    const goal = GOALS[world.name];
    const promise =
      name !== "ours" || where !== ""
        ? {}
        : goal !== undefined
          ? { goal: `${goal.toFixed(2)} in Q4`, met: last >= goal }
          : world.name.startsWith("null")
            ? { goal: "-0.015 R at worst", met: last >= -0.015 }
            : world.name.startsWith("five")
              ? { goal: "-0.015 R at worst", met: last >= -0.015 }
              : {};
    const peer = `${fourth(best)}, ${fourth(equal)} R`;
    return { what: `${world.name}${where}: ${name}`, ours: shown.join(", "), peer, ...promise };
  });
}

/** The sections of the report, each from its heading on. */
function sectionsOf(markdown: string): { accounts: string; planted: string; real: string } {
  const parts = markdown.split(/^(?=## )/m).slice(1);
  const of = (title: string): string => parts.find((part) => part.startsWith(`## ${title}\n`)) ?? "";
  return { accounts: of(ACCOUNT_TITLE), planted: of(PLANTED_TITLE), real: of(REAL_TITLE) };
}

/** A section with its own date, as they may be measured on different days. */
function dated(report: BenchReport, { command, date }: { command: string; date: string }): string {
  return renderReport({ ...report, notes: [`Measured by \`${command}\`, ${date}.`, ...report.notes] });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      worlds: { type: "string" },
      seeds: { type: "string" },
      first: { type: "string" },
      date: { type: "string" },
    },
  });
  if (values.worlds !== undefined && !["accounts", "planted", "real"].includes(values.worlds)) {
    throw new RangeError(`Cannot use --worlds: found "${values.worlds}", expected accounts, planted or real`);
  }
  const { worlds, date = new Date().toISOString().slice(0, 10) } = values;
  const file = join(PROJECT_DIR, "bench", "LEARNING.md");
  let { accounts, planted, real } = sectionsOf(existsSync(file) ? readFileSync(file, "utf8") : "");
  const isWanted = (name: string): boolean => worlds === undefined || worlds === name;
  if (isWanted("accounts")) {
    const onWorld = (rows: readonly BenchRow[]): void =>
      console.error(rows.map(({ what, ours: found, peer }) => `${what}: ${found} | ${peer}`).join("\n"));
    accounts = dated(await learningOfAccounts({ onWorld }), {
      command: "bun bench/learning.ts --worlds accounts",
      date,
    });
  }
  if (isWanted("planted")) {
    const report = await learning({
      seeds: Number(values.seeds ?? 30),
      first: Number(values.first ?? 1),
      onWorld: (rows) => console.error(rows.map(({ what, ours: found }) => `${what}: ${found}`).join("\n")),
    });
    const command = [
      "bun bench/learning.ts --worlds planted",
      ...(values.seeds === undefined ? [] : [`--seeds ${values.seeds}`]),
    ];
    planted = dated(report, { command: command.join(" "), date });
  }
  if (isWanted("real")) {
    real = dated(await learningOnRealBars(), { command: "bun bench/learning.ts --worlds real", date });
  }
  const head = "# Does learning learn?\n\nWritten by `bun bench/learning.ts`; do not edit.\n";
  writeFileSync(file, [head, accounts, planted, real].map((part) => part.trimEnd()).join("\n\n") + "\n");
}
