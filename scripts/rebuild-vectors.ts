#!/usr/bin/env bun
/**
 * Makes vectors from the outcomes: those that are missing or damaged, or all.
 *
 *   bun scripts/rebuild-vectors.ts [--all]
 */
import { rebuildVectors } from "../lib/host/maintain.ts";
import {
  locateMemory,
  note,
  parseFlags,
  rebuildCommand,
  runScript,
  SHARED_FLAGS,
  warn,
  writeJson,
  writeOut,
} from "./_cli.ts";
import { bytes, countOf, fixed } from "./_render.ts";
import { vectorProgress } from "./_vector-progress.ts";

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
