#!/usr/bin/env bun
/**
 * The main job: backtests the ensemble chunk by chunk and remembers every closed trade.
 *
 *   bun scripts/run-chunks.ts [--year Y | --start D --end D] [--chunks quarter|month|week|<n>d] [--assets A,B]
 *     [--data-dir DIR] [--seed N] [--no-memory] [--restart]
 */
import { resolve } from "node:path";
import { overrideConfig } from "../lib/config.ts";
import { CarryoverError } from "../lib/errors.ts";
import { runConfig } from "../lib/host/run-config.ts";
import { loadConfig, note, parseFlags, runScript, SHARED_FLAGS, writeJson, writeOut } from "./_cli.ts";
import { renderSummary, runProgress } from "./_run-report.ts";

const COMMAND = {
  summary: "Backtests the ensemble chunk by chunk. Every closed trade is remembered, and informs what comes after it.",
  usage: `bun scripts/run-chunks.ts [--year Y | --start D --end D] [flags]`,
  flags: {
    year: {
      type: "integer",
      value: "Y",
      help: "a calendar year (default: the configuration's, else the last full one)",
    },
    start: { type: "string", value: "D", help: "first day, YYYY-MM-DD, with --end" },
    end: { type: "string", value: "D", help: "day after the last, YYYY-MM-DD" },
    chunks: { type: "string", value: "KIND", help: "quarter, month, week or <n>d (default: quarter)" },
    assets: { type: "string", value: "A,B", help: "assets in place of the configuration's" },
    "data-dir": { type: "string", value: "DIR", help: "folder of bars, <ASSET>_<timeframe>.csv, .csv.gz or .parquet" },
    seed: { type: "integer", value: "N", help: "seed of the synthetic bars (default: 1)" },
    "no-memory": { type: "boolean", help: "decide without memory; outcomes are kept in <memory folder>/off" },
    restart: { type: "boolean", help: "run again from the start, as another attempt" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/run-chunks.ts --year 2021 --data-dir data/market
    bun scripts/run-chunks.ts --year 2021 --json | jq .overall_win_rate`,
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  if (flags.year !== undefined && (flags.start !== undefined || flags.end !== undefined)) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot use --year: found --start or --end beside it, expected one or the other",
    );
  }
  const loaded = await loadConfig({ flag: flags.config });
  const dataDir = flags["data-dir"];
  const memoryDir = flags["memory-dir"];
  const config = await overrideConfig(loaded.config, {
    ...(flags.year === undefined
      ? { start: flags.start, end: flags.end }
      : { start: `${flags.year}-01-01`, end: `${flags.year + 1}-01-01` }),
    assets: flags.assets?.split(",").map((asset) => asset.trim()),
    chunks: flags.chunks,
    seed: flags.seed,
    data_dir: dataDir === undefined ? undefined : resolve(dataDir),
    memory_dir: memoryDir === undefined ? undefined : resolve(memoryDir),
    enabled: flags["no-memory"] ? false : undefined,
  });
  const progress = runProgress();
  const outcome = await runConfig({
    config,
    baseDir: loaded.baseDir,
    dataDirIsExplicit: dataDir !== undefined,
    restart: flags.restart,
    signal,
    onNote: (text) => {
      progress.clear();
      note(text);
    },
    onProgress: progress.update,
  }).finally(progress.clear);
  if (flags.json) await writeJson(outcome.summary);
  else await writeOut(renderSummary(outcome));
});
