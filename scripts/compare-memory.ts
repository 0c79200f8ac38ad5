#!/usr/bin/env bun
/** Tests whether memory helps: the same period with memory, without it, and with shuffled outcomes. */
import { EXTRA_ARMS, type ExtraArm } from "../lib/experiments/comparison-plan.ts";
import type { Config } from "../lib/config/config.ts";
import { memoryFolder } from "../lib/config/memory-folder.node.ts";
import { fail } from "../lib/errors.ts";
import { compareConfig, storeComparison } from "../lib/experiments/comparisons.node.ts";
import type { QuestionCounts, ServerWait } from "../lib/providers/recorded/recorder-reports.ts";
import { countSessions } from "../lib/runs/sessions.node.ts";
import { scriptCommand, shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { openProgress, shareProgress } from "./cli/progress.ts";
import { firstLongWaits } from "./cli/run-progress.ts";
import { renderEstimate, renderQuestionCounts, renderWait } from "./text/questions.ts";
import { renderComparison } from "./text/comparison.ts";
import { countOf } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Tests whether memory helps. It runs the same period with memory, without it, without it at the sizes of memory, and " +
    "with results shuffled among the trades. It shows the differences with confidence intervals. The runs leave no " +
    "outcomes; the comparison is stored as JSON.",
  usage: [
    "bun scripts/compare-memory.ts [--year Y | --start D --end D]",
    "    [--arms A,B] [--shuffles N] [--seeds N] [--starts N] [--ablate]",
    "    [--costs X,Y] [flags]",
  ],
  flags: {
    arms: {
      type: "string",
      value: "A,B",
      help:
        "what to run besides memory on and off: matched, shuffled, or none (default: matched,shuffled). masked and " +
        "mirrored ask language models each question of the run with memory again, without names and dates or with " +
        "inverted prices: do they know the period?",
    },
    shuffles: {
      type: "integer",
      value: "N",
      min: 1,
      help: "shuffled runs per world (default: 3, or 1 with several worlds)",
    },
    starts: {
      type: "integer",
      value: "N",
      min: 1,
      help: "start days, spread over the first 50 days, since one path is fragile (default: 1)",
    },
    ablate: { type: "boolean", help: "also run without weights, sizes, calibration and recall, one at a time" },
    costs: { type: "string", value: "X,Y", help: "also run at these multiples of the costs, such as 0,1,2,4" },
    full: { type: "boolean", help: "print every table, with the track record and the scores of confidence" },
    estimate: { type: "boolean", help: "show what language models would cost; ask and write nothing" },
    offline: { type: "boolean", help: "use recorded answers only; exit code 3 if one is missing" },
    seeds: { type: "integer", value: "N", min: 1, help: "synthetic worlds, from --seed on (default: 3)" },
    ...RUN_FLAGS,
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/compare-memory.ts --year 2021 --starts 8",
    "bun scripts/compare-memory.ts --year 2021 --ablate --costs 0,1,2,4",
    "bun scripts/compare-memory.ts --arms masked,mirrored --estimate",
    "bun scripts/compare-memory.ts --year 2021 --json | jq .verdict",
  ],
} as const;

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const arms = armsOf(flags.arms);
  const costs = costsOf(flags.costs);
  const request = await runRequest(flags, { guard });
  await explainSessions(request.config, { isNamed: flags.config !== undefined });
  const line = openProgress();
  const progress = shareProgress({ line });
  const isFirstLong = firstLongWaits();
  let counts: QuestionCounts | undefined;
  const options = {
    ...request,
    shuffles: flags.shuffles,
    seeds: flags.seeds,
    starts: flags.starts,
    ablate: flags.ablate,
    arms,
    costs,
    mode: flags.offline ? ("offline" as const) : ("ask" as const),
    signal,
    onNote: (text: string) => {
      line.clear();
      note(text);
    },
    onQuestionCounts: (latest: QuestionCounts) => (counts = latest),
    onWait: (wait: ServerWait) => {
      line.update(() => renderWait(wait));
      if (isFirstLong(wait)) note(renderWait(wait));
    },
    onStep: (done: number, of: number) => progress.update("Runs", done, of),
  };
  if (flags.estimate) {
    const { estimateRun, onceEach } = await import("../lib/experiments/estimate.ts");
    const estimate = await estimateRun(request.config, (onQuestion) =>
      compareConfig({ ...options, mode: "dry-run", onQuestion: onceEach(onQuestion) }),
    ).finally(() => progress.clear());
    if (flags.json) await writeJson(estimate);
    else await writeOut(renderEstimate(estimate, { budgetUsd: request.config.backtest.budget_usd }));
    return;
  }
  const comparison = await compareConfig(options)
    .finally(() => {
      progress.clear();
      if (counts !== undefined) note(renderQuestionCounts(counts));
    })
    .catch((error: unknown) => {
      const answers = counts === undefined ? "" : " with the answers that are recorded";
      if (signal.aborted) note(`Stopped: no comparison is stored, and the same command begins again${answers}`);
      throw error;
    });
  if (flags.json) await writeJson(comparison);
  else await writeOut(renderComparison(comparison, { full: flags.full }));
  note(`Stored as ${shownPath(await storeComparison(comparison, request.config))}`);
});

/**
 * Sessions of serve are not compared: only their own program can make them again. What is compared is the configuration, which nobody
 * means who has sessions alone and names no configuration.
 */
async function explainSessions(config: Config, { isNamed }: { isNamed: boolean }): Promise<void> {
  const dir = memoryFolder(config);
  const { sessions, runs } = await countSessions(dir);
  if (sessions === 0) return;
  const found = `${countOf(sessions, "session")} of serve in "${shownPath(dir)}"`;
  const how = `to compare a session, let its program make it again with portfolio_memory.enabled false in its settings, then: ${scriptCommand("runs")} compare A B`;
  if (runs === 0 && !isNamed) {
    const expected = `--config FILE, since compare-memory runs a configuration and no session; ${how}`;
    throw fail("BAD_USAGE", "Cannot compare", { found: `only ${found}`, expected });
  }
  note(`Compares runs of the configuration. Not compared: ${found}; ${how}`);
}

/** On and off are always run, and may be named. */
function armsOf(text: string | undefined): readonly ExtraArm[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(",").map((name) => name.trim());
  const known: readonly string[] = ["on", "off", "none", ...EXTRA_ARMS];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageError(`--arms: unknown arm "${unknown}"; known: ${EXTRA_ARMS.join(", ")}, none`);
  }
  return EXTRA_ARMS.filter((arm) => names.includes(arm));
}

function costsOf(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const multiples = text.split(",").map((part) => (/^\s*\d+(\.\d+)?\s*$/.test(part) ? Number(part) : Number.NaN));
  if (multiples.some((multiple) => !(multiple <= 100))) {
    throw usageError(`--costs must be multiples from 0 to 100, such as 0,1,2,4, found "${text}"`);
  }
  return [...new Set(multiples)];
}
