#!/usr/bin/env bun
/** Says whether this machine can run a configuration, and what to do where it cannot. Takes no lock. */
import { dirname, join, resolve } from "node:path";
import { isS3Address } from "../lib/backup/place.ts";
import { memoryFolder } from "../lib/config/memory-folder.node.ts";
import { CarryoverError } from "../lib/errors.ts";
import type { CheckOptions } from "../lib/maintenance/check.ts";
import { checkHealth, checkInstallation } from "../lib/maintenance/doctor.node.ts";
import { failureOf, type HealthCheck } from "../lib/maintenance/health.ts";
import { idOfOutcomeFile } from "../lib/memory/outcome.ts";
import { namesIn } from "../lib/storage/fs.node.ts";
import type { Finding } from "../lib/maintenance/finding.ts";
import type { LostMemory, LostRuns } from "../lib/maintenance/memory-health.node.ts";
import { scriptCommand } from "../lib/util/command-line.node.ts";
import { groupBy } from "../lib/util/group.ts";
import { shellWord } from "../lib/util/names.ts";
import { type FlagValues, parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { commandOnMemory, loadConfig, locateBackupDir, runCommandOn } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, EXIT_MISSING, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { allowsRuns, renderHealth } from "./text/doctor.ts";

const COMMAND = {
  summary:
    "Says whether this machine can run: engine, packages, sentence model, bars, providers and their files, memory, disk, free space, clock. Below " +
    "what is not well stands the command that cures it. A small file is written beside memory for a moment, to time the disk.",
  usage: ["bun scripts/doctor.ts [flags]"],
  flags: {
    "backup-dir": {
      type: "string",
      value: "DIR",
      help: "backups, or s3://bucket/prefix, that tell a lost memory from a new one (default: backups, beside memory)",
    },
    ...SHARED_FLAGS,
  },
  examples: ["bun scripts/doctor.ts", "bun scripts/doctor.ts --json | jq .ready"],
} as const;

/** Files that one command copies: a system limits how long a command may be. */
const MOST_COPIES = 500;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const installation = checkInstallation();
  // Without its packages nothing else can be looked at.
  const isInstalled = installation.every(allowsRuns);
  const configured = isInstalled ? await checkConfigured(flags, signal).catch(toFailure) : [];
  if (configured instanceof CarryoverError) {
    const config = failureOf("config", configured, "correct the configuration, or name another: --config FILE");
    if (flags.json) await writeJson({ ready: false, checks: [...installation, config] });
    throw configured;
  }
  const checks = [...installation, ...configured];
  const bad = checks.filter((check) => !allowsRuns(check));
  if (flags.json) await writeJson({ ready: bad.length === 0, checks });
  else await writeOut(renderHealth(checks));
  if (bad.length === 0) return 0;
  warn(`Not ready to run: ${bad.map(({ name }) => name).join(", ")}`);
  return bad.some(({ state }) => state === "damaged") ? EXIT_DAMAGED : EXIT_MISSING;
});

/** @throws Whatever is no expected failure. */
function toFailure(thrown: unknown): CarryoverError {
  if (thrown instanceof CarryoverError) return thrown;
  throw thrown;
}

async function checkConfigured(
  flags: FlagValues<(typeof COMMAND)["flags"]>,
  signal: AbortSignal,
): Promise<readonly HealthCheck[]> {
  const { config, baseDir } = await loadConfig(flags);
  const dir = flags["memory-dir"];
  const memoryDir = dir === undefined ? memoryFolder(config) : resolve(dir);
  const backupDir = locateBackupDir(memoryDir, flags["backup-dir"]);
  const progress = shareProgress();
  return checkHealth({
    config,
    baseDir,
    memoryDir,
    repairCommand: commandOnMemory(`${scriptCommand("memory-stats")} --repair`, flags),
    runCommand: runCommandOn(flags),
    findCopies: (findings) => copyCommand(memoryDir, { backupDir, findings, signal, onSteps: progress.update }),
    findLost: (outcomes) =>
      outcomes === 0 ? findLost(memoryDir, backupDir) : findPartlyLost(memoryDir, outcomes, flags["backup-dir"]),
    findLostRuns: () => findLostRuns(memoryDir, backupDir),
    removeCommand: (run) => commandOnMemory(`${scriptCommand("runs")} remove ${run} --with-outcomes`, flags),
    checkBackups: flags["backup-dir"] === undefined ? undefined : () => lookAtBackups(backupDir),
    nowMs: Date.now(),
    signal,
    onSteps: progress.update,
  }).finally(progress.clear);
}

