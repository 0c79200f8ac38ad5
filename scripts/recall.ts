#!/usr/bin/env bun
/**
 * The past trades whose situations are most like a sentence. Reads only, and may run beside a writing run.
 *
 *   bun scripts/recall.ts "BTCUSD falling fast, high volatility" [--k N] [--as-of T] [--asset A] [--regime R] [--json]
 */
import { CarryoverError } from "../lib/errors.ts";
import { recall } from "../lib/memory/open.node.ts";
import { parseTimestamp, TIMESTAMP_FORM } from "../lib/util/time.ts";
import { note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { locateMemory, locateMemoryDir, rebuildCommand } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { renderRecall } from "./text/recall.ts";
import { vectorProgress } from "./cli/progress.ts";

const COMMAND = {
  summary: `Asks the memory: the past trades whose situations are most like a sentence, and how they ended. Takes no lock and
writes nothing.`,
  usage: "bun scripts/recall.ts SENTENCE [--k N] [--as-of T] [--asset A] [--regime R] [flags]",
  flags: {
    k: { type: "integer", value: "N", min: 1, help: "how many trades (default: 5)" },
    "as-of": { type: "string", value: "T", help: "only what closed before, a date or ISO timestamp, UTC" },
    asset: { type: "string", value: "A", help: "only trades of this asset" },
    regime: { type: "string", value: "R", help: "only trades in this regime: TRENDING, RANGING or VOLATILE" },
    ...SHARED_FLAGS,
  },
  maxPositionals: Infinity,
  example: `bun scripts/recall.ts "BTCUSD falling fast, high volatility" --as-of 2021-07-01
    bun scripts/recall.ts "oversold in a ranging market" --k 20 --json | jq '[.similar[].result_r] | add / length'`,
} as const;

const DEFAULT_K = 5;
const DAMAGED = 4;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { asset, regime } = flags;
  const question = {
    sentence: positionals.join(" "),
    k: flags.k ?? DEFAULT_K,
    asOfMs: timeOf(flags["as-of"]),
    asset,
    regime,
  };
  const where = { memoryDirFlag: flags["memory-dir"], configFlag: flags.config };
  const isByFolder = where.memoryDirFlag !== undefined && where.configFlag === undefined;
  const progress = vectorProgress();
  const answer = await recall({
    ...question,
    signal,
    onEmbedded: progress.update,
    memoryDir: await locateMemoryDir(where),
    embedder: isByFolder ? undefined : await locateMemory(where),
    modelDir: async () => (await locateMemory(where)).model_dir,
  }).finally(progress.clear);
  if (answer.embedded > 0) {
    // With a folder alone the configuration may be of another embedder, by which that command would replace all vectors.
    const configured = isByFolder ? await locateMemory(where).catch(() => undefined) : undefined;
    const keeps = !isByFolder || configured?.embedder === answer.embedder;
    const hint = keeps ? `: ${rebuildCommand(where)} keeps their vectors` : "";
    note(`Embedded ${answer.embedded} of ${answer.searched} trades for this answer${hint}`);
  }
  if (answer.similar.length > 0 && !answer.knowsWords) {
    warn(
      "No word of this sentence tells situations apart, so similarity is chance: docs/CLI.md lists those that do, under recall",
    );
  }
  for (const { problem } of answer.damaged) warn(problem);
  if (flags.json) {
    const { embedder, market, remembered, searched, similar, tied } = answer;
    const asOf = question.asOfMs === undefined ? null : new Date(question.asOfMs).toISOString();
    await writeJson({
      sentence: question.sentence,
      as_of: asOf,
      embedder,
      market,
      remembered,
      searched,
      similar,
      tied,
    });
  } else {
    await writeOut(renderRecall(answer, question));
  }
  return answer.damaged.length > 0 ? DAMAGED : 0;
});

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseTimestamp(text);
  if (ms === undefined) {
    throw new CarryoverError("BAD_USAGE", `Cannot use --as-of: found "${text}", expected ${TIMESTAMP_FORM}`);
  }
  return ms;
}
