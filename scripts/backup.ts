#!/usr/bin/env bun
/** Backups of the memory as plain folders. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { createBackup } from "../lib/backup/create.node.ts";
import { type BackupInfo, listBackups } from "../lib/backup/list.node.ts";
import { isS3Address } from "../lib/backup/place.ts";
import { pruneBackups } from "../lib/backup/prune.node.ts";
import { restoreBackup } from "../lib/backup/restore.node.ts";
import { unsoundFiles, withSoundness } from "../lib/backup/soundness.node.ts";
import { verifyBackups } from "../lib/backup/verify.node.ts";
import { isRecorded } from "../lib/config/config.ts";
import { fail } from "../lib/errors.ts";
import { scriptCommand } from "../lib/util/command-line.node.ts";
import { shellWord } from "../lib/util/names.ts";
import { foreignFlags, knownWord } from "./cli/actions.ts";
import { type FlagValues, parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { commandOnMemory, loadConfig, locateBackupDir, locateMemory, locateMemoryDir } from "./cli/config-flags.ts";
import {
  EXIT_DAMAGED,
  EXIT_REFUSED,
  note,
  runScript,
  type ScriptContext,
  warn,
  writeJson,
  writeOut,
} from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import {
  damageWarnings,
  fullerJson,
  fullerWarnings,
  labelNotes,
  prunedJson,
  removeCommand,
  renderCreated,
  renderList,
  renderPruned,
  renderRemoved,
  renderRestored,
  renderVerified,
  sparedWarnings,
  unsoundWarnings,
  wrongClock,
} from "./text/backup.ts";
import { countOf } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Backs up the memory folder, even while a run writes to it. A backup is a plain folder that --memory-dir can read. " +
    'Unchanged files are hard links and take no space. ID is a name from the list, its beginning, its label, or "latest". ' +
    "Backups may also be in S3: --backup-dir s3://bucket/prefix. Only what is new is sent there.",
  usage: [
    "bun scripts/backup.ts [create] [--to DIR] [--label L] [--answers] [flags]",
    "bun scripts/backup.ts list [flags]",
    "bun scripts/backup.ts verify [ID] [flags]",
    "bun scripts/backup.ts restore ID --to DIR [--dry-run] [flags]",
    "bun scripts/backup.ts prune [--keep-last N] [--keep-daily N] ... [--dry-run]",
  ],
  flags: {
    "backup-dir": {
      type: "string",
      value: "DIR",
      help: "folder of backups, or s3://bucket/prefix (default: backups, beside memory)",
    },
    label: { type: "string", value: "L", help: "create: a name for the list, and --keep flags do not remove it" },
    answers: { type: "boolean", help: "create: include the recorded answers (memory.answers_dir)" },
    to: {
      type: "string",
      value: "DIR",
      help: "restore: target folder, new or empty; create: the same as --backup-dir",
    },
    "keep-last": { type: "integer", min: 1, value: "N", help: "create, prune: keep the newest N" },
    "keep-daily": {
      type: "integer",
      min: 1,
      value: "N",
      help: "prune: keep the newest of each of the last N days (UTC), and the oldest backup if there are fewer days",
    },
    "keep-weekly": { type: "integer", min: 1, value: "N", help: "prune: the same for weeks" },
    "keep-monthly": { type: "integer", min: 1, value: "N", help: "prune: the same for months" },
    "keep-yearly": { type: "integer", min: 1, value: "N", help: "prune: the same for years" },
    "dry-run": { type: "boolean", help: "restore, prune: show what would be done; write nothing" },
    ...SHARED_FLAGS,
  },
  maxPositionals: 2,
  examples: [
    'bun scripts/backup.ts --label "before the new prompts" --keep-last 30',
    "bun scripts/backup.ts restore latest --to data/memory",
    "bun scripts/backup.ts create --to s3://trading/backups",
  ],
} as const;

const ACTIONS = ["create", "list", "verify", "restore", "prune"] as const;
type Action = (typeof ACTIONS)[number];
type Flags = FlagValues<(typeof COMMAND)["flags"]>;

/** The actions that a flag belongs to. Flags that are missing here belong to all. */
const ACTIONS_OF_FLAG = {
  label: ["create"],
  answers: ["create"],
  to: ["create", "restore"],
  "keep-last": ["create", "prune"],
  "keep-daily": ["prune"],
  "keep-weekly": ["prune"],
  "keep-monthly": ["prune"],
  "keep-yearly": ["prune"],
  "dry-run": ["restore", "prune"],
} as const satisfies Partial<Record<keyof Flags, readonly Action[]>>;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { action, id } = parseAction(positionals, flags);
  const memoryDir = await locateMemoryDir(flags);
  const explicit = flags["backup-dir"] ?? (action === "create" ? flags.to : undefined);
  const backupDir = locateBackupDir(memoryDir, explicit);
  if (action !== "create" && explicit !== undefined && !isS3Address(explicit) && isMissing(backupDir)) {
    throw fail("NOT_FOUND", `Cannot ${action}`, { found: `no folder "${backupDir}"`, expected: "one with backups" });
  }
  switch (action) {
    case "create":
      return create(flags, { memoryDir, backupDir, signal });
    case "list":
      return list(flags, backupDir);
    case "verify":
      return verify(flags, { backupDir, id, signal });
    case "restore":
      return restore(flags, { backupDir, id: id ?? "latest", signal });
    case "prune":
      return prune(flags, { backupDir, signal });
  }
});

