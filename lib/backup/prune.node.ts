import fs from "node:fs";
import { join, resolve } from "node:path";
import { CarryoverError } from "../errors.ts";
import { DAY_MS } from "../util/time.ts";
import { sweepAbandoned } from "../storage/tree.node.ts";
import { attempt, syncFolder, temporaryName } from "../storage/fs.node.ts";
import { type BackupInfo, listBackups } from "./list.node.ts";
import { verifyBackup } from "./restore.node.ts";

/**
 * What to keep; a backup stays if any rule keeps it. Days, ISO weeks, months and years are UTC. A rule of spans that are not
 * all there yet keeps the oldest backup as well, so that the record reaches as far back as it was asked to: the rule of
 * [restic forget](https://restic.readthedocs.io/en/stable/060_forget.html#removing-snapshots-according-to-a-policy).
 */
export interface KeepRules {
  /** The newest so many. */
  readonly keepLast?: number;
  /** The newest of each of the last so many days that have backups; the others alike. */
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
}

/** What `pruneBackups()` takes. */
export interface PruneOptions extends KeepRules {
  readonly backupDir: string;
  /** Tells what would be removed and removes nothing. */
  readonly dryRun?: boolean;
}

/** A backup that stays, and why. */
export interface KeptBackup {
  readonly backup: BackupInfo;
  /** Such as `last`, `daily`, `oldest yearly`; `damaged` for one that was found to be: that is left to a person. */
  readonly reasons: readonly string[];
}

/** What a prune did, or would do; oldest first. */
export interface PruneResult {
  readonly kept: readonly KeptBackup[];
  readonly removed: readonly BackupInfo[];
}

/** Each rule's name and the span of time that a backup falls into. */
const RULES: readonly { key: keyof KeepRules; reason: string; spanOf: (backup: BackupInfo) => string | number }[] = [
  { key: "keepLast", reason: "last", spanOf: (backup) => backup.id },
  { key: "keepDaily", reason: "daily", spanOf: (backup) => backup.created.slice(0, 10) },
  // 1970-01-01 was a Thursday, and ISO weeks begin on Monday.
  {
    key: "keepWeekly",
    reason: "weekly",
    spanOf: (backup) => Math.floor((Math.floor(Date.parse(backup.created) / DAY_MS) + 3) / 7),
  },
  { key: "keepMonthly", reason: "monthly", spanOf: (backup) => backup.created.slice(0, 7) },
  { key: "keepYearly", reason: "yearly", spanOf: (backup) => backup.created.slice(0, 4) },
];

/**
 * Removes the backups that no rule keeps. Before anything is removed, the newest that stays is read and compared with its
 * manifest: one that is damaged stays, counts for no rule, and the next is read, so that one at least of those that stay is whole.
 * The others are not read.
 *
 * @throws {CarryoverError} `BAD_USAGE` if a number is not whole and at least 0, or no rule keeps anything; `IO`.
 */
export async function pruneBackups(options: PruneOptions): Promise<PruneResult> {
  for (const { key } of RULES) {
    const count = options[key];
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) {
      throw new CarryoverError("BAD_USAGE", `Cannot prune: found ${key} "${count}", expected a whole number`);
    }
  }
  if (!RULES.some(({ key }) => (options[key] ?? 0) > 0)) {
    throw new CarryoverError(
      "BAD_USAGE",
      "Cannot prune: found nothing to keep, expected at least one of keep last, daily, weekly, monthly or yearly above 0",
    );
  }
  const backupDir = resolve(options.backupDir);
  const result = await chooseWithOneWhole(await listBackups(backupDir), options);
  if (options.dryRun !== true && fs.existsSync(backupDir)) {
    attempt("prune", backupDir, () => {
      // Renamed first: a backup that is half deleted must not look like one.
      for (const { path } of result.removed) fs.renameSync(path, join(backupDir, temporaryName("pruned")));
      syncFolder(backupDir);
      sweepAbandoned(backupDir);
    });
  }
  return result;
}

/** Reads the newest that stays, and while that is damaged, chooses anew without it. */
async function chooseWithOneWhole(listed: readonly BackupInfo[], options: PruneOptions): Promise<PruneResult> {
  let backups = listed;
  for (;;) {
    const result = choose(backups, options);
    const newest = result.kept.findLast(({ backup }) => backup.problem === undefined)?.backup;
    if (result.removed.length === 0 || newest === undefined) return result;
    // What a run in the backup added does no harm.
    const problems = (await verifyBackup(options.backupDir, newest.id)).filter(({ kind }) => kind !== "extra");
    if (problems.length === 0) return result;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    const problem = `"${newest.path}" is damaged: ${problems[0]?.message}${more}`;
    backups = backups.map((backup) => (backup === newest ? { ...backup, problem } : backup));
  }
}

/** Which of the backups, oldest first, stay by the rules. */
function choose(backups: readonly BackupInfo[], rules: KeepRules): PruneResult {
  const reasons = new Map<string, string[]>();
  for (const backup of backups) if (backup.problem !== undefined) reasons.set(backup.id, ["damaged"]);
  const newestFirst = backups.filter((backup) => backup.problem === undefined).reverse();
  for (const { key, reason, spanOf } of RULES) {
    const spans = new Set<string | number>();
    for (const backup of newestFirst) {
      if (spans.size >= (rules[key] ?? 0)) break;
      const span = spanOf(backup);
      const isNew = !spans.has(span);
      if (!isNew && backup !== newestFirst.at(-1)) continue;
      spans.add(span);
      reasons.set(backup.id, [...(reasons.get(backup.id) ?? []), isNew ? reason : `oldest ${reason}`]);
    }
  }
  return {
    kept: backups.flatMap((backup) => {
      const why = reasons.get(backup.id);
      return why === undefined ? [] : [{ backup, reasons: why }];
    }),
    removed: backups.filter((backup) => !reasons.has(backup.id)),
  };
}
