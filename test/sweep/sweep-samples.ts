import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
