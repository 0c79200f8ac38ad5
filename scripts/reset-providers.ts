#!/usr/bin/env bun
/** Recounts the statistics of providers, or lets providers start afresh. */
import { forgetProviders } from "../lib/maintenance/forget-providers.ts";
import { recountProviders } from "../lib/maintenance/recount.ts";
import { maintainMemory } from "../lib/memory/open.node.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { renderMarks, renderRecount } from "./text/reset.ts";

const COMMAND = {
  summary:
    "Recounts provider_performance.json and regime_performance.json from the outcomes. Every outcome is read and " +
    "checked; a trade of several runs counts once. With --forget, providers start afresh: a forget mark excludes " +
    "older outcomes from their weights, calibration and statistics in every later run. Outcomes never change.",
  usage: ["bun scripts/reset-providers.ts [--provider P]... [--forget [--before D]]", "    [--dry-run] [flags]"],
  flags: {
    provider: {
      type: "string",
      value: "P",
      multiple: true,
      help: "only this provider (repeatable; default: all)",
      looksLike: "^[a-z]",
    },
    forget: { type: "boolean", help: "write a forget mark for each provider" },
    before: {
      type: "timestamp",
      value: "D",
      help: "forget trades closed before this date or ISO timestamp, UTC (default: just after the newest outcome)",
    },
    "dry-run": { type: "boolean", help: "show what would be done; write nothing" },
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/reset-providers.ts",
    "bun scripts/reset-providers.ts --provider trend --forget --before 2021-07-01",
  ],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const { provider: providers, "dry-run": dryRun, before: beforeMs, json } = flags;
  if (beforeMs !== undefined && !flags.forget) throw usageError("--before needs --forget");
  const memory = await locateMemory(flags);
  const progress = shareProgress();
  const shown = {
    signal,
    onSteps: progress.update,
    onEmbedded: (made: number, wanted: number): void => progress.update("Vectors", made, wanted),
    onNote: (text: string): void => {
      progress.clear();
      note(text);
    },
  };
  const task = { name: flags.forget ? "forget providers" : "reset providers", dryRun, signal };
  let damaged;
  if (flags.forget) {
    const result = await maintainMemory(memory, task, (storage, embedder) =>
      forgetProviders(storage, { embedder, providers, beforeMs, dryRun, ...shown }),
    ).finally(progress.clear);
    ({ damaged } = result);
    if (beforeMs !== undefined && beforeMs > result.newestExitMs + 1) {
      const [newest, before] = [result.newestExitMs, beforeMs].map((ms) => new Date(ms).toISOString());
      warn(`The newest outcome closed at ${newest}; later ones that close before ${before} will not count either`);
    }
    if (json) await writeJson({ dry_run: dryRun, marks: result.marks, damaged });
    else await writeOut(renderMarks(result, { dryRun }));
  } else {
    const result = await maintainMemory(memory, task, (storage, embedder) =>
      recountProviders(storage, { embedder, providers, dryRun, ...shown }),
    ).finally(progress.clear);
    ({ damaged } = result);
    if (json) await writeJson({ dry_run: dryRun, ...result });
    else await writeOut(renderRecount(result, { dryRun }));
  }
  for (const { name, problem } of damaged) warn(dryRun ? problem : `Moved "${name}" to quarantine: ${problem}`);
  return damaged.length > 0 ? EXIT_DAMAGED : 0;
});
