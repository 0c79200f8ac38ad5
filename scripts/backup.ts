#!/usr/bin/env bun
/**
 * Backups of the memory as plain folders.
 *
 *   bun scripts/backup.ts [--backup-dir DIR] [create] [--label L] [--answers] [--keep-last N]
 *   bun scripts/backup.ts list | verify [ID] | restore ID --to DIR [--dry-run]
 *   bun scripts/backup.ts prune --keep-last N [--keep-daily N ...] [--dry-run]
 */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { closest } from "../lib/util/closest.ts";
import { CarryoverError } from "../lib/errors.ts";
import { type BackupInfo, listBackups } from "../lib/backup/list.node.ts";
import { pruneBackups } from "../lib/backup/prune.node.ts";
import { restoreBackup } from "../lib/backup/restore.node.ts";
import { verifyBackups } from "../lib/backup/verify.node.ts";
import { createBackup } from "../lib/backup/create.node.ts";
import {
  renderCreated,
  renderList,
  renderPruned,
  renderRemoved,
  renderRestored,
  renderVerified,
} from "./text/backup.ts";
import { note, runScript, warn, writeJson, writeOut } from "./cli/main.ts";
import { locateMemory, locateMemoryDir } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { countOf } from "./text/table.ts";

const COMMAND = {
  summary: `Backs the memory up, also while a run writes to it. A backup is a plain folder that --memory-dir can name; what
did not change since the one before takes no room. ID is a name from the list, or "latest".`,
  usage: `bun scripts/backup.ts [create] [--label L] [--answers] [--keep-last N] [flags]
    bun scripts/backup.ts list [flags]
    bun scripts/backup.ts verify [ID] [flags]
    bun scripts/backup.ts restore ID --to DIR [--dry-run] [flags]
    bun scripts/backup.ts prune [--keep-last N] [--keep-daily N] ... [--dry-run] [flags]`,
  flags: {
    "backup-dir": {
      type: "string",
      value: "DIR",
      help: "where backups are (default: backups, beside the memory folder)",
    },
    label: { type: "string", value: "L", help: "create: what the list calls it" },
    answers: {
      type: "boolean",
      help: "create: with the recorded answers (memory.answers_dir of the configuration)",
    },
    to: { type: "string", value: "DIR", help: "restore: a folder that is not there, or is empty" },
    "keep-last": { type: "integer", min: 1, value: "N", help: "prune, create: keep the newest N" },
    "keep-daily": {
      type: "integer",
      min: 1,
      value: "N",
      help: "prune: keep the newest of each of the last N days (UTC), and the oldest while there are fewer",
    },
    "keep-weekly": { type: "integer", min: 1, value: "N", help: "prune: the same by week" },
    "keep-monthly": { type: "integer", min: 1, value: "N", help: "prune: the same by month" },
    "keep-yearly": { type: "integer", min: 1, value: "N", help: "prune: the same by year" },
    "dry-run": { type: "boolean", help: "restore, prune: check, say what would be done, and write nothing" },
    ...SHARED_FLAGS,
  },
  maxPositionals: 2,
  example: `bun scripts/backup.ts --label "before the new prompts" --keep-last 30
    bun scripts/backup.ts restore latest --to data/memory`,
} as const;

const WORDS = ["create", "list", "verify", "restore", "prune"] as const;
type Word = (typeof WORDS)[number];
type Flags = ReturnType<typeof parseFlags<(typeof COMMAND)["flags"]>>["flags"];

/** The words that a flag goes with; those that are not here go with all. */
const WORDS_OF_FLAG = {
  label: ["create"],
  answers: ["create"],
  to: ["restore"],
  "keep-last": ["create", "prune"],
  "keep-daily": ["prune"],
  "keep-weekly": ["prune"],
  "keep-monthly": ["prune"],
  "keep-yearly": ["prune"],
  "dry-run": ["restore", "prune"],
} as const satisfies Partial<Record<keyof Flags, readonly Word[]>>;

const DAMAGED = 4;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { word, id } = checkWords(positionals, flags);
  const memoryDir = await locateMemoryDir({ memoryDirFlag: flags["memory-dir"], configFlag: flags.config });
  const asked = flags["backup-dir"];
  const backupDir = asked === undefined ? join(memoryDir, "..", "backups") : resolve(asked);
  if (word !== "create" && asked !== undefined && isAbsent(backupDir)) {
    throw new CarryoverError("NOT_FOUND", `Cannot ${word}: found no folder "${backupDir}", expected one with backups`);
  }
  switch (word) {
    case "create":
      return create(flags, { memoryDir, backupDir, answersDir: await answersDirOf(flags) });
    case "list":
      return list(flags, { backupDir });
    case "verify":
      return verify(flags, { backupDir, id, signal });
    case "restore":
      return restore(flags, { backupDir, id: id ?? "latest" });
    case "prune":
      return prune(flags, { backupDir });
  }
});

