#!/usr/bin/env bun
/** Lists, shows, compares, labels, removes and prunes stored runs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RunFiles, RUNS_FOLDER } from "../lib/backtest/run-files.ts";
import { describeRun, isSession } from "../lib/runs/describe.ts";
import { type FoundRun, findRun, findRuns } from "../lib/runs/find.node.ts";
import { entryOf, listRuns, openTradeCounter, type RunEntry } from "../lib/runs/list.node.ts";
import type { DamagedFile } from "../lib/storage/damaged-file.ts";
import { scriptCommand } from "../lib/util/command-line.node.ts";
import { foreignFlags, knownWord } from "./cli/actions.ts";
import { type FlagValues, parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { commandOnMemory, locateBackupDir, locateMemory, locateMemoryDir } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, type ScriptContext, warn, writeJson, writeOut } from "./cli/main.ts";
import { isTerminal } from "./cli/terminal.ts";

const COMMAND = {
  summary:
    'Lists stored runs, shows or compares them, gives them labels, and removes one or the old ones. A RUN is "latest", a label, or the ' +
    'first digits of an id; "off/latest" is the latest run without memory. A and B may be several runs, joined by commas: ' +
    "they are compared pair by pair.",
  usage: [
    "bun scripts/runs.ts [list] [flags]",
    "bun scripts/runs.ts show RUN [--full | --decision ID] [flags]",
    "bun scripts/runs.ts compare A B [flags]",
    "bun scripts/runs.ts label RUN TEXT [flags]",
    "bun scripts/runs.ts remove RUN [--with-outcomes] [--yes] [flags]",
    "bun scripts/runs.ts prune --keep-last N [--dry-run] [--yes] [flags]",
  ],
  flags: {
    full: { type: "boolean", help: "show: every table, by provider, regime and asset" },
    decision: { type: "string", value: "ID", help: "show: one decision, by its id or the beginning of it" },
    "with-outcomes": { type: "boolean", help: "remove: also what later runs would remember of the run" },
    "keep-last": {
      type: "integer",
      min: 1,
      value: "N",
      help: "prune: keep the newest N of each memory folder, and all with a label; outcomes stay in memory",
    },
    "dry-run": { type: "boolean", help: "prune: show what would be removed; remove nothing" },
    yes: { type: "boolean", help: "remove, prune: do not ask; needed without a terminal" },
    ...SHARED_FLAGS,
  },
  maxPositionals: 3,
  examples: [
    "bun scripts/runs.ts compare latest off/latest",
    'bun scripts/runs.ts label latest "before the new prompts"',
    "bun scripts/runs.ts show latest --decision 20210104T1200-BTCUSD",
    "bun scripts/runs.ts prune --keep-last 30 --yes",
  ],
} as const;

const ACTIONS = ["list", "show", "compare", "label", "remove", "prune"] as const;
type Action = (typeof ACTIONS)[number];
type Flags = FlagValues<(typeof COMMAND)["flags"]>;

/** What an action takes besides flags. */
const ARGUMENTS: Readonly<Record<Action, readonly string[]>> = {
  list: [],
  show: ["RUN"],
  compare: ["A", "B"],
  label: ["RUN", "TEXT"],
  remove: ["RUN"],
  prune: [],
};
/** The action that a flag belongs to. Flags that are missing here belong to all. */
const ACTIONS_OF_FLAG = {
  full: ["show"],
  decision: ["show"],
  "with-outcomes": ["remove"],
  "keep-last": ["prune"],
  "dry-run": ["prune"],
  yes: ["remove", "prune"],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { action, given } = parseAction(positionals, flags);
  const memoryDir = await locateMemoryDir(flags);
  const [first = "", second = ""] = given;
  if (action === "list") return list(flags, memoryDir);
  if (action === "prune") return prune(flags, { memoryDir, signal });
  if (action === "compare") return compare(flags, { memoryDir, names: [first, second], signal });
  const run = await findRun(memoryDir, first);
  if (action === "label") return label(flags, run, second);
  if (action === "remove") return remove(flags, run, signal);
  return flags.decision === undefined ? show(flags, run) : showDecision(flags, run, flags.decision);
});

