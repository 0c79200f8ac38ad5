/** Every command that reads or writes a memory folder, on little data, so that it can be run thousands of times. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { runScript, type ScriptResult } from "../scripts/run-script.ts";

/** A command, in a folder that `makeWork()` made. */
export interface Command {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  /** Whether it takes the lock of the memory folder, and so may end with 5 beside another that does. */
  readonly locks: boolean;
}

const MEMORY = ["--memory-dir", "memory/synthetic"];
const RUN = ["--synthetic", "--start", "2024-01-01", "--end", "2024-01-22", "--chunks", "week", "--assets", "BTCUSD"];

/** Run, backup create, prune, verify, restore, and all that reads a memory or keeps it in order. */
export const COMMANDS: readonly Command[] = [
  command("run", "run-chunks.ts", [...RUN, "--seed", "2", "--memory-dir", "memory"], { locks: true }),
  command("create", "backup.ts", ["create", ...MEMORY, "--keep-last", "3"]),
  command("prune", "backup.ts", ["prune", "--keep-last", "1", ...MEMORY]),
  command("verify", "backup.ts", ["verify", ...MEMORY]),
  command("restore", "backup.ts", ["restore", "latest", "--to", "restored", ...MEMORY]),
  command("reset", "reset-providers.ts", MEMORY, { locks: true }),
  command("forget", "reset-providers.ts", ["--provider", "trend", "--forget", "--before", "2024-01-08", ...MEMORY], {
    locks: true,
  }),
  command("rebuild", "rebuild-vectors.ts", ["--all", ...MEMORY], { locks: true }),
  command("stats", "memory-stats.ts", MEMORY),
  command("check", "memory-stats.ts", ["--check", ...MEMORY]),
  command("repair", "memory-stats.ts", ["--repair", ...MEMORY], { locks: true }),
  command("recall", "recall.ts", ["falling fast", ...MEMORY]),
  command("merge", "merge-memory.ts", ["memory/synthetic", "--to", "merged"]),
  command("import", "import-outcomes.ts", ["trades.csv", "--map", "columns.yaml", ...MEMORY], { locks: true }),
  command("report", "report.ts", ["--out", "report.html", ...MEMORY]),
  command("compare", "compare-memory.ts", [...RUN, "--seeds", "1", "--shuffles", "1", "--memory-dir", "memory"], {
    locks: true,
  }),
];

function command(
  name: string,
  script: string,
  args: readonly string[],
  { locks }: { locks: boolean } = { locks: false },
): Command {
  return { name, script, args, locks };
}

/** The command of a name. */
export function commandOf(name: string): Command {
  const found = COMMANDS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no command is called "${name}"`);
  return found;
}

/** Runs a command to its end. */
export function perform(
  { script, args }: Pick<Command, "script" | "args">,
  work: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ScriptResult> {
  return runScript(script, args, { cwd: work, env });
}

/** Starts a command without waiting for it. */
export function start({ script, args }: Command, work: string): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", script), ...args], {
    cwd: work,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Closed trades of another system, one a day. */
const TRADES: string = [
  "Symbol,Side,Opened,Closed,In,Out,SL",
  ...Array.from({ length: 30 }, (_, i) => {
    const day = `2023-06-${String(i + 1).padStart(2, "0")}`;
    return `BTCUSD,${i % 2 === 0 ? "long" : "short"},${day} 10:00,${day} 20:00,100,${100 + (i % 5)},${i % 2 === 0 ? 98 : 102}`;
  }),
].join("\n");

const COLUMNS = `asset_pair: Symbol
action: Side
entry_timestamp: Opened
exit_timestamp: Closed
entry_price: In
exit_price: Out
stop_price: SL
`;

/** Makes a folder with a memory of a short run, `memory/synthetic`, two backups of it, and trades to import. */
export async function makeWork(work: string): Promise<void> {
  mkdirSync(join(work, "memory"), { recursive: true });
  writeFileSync(join(work, "trades.csv"), `${TRADES}\n`);
  writeFileSync(join(work, "columns.yaml"), COLUMNS);
  const first = { script: "run-chunks.ts", args: [...RUN, "--memory-dir", "memory"] };
  for (const each of [first, commandOf("create"), commandOf("create")]) {
    const { code, stderr } = await perform(each, work);
    if (code !== 0) throw new Error(`${each.script} ended with ${code}: ${stderr}`);
  }
}

/** Copies a folder of `makeWork()`. */
export function copyWork(from: string, to: string): string {
  cpSync(from, to, { recursive: true });
  return to;
}