/** Called if another process is making or removing backups. */
function onWait(): void {
  note("Waiting for another process that makes or removes backups here");
}

/** Whether there is nothing. The library reports what may not be looked at. */
function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

function parseAction(positionals: readonly string[], flags: Flags): { action: Action; id: string | undefined } {
  const [first = "create", id] = positionals;
  const action = knownWord("action", first, ACTIONS);
  const problems: string[] = [];
  if (id !== undefined && action !== "verify" && action !== "restore") {
    problems.push(`unexpected argument ${JSON.stringify(id)} after ${action}`);
  }
  if (action === "restore" && id === undefined) problems.push('restore needs an ID, or "latest"');
  if (action === "restore" && flags.to === undefined) problems.push("restore needs --to DIR");
  if (action === "restore" && isS3Address(flags.to ?? "")) {
    problems.push("restore --to needs a folder; --backup-dir is for s3://...");
  }
  if (action === "create" && flags.to !== undefined && flags["backup-dir"] !== undefined) {
    problems.push("--to and --backup-dir cannot be used together with create");
  }
  problems.push(...foreignFlags(flags, action, ACTIONS_OF_FLAG));
  if (problems.length > 0) throw usageError(problems.join("\n"));
  return { action, id };
}

async function create(
  flags: Flags,
  options: { memoryDir: string; backupDir: string; signal: ScriptContext["signal"] },
): Promise<number> {
  const { label, "keep-last": keepLast } = flags;
  const { memoryDir, backupDir, signal } = options;
  const answersDir = flags.answers ? await locateAnswers(flags) : undefined;
  const progress = shareProgress();
  const backup = await createBackup({
    memoryDir,
    backupDir,
    now: new Date(),
    signal,
    onWait,
    onSteps: progress.update,
    ...(label === undefined ? {} : { label }),
    ...(answersDir === undefined ? {} : { answersDir }),
  }).finally(progress.clear);
  for (const name of backup.skipped) {
    warn(`Left out "${name}": it is not a regular file, or its name cannot be restored`);
  }
  if (backup.outcomes === 0) warn(`The backup has no outcomes, because "${memoryDir}" has none`);
  // Printed even if pruning fails.
  if (!flags.json) await writeOut(renderCreated(backup));
  const damaged = await unsoundFiles(memoryDir, { signal, onSteps: progress.update }).finally(progress.clear);
  const unsound = damaged.filter(({ name }) => !backup.skipped.includes(name));
  unsoundWarnings(unsound, commandOnMemory(`${scriptCommand("memory-stats")} --check`, flags)).forEach(warn);
  const pruned =
    keepLast === undefined || unsound.length > 0
      ? { kept: [], removed: [], fuller: [] }
      : await pruneBackups({ backupDir, keepLast, keepId: backup.id, signal, onWait });
  const { kept, removed, fuller } = pruned;
  if (flags.json) {
    await writeJson({
      ...backup,
      removed: removed.map(({ id }) => id),
      fuller: fullerJson(fuller),
      damaged: kept.flatMap(({ backup: { id, problem } }) => (problem === undefined ? [] : [{ id, problem }])),
      damaged_files: unsound.map(({ name, problem }) => ({ name, problem })),
    });
  } else if (removed.length > 0) await writeOut(renderRemoved(removed));
  wrongClock([backup, ...kept.map(({ backup: each }) => each)], Date.now()).forEach(note);
  const onBackups = `--backup-dir ${shellWord(backupDir)}`;
  sparedWarnings(backup, pruned, { memoryDir, onBackups }).forEach(warn);
  const code = warnOfDamage(
    kept.map(({ backup: each }) => each),
    backupDir,
  );
  return unsound.length + fuller.length > 0 ? EXIT_DAMAGED : code;
}

