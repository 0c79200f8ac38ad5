import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../temporary-folder.ts";
import { filesOf, runScript } from "./run-script.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const base = temporaryFolder("foreign");

const COMMANDS: readonly (readonly string[])[] = [
  ["run-chunks.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["run-chunks.ts", "--start", "2024-01-01", "--end", "2024-01-03", "--no-memory"],
  ["compare-memory.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["check-lookahead.ts", "--start", "2024-01-01", "--end", "2024-01-03"],
  ["memory-stats.ts"],
  ["memory-stats.ts", "--check"],
  ["memory-stats.ts", "--repair"],
  ["recall.ts", "falling fast"],
  ["reset-providers.ts"],
  ["reset-providers.ts", "--forget", "--dry-run"],
  ["rebuild-vectors.ts"],
  ["backup.ts", "create"],
];

test.each(COMMANDS.map((command) => [command.join(" "), command]))(
  "%s refuses a folder of somebody else's with 2, and nothing in it changes",
  async (_name, [script = "", ...args]) => {
    const folder = join(base, crypto.randomUUID(), "mine");
    const temporary = `.tmp-${crypto.randomUUID()}`;
    mkdirSync(join(folder, "project"), { recursive: true });
    for (const name of ["outcome_x.json", "thesis.txt", temporary, `project/${temporary}`]) {
      writeFileSync(join(folder, name), '{"mine": true}');
    }
    const before = filesOf(join(folder, ".."));
    const { code, stdout, stderr } = await runScript(script, [...args, "--memory-dir", folder]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      `error: Cannot use "${folder}" as a memory folder: found "outcome_x.json", "thesis.txt", "project/", and nothing of ` +
        "a memory, expected an empty folder, or one that a run has written: name another with --memory-dir, or memory.dir\n",
    );
    expect(filesOf(join(folder, ".."))).toEqual(before);
  },
);
