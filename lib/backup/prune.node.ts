import { fail } from "../errors.ts";
import { DAY_MS } from "../util/time.ts";
import { type BackupInfo, listBackups } from "./list.node.ts";
import { type BackupDir, openPlace } from "./open-place.node.ts";
import type { BackupLockOptions, BackupPlace, BackupProblem } from "./place.ts";
import { unsoundProblems } from "./soundness.node.ts";
import { summaryOf, verifyBackup } from "./verify.node.ts";

/**
 * How many backups to keep. A backup stays if any rule keeps it, or if it has a label. Days, ISO weeks, months and years are UTC. A rule that asks
 * for more spans of time than there are keeps the oldest backup too, so that the backups reach back as far as possible:
 * [restic forget](https://restic.readthedocs.io/en/stable/060_forget.html#removing-snapshots-according-to-a-policy) does so.
 */
export interface KeepRules {
  /** Keeps the newest n. */
  readonly keepLast?: number;
  /** Keeps the newest of each of the last n days that have backups. The following rules do the same for longer spans. */
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
}

export interface PruneOptions extends KeepRules, BackupLockOptions {
  readonly backupDir: BackupDir;
  /** The id of a backup that the caller has just made. It stays, and all stay if one that would go has more outcomes. */
  readonly keepId?: string | undefined;
  /** Returns what would be removed, and removes nothing. @default false */
  readonly dryRun?: boolean;
}

export interface KeptBackup {
  readonly backup: BackupInfo;
  /**
   * Such as `last`, `daily`, `oldest yearly`, `label`, `just made`; `spared` if it only stays because one that would go has more outcomes
   * than the one just made. A `damaged` or `unreadable` backup always stays, for a person to look at.
   */
  readonly reasons: readonly string[];
}

/** What a prune did, or would do. Oldest first. */
export interface PruneResult {
  readonly kept: readonly KeptBackup[];
  readonly removed: readonly BackupInfo[];
  /**
   * Those that no rule keeps although they have more outcomes than the newest one. Memory rarely shrinks: it may be lost, or the
   * newest may be of another folder.
   */
  readonly fuller: readonly BackupInfo[];
}

/** The reason for which a backup with a label stays, as such a run does. */
export const LABEL = "label";

/** Each rule's name, and the span of time that a backup belongs to. */
const RULES: readonly { key: keyof KeepRules; reason: string; spanOf: (backup: BackupInfo) => string | number }[] = [
  { key: "keepLast", reason: "last", spanOf: (backup) => backup.id },
  { key: "keepDaily", reason: "daily", spanOf: (backup) => backup.created.slice(0, 10) },
  {
    key: "keepWeekly",
    reason: "weekly",
    // 1970-01-01 was a Thursday, and ISO weeks begin on Monday.
    spanOf: (backup) => Math.floor((Math.floor(Date.parse(backup.created) / DAY_MS) + 3) / 7),
  },
  { key: "keepMonthly", reason: "monthly", spanOf: (backup) => backup.created.slice(0, 7) },
  { key: "keepYearly", reason: "yearly", spanOf: (backup) => backup.created.slice(0, 4) },
];

/**
 * Removes the backups without a label that no rule keeps. Before that, those that stay are verified, in a bucket the newest of them; in a folder
 * also that what the newest was made of was sound. A damaged one counts for no rule. So at least one good backup stays.
 *
 * @throws {CarryoverError} `BAD_USAGE` if a number is not whole and at least 0, or no rule keeps anything; `LOCKED` if another
 * process is still making or removing backups there; `IO`.
 */
export async function pruneBackups(options: PruneOptions): Promise<PruneResult> {
  for (const { key } of RULES) {
    const count = options[key];
    if (count === undefined || (Number.isSafeInteger(count) && count >= 0)) continue;
    throw fail("BAD_USAGE", "Cannot prune", { found: `${key} "${count}"`, expected: "a whole number" });
  }
  if (!RULES.some(({ key }) => (options[key] ?? 0) > 0)) {
    throw fail("BAD_USAGE", "Cannot prune", {
      found: "nothing to keep",
      expected: "at least one of keep last, daily, weekly, monthly or yearly above 0",
    });
  }
  const place = openPlace(options.backupDir);
  const choosing = (): Promise<PruneResult> => chooseVerified(place, options);
  return options.dryRun === true ? choosing() : place.prune(options, choosing);
}

/** Chooses what stays, and chooses again without those of them that are damaged. */
async function chooseVerified(place: BackupPlace, options: PruneOptions): Promise<PruneResult> {
  let backups = await listBackups(place);
  const verified = new Set<string>();
  const whole = new Set<string>();
  for (;;) {
    const result = choose(backups, options);
    const good = result.kept.map(({ backup }) => backup).filter(({ problem }) => problem === undefined);
    // The objects of a bucket are shared, and listed for each backup.
    const next = (place.isBucket ? good.slice(-1) : good).findLast(({ id }) => !verified.has(id));
    if (result.removed.length === 0 || next === undefined) return result;
    let problems: readonly BackupProblem[];
    try {
      // Extra files, which a run in the backup may have added, do no harm.
      const serious = (await verifyBackup(place, next.id, { ...options, whole })).filter(
        ({ kind }) => kind !== "extra",
      );
      const isChecked = serious.length > 0 || place.isBucket || next !== good.at(-1);
      problems = isChecked ? serious : await unsoundProblems(next.path, options);
    } catch (error) {
      if (await place.has(next.id)) throw error;
      // A dry run has no lock.
      backups = await listBackups(place);
      continue;
    }
    verified.add(next.id);
    if (problems.length === 0) continue;
    const problem = `"${next.path}" is damaged: ${summaryOf(problems)}`;
    backups = backups.map((backup) => (backup === next ? { ...backup, problem } : backup));
  }
}

/** Applies the rules to backups, oldest first. */
function choose(backups: readonly BackupInfo[], rules: KeepRules & Pick<PruneOptions, "keepId">): PruneResult {
  const reasons = new Map<string, string[]>();
  for (const { id, problem, unreadable } of backups) {
    if (problem !== undefined) reasons.set(id, [unreadable === true ? "unreadable" : "damaged"]);
  }
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
  for (const { id, label } of newestFirst) if (label !== null && !reasons.has(id)) reasons.set(id, [LABEL]);
  const { keepId } = rules;
  if (keepId !== undefined && !reasons.has(keepId)) reasons.set(keepId, ["just made"]);
  const newest = backups.find(({ id }) => id === keepId) ?? newestFirst[0];
  const unkept = backups.filter(({ id }) => !reasons.has(id));
  const fuller = unkept.filter(({ outcomes }) => outcomes > (newest?.outcomes ?? 0));
  const isSpared = keepId !== undefined && fuller.length > 0;
  if (isSpared) for (const { id } of unkept) reasons.set(id, ["spared"]);
  return {
    kept: backups.flatMap((backup) => {
      const why = reasons.get(backup.id);
      return why === undefined ? [] : [{ backup, reasons: why }];
    }),
    removed: isSpared ? [] : unkept,
    fuller,
  };
}
