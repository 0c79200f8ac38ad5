#!/usr/bin/env bun
/**
 * Makes vectors from the outcomes: those that are missing or damaged, or all.
 *
 *   bun scripts/rebuild-vectors.ts [--all]
 */
import { rebuildVectors } from "../lib/maintenance/repair.node.ts";
import { note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { locateMemory, rebuildCommand } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { bytes, countOf, fixed } from "./text/table.ts";
import { vectorProgress } from "./cli/progress.ts";

const COMMAND = {
  summary: `Makes the vectors that are missing or damaged from their outcomes. A run does so by itself when it starts; this
does it now, and without one. One that is stopped or killed goes on where it was, the next time without --all.`,
  usage: "bun scripts/rebuild-vectors.ts [--all] [flags]",
  flags: {
    all: { type: "boolean", help: "make every vector anew, from outcomes that are all read and checked" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/rebuild-vectors.ts
    bun scripts/rebuild-vectors.ts --all --json | jq .made`,
} as const;

const DAMAGED = 4;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const where = { memoryDirFlag: flags["memory-dir"], configFlag: flags.config };
  const memory = await locateMemory(where);
  const progress = vectorProgress();
  const result = await rebuildVectors({
    memory,
    all: flags.all,
    signal,
    // The line of progress is not to be written over.
    onNote: (text) => {
      progress.clear();
      note(text);
    },
    onEmbedded: progress.update,
    resume: `this goes on: ${rebuildCommand(where)}`,
  }).finally(progress.clear);
  const { made, kept, dim, embedder, vectorBytes, sidecarBytes, damaged } = result;
  if (flags.json) {
    await writeJson({ made, kept, dim, embedder, vector_bytes: vectorBytes, sidecar_bytes: sidecarBytes, damaged });
  } else {
    const size = bytes(vectorBytes + sidecarBytes);
    const all = `${fixed(made + kept, 0)} x ${dim} by ${embedder}, ${size}`;
    await writeOut(`Made ${countOf(made, "vector")} and kept ${fixed(kept, 0)}: ${all}\n`);
  }
  for (const { name, problem } of damaged) warn(`Moved "${name}" to quarantine: ${problem}`);
  return damaged.length > 0 ? DAMAGED : 0;
});