function parseAction(positionals: readonly string[], flags: Flags): { action: Action; given: readonly string[] } {
  const [first = "list", ...given] = positionals;
  const action = knownWord("action", first, ACTIONS);
  const problems: string[] = [];
  const wanted = ARGUMENTS[action];
  const missing = wanted[given.length];
  if (missing !== undefined) problems.push(`${action} needs ${wanted.join(" and ")}`);
  const extra = given[wanted.length];
  if (extra !== undefined) problems.push(`unexpected argument ${JSON.stringify(extra)} after ${action}`);
  problems.push(...foreignFlags(flags, action, ACTIONS_OF_FLAG));
  if (action === "prune" && flags["keep-last"] === undefined) problems.push("prune needs --keep-last N");
  if (flags.full && flags.decision !== undefined) problems.push("--full and --decision cannot be used together");
  if (problems.length > 0) throw usageError(problems.join("\n"));
  return { action, given };
}

async function list(flags: Flags, memoryDir: string): Promise<void> {
  const runs = await listRuns(memoryDir);
  if (flags.json) return writeJson({ memory_dir: memoryDir, runs });
  const { renderRuns } = await import("./text/runs.ts");
  if (runs.length > 0) await writeOut(renderRuns(runs));
  else note(`There are no runs in "${memoryDir}"`);
}

async function show(flags: Flags, run: FoundRun): Promise<number> {
  const described = await describeRun(run.storage, run);
  const { committed, problem } = described;
  const summary = described.summary && (await new RunFiles(run.storage, run.id).readSummary());
  const entry = entryOf(run, described, { openTrades: await openTradeCounter()(run, described) });
  const folder = join(run.memoryDir, RUNS_FOLDER, run.id);
  const { files } = await run.storage.list(`${RUNS_FOLDER}/${run.id}`);
  if (flags.json) await writeJson({ ...entry, folder_path: folder, files, committed, summary: summary ?? null });
  else {
    const { renderRunFiles, renderUnfinished, stateText } = await import("./text/runs.ts");
    const { renderSummary } = await import("./text/summary.ts");
    const { renderFullSummary } = await import("./text/run.ts");
    const render = flags.full ? renderFullSummary : renderSummary;
    const text =
      summary === undefined
        ? renderUnfinished(entry, committed)
        : render({
            summary,
            memoryDir: run.memoryDir,
            state: entry.state === "finished" ? "" : stateText(entry),
            isSession: described.key !== undefined && isSession(described.key),
          });
    await writeOut(text + renderRunFiles(entry, { folder, files }));
  }
  if (problem !== undefined) warn(problem);
  return problem === undefined ? 0 : EXIT_DAMAGED;
}

async function showDecision(flags: Flags, run: FoundRun, id: string): Promise<number> {
  const { findDecision } = await import("../lib/runs/decision.ts");
  const { committed, problem } = await describeRun(run.storage, run);
  const damaged: DamagedFile[] = problem === undefined ? [] : [{ name: run.id, problem }];
  try {
    const found = await findDecision(run.storage, { id: run.id, chunks: committed }, { id, damaged });
    if (flags.json) await writeJson(found);
    else {
      const { renderDecision } = await import("./text/decision.ts");
      await writeOut(renderDecision(found));
    }
  } finally {
    // What is damaged may have the decision that was not found.
    for (const file of damaged) warn(file.problem);
  }
  return damaged.length > 0 ? EXIT_DAMAGED : 0;
}

async function compare(
  flags: Flags,
  options: { memoryDir: string; names: readonly [string, string]; signal: ScriptContext["signal"] },
): Promise<number> {
  const { compareStoredRuns, readStoredRuns } = await import("../lib/runs/compare.ts");
  const { memoryDir, names, signal } = options;
  const damaged: DamagedFile[] = [];
  const [a, b] = names.map((side) => side.split(",").map((name) => name.trim()));
  const runs = await readStoredRuns(await findRuns(memoryDir, [...a!, ...b!]), { signal, damaged });
  const result = compareStoredRuns(runs.slice(0, a!.length), runs.slice(a!.length));
  if (flags.json) await writeJson(result);
  else {
    const { renderRunComparison } = await import("./text/runs.ts");
    await writeOut(renderRunComparison(result, names));
  }
  for (const { problem } of damaged) warn(problem);
  return damaged.length > 0 ? EXIT_DAMAGED : 0;
}

async function label(flags: Flags, run: FoundRun, text: string): Promise<void> {
  const { setLabel } = await import("../lib/runs/labels.ts");
  const { withLock } = await import("../lib/storage/lock.node.ts");
  const given = text === "" ? undefined : text;
  await withLock(run.storage, () => setLabel(run.storage, run.id, given));
  if (flags.json) return writeJson({ run_id: run.id, label: given ?? null });
  const is = given === undefined ? "has no label" : `is ${JSON.stringify(given)}`;
  await writeOut(`Run ${run.id.slice(0, 12)} ${is}\n`);
}

