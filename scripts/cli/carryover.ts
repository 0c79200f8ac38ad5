#!/usr/bin/env node
/** The command of the published package: `carryover run-chunks --year 2021` runs scripts/run-chunks. */
import { fail } from "../../lib/errors.ts";
import { closest } from "../../lib/util/closest.ts";
import { VERSION } from "../../lib/version.ts";
import { usageError } from "./args.ts";
import { runScript, writeOut } from "./main.ts";

/** Each script, and what it does. */
const COMMANDS: Readonly<Record<string, string>> = {
  init: "write a configuration of your own into a folder",
  doctor: "say whether this machine can run, and what to do where not",
  "run-chunks": "backtest the ensemble chunk by chunk and remember every trade",
  runs: "list, show, compare, label and remove runs",
  report: "draw a run as one HTML file",
  "memory-stats": "show, check and repair memory",
  recall: "find the past trades most like a sentence",
  export: "write trades, equity, decisions or votes as a table",
  "compare-memory": "measure what memory is worth",
  "check-lookahead": "check that no decision depends on later data",
  sweep: "run a configuration in many variants and rank them",
  serve: "let other programs use memory",
  backup: "create, list, verify, restore and prune backups",
  "merge-memory": "merge memory folders",
  "rebuild-vectors": "make missing or damaged vectors",
  "reset-providers": "recount statistics, or let providers start afresh",
  "import-bars": "turn files of other systems into bars",
  "import-outcomes": "remember trades of other systems",
  "fetch-bars": "fetch bars from an exchange",
  "fetch-model": "fetch the sentence model",
};

const [name = "--help"] = process.argv.slice(2);
// Bun and Deno say which Node they are like.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 16)) {
  await runScript(async () => {
    throw fail("NOT_FOUND", "Cannot start", { found: `Node ${process.versions.node}`, expected: "20.16 or newer" });
  });
} else if (Object.hasOwn(COMMANDS, name)) {
  // A script reads the command line after its own name.
  process.argv.splice(2, 1);
  await import(`../${name}.ts`);
} else {
  await runScript(async () => {
    if (name === "--version") return writeOut(`${VERSION}\n`);
    if (name !== "--help" && name !== "-h") throw usageError(unknownCommand(name));
    return writeOut(overview());
  });
}

function unknownCommand(unknown: string): string {
  const suggestion = closest(unknown.replace(/\.ts$/, ""), Object.keys(COMMANDS));
  const hint = suggestion === undefined ? "carryover --help lists them" : `did you mean "${suggestion}"?`;
  return `unknown command ${JSON.stringify(unknown)}; ${hint}`;
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map(({ length }) => length)) + 2;
  const lines = Object.entries(COMMANDS).map(([command, does]) => `  ${command.padEnd(width)}${does}`);
  return ["Usage: carryover COMMAND [flags]", "", ...lines, "", "carryover COMMAND --help shows the flags.", ""].join(
    "\n",
  );
}
