#!/usr/bin/env bun
/**
 * The main job: backtests the ensemble chunk by chunk and remembers every closed trade.
 *
 *   bun scripts/run-chunks.ts [--year Y | --start D --end D] [--chunks quarter|month|week|<n>d] [--assets A,B]
 *     [--data-dir DIR] [--seed N] [--no-memory] [--restart]
 */
import { runConfig } from "../lib/host/run-config.ts";
import { note, parseFlags, runScript, SHARED_FLAGS, writeJson, writeOut } from "./_cli.ts";
import { RUN_FLAGS, runRequest } from "./_run-flags.ts";
import { renderSummary, runProgress } from "./_run-report.ts";

const COMMAND = {
  summary: "Backtests the ensemble chunk by chunk. Every closed trade is remembered, and informs what comes after it.",
  usage: `bun scripts/run-chunks.ts [--year Y | --start D --end D] [flags]`,
  flags: {
    ...RUN_FLAGS,
    "no-memory": { type: "boolean", help: "decide without memory; outcomes are kept in <memory folder>/off" },
    restart: { type: "boolean", help: "run again from the start, as another attempt" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/run-chunks.ts --year 2021 --data-dir data/market
    bun scripts/run-chunks.ts --year 2021 --json | jq .overall_win_rate`,
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const request = await runRequest(flags, flags["no-memory"] ? { enabled: false } : {});
  const progress = runProgress();
  const outcome = await runConfig({
    ...request,
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
