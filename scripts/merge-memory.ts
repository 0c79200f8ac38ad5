#!/usr/bin/env bun
/** Merges memory folders, such as those of several machines, into a new one. */
import { mergeFolders } from "../lib/maintenance/merge.node.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { count, countOf } from "./text/numbers.ts";
import { columns, table, words } from "./text/table.ts";

const COMMAND = {
  summary:
    "Merges memory folders, such as those of several machines, into a new one. Identical files are there once; different " +
    "content under one name is refused. The order of the folders does not matter, and they stay as they are.",
  usage: ["bun scripts/merge-memory.ts DIR... --to DIR [flags]"],
  flags: {
    to: { type: "string", value: "DIR", help: "the merged folder: missing or empty" },
    config: SHARED_FLAGS.config,
    set: SHARED_FLAGS.set,
    json: SHARED_FLAGS.json,
  },
  maxPositionals: Infinity,
  examples: [
    "bun scripts/merge-memory.ts shard-1 shard-2 --to data/memory",
    "bun scripts/merge-memory.ts shard-* --to data/memory --json | jq .folders",
  ],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals: folders } = parseFlags(argv, COMMAND);
  const { to } = flags;
  if (folders.length === 0)
    throw usageError("name the folders to merge, such as: merge-memory shard-1 shard-2 --to DIR");
  if (to === undefined) throw usageError("--to is missing: name the folder that the others are merged into");
  const embedder = await locateMemory({ ...flags, "memory-dir": undefined });
  const progress = shareProgress();
  const merged = await mergeFolders({
    folders,
    to,
    embedder,
    signal,
    onEmbedded: (made, wanted) => progress.update("Vectors", made, wanted),
    onNote: (text) => {
      progress.clear();
      note(text);
    },
  }).finally(progress.clear);
  if (flags.json) return writeJson({ memory_dir: to, folders: merged });
  await writeOut(
    `Merged ${countOf(folders.length, "folder")} into ${shownPath(to)}\n\n` +
      table(
        [words("Memory"), ...columns("Outcomes", "Marks", "Runs", "Snapshots", "Shared files")],
        merged.map((each) => [
          each.folder === "" ? "." : each.folder,
          ...[each.outcomes, each.forget_marks, each.runs, each.snapshots, each.shared_files].map(count),
        ]),
      ),
  );
});
