#!/usr/bin/env bun
/** Tests whether memory helps: the same period with memory, without it, and with shuffled outcomes. */
import { compareConfig, storeComparison } from "../lib/experiments/comparisons.node.ts";
import type { QuestionCounts } from "../lib/providers/recorded/recorder.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { progressLine } from "./cli/terminal.ts";
import { renderQuestionCounts } from "./text/questions.ts";
import { renderComparison } from "./text/comparison.ts";
import { shownPath } from "./text/table.ts";

const COMMAND = {
  summary:
    "Tests whether memory helps. It runs the same period with memory, without it, and with results shuffled among the " +
    "trades, and compares them with confidence intervals. The runs leave no outcomes; the comparison is stored as JSON.",
  usage: ["bun scripts/compare-memory.ts [--year Y | --start D --end D]", "    [--shuffles N] [--seeds N] [flags]"],
  flags: {
    shuffles: {
      type: "integer",
      value: "N",
      min: 1,
      help: "shuffled runs per world (default: 3, or 1 with several worlds)",
    },
    seeds: { type: "integer", value: "N", min: 1, help: "synthetic worlds, from --seed on (default: 3)" },
    ...RUN_FLAGS,
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/compare-memory.ts --year 2021",
    "bun scripts/compare-memory.ts --year 2021 --json | jq .verdict",
  ],
} as const;

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const request = await runRequest(flags, { guard });
  const progress = progressLine();
  let counts: QuestionCounts | undefined;
  const comparison = await compareConfig({
    ...request,
    shuffles: flags.shuffles,
    seeds: flags.seeds,
    signal,
    onNote: note,
    onQuestionCounts: (latest) => (counts = latest),
    onStep: (done, of) => progress.update(() => `${done} of ${of} runs`),
  }).finally(() => {
    progress.clear();
    if (counts !== undefined) note(renderQuestionCounts(counts));
  });
  if (flags.json) await writeJson(comparison);
  else await writeOut(renderComparison(comparison));
  note(`Stored as ${shownPath(await storeComparison(comparison, request.config.memory.dir))}`);
});
