/** The section of bench/LEARNING.md on the account: what memory does to it, in every world. */
import { fromStartDays } from "../../lib/experiments/compared-jobs.ts";
import type { InMemoryJob } from "../../lib/backtest/job.ts";
import { HAS_REAL_BARS, REAL_BARS_DIR } from "../../test/samples.ts";
import { defaultJob } from "../support/default-job.ts";
import type { BenchReport, BenchRow } from "../support/measure.ts";
import { mean } from "../support/statistics.ts";
import { type Account, accountsOf, type ArmName, type WorldAccounts } from "./account.ts";
import { oracle, ours } from "./contenders.ts";
import { CLEAR, plantedJob } from "./planted-job.ts";
import { WORLDS, type World } from "./worlds.ts";

export const ACCOUNT_TITLE = "The account with memory and without";

/** Seeds of planted worlds that no constant was chosen on. */
const FIRST_SEED = 2001;

/** Goals on means over runs. */
type Goal = { readonly text: string; readonly isMet: (runs: readonly WorldAccounts[]) => boolean };

const of = (runs: readonly WorldAccounts[], arm: ArmName, figure: keyof Account): number =>
  mean(runs.map(({ arms }) => arms[arm]?.[figure] ?? Number.NaN));
const difference = (runs: readonly WorldAccounts[], figure: keyof Account, arm: ArmName = "off"): number =>
  of(runs, "on", figure) - of(runs, arm, figure);
const drawdownRatio = (runs: readonly WorldAccounts[]): number =>
  of(runs, "on", "drawdownPct") / of(runs, "off", "drawdownPct");
const flickersPerThousand = (runs: readonly WorldAccounts[]): number =>
  (1000 * mean(runs.map(({ flickers }) => flickers))) / mean(runs.map(({ decisions }) => decisions));

const growthGoal = (least: number): Goal => ({
  text: `log growth on - off >= ${least}`,
  isMet: (runs) => difference(runs, "logGrowth") >= least,
});
const betterGoal = (least: number): Goal => ({
  text: `log growth on - matched >= ${least}`,
  isMet: (runs) => difference(runs, "logGrowth", "matched") >= least,
});
const drawdownGoal = (most: number): Goal => ({
  text: `drawdown <= ${most} x off`,
  isMet: (runs) => drawdownRatio(runs) <= most,
});
const returnGoal = (least: number): Goal => ({
  text: `return of on >= ${least} %`,
  isMet: (runs) => 100 * (Math.exp(of(runs, "on", "logGrowth")) - 1) >= least,
});

const SYNTHETIC_GOALS: readonly Goal[] = [
  { text: "Sharpe on - off >= 0.8", isMet: (runs) => difference(runs, "sharpe") >= 0.8 },
  growthGoal(0.12),
  drawdownGoal(0.75),
  betterGoal(0.15),
  { text: "flicker <= 25 per 1,000", isMet: (runs) => flickersPerThousand(runs) <= 25 },
];

const PLANTED_GOALS: Readonly<Record<string, readonly Goal[]>> = {
  steady: [growthGoal(1.5), betterGoal(1)],
  switch: [growthGoal(1.5), betterGoal(1)],
  overconfident: [growthGoal(1.5), betterGoal(1)],
  many: [growthGoal(1.5), betterGoal(1)],
  regime: [growthGoal(0.4)],
  weak: [growthGoal(0.4)],
  null: [growthGoal(-0.08), drawdownGoal(0.65)],
  five: [growthGoal(-0.25)],
};

const COSTLY: Readonly<Record<string, Goal>> = {
  null: returnGoal(-12),
  weak: returnGoal(0),
  steady: returnGoal(120),
};

const REAL_GOALS: readonly Goal[] = [
  { text: "sum of yearly returns on - off >= 12 points", isMet: (runs) => 2 * difference(runs, "returnPct") >= 12 },
  drawdownGoal(0.6),
  betterGoal(-0.03),
];

/** Runs every world, and says which goals are met. */
export async function learningOfAccounts(
  options: {
    seeds?: number;
    syntheticSeeds?: number;
    days?: number;
    starts?: number;
    onWorld?: (rows: readonly BenchRow[]) => void;
  } = {},
): Promise<BenchReport> {
  const { seeds = 6, syntheticSeeds = 16, days = 365, starts = 8, onWorld } = options;
  const rows: BenchRow[] = [];
  const add = (what: string, runs: readonly WorldAccounts[], goals: readonly Goal[]): void => {
    const added = rowsOf(what, runs, goals);
    rows.push(...added);
    onWorld?.(added);
  };
  add(`synthetic market, seeds 1 to ${syntheticSeeds}`, await syntheticAccounts(syntheticSeeds, days), SYNTHETIC_GOALS);
  for (const world of WORLDS) {
    add(world.name, await plantedAccounts(world, { seeds, days }), goalsFor(PLANTED_GOALS, world) ?? []);
    const costly = goalsFor(COSTLY, world);
    if (costly === undefined) continue;
    add(`${world.name}, costs x 5`, await plantedAccounts(world, { seeds, days, feeBps: 5 }), [costly]);
  }
  if (HAS_REAL_BARS && days === 365) {
    const byYear = await realAccounts(starts);
    for (const [year, runs] of byYear) add(`real bars ${year}, ${starts} start days`, runs, []);
    add("real bars, both years, used for tuning", [...byYear.values()].flat(), REAL_GOALS);
  }
  return {
    title: ACCOUNT_TITLE,
    notes: [
      `Means over runs of a year. Synthetic market: config.yaml, seeds 1 to ${syntheticSeeds}. Planted worlds: as below, seeds ${FIRST_SEED} to ${FIRST_SEED + seeds - 1}. No constant was chosen on any of these seeds; constants were chosen on synthetic seeds 101 to 116, planted seeds 1001 to 1012, and the real years 2021 and 2022. Real bars: ${starts} start days, from 1 January to 20 February of each year; 2022 remembers the 2021 of the same start day.`,
      "Ours: with memory. Peer: without memory; matched, which is without memory at the mean size of memory; the oracle, where there is one, which knows what is planted and bets the full size. Differences have their paired standard error over runs. On real bars the runs share one path, so that theirs says only how fragile a path is.",
    ],
    rows,
  };
}

