#!/usr/bin/env bun
/**
 * The main job: backtests the ensemble chunk by chunk and remembers every closed trade.
 *
 *   bun scripts/run-chunks.ts [--year Y | --start D --end D] [--chunks quarter|month|week|<n>d] [--assets A,B]
 *     [--data-dir DIR] [--seed N] [--no-memory] [--restart] [--estimate] [--offline] [--refresh-provider P]
 */
import { CarryoverError } from "../lib/errors.ts";
import { runConfig } from "../lib/job/run.node.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { renderAsked, renderEstimate } from "./text/asked.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { runProgress } from "./cli/progress.ts";
import { renderSummary } from "./text/run.ts";

const COMMAND = {
  summary: "Backtests the ensemble chunk by chunk. Every closed trade is remembered, and informs what comes after it.",
  usage: `bun scripts/run-chunks.ts [--year Y | --start D --end D] [flags]`,
  flags: {
    ...RUN_FLAGS,
    "no-memory": { type: "boolean", help: "decide without memory; outcomes are kept in <memory folder>/off" },
    restart: { type: "boolean", help: "run again from the start, as another attempt" },
    estimate: { type: "boolean", help: "say what asking language models would take, and ask and write nothing" },
    offline: { type: "boolean", help: "use recorded answers alone; one that is missing is exit code 3" },
    "refresh-provider": {
      type: "string",
      value: "P",
      multiple: true,
      help: "ask P anew, and keep its older answers; may be repeated",
    },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/run-chunks.ts --year 2021 --data-dir data/market
    bun scripts/run-chunks.ts --year 2021 --json | jq .overall_win_rate`,
} as const;

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  if (flags.offline && flags["refresh-provider"].length > 0) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot use --offline: found --refresh-provider beside it, expected one or the other",
    );
  }
  const request = await runRequest(flags, { guard, enabled: flags["no-memory"] ? false : undefined });
  const progress = runProgress();
  const options = {
    ...request,
    restart: flags.restart,
    mode: flags.offline ? ("offline" as const) : ("ask" as const),
    refresh: flags["refresh-provider"],
    signal,
    onNote: (text: string) => {
      progress.clear();
      note(text);
    },
    onProgress: progress.update,
    onEmbedded: progress.embedded,
    onQuestionCounts: progress.asked,
  };
  if (flags.estimate) {
    const { estimateRun } = await import("../lib/experiments/estimate.ts");
    const estimate = await estimateRun(request.config, (onQuestion) =>
      runConfig({ ...options, mode: "dry-run", onProgress: undefined, onQuestion }),
    );
    if (flags.json) await writeJson(estimate);
    else await writeOut(renderEstimate(estimate));
    return;
  }
  const outcome = await runConfig(options).finally(() => {
    progress.clear();
    const counts = progress.counts();
    if (counts !== undefined) note(renderAsked(counts));
  });
  if (flags.json) await writeJson(outcome.summary);
  else await writeOut(renderSummary(outcome));
});
