#!/usr/bin/env bun
/** The main job: backtests the ensemble chunk by chunk and stores every closed trade. */
import type { Config } from "../lib/config/config.ts";
import { runConfig, type RunOutcome } from "../lib/job/run.node.ts";
import type { ServerWait } from "../lib/providers/recorded/recorder-reports.ts";
import { parseFlags, refuseTogether, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { firstLongWaits, runProgress } from "./cli/run-progress.ts";
import { renderEstimate, renderQuestionCounts, renderWait } from "./text/questions.ts";
import { renderFullSummary } from "./text/run.ts";
import { renderSummary } from "./text/summary.ts";
import { shownPath } from "./text/table.ts";

const COMMAND = {
  summary:
    "Backtests the ensemble chunk by chunk. Every closed trade is remembered, and later decisions learn from it. " +
    "A run that was stopped continues with the same command.",
  usage: ["bun scripts/run-chunks.ts [--year Y | --start D --end D] [flags]"],
  flags: {
    ...RUN_FLAGS,
    "no-memory": { type: "boolean", help: "ignore memory; outcomes are stored in <memory folder>/off" },
    restart: { type: "boolean", help: "run again from the start, as a new attempt" },
    full: { type: "boolean", help: "print every table, by provider, regime and asset" },
    estimate: { type: "boolean", help: "show what language models would cost; ask and write nothing" },
    "on-failure": {
      type: "string",
      value: "KIND",
      help: "stop, or abstain and go on, at a question that nobody answers (default: stop)",
    },
    "retry-failed": { type: "boolean", help: "ask again what was not answered; all recorded answers are used" },
    offline: { type: "boolean", help: "use recorded answers only; exit code 3 if one is missing" },
    "refresh-provider": {
      type: "string",
      value: "P",
      multiple: true,
      help: "ask P again; its older answers are kept (repeatable)",
    },
    report: { type: "string", value: "FILE", help: "draw the run as one HTML file at its end, as report.ts does" },
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/run-chunks.ts --year 2021 --data-dir data/market",
    "bun scripts/run-chunks.ts --year 2021 --json | jq .overall_win_rate",
  ],
} as const;

function failureKind(value = "stop"): "stop" | "abstain" {
  if (value === "stop" || value === "abstain") return value;
  throw usageError(`--on-failure must be stop or abstain, found ${JSON.stringify(value)}`);
}

/** What was run, unless it is the whole. */
function stateOf({ summary, chunksRun }: RunOutcome): string {
  const [first] = chunksRun;
  if (first === undefined) return "it was complete before";
  return chunksRun.length === summary.quarterly_breakdown.length ? "" : `resumed at ${first}`;
}

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  refuseTogether(flags, ["offline", "refresh-provider"]);
  refuseTogether(flags, ["offline", "retry-failed"]);
  refuseTogether(flags, ["estimate", "report"]);
  if (flags.report !== undefined) await (await import("../lib/report/make.node.ts")).loadPageKit();
  const request = await runRequest(flags, { guard, enabled: flags["no-memory"] ? false : undefined });
  const progress = runProgress();
  const isFirstLong = firstLongWaits();
  const options = {
    ...request,
    restart: flags.restart,
    retryFailed: flags["retry-failed"],
    onFailure: failureKind(flags["on-failure"]),
    mode: flags.offline ? ("offline" as const) : ("ask" as const),
    refresh: flags["refresh-provider"],
    signal,
    onNote: (text: string) => {
      progress.clear();
      note(text);
    },
    onProgress: progress.update,
    onEmbedded: progress.embedded,
    onQuestionCounts: progress.questions,
    onWait: (wait: ServerWait) => {
      progress.waiting(wait);
      if (isFirstLong(wait)) note(renderWait(wait));
    },
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
    if (counts !== undefined) note(renderQuestionCounts(counts));
  });
  if (flags.json) await writeJson(outcome.summary);
  else {
    const shown = { ...outcome, state: stateOf(outcome) };
    await writeOut(flags.full ? renderFullSummary(shown) : renderSummary(shown));
  }
  if (flags.report !== undefined) await report(outcome, { config: request.config, file: flags.report, signal });
});

async function report(
  outcome: RunOutcome,
  options: { config: Config; file: string; signal: AbortSignal },
): Promise<void> {
  const { makeReport, storeReport } = await import("../lib/report/make.node.ts");
  const { backtest, memory } = options.config;
  const progress = shareProgress();
  const made = await makeReport({
    memoryDir: outcome.memoryDir,
    run: outcome.summary.run_id,
    dataDir: backtest.data_dir,
    answersDir: memory.answers_dir,
    onNote: (text) => {
      progress.clear();
      note(text);
    },
    signal: options.signal,
    onSteps: progress.update,
  }).finally(progress.clear);
  note(`Stored the report as ${shownPath((await storeReport(made, options.file)).file)}`);
}
