#!/usr/bin/env bun
/** Runs a configuration in many variants, here or spread over machines, and ranks them. */
import { availableParallelism } from "node:os";
import { basename, extname, join, resolve } from "node:path";
import type * as SweepPage from "../lib/report/sweep-page.ts";
import type { Keep } from "../lib/sweep/run-cell.node.ts";
import type { Shard } from "../lib/sweep/shard.ts";
import type { QueueOptions } from "../lib/sweep/nats/submit.node.ts";
import type { SweepPlan } from "../lib/sweep/plan.ts";
import type { SweepOptions, SweepProgress, SweepRun } from "../lib/sweep/run-sweep.node.ts";
import type { SweepResult } from "../lib/sweep/ranking.ts";
import { loadOptional } from "../lib/util/optional-packages.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { foreignFlags, knownWord, wordHint } from "./cli/actions.ts";
import { type FlagValues, parseFlags, refuseTogether, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { note, runScript, type ScriptContext, warn, writeJson, writeOut, writeRaw } from "./cli/main.ts";
import { openProgress } from "./cli/progress.ts";
import { bytes, count, countOf } from "./text/numbers.ts";
import { renderSweep, sweepProgressText } from "./text/sweep.ts";

/** The same engine as this script's; Deno is asked for all permissions, as it was for this one. */
const WORKER = [
  process.execPath,
  ...(process.versions["deno"] === undefined ? [] : ["run", "-A"]),
  join(import.meta.dirname, "cli", `sweep-worker${extname(import.meta.filename)}`),
];

const COMMAND = {
  summary:
    "Runs a configuration in many variants, its cells, and ranks them by Sharpe ratio. SWEEP.yaml names the configuration and " +
    "a grid, a list or a sample of keys to set. A sweep that was stopped continues with the same command. plan, work and " +
    "merge spread it over machines, and so do submit, work and collect with a NATS server.",
  usage: [
    "bun scripts/sweep.ts run SWEEP.yaml [--jobs N] [--out DIR] [flags]",
    "bun scripts/sweep.ts plan SWEEP.yaml > cells.ndjson",
    "bun scripts/sweep.ts work cells.ndjson --out DIR [--shard K/N] [flags]",
    "bun scripts/sweep.ts merge DIR... [--json | --csv] [--html FILE]",
    "bun scripts/sweep.ts submit SWEEP.yaml --nats URL [--json]",
    "bun scripts/sweep.ts work --nats URL --out DIR [flags]",
    "bun scripts/sweep.ts collect SWEEP.yaml --nats URL [--json | --csv] [flags]",
  ],
  flags: {
    set: {
      ...SHARED_FLAGS.set,
      help: "run, plan, submit, collect: a key of the configuration, in every cell (repeatable)",
    },
    jobs: { type: "integer", value: "N", min: 1, help: "cells at a time (default: run: one a core; work: 1)" },
    out: { type: "string", value: "DIR", help: "folder of the sweep (default: run: SWEEP.yaml without its ending)" },
    keep: { type: "string", value: "WHAT", help: "all, or summary: results without memory folders (default: all)" },
    shard: { type: "string", value: "K/N", help: "work: the Kth of N shards, from 1 (default: the whole sweep)" },
    shards: {
      type: "integer",
      value: "N",
      min: 1,
      help: "work: the number of shards, if SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX says which one this is",
    },
    nats: {
      type: "string",
      value: "URL",
      help: "submit, work, collect: a NATS server with JetStream, or the name of a context of the nats command",
    },
    html: {
      type: "string",
      value: "FILE",
      help: "run, merge, collect: also draw the result, with heat maps of the settings",
    },
    csv: { type: "boolean", help: "run, merge, collect: print the result as CSV" },
    json: SHARED_FLAGS.json,
  },
  maxPositionals: Infinity,
  examples: [
    "bun scripts/sweep.ts run SWEEP.yaml --keep summary",
    "bun scripts/sweep.ts work cells.ndjson --shard 3/16 --out shard-3",
    "bun scripts/sweep.ts merge shard-* --json | jq .verdict",
  ],
} as const;

type Flags = FlagValues<(typeof COMMAND)["flags"]>;
const ACTIONS = ["run", "plan", "work", "merge", "submit", "collect"] as const;
type Action = (typeof ACTIONS)[number];

/** What an action takes besides flags; merge any number. */
const ARGUMENTS: Readonly<Record<Action, string>> = {
  run: "SWEEP.yaml",
  plan: "SWEEP.yaml",
  work: "cells.ndjson or --nats",
  merge: "the folders of shards",
  submit: "SWEEP.yaml",
  collect: "SWEEP.yaml",
};
/** The actions that a flag belongs to. */
const ACTIONS_OF_FLAG: Readonly<Record<keyof Flags, readonly Action[]>> = {
  set: ["run", "plan", "submit", "collect"],
  jobs: ["run", "work"],
  out: ["run", "work"],
  keep: ["run", "work"],
  shard: ["work"],
  shards: ["work"],
  nats: ["submit", "work", "collect"],
  html: ["run", "merge", "collect"],
  csv: ["run", "merge", "collect"],
  json: ["run", "work", "merge", "submit", "collect"],
};

await runScript(async (context) => {
  const { flags, positionals } = parseFlags(context.argv, COMMAND);
  const { action, paths } = parseAction(positionals, flags);
  refuseTogether(flags, ["json", "csv"]);
  refuseTogether(flags, ["shard", "shards"]);
  // A package that is missing is named before the work.
  if (flags.html !== undefined) await loadDrawing();
  switch (action) {
    case "run":
      return run(paths[0]!, flags, context);
    case "plan":
      return plan(paths[0]!, flags);
    case "work":
      return flags.nats === undefined ? work(paths[0]!, flags, context) : workOnQueues(flags, context);
    case "submit":
      return submit(paths[0]!, flags, context);
    case "collect":
      return collect(paths[0]!, flags, context);
    case "merge": {
      const { resultOf } = await import("../lib/sweep/sum-up.node.ts");
      return print(await resultOf(paths.map((path) => resolve(path))), flags);
    }
  }
});

async function run(path: string, flags: Flags, context: ScriptContext): Promise<number> {
  const { finishSweep } = await import("../lib/sweep/sum-up.node.ts");
  const sweep = await loadPlanOf(path, flags);
  const out = resolve(flags.out ?? join(path, "..", basename(path, extname(path))));
  await runCells(sweep, { index: 0, of: 1 }, { flags, out, jobs: flags.jobs ?? availableParallelism(), context });
  return print(await finishSweep(out), flags);
}

async function plan(path: string, flags: Flags): Promise<void> {
  const { encodePlan } = await import("../lib/sweep/plan-file.ts");
  await writeRaw(new TextDecoder().decode(encodePlan(await loadPlanOf(path, flags))));
}

async function loadPlanOf(path: string, flags: Flags): Promise<SweepPlan> {
  const { loadSweep } = await import("../lib/sweep/run-sweep.node.ts");
  const { parseSetFlags } = await import("../lib/config/set-keys.ts");
  return loadSweep(path, { set: await parseSetFlags(flags.set), label: shownPath });
}

async function work(path: string, flags: Flags, context: ScriptContext): Promise<number> {
  const { loadPlan } = await import("../lib/sweep/run-sweep.node.ts");
  const { shardOf } = await import("../lib/sweep/shard.ts");
  const out = outOf(flags);
  const shard = shardOf(flags, process.env);
  const { failed, ranNow } = await runCells(loadPlan(path), shard, { flags, out, jobs: flags.jobs ?? 1, context });
  if (flags.json) await writeJson({ shard: shard.index + 1, of: shard.of, ran: ranNow, failed });
  else await writeOut(`Shard ${shard.index + 1} of ${shard.of}: ran ${countOf(ranNow, "cell")} in ${shownPath(out)}\n`);
  return failed.length > 0 ? 1 : 0;
}

async function submit(path: string, flags: Flags, context: ScriptContext): Promise<void> {
  const { submitSweep } = await import("../lib/sweep/nats/submit.node.ts");
  const sweep = await submitSweep(await loadPlanOf(path, flags), queueOf(flags, context));
  const { id, cells, left, uploadedBytes } = sweep;
  if (flags.json) return writeJson({ id, cells, left, uploaded_bytes: uploadedBytes });
  const uploaded = uploadedBytes === 0 ? "" : `, ${bytes(uploadedBytes)} of bars and other files uploaded`;
  await writeOut(`Sweep ${id}: ${count(left)} of ${countOf(cells, "cell")} to run${uploaded}\n`);
}

async function workOnQueues(flags: Flags, context: ScriptContext): Promise<number> {
  const { workOnQueues: workOn } = await import("../lib/sweep/nats/work.node.ts");
  const nats = natsOf(flags);
  // Cells of models share their answers by it.
  process.env["CARRYOVER_NATS"] = nats;
  const options = { nats, out: outOf(flags), jobs: flags.jobs ?? 1, keep: keepOf(flags.keep), worker: WORKER };
  const { failed, ranNow } = await withProgress(context, (handlers) => workOn({ ...options, ...handlers }));
  if (flags.json) await writeJson({ ran: ranNow, failed });
  else await writeOut(`Ran ${countOf(ranNow, "cell")}; nothing is left to do\n`);
  return failed.length > 0 ? 1 : 0;
}

async function collect(path: string, flags: Flags, context: ScriptContext): Promise<number> {
  const { collectSweep } = await import("../lib/sweep/nats/collect.node.ts");
  const sweep = await loadPlanOf(path, flags);
  const line = openProgress();
  const textOf = sweepProgressText();
  const onProgress = (progress: SweepProgress): void => line.update(() => textOf(progress));
  const result = await collectSweep(sweep, { ...queueOf(flags, context), onProgress }).finally(() => line.clear());
  return print(result, flags);
}

function queueOf(flags: Flags, { signal, guard }: ScriptContext): QueueOptions {
  return { nats: natsOf(flags), signal, onModules: guard };
}

function natsOf({ nats }: Flags): string {
  if (nats !== undefined) return nats;
  throw usageError("--nats is missing: name a server, such as nats://127.0.0.1:4222");
}

function outOf({ out }: Flags): string {
  if (out !== undefined) return resolve(out);
  throw usageError("--out is missing: name a folder for the cells of this machine");
}

async function runCells(
  sweep: SweepPlan,
  shard: Shard,
  { flags, context, ...options }: { flags: Flags; out: string; jobs: number; context: ScriptContext },
): Promise<SweepRun> {
  const { runCells: runAll } = await import("../lib/sweep/run-sweep.node.ts");
  const keep = keepOf(flags.keep);
  return withProgress(context, (handlers) => runAll(sweep, shard, { ...options, keep, worker: WORKER, ...handlers }));
}

/** Runs cells with a progress line, and says what the workers held. */
async function withProgress(
  { signal, guard }: ScriptContext,
  runAll: (handlers: Pick<SweepOptions, "signal" | "onModules" | "onNote" | "onProgress">) => Promise<SweepRun>,
): Promise<SweepRun> {
  const line = openProgress();
  const textOf = sweepProgressText();
  const result = await runAll({
    signal,
    onModules: guard,
    onNote: (text) => {
      line.clear();
      note(text);
    },
    onProgress: (progress) => line.update(() => textOf(progress)),
  }).finally(() => line.clear());
  if (result.maxRssBytes > 0) note(`A worker held at most ${bytes(result.maxRssBytes)}`);
  return result;
}

async function print(result: SweepResult, flags: Flags): Promise<number> {
  const { sweepCsv } = await import("../lib/sweep/table-csv.ts");
  if (flags.json) await writeJson(result);
  else if (flags.csv) await writeRaw(sweepCsv(result));
  else await writeOut(renderSweep(result));
  if (flags.html !== undefined) {
    const { renderSweepPage } = await loadDrawing();
    const { storePage } = await import("../lib/report/make.node.ts");
    const { file } = await storePage(await renderSweepPage(result), flags.html);
    note(`Drawn as ${shownPath(file)}`);
  }
  if (result.failed.length === 0) return 0;
  warn(`${countOf(result.failed.length, "cell")} failed`);
  return 1;
}

function loadDrawing(): Promise<typeof SweepPage> {
  return loadOptional(() => import("../lib/report/sweep-page.ts"), {
    tried: "Cannot draw the sweep",
    packages: ["@observablehq/plot", "linkedom"],
  });
}

function keepOf(value = "all"): Keep {
  if (value === "all" || value === "summary") return value;
  throw usageError(`--keep must be all or summary, found ${JSON.stringify(value)}`);
}

function parseAction([first, ...paths]: readonly string[], flags: Flags): { action: Action; paths: readonly string[] } {
  if (first === undefined) throw usageError(`sweep needs an action; ${wordHint("", ACTIONS)}`);
  const action = knownWord("action", first, ACTIONS);
  const problems = foreignFlags(flags, action, ACTIONS_OF_FLAG);
  // Cells come from the server, or from a file.
  const wanted = action === "work" && flags.nats !== undefined ? 0 : 1;
  const extra = action === "merge" ? undefined : paths[wanted];
  if (paths.length < wanted) problems.push(`${action} needs ${ARGUMENTS[action]}`);
  if (extra !== undefined) problems.push(`unexpected argument ${JSON.stringify(extra)} after ${action}`);
  if (problems.length > 0) throw usageError(problems.join("\n"));
  return { action, paths };
}