/** The folder of recorded answers; `undefined` if there is none, and no provider that would write into it. */
async function locateAnswers(flags: Flags): Promise<string | undefined> {
  // All memory folders share the answers, so only the configuration says where they are.
  const { answers_dir: dir } = await locateMemory({ ...flags, "memory-dir": undefined });
  return !isMissing(dir) || (await loadConfig(flags)).config.providers.some(isRecorded) ? dir : undefined;
}

async function list(flags: Flags, backupDir: string): Promise<number> {
  const backups = await listBackups(backupDir);
  if (flags.json) await writeJson({ backup_dir: backupDir, backups });
  else if (backups.length > 0) await writeOut(renderList(backups, Date.now()));
  else note(`There are no backups in "${backupDir}"`);
  wrongClock(backups, Date.now()).forEach(note);
  return warnOfDamage(backups, backupDir);
}

async function verify(
  flags: Flags,
  options: { backupDir: string; id: string | undefined; signal: ScriptContext["signal"] },
): Promise<number> {
  const { backupDir, signal } = options;
  const progress = shareProgress();
  const compared = await verifyBackups(backupDir, { ...options, onSteps: progress.update }).finally(progress.clear);
  const verified = isS3Address(backupDir)
    ? compared
    : await withSoundness(backupDir, compared, { signal, onSteps: progress.update }).finally(progress.clear);
  if (flags.json) await writeJson({ backup_dir: backupDir, backups: verified });
  else await writeOut(renderVerified(verified));
  verified.flatMap(({ problem }) => problem ?? []).forEach(warn);
  const damaged = verified.filter(({ problems }) => problems.length > 0);
  if (damaged.length === 0) return verified.some(({ unreadable }) => unreadable) ? EXIT_REFUSED : 0;
  const are = damaged.length === 1 ? "is" : "are";
  warn(`${damaged.length} of ${countOf(verified.length, "backup")} in "${backupDir}" ${are} damaged`);
  for (const { id } of damaged) note(`To remove it when it is of no use: ${removeCommand(backupDir, id)}`);
  return EXIT_DAMAGED;
}

async function restore(
  flags: Flags,
  options: { backupDir: string; id: string; signal: ScriptContext["signal"] },
): Promise<void> {
  const to = resolve(flags.to ?? "");
  const dryRun = flags["dry-run"];
  const progress = shareProgress();
  const restoring = restoreBackup({ ...options, to, dryRun, onSteps: progress.update });
  const backup = await restoring.finally(progress.clear);
  const answers = join(to, "answers");
  const answersDir = isMissing(answers) ? null : answers;
  if (flags.json) await writeJson({ ...backup, to, dry_run: dryRun, answers_dir: answersDir });
  else await writeOut(renderRestored(backup, { to, dryRun, answersDir }));
}

async function prune(flags: Flags, options: { backupDir: string; signal: ScriptContext["signal"] }): Promise<number> {
  const { backupDir } = options;
  const dryRun = flags["dry-run"];
  const pruned = await pruneBackups({
    ...options,
    dryRun,
    onWait,
    keepLast: flags["keep-last"] ?? 0,
    keepDaily: flags["keep-daily"] ?? 0,
    keepWeekly: flags["keep-weekly"] ?? 0,
    keepMonthly: flags["keep-monthly"] ?? 0,
    keepYearly: flags["keep-yearly"] ?? 0,
  });
  if (flags.json) await writeJson({ backup_dir: backupDir, ...prunedJson(pruned), dry_run: dryRun });
  else await writeOut(renderPruned(pruned, { dryRun }));
  labelNotes(pruned, backupDir).forEach(note);
  fullerWarnings(pruned, { dryRun }).forEach(warn);
  const kept = pruned.kept.map(({ backup }) => backup);
  wrongClock(kept, Date.now()).forEach(note);
  return warnOfDamage(kept, backupDir);
}

/** Warns of backups that are damaged or cannot be read, and returns the exit code. */
function warnOfDamage(backups: readonly BackupInfo[], backupDir: string): number {
  damageWarnings(backups, backupDir).forEach(warn);
  const bad = backups.filter(({ problem }) => problem !== undefined);
  if (bad.some(({ unreadable }) => unreadable !== true)) return EXIT_DAMAGED;
  return bad.length > 0 ? EXIT_REFUSED : 0;
}
