#!/usr/bin/env bun
/** Checks a configuration for look-ahead. Writes nothing. */
import { checkLookahead, isClean } from "../lib/experiments/lookahead.ts";
import { ownPrograms } from "../lib/job/decision-leaks.ts";
import { openInMemoryJob } from "../lib/job/open.node.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { renderLookahead } from "./text/lookahead.ts";

const COMMAND = {
  summary:
    "Checks that no decision depends on later data. It repeats the run with other bars, votes or remembered outcomes " +
    "from a date on, and compares everything before that date. Writes nothing. Exit code 4 if anything changed.",
  usage: ["bun scripts/check-lookahead.ts [--at DATE]... [--year Y | --start D --end D]", "    [--no-memory] [flags]"],
  flags: {
    at: {
      type: "timestamp",
      value: "DATE",
      multiple: true,
      help: "change the data from this date or ISO timestamp on (repeatable; default: five dates)",
    },
    ...RUN_FLAGS,
    full: { type: "boolean", help: "print a line for each check, not only for one that found a leak" },
    "no-memory": { type: "boolean", help: "check a run without memory" },
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/check-lookahead.ts --year 2021",
    "bun scripts/check-lookahead.ts --year 2021 --at 2021-05-19 --json | jq .leaks",
  ],
} as const;

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const request = await runRequest(flags, { guard, enabled: flags["no-memory"] ? false : undefined });
  const progress = shareProgress();
  const opening = { ...request, mode: "dry-run" as const, signal, onNote: note };
  const { job, providersWith, voteLeaks, votes } = await openInMemoryJob(opening);
  const onStep = (done: number, of: number): void => progress.update("Runs", done, of);
  const checked = { ...job, providersWith, voteLeaks, votes, ownPrograms: ownPrograms(request.config.providers) };
  const report = await checkLookahead(checked, { dates: flags.at, onStep }).finally(progress.clear);
  if (flags.json) await writeJson(report);
  else await writeOut(renderLookahead(report, { providers: request.config.providers, full: flags.full }));
  if (isClean(report)) return 0;
  warn(report.repeatable ? "Look-ahead found" : "Two identical runs differ");
  return EXIT_DAMAGED;
});
