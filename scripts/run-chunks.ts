#!/usr/bin/env bun
/** The main job: backtests the ensemble chunk by chunk and stores every closed trade. */
import { type Config, isRecorded } from "../lib/config/config.ts";
import { runConfig, type RunOutcome } from "../lib/job/run.node.ts";
import type { ServerWait } from "../lib/providers/recorded/recorder-reports.ts";
import { VERSION } from "../lib/version.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, refuseTogether, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { firstLongWaits, runProgress } from "./cli/run-progress.ts";
import { renderEstimate, renderQuestionCounts, renderWait } from "./text/questions.ts";
import { renderFullSummary } from "./text/run.ts";
import { renderSummary } from "./text/summary.ts";

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

type RunState = "new" | "resumed" | "complete";

function stateOf({ summary, chunksRun }: Pick<RunOutcome, "summary" | "chunksRun">): RunState {
  if (chunksRun.length === 0) return "complete";
  return chunksRun.length === summary.quarterly_breakdown.length ? "new" : "resumed";
}

/** What was run, unless it is the whole. */
function stateText(outcome: RunOutcome): string {
  const texts = {
    new: "",
    resumed: `resumed at ${outcome.chunksRun[0]}`,
    complete: "complete before; --restart repeats it",
  };
  return texts[stateOf(outcome)];
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
    let chunks = { all: 0, complete: 0 };
    const estimate = await estimateRun(request.config, async (onQuestion) => {
      const { summary, chunksRun } = await runConfig({
        ...options,
        mode: "dry-run",
        onProgress: undefined,
        onQuestion,
      });
      const { length: all } = summary.quarterly_breakdown;
      chunks = { all, complete: all - chunksRun.length };
    });
    if (flags.json) await writeJson({ ...estimate, chunks: chunks.all, chunks_complete: chunks.complete });
    else await writeOut(renderEstimate(estimate, { budgetUsd: options.config.backtest.budget_usd, chunks }));
    return;
  }
  const outcome = await runConfig(options).finally(() => {
    progress.clear();
    const counts = progress.counts();
    if (counts !== undefined) note(renderQuestionCounts(counts));
  });
  const { summary, chunksRun } = outcome;
  if (flags.json) await writeJson({ ...summary, state: stateOf(outcome), chunks_run: chunksRun, version: VERSION });
  else {
    const asksQuestions = request.config.providers.some(isRecorded);
    const shown = { ...outcome, state: stateText(outcome), asksQuestions };
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
