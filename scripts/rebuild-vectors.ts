#!/usr/bin/env bun
/** Computes vectors from the outcomes: those that are missing or damaged, or all. */
import { rebuildVectors } from "../lib/maintenance/rebuild.ts";
import { maintainMemory } from "../lib/memory/open.node.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { locateMemory, rebuildCommand } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { bytes, count, countOf } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Computes missing or damaged vectors from their outcomes. A run does so when it starts; this command does it " +
    "without a run. If it was stopped, run it again without --all to continue.",
  usage: ["bun scripts/rebuild-vectors.ts [--all] [flags]"],
  flags: {
    all: { type: "boolean", help: "compute every vector again, after checking every outcome" },
    ...SHARED_FLAGS,
  },
  examples: ["bun scripts/rebuild-vectors.ts", "bun scripts/rebuild-vectors.ts --all --json | jq .made"],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const progress = shareProgress();
  const result = await maintainMemory(
    await locateMemory(flags),
    { name: "rebuild vectors", signal },
    (storage, embedder) =>
      rebuildVectors(storage, {
        embedder,
        all: flags.all,
        signal,
        onNote: (text) => {
          progress.clear();
          note(text);
        },
        onEmbedded: (made, wanted) => progress.update("Vectors", made, wanted),
        resume: `this goes on: ${rebuildCommand(flags)}`,
      }),
  ).finally(progress.clear);
  const { made, kept, dim, embedder, vector_bytes, sidecar_bytes, damaged } = result;
  if (flags.json) {
    await writeJson(result);
  } else {
    const all = `${count(made + kept)} x ${dim} by ${embedder}, ${bytes(vector_bytes + sidecar_bytes)}`;
    await writeOut(`Made ${countOf(made, "vector")} and kept ${count(kept)}: ${all}\n`);
  }
  for (const { name, problem } of damaged) warn(`Moved "${name}" to quarantine: ${problem}`);
  return damaged.length > 0 ? EXIT_DAMAGED : 0;
});