async function remove(flags: Flags, run: FoundRun, signal: ScriptContext["signal"]): Promise<void> {
  const { partsOfRun, removeRun } = await import("../lib/runs/remove.node.ts");
  const { renderRemoval } = await import("./text/runs.ts");
  const { "with-outcomes": withOutcomes, yes, json } = flags;
  const entry = entryOf(run, await describeRun(run.storage, run));
  const planned = await partsOfRun(run);
  if (!yes) {
    assertCanAsk("remove", flags);
    note(renderRemoval(entry, planned, { withOutcomes, done: false }).trimEnd());
    if (!(await isConfirmed("Remove it?", signal))) return note("Nothing was removed");
  }
  const { maintainMemory } = await import("../lib/memory/open.node.ts");
  const { openMemory } = await import("../lib/memory/store.ts");
  const memory = { ...(await locateMemory(flags)), dir: run.memoryDir };
  const parts = await maintainMemory(memory, { name: "remove the run", signal }, async (storage, embedder) => {
    // Again, under the lock.
    const found = await partsOfRun(run);
    await removeRun(run, { ...found, outcomes: withOutcomes ? found.outcomes : [] });
    if (withOutcomes) await (await openMemory(storage, { embedder, signal })).flush();
    return found;
  });
  const { outcomes, snapshots, carried_in_by } = parts;
  if (json) {
    await writeJson({
      run_id: run.id,
      outcomes: outcomes.length,
      snapshots: snapshots.length,
      outcomes_removed: withOutcomes,
      carried_in_by,
    });
  } else await writeOut(renderRemoval(entry, parts, { withOutcomes, done: true }));
  if (withOutcomes) await noteBackup(flags, { memoryDir: run.memoryDir, outcomes });
}

/** Says that the newest backup beside memory has outcomes that were removed. */
async function noteBackup(
  flags: Flags,
  { memoryDir, outcomes }: { memoryDir: string; outcomes: readonly string[] },
): Promise<void> {
  const { listBackups } = await import("../lib/backup/list.node.ts");
  const { outcomeFileName } = await import("../lib/memory/outcome.ts");
  // The run is gone, whatever can be said of backups.
  const newest = (await listBackups(locateBackupDir(memoryDir)).catch(() => [])).at(-1);
  if (newest === undefined || !outcomes.some((id) => existsSync(join(newest.path, outcomeFileName(id))))) return;
  const isNamed = (await locateMemoryDir(flags)) === memoryDir;
  const of = isNamed ? flags : { ...flags, "memory-dir": memoryDir };
  const create = commandOnMemory(`${scriptCommand("backup")} create`, of);
  note(
    `The newest backup, "${newest.path}", still has these outcomes, so doctor reports them as lost. To make one without them ` +
      `(add --answers if your backups have answers): ${create}`,
  );
}

async function prune(
  flags: Flags,
  { memoryDir, signal }: { memoryDir: string; signal: ScriptContext["signal"] },
): Promise<void> {
  const { findOldRuns, pruneRuns } = await import("../lib/runs/prune.node.ts");
  const { renderPrunedRuns } = await import("./text/runs.ts");
  const { yes, json, "dry-run": dryRun } = flags;
  const options = { keepLast: flags["keep-last"]!, signal };
  const planned = await findOldRuns(memoryDir, options);
  const entries = new Map<string, RunEntry>();
  for (const run of planned.removed) entries.set(run.id, entryOf(run, await describeRun(run.storage, run)));
  const render = (state: "planned" | "done", { kept, removed }: typeof planned): string =>
    renderPrunedRuns(
      removed.map(({ id }) => entries.get(id)!),
      { kept: kept.length, state },
    );
  if (!yes && !dryRun && planned.removed.length > 0) {
    assertCanAsk("prune", flags);
    note(render("planned", planned).trimEnd());
    if (!(await isConfirmed("Remove them?", signal))) return note("Nothing was removed");
  }
  const result = dryRun ? planned : await pruneRuns(memoryDir, options);
  if (json) {
    const named = (runs: readonly FoundRun[]): object[] => runs.map(({ id, folder }) => ({ run_id: id, folder }));
    return writeJson({ kept: named(result.kept), removed: named(result.removed), dry_run: dryRun });
  }
  await writeOut(render(dryRun ? "planned" : "done", result));
}

function assertCanAsk(action: Action, { json }: Flags): void {
  if (json || !isTerminal(2) || !process.stdin.isTTY) throw usageError(`${action} needs --yes where it cannot ask`);
}

/** Asks on stderr, so that stdout has the result alone. */
async function isConfirmed(question: string, signal: ScriptContext["signal"]): Promise<boolean> {
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}
