/** Whether memory is there, may be read, and is sound. */
import fs from "node:fs";
import { sep } from "node:path";
import { CarryoverError } from "../errors.ts";
import { attempt } from "../storage/fs.node.ts";
import type { OnSteps } from "../util/async.ts";
import { shellWord } from "../util/names.ts";
import { DAY_MS } from "../util/time.ts";
import type { CheckResult } from "./check.ts";
import { type Finding, flagsOfRun, SAME_RUN } from "./finding.ts";
import { failureOf, type HealthCheck, ok } from "./health.ts";

export interface MemoryHealthOptions {
  /** The memory folder, absolute. */
  readonly memoryDir: string;
  /** The command that repairs it. */
  readonly repairCommand: string;
  /** The command that makes a run in it, with flags of its own. */
  readonly runCommand: (flags: string) => string;
  /** The command that copies what is damaged or missing from a backup; `undefined` if none has it. */
  readonly findCopies: (damaged: readonly Finding[]) => Promise<string | undefined>;
  /** Looks for a backup with more outcomes than memory has. */
  readonly findLost: (outcomes: number) => Promise<LostMemory | undefined>;
  /** Looks for a backup that has all outcomes of memory, and runs. */
  readonly findLostRuns: () => Promise<LostRuns | undefined>;
  /** The command that removes a run of it with its outcomes. */
  readonly removeCommand: (run: string) => string;
  /** The wall clock, epoch ms. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
  readonly onSteps?: OnSteps | undefined;
}

/** A backup that has more outcomes than memory: the newest, or of a memory that has none the fullest. */
export interface LostMemory {
  readonly backupDir: string;
  readonly outcomes: number;
  /** The command that restores that one. */
  readonly restoreCommand: string;
}

/** The newest backup, of a memory that has no runs. */
export interface LostRuns {
  readonly backupDir: string;
  readonly runs: number;
  /** The command that copies them. */
  readonly copyCommand: string;
}

const NAME = "memory";

/** The cure where the folder is no memory. */
export const OTHER_FOLDER = "name another folder: --memory-dir DIR";

export async function checkMemoryFolder(options: MemoryHealthOptions): Promise<HealthCheck> {
  try {
    return await lookAt(options);
  } catch (error) {
    const isRefused = error instanceof CarryoverError && error.code === "IO";
    const cure = isRefused ? permissionCure(options.memoryDir, error) : OTHER_FOLDER;
    return failureOf(NAME, error, cure);
  }
}

async function lookAt({ memoryDir, ...options }: MemoryHealthOptions): Promise<HealthCheck> {
  const { findCopies, findLost } = options;
  const stat = attempt("read", memoryDir, () => fs.statSync(memoryDir, { throwIfNoEntry: false }));
  if (stat === undefined)
    return lostMemory(memoryDir, 0, await findLost(0)) ?? ok(NAME, "none yet; a run makes it", memoryDir);
  const { openToRead } = await import("../memory/open-to-read.node.ts");
  const { checkMemory } = await import("./check.ts");
  const checked = await checkMemory(await openToRead(memoryDir), options);
  const { outcomes, runs, findings, left_alone: foreign } = checked;
  const damaged = findings.filter((finding) => finding.damaged);
  if (damaged.length > 0) {
    const found = `damaged files: ${damaged.length}, such as: ${damaged[0]!.problem}`;
    return {
      name: NAME,
      state: "damaged",
      found,
      folder: memoryDir,
      cure: (await findCopies(damaged)) ?? cureOf(damaged, options),
    };
  }
  // Backups count files by their names, these too.
  const files = outcomes + foreign.length;
  return (
    lostMemory(memoryDir, files, await findLost(files)) ??
    outcomesAhead(memoryDir, checked, options) ??
    (outcomes > 0 && runs === 0 ? lostRuns(memoryDir, await options.findLostRuns()) : undefined) ??
    ok(NAME, `sound: outcomes ${outcomes}, runs ${runs}`, memoryDir)
  );
}

/**
 * A memory with no or fewer outcomes than its backups is no new one: its disk may not be mounted, its name mistyped, or a part of
 * it lost.
 */
function lostMemory(folder: string, outcomes: number, lost: LostMemory | undefined): HealthCheck | undefined {
  if (lost === undefined) return undefined;
  const { backupDir, outcomes: inBackup, restoreCommand } = lost;
  const places = "is its disk mounted, and the name right?";
  const found =
    outcomes === 0
      ? `no outcomes, and ${inBackup} in backups in "${backupDir}": ${places} A new memory needs another --backup-dir`
      : `outcomes ${outcomes}, and ${inBackup} in the newest backup in "${backupDir}": ${places} ` +
        "If you removed some, use backup create instead: the newest backup is then without them";
  return { name: NAME, state: "missing", found, folder, cure: restoreCommand };
}

/** A run that was made while the clock or the bars were ahead is remembered. */
function outcomesAhead(
  folder: string,
  { newest }: CheckResult,
  { nowMs, removeCommand }: Pick<MemoryHealthOptions, "nowMs" | "removeCommand">,
): HealthCheck | undefined {
  if (newest === null || Date.parse(newest.exit) <= nowMs + DAY_MS) return undefined;
  const { exit, run_id: run } = newest;
  const now = new Date(nowMs).toISOString().slice(0, 10);
  const found = `sound, but with an outcome of ${exit.slice(0, 10)}, and today is ${now}: was the clock or a bar wrong?`;
  const cure = run === null ? null : `${removeCommand(run)} # if that run should not be remembered`;
  return { name: NAME, state: "note", found, folder, cure };
}

/** Nothing but backups has the decisions of runs. A prune of runs keeps one at least. */
function lostRuns(folder: string, lost: LostRuns | undefined): HealthCheck | undefined {
  if (lost === undefined) return undefined;
  const found =
    `sound, but with no runs, and ${lost.runs} in the newest backup in "${lost.backupDir}": if you did not remove ` +
    "them, copy them before that backup is removed";
  return { name: NAME, state: "note", found, folder, cure: lost.copyCommand };
}

/** The first thing to do: what is left after a repair, only a run or a person can mend. */
function cureOf(
  damaged: readonly Finding[],
  { repairCommand, runCommand }: Pick<MemoryHealthOptions, "repairCommand" | "runCommand">,
): string {
  if (damaged.some(({ remedy }) => remedy !== "run" && remedy !== "person")) return repairCommand;
  const ofRun = damaged.find(({ remedy }) => remedy === "run");
  if (ofRun === undefined) return "move the file away if it is not yours, or repeat reset-providers --forget";
  if (ofRun.run?.isSession === true)
    return "copy it from another backup, or resume and close its session, which goes on without it";
  const flags = flagsOfRun(ofRun.run);
  return flags === undefined
    ? "repeat the run-chunks command of that run; of a session, only a backup has the file"
    : `${runCommand(flags)} # the same run only ${SAME_RUN}`;
}

/**
 * What gives the files of a folder back to its user, after somebody else, such as root, wrote some of them; `undefined` for
 * another failure.
 */
export function permissionCure(folder: string, error: unknown): string | undefined {
  const cause: NodeJS.ErrnoException | undefined =
    error instanceof CarryoverError && error.cause instanceof Error ? error.cause : undefined;
  if (!["EACCES", "EPERM"].includes(cause?.code ?? "") || cause?.path === undefined) return undefined;
  if (cause.path !== folder && !cause.path.startsWith(folder + sep)) return undefined;
  const uid = process.getuid?.();
  // Where the folders above may not be entered, nothing is known of it.
  const owner = fs.existsSync(folder) ? fs.statSync(folder).uid : undefined;
  if (uid === undefined || owner === undefined) return undefined;
  if (owner !== uid && owner !== 0) return `run it as the user of the folder: sudo -u '#${owner}' ...`;
  const dir = shellWord(folder);
  return `sudo chown -R ${uid} ${dir} && sudo chmod -R u+rwX ${dir}`;
}
