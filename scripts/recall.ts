#!/usr/bin/env bun
/** Finds the past trades whose situations are most like a sentence. Takes no lock and writes nothing. */
import { recall } from "../lib/memory/open.node.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { locateMemory, locateMemoryDir, rebuildCommand } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { renderRecall } from "./text/recall.ts";

const COMMAND = {
  summary:
    "Finds the past trades whose situations are most like SENTENCE, and shows how they ended. " +
    "Takes no lock and writes nothing.",
  usage: ["bun scripts/recall.ts SENTENCE [--k N] [--as-of T] [--asset A] [--regime R]", "    [flags]"],
  flags: {
    k: { type: "integer", value: "N", min: 1, help: "number of trades (default: 5)" },
    "as-of": {
      type: "timestamp",
      value: "T",
      help: "only trades closed before this date or ISO timestamp (UTC)",
    },
    asset: { type: "string", value: "A", help: "only trades of this asset" },
    regime: { type: "string", value: "R", help: "only trades in this regime: TRENDING, RANGING or VOLATILE" },
    ...SHARED_FLAGS,
  },
  maxPositionals: Infinity,
  examples: [
    'bun scripts/recall.ts "BTCUSD falling fast" --as-of 2021-07-01',
    `bun scripts/recall.ts "oversold, steep downtrend" --json | jq '.similar[0]'`,
  ],
} as const;

const DEFAULT_K = 5;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { asset, regime, k = DEFAULT_K, "as-of": asOfMs } = flags;
  const question = { sentence: positionals.join(" "), k, asOfMs, asset, regime };
  // --memory-dir alone is searched with the embedder of its vectors, whatever the configuration has.
  const isFolderAlone = flags["memory-dir"] !== undefined && flags.config === undefined && flags.set.length === 0;
  const progress = shareProgress();
  const answer = await recall({
    ...question,
    signal,
    onEmbedded: (made, wanted) => progress.update("Vectors", made, wanted),
    memoryDir: await locateMemoryDir(flags),
    embedder: isFolderAlone ? undefined : await locateMemory(flags),
    modelDir: async () => (await locateMemory(flags)).model_dir,
  }).finally(progress.clear);
  if (answer.embedded > 0) {
    // The command replaces all vectors if the configuration has another embedder.
    const configured = isFolderAlone ? await locateMemory(flags).catch(() => undefined) : undefined;
    const isSafe = !isFolderAlone || configured?.embedder === answer.embedder;
    const hint = isSafe ? `; to store their vectors: ${rebuildCommand(flags)}` : "";
    note(`Embedded ${answer.embedded} of ${answer.searched} trades for this answer only${hint}`);
  }
  if (answer.similar.length > 0 && !answer.knowsWords) {
    warn('Similarity is chance: no word of this sentence describes a situation. See docs/CLI.md, "recall"');
  }
  for (const { problem } of answer.damaged) warn(problem);
  if (flags.json) {
    const { embedder, market, remembered, searched, similar, tied } = answer;
    const as_of = asOfMs === undefined ? null : new Date(asOfMs).toISOString();
    await writeJson({ sentence: question.sentence, as_of, embedder, market, remembered, searched, similar, tied });
  } else {
    await writeOut(renderRecall(answer, question));
  }
  return answer.damaged.length > 0 ? EXIT_DAMAGED : 0;
});
