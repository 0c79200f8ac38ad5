#!/usr/bin/env bun
/**
 * Whether anything that is decided knows the future. Reads only, and leaves no files.
 *
 *   bun scripts/check-lookahead.ts [--at DATE]... [--year Y | --start D --end D] [--no-memory]
 */
import { checkLookahead, isClean } from "../lib/experiments/lookahead.ts";
import { openInMemoryJob } from "../lib/job/open.node.ts";
import { CarryoverError } from "../lib/errors.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../lib/util/time.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { renderLookahead } from "./text/lookahead.ts";
import { progressLine } from "./text/table.ts";
import { RUN_FLAGS, runRequest } from "./cli/config-flags.ts";

const COMMAND = {
  summary: `Checks that nothing knows the future: makes the run again with other bars and votes from a date on, and with other
outcomes in memory, and compares all that was decided before. Writes nothing; exit code 4 if anything changed.`,
  usage: "bun scripts/check-lookahead.ts [--at DATE]... [--year Y | --start D --end D] [flags]",
  flags: {
    at: {
      type: "string",
      value: "DATE",
      multiple: true,
      help: "where the future begins, a date or ISO timestamp, may be repeated (default: five dates)",
    },
    ...RUN_FLAGS,
    "no-memory": { type: "boolean", help: "check a run without memory" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/check-lookahead.ts --year 2021
    bun scripts/check-lookahead.ts --year 2021 --at 2021-05-19 --json | jq .leaks`,
} as const;

const LEAK = 4;

await runScript(async ({ argv, signal, guard }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const dates = flags.at.map((text) => {
    const ms = parseTimestamp(text);
    if (ms !== undefined) return ms;
    throw new CarryoverError("BAD_USAGE", `Cannot use --at: found "${text}", expected ${TIMESTAMP_FORM}`);
  });
  const request = await runRequest(flags, { guard, enabled: flags["no-memory"] ? false : undefined });
  const progress = progressLine();
  const { job, providersWith } = await openInMemoryJob({ ...request, mode: "dry-run", signal, onNote: note });
  const onStep = (done: number, of: number): void => progress.update(() => `run ${done + 1} of at most ${of}`);
  const report = await checkLookahead({ ...job, providersWith }, { dates, onStep }).finally(progress.clear);
  if (flags.json) await writeJson(report);
  else await writeOut(renderLookahead(report));
  return isClean(report) ? 0 : LEAK;
});