/** Whether there is nothing. What may not be looked at is for the library to tell. */
function isAbsent(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** Takes word and ID apart, and refuses what does not go together. */
function checkWords(positionals: readonly string[], flags: Flags): { word: Word; id: string | undefined } {
  const [first = "create", id] = positionals;
  const word = WORDS.find((each) => each === first);
  if (word === undefined) {
    const expected = closest(first, WORDS) ?? `one of ${WORDS.join(", ")}`;
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use ${JSON.stringify(first)}: found no such word, expected ${expected}`,
    );
  }
  const problems: string[] = [];
  if (id !== undefined && word !== "verify" && word !== "restore") {
    problems.push(`Cannot ${word}: found ${JSON.stringify(id)} after it, expected flags only`);
  }
  if (word === "restore" && id === undefined) problems.push("Cannot restore: found no ID, expected one or latest");
  if (word === "restore" && flags.to === undefined) problems.push("Cannot restore: found no --to, expected a folder");
  for (const [name, words] of Object.entries(WORDS_OF_FLAG)) {
    const value = flags[name as keyof typeof WORDS_OF_FLAG];
    if (value === undefined || value === false || (words as readonly Word[]).includes(word)) continue;
    problems.push(`Cannot use --${name}: found ${word}, expected ${words.join(" or ")}`);
  }
  if (problems.length > 0) throw new CarryoverError("BAD_USAGE", problems.join("\n"));
  return { word, id };
}

/** Answers are shared by all memory folders: where they are is the configuration's to say. */
async function answersDirOf(flags: Flags): Promise<string | undefined> {
  return flags.answers ? (await locateMemory({ configFlag: flags.config })).answers_dir : undefined;
}

async function create(
  flags: Flags,
  dirs: { memoryDir: string; backupDir: string; answersDir: string | undefined },
): Promise<number> {
  const { memoryDir, backupDir, answersDir } = dirs;
  const backup = await createBackup({
    memoryDir,
    backupDir,
    now: new Date(),
    ...(flags.label === undefined ? {} : { label: flags.label }),
    ...(answersDir === undefined ? {} : { answersDir }),
  });
  for (const name of backup.skipped)
    warn(`Left out "${name}": it is no regular file, or has a name that cannot be restored`);
  if (backup.outcomes === 0) warn(`There are no outcomes in "${memoryDir}", so there are none in the backup`);
  // Whatever becomes of the older ones.
  if (!flags.json) await writeOut(renderCreated(backup));
  const keepLast = flags["keep-last"];
  const { kept, removed } =
    keepLast === undefined ? { kept: [], removed: [] } : await pruneBackups({ backupDir, keepLast });
  if (flags.json) {
    await writeJson({
      ...backup,
      removed: removed.map(({ id }) => id),
      damaged: kept.flatMap(({ backup: { id, problem } }) => (problem === undefined ? [] : [{ id, problem }])),
    });
  } else if (removed.length > 0) await writeOut(renderRemoved(removed));
  return codeFor(kept.map(({ backup: each }) => each));
}

/** Says what is wrong with backups, and returns the exit code. */
function codeFor(backups: readonly BackupInfo[]): number {
  const problems = backups.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  problems.forEach(warn);
  return problems.length > 0 ? DAMAGED : 0;
}

async function list(flags: Flags, { backupDir }: { backupDir: string }): Promise<number> {
  const backups = await listBackups(backupDir);
  if (flags.json) await writeJson({ backup_dir: backupDir, backups });
  else if (backups.length > 0) await writeOut(renderList(backups, Date.now()));
  else note(`There are no backups in "${backupDir}"`);
  return codeFor(backups);
}

async function verify(
  flags: Flags,
  options: { backupDir: string; id: string | undefined; signal: AbortSignal },
): Promise<number> {
  const { backupDir } = options;
  const verified = await verifyBackups(backupDir, options);
  const damaged = verified.filter(({ problems }) => problems.length > 0).length;
  if (flags.json) await writeJson({ backup_dir: backupDir, backups: verified });
  else await writeOut(renderVerified(verified));
  if (damaged > 0)
    warn(
      `${damaged} of ${countOf(verified.length, "backup")} in "${backupDir}" ${damaged === 1 ? "is" : "are"} damaged`,
    );
  return damaged > 0 ? DAMAGED : 0;
}

async function restore(flags: Flags, options: { backupDir: string; id: string }): Promise<void> {
  const to = resolve(flags.to ?? "");
  const dryRun = flags["dry-run"];
  const backup = await restoreBackup({ ...options, to, dryRun });
  if (flags.json) await writeJson({ ...backup, to, dry_run: dryRun });
  else await writeOut(renderRestored(backup, { to, dryRun }));
}

async function prune(flags: Flags, { backupDir }: { backupDir: string }): Promise<number> {
  const rules = {
    keepLast: flags["keep-last"] ?? 0,
    keepDaily: flags["keep-daily"] ?? 0,
    keepWeekly: flags["keep-weekly"] ?? 0,
    keepMonthly: flags["keep-monthly"] ?? 0,
    keepYearly: flags["keep-yearly"] ?? 0,
  };
  const dryRun = flags["dry-run"];
  const { kept, removed } = await pruneBackups({ backupDir, dryRun, ...rules });
  if (flags.json) {
    await writeJson({
      backup_dir: backupDir,
      kept: kept.map(({ backup: { id, problem }, reasons }) => ({
        id,
        reasons,
        ...(problem === undefined ? {} : { problem }),
      })),
      removed: removed.map(({ id }) => id),
      dry_run: dryRun,
    });
  } else {
    await writeOut(renderPruned({ kept, removed }, { dryRun }));
  }
  return codeFor(kept.map(({ backup }) => backup));
}
