import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RankedCell, SweepResult } from "../../lib/sweep/ranking.ts";

/** A month of one synthetic asset: a cell takes some 20 ms. */
export const BASE = `memory: { dir: memory }
backtest:
  data_dir: synthetic
  assets: [AAA]
  timeframe: 4h
  decision_interval: 8h
  start: 2018-03-01
  end: 2018-04-01
  chunks: 10d
`;

/** The same month on the bars of `barsCsv()`, in the file bars/AAA_4h.csv. */
export const BASE_ON_BARS: string = BASE.replace("data_dir: synthetic", "data_dir: bars");

/** Bars of 4 h from February 2018 on, which go up and down. @param options `last`: the last close of March. */
export function barsCsv({ days = 0, last }: { days?: number; last?: number } = {}): string {
  const start = Date.UTC(2018, 1, 1);
  const count = 59 * 6 + days * 6;
  const rows = Array.from({ length: count }, (_, i) => {
    const close = i === 59 * 6 - 1 && last !== undefined ? last : 1000 + 40 * Math.sin(i / 9) + 10 * Math.sin(i);
    const [high, low] = [Math.max(close, 1000) + 5, Math.min(close, 1000) - 5];
    return `${new Date(start + i * 14_400_000).toISOString()},1000,${high},${low},${close},1\n`;
  });
  return `timestamp,open,high,low,close,volume\n${rows.join("")}`;
}

const GRID = `grid:
  portfolio_memory.learning_rate: [0.05, 0.2, 0.4]
  backtest.risk.stop_atr: [2, 3, 4]
`;

/** Writes SWEEP.yaml and its configuration into a new folder of `base`. */
export function writeSweep(base: string, sweep: string = GRID, config: string = BASE): { dir: string; file: string } {
  mkdirSync(base, { recursive: true });
  const dir = mkdtempSync(join(base, "sweep-"));
  writeFileSync(join(dir, "config.yaml"), config);
  const file = join(dir, "SWEEP.yaml");
  writeFileSync(file, sweep);
  return { dir, file };
}

/** The bytes of a sweep's result. */
export function resultBytes(out: string): string {
  return readFileSync(join(out, "result.json"), "utf8");
}

const NONE = { sharpe_minus_default: null, deflated_sharpe: null };

/** The result of a sweep of these cells, which nothing else is known of. */
export function resultOf(cells: readonly { set: RankedCell["set"]; sharpe: number | null }[]): SweepResult {
  return {
    sweep: "f".repeat(64),
    default: { annualized_sharpe: 1 } as SweepResult["default"],
    cells: cells.map(({ set, sharpe }, i) => ({ ...NONE, cell: i + 1, set, annualized_sharpe: sharpe }) as RankedCell),
    failed: [],
    trials: cells.length,
    repeated: [],
    expected_max_sharpe: 0,
    overfitting: { cells: cells.length, not_computed: "too few cells" },
    better_than_chance: false,
    verdict: "No cell is better than chance.",
    method: { draws: 2000, seed: "sweep", level_pct: 95 },
  };
}
