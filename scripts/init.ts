#!/usr/bin/env bun
/** Writes a configuration of the user's own, with a module, a program and a file of votes that it runs. */
import { join, resolve } from "node:path";
import { initFolder } from "../lib/job/init-folder.node.ts";
import { scriptCommand, shownPath } from "../lib/util/command-line.node.ts";
import { shellWord } from "../lib/util/names.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";

const COMMAND = {
  summary:
    "Writes a configuration of your own into a folder: config.yaml, a provider in TypeScript with a tsconfig.json, one in " +
    "Python, and a file of votes. It runs as it is, on the sample of real bars. Nothing is overwritten.",
  usage: ["bun scripts/init.ts [DIR] [flags]"],
  flags: { json: SHARED_FLAGS.json },
  maxPositionals: 1,
  examples: ["bun scripts/init.ts", "bun scripts/init.ts ~/strategies/first"],
} as const;

const DEFAULT_DIR = "strategy";

await runScript(async ({ argv }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const dir = resolve(positionals[0] ?? DEFAULT_DIR);
  const { files, python } = initFolder(dir);
  const command = `${scriptCommand("run-chunks")} --config ${shellWord(shownPath(join(dir, "config.yaml")))}`;
  if (!python) note("Python is missing: the line of provider.py in config.yaml is a comment");
  if (flags.json) await writeJson({ dir, files, python, command });
  else {
    const lines = files.map((name) => `Wrote  ${shownPath(join(dir, name))}\n`);
    await writeOut(`${lines.join("")}Run it with: ${command}\n`);
  }
});