function goalsFor<T>(goals: Readonly<Record<string, T>>, { name }: World): T | undefined {
  return Object.entries(goals).find(([start]) => name.startsWith(start))?.[1];
}

async function syntheticAccounts(seeds: number, days: number): Promise<readonly WorldAccounts[]> {
  const runs: WorldAccounts[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const end = days === 365 ? "2022-01-01" : new Date(Date.UTC(2021, 0, 1 + days)).toISOString().slice(0, 10);
    runs.push(await accountsOf(await defaultJob({ start: "2021-01-01", end, seed }), {}));
  }
  return runs;
}

async function plantedAccounts(
  world: World,
  { seeds, ...options }: { seeds: number; days: number; feeBps?: number },
): Promise<readonly WorldAccounts[]> {
  const runs: WorldAccounts[] = [];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
    const { job, markets } = await plantedJob(world, { ...options, seed, climate: CLEAR });
    runs.push(await accountsOf(job, { ours, oracle: oracle(world, markets) }));
  }
  return runs;
}

/** By year; each start day of 2022 remembers the run from the same start day of 2021. */
async function realAccounts(starts: number): Promise<ReadonlyMap<number, readonly WorldAccounts[]>> {
  const jobOf = (year: number): Promise<InMemoryJob> =>
    defaultJob({ start: `${year}-01-01`, end: `${year + 1}-01-01`, dataDir: REAL_BARS_DIR });
  const [first, second] = [await jobOf(2021), await jobOf(2022)];
  const firstYear: WorldAccounts[] = [];
  for (const job of fromStartDays(first, starts)) firstYear.push(await accountsOf(job, {}));
  const secondYear: WorldAccounts[] = [];
  for (const [i, job] of fromStartDays(second, starts).entries()) {
    const remembered = { ...job.remembered, trades: firstYear[i]!.trades };
    secondYear.push(await accountsOf({ ...job, remembered }, {}));
  }
  return new Map([
    [2021, firstYear],
    [2022, secondYear],
  ]);
}

const FIGURES: readonly { readonly key: keyof Account; readonly title: string; readonly digits: number }[] = [
  { key: "sharpe", title: "Sharpe", digits: 2 },
  { key: "logGrowth", title: "log growth", digits: 3 },
  { key: "drawdownPct", title: "drawdown %", digits: 1 },
  { key: "turnover", title: "turnover", digits: 0 },
];

function rowsOf(world: string, runs: readonly WorldAccounts[], goals: readonly Goal[]): BenchRow[] {
  const others: readonly ArmName[] = ["off", "matched", "oracle"];
  const known = others.filter((arm) => runs[0]!.arms[arm] !== undefined);
  const figures = FIGURES.map(({ key, title, digits }): BenchRow => {
    const differences = (["off", "matched"] as const).map((arm) => `on - ${arm} ${paired(runs, { key, arm, digits })}`);
    return {
      what: `${world}: ${title}`,
      ours: of(runs, "on", key).toFixed(digits),
      peer: [...known.map((arm) => `${arm} ${of(runs, arm, key).toFixed(digits)}`), ...differences].join("; "),
    };
  });
  const scale = mean(runs.map(({ meanScale }) => meanScale));
  const trades = `trades ${of(runs, "on", "trades").toFixed(0)}, off ${of(runs, "off", "trades").toFixed(0)}`;
  const other: BenchRow = {
    what: `${world}: the rest`,
    ours: `mean size ${scale.toFixed(2)}; flicker ${flickersPerThousand(runs).toFixed(1)} per 1,000`,
    peer: trades,
  };
  const promises = goals.map((goal): BenchRow => ({
    what: `${world}: goal`,
    ours: "",
    goal: goal.text,
    met: goal.isMet(runs),
  }));
  return [...figures, other, ...promises];
}

/** A mean difference and its paired standard error. */
function paired(
  runs: readonly WorldAccounts[],
  { key, arm, digits }: { key: keyof Account; arm: "off" | "matched"; digits: number },
): string {
  const differences = runs.map(({ arms }) => arms.on[key] - arms[arm][key]);
  const middle = mean(differences);
  const squares = differences.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const error = Math.sqrt(squares / (runs.length - 1) / runs.length);
  return `${middle.toFixed(digits)} ± ${runs.length < 2 ? "?" : error.toFixed(digits)}`;
}