async function lookAtBackups(backupDir: string): Promise<HealthCheck> {
  const { checkBackups } = await import("../lib/backup/health.node.ts");
  return checkBackups(backupDir);
}

async function copyCommand(
  memoryDir: string,
  options: CheckOptions & { backupDir: string; findings: readonly Finding[] },
): Promise<string | undefined> {
  const { findCopies } = await import("../lib/backup/copies.node.ts");
  const copies = await findCopies(memoryDir, options);
  if (copies === undefined) return undefined;
  const { backup, names } = copies;
  const commands = [...groupBy(names.slice(0, MOST_COPIES), dirname)].map(([folder, inFolder]) =>
    ["cp", "-p", ...[...inFolder.map((name) => join(backup, name)), join(memoryDir, folder)].map(shellWord)].join(" "),
  );
  const rest = names.length <= MOST_COPIES ? "" : ` # ${MOST_COPIES} of ${names.length} files; then doctor again`;
  return `${commands.join(" && ")}${rest}`;
}

async function findLost(memoryDir: string, backupDir: string): Promise<LostMemory | undefined> {
  const { fullestOf, listBackups } = await import("../lib/backup/list.node.ts");
  const backups = await listBackups(backupDir);
  if (backups.length === 0) return undefined;
  const { id, outcomes } = fullestOf(backups);
  if (outcomes === 0) return undefined;
  return { backupDir, outcomes, restoreCommand: restoreCommand(id, memoryDir, backupDir) };
}

/** By backups on disk alone: a night can do without its bucket. Those that no flag names may be of another memory. */
async function findPartlyLost(memoryDir: string, kept: number, dir?: string): Promise<LostMemory | undefined> {
  const backupDir = locateBackupDir(memoryDir, dir);
  if (isS3Address(backupDir)) return undefined;
  const { listBackups } = await import("../lib/backup/list.node.ts");
  const newest = (await listBackups(backupDir)).at(-1);
  if (newest === undefined || newest.outcomes <= kept) return undefined;
  if (dir === undefined && !hasOutcomesOf(memoryDir, newest.path)) return undefined;
  return { backupDir, outcomes: newest.outcomes, restoreCommand: restoreCommand(newest.id, memoryDir, backupDir) };
}

async function findLostRuns(memoryDir: string, backupDir: string): Promise<LostRuns | undefined> {
  if (isS3Address(backupDir)) return undefined;
  const { listBackups } = await import("../lib/backup/list.node.ts");
  const newest = (await listBackups(backupDir)).at(-1);
  if (newest === undefined || !hasOutcomesOf(memoryDir, newest.path)) return undefined;
  const { RUNS_FOLDER } = await import("../lib/backtest/run-files.ts");
  const { diskStorage } = await import("../lib/storage/disk.node.ts");
  const runs = (await diskStorage(newest.path).list(RUNS_FOLDER)).folders.length;
  if (runs === 0) return undefined;
  const paths = [join(newest.path, RUNS_FOLDER), memoryDir];
  return { backupDir, runs, copyCommand: `cp -rp ${paths.map(shellWord).join(" ")}` };
}

/** Whether a backup has each outcome of a memory folder. */
function hasOutcomesOf(memoryDir: string, backup: string): boolean {
  const there = new Set(namesIn(backup));
  return namesIn(memoryDir).every((name) => idOfOutcomeFile(name) === undefined || there.has(name));
}

/** A folder with something in it is moved aside first: a restore refuses it. */
function restoreCommand(id: string, memoryDir: string, backupDir: string): string {
  const dir = shellWord(memoryDir);
  const aside = namesIn(memoryDir).length === 0 ? "" : `mv ${dir} ${shellWord(`${memoryDir}-before`)} && `;
  return `${aside}${scriptCommand("backup")} restore ${id} --to ${dir} --backup-dir ${shellWord(backupDir)}`;
}
