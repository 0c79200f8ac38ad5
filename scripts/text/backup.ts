/** What backup prints. */
import { join } from "node:path";
import { type BackupInfo, fullestOf } from "../../lib/backup/list.node.ts";
import { LABEL, type PruneResult } from "../../lib/backup/prune.node.ts";
import { isS3Address } from "../../lib/backup/place.ts";
import type { VerifiedBackup } from "../../lib/backup/verify.node.ts";
import type { DamagedFile } from "../../lib/storage/damaged-file.ts";
import { scriptCommand } from "../../lib/util/command-line.node.ts";
import { shellWord } from "../../lib/util/names.ts";
import { DAY_MS, HOUR_MS } from "../../lib/util/time.ts";
import { paint } from "../cli/terminal.ts";
import { bytes, count, countOf, duration } from "./numbers.ts";
import { columns, table, words } from "./table.ts";

/** What `create` made. That it is the first shows that a disk of backups is not mounted. */
export function renderCreated(backup: BackupInfo): string {
  const { sequence, new_bytes: newBytes, bytes: size, path } = backup;
  // Before version 1.0.0 backups had no sequence numbers, but share files with this one.
  const first = sequence === 1 && newBytes === size ? ", the first backup there" : "";
  return `Backed up ${contents(backup, `, ${bytes(newBytes)} new`)} to ${path}${first}\n`;
}

/** Damaged files that are named. */
const MAX_NAMED = 5;

/** Names the damaged files that a backup was made of, and the command that says what to do about each. */
export function unsoundWarnings(files: readonly DamagedFile[], command: string): readonly string[] {
  if (files.length === 0) return [];
  const named = files.slice(0, MAX_NAMED).map(({ problem }) => `Damaged in memory, and so in this backup: ${problem}`);
  const more = files.length > MAX_NAMED ? `${countOf(files.length - MAX_NAMED, "more file")} damaged. ` : "";
  return [...named, `${more}No older backup was removed. What to do about each file: ${command}`];
}

/** Says why `create` removed none: memory had more outcomes once. */
export function sparedWarnings(
  made: BackupInfo,
  { kept, fuller }: PruneResult,
  { memoryDir, onBackups }: { memoryDir: string; onBackups: string },
): readonly string[] {
  if (fuller.length === 0) return [];
  const good = kept.map(({ backup }) => backup).filter(({ problem }) => problem === undefined);
  const fullest = fullestOf(good);
  const since = good.length - 1 - good.findLastIndex(({ outcomes }) => outcomes > made.outcomes);
  const to = shellWord(`${memoryDir}-restored`);
  return [
    `This backup has ${countOf(made.outcomes, "outcome")}, and older ones that would go have more: ${withOutcomes(fuller)}. No older backup was removed`,
    `Is "${memoryDir}" the right folder, and its disk mounted? The fullest backup: ${scriptCommand("backup")} restore ${fullest.id} --to ${to} ${onBackups}`,
    `If outcomes were removed on purpose, prune by hand: ${scriptCommand("backup")} prune --keep-last ${since} --dry-run ${onBackups}`,
  ];
}

/** Warns of a `prune` by which memory may lose outcomes. */
export function fullerWarnings({ fuller }: PruneResult, { dryRun }: { dryRun: boolean }): readonly string[] {
  if (fuller.length === 0) return [];
  const what = dryRun ? "would be removed with" : "were removed with";
  return [`Backups ${what} more outcomes than the newest has, so memory may be lost: ${withOutcomes(fuller)}`];
}

/** Names the backups that are damaged or cannot be read, and what to do. */
export function damageWarnings(backups: readonly BackupInfo[], backupDir: string): readonly string[] {
  return backups.flatMap(({ id, problem, unreadable }) => {
    if (problem === undefined || unreadable === true) return problem ?? [];
    return `${problem}. It stays until you remove it: ${removeCommand(backupDir, id)}`;
  });
}

/** Names the backups that stay for nothing but their labels. */
export function labelNotes({ kept }: PruneResult, backupDir: string): readonly string[] {
  return kept
    .filter(({ reasons }) => reasons.includes(LABEL))
    .map(({ backup: { id, label } }) => {
      return `Kept ${id} for its label ${JSON.stringify(label)}. To remove it: ${removeCommand(backupDir, id)}`;
    });
}

/** What removes a backup that is of no use any more. */
export function removeCommand(backupDir: string, id: string): string {
  if (!isS3Address(backupDir)) return `rm -r ${shellWord(join(backupDir, id))}`;
  return `aws s3 rm ${shellWord(`${backupDir.replace(/\/+$/, "")}/manifests/${id}.json`)}`;
}

/** Such as `20210401T060000Z (1,200 outcomes)`. */
function withOutcomes(backups: readonly BackupInfo[]): string {
  const shown = backups.slice(0, MAX_NAMED).map(({ id, outcomes }) => `${id} (${countOf(outcomes, "outcome")})`);
  const more = backups.length > MAX_NAMED ? ` and ${count(backups.length - MAX_NAMED)} more` : "";
  return shown.join(", ") + more;
}

export function fullerJson(fuller: readonly BackupInfo[]): readonly object[] {
  return fuller.map(({ id, outcomes }) => ({ id, outcomes }));
}

/** What `prune --json` prints of its work. */
export function prunedJson({ kept, removed, fuller }: PruneResult): object {
  return {
    kept: kept.map(({ backup: { id, problem }, reasons }) => {
      return { id, reasons, ...(problem === undefined ? {} : { problem }) };
    }),
    removed: removed.map(({ id }) => id),
    fuller: fullerJson(fuller),
  };
}

/** Which older backups `create` removed. */
export function renderRemoved(removed: readonly BackupInfo[]): string {
  return `Removed ${removed.map(({ id }) => id).join(", ")}\n`;
}

/** The listing, oldest first, with ages at `nowMs`, epoch ms. */
export function renderList(backups: readonly BackupInfo[], nowMs: number): string {
  const rows = backups.map((backup) => {
    const { id, created, label, problem, unreadable } = backup;
    const figures =
      problem === undefined
        ? [count(backup.outcomes), count(backup.files), bytes(backup.bytes), bytes(backup.new_bytes)]
        : ["-", "-", "-", "-"];
    const state = unreadable === true ? "unreadable" : "damaged";
    const name = problem === undefined ? (label ?? "") : paint(state, "red");
    return [id, age(nowMs - Date.parse(created)), name, ...figures];
  });
  return table([words("ID"), ...columns("Age"), words("Label"), ...columns("Outcomes", "Files", "Size", "New")], rows);
}

/**
 * Names backups that are dated after `nowMs`, epoch ms. That does them no harm: their order is that of their sequence
 * numbers.
 */
export function wrongClock(backups: readonly BackupInfo[], nowMs: number): readonly string[] {
  const isFuture = ({ created }: BackupInfo): boolean => Date.parse(created) > nowMs + HOUR_MS;
  const future = [...new Set(backups.filter(isFuture).map(({ id }) => id))];
  if (future.length === 0) return [];
  return [`The clock is wrong, or was: ${countOf(future.length, "backup")} dated in the future (${future.join(", ")})`];
}

/** Each backup's state, and a line for each problem. */
export function renderVerified(verified: readonly VerifiedBackup[]): string {
  return verified
    .map(({ id, problems, pruned = false, unreadable = false }) => {
      const sound = pruned ? "pruned meanwhile" : paint("good", "green");
      const readable = problems.length === 0 ? sound : paint("damaged", "red");
      return `${id}  ${unreadable ? paint("unreadable", "red") : readable}\n${problems.map(({ message }) => `  ${message}\n`).join("")}`;
    })
    .join("");
}

/**
 * What `restore` wrote, or would write.
 *
 * @param options `answersDir`: where it wrote recorded answers, if there were some.
 */
export function renderRestored(
  backup: BackupInfo,
  options: { to: string; dryRun: boolean; answersDir: string | null },
): string {
  const { to, dryRun, answersDir } = options;
  const use =
    answersDir === null ? "" : `To use its recorded answers: --set memory.answers_dir=${shellWord(answersDir)}\n`;
  return `${dryRun ? "Would restore" : "Restored"} ${backup.id}, ${contents(backup)} to ${to}\n${use}`;
}

/** What `prune` removed or would remove, and why the others stay. */
export function renderPruned({ kept, removed }: PruneResult, { dryRun }: { dryRun: boolean }): string {
  const all = [
    ...kept.map(({ backup, reasons }) => ({ backup, state: `kept: ${reasons.join(", ")}` })),
    ...removed.map((backup) => ({ backup, state: dryRun ? "would be removed" : "removed" })),
  ].toSorted((a, b) => a.backup.sequence - b.backup.sequence || (a.backup.id < b.backup.id ? -1 : 1));
  const rows = all.map(({ backup, state }) => [backup.id, backup.label ?? "", count(backup.outcomes), state]);
  const heads = [words("ID"), words("Label"), ...columns("Outcomes"), words("State")];
  const summary = dryRun
    ? `Would keep ${count(kept.length)} and remove ${count(removed.length)}\n`
    : `Kept ${count(kept.length)} and removed ${count(removed.length)}\n`;
  return `${all.length === 0 ? "" : `${table(heads, rows)}\n`}${summary}`;
}

function contents({ outcomes, files, bytes: size, label }: BackupInfo, more = ""): string {
  const name = label === null ? "" : `"${label}": `;
  return `${name}${countOf(outcomes, "outcome")} in ${countOf(files, "file")} (${bytes(size)}${more})`;
}

/** Such as `2h 03m`, or days from the third on. A backup that a wrong clock dated after now has none. */
function age(ms: number): string {
  if (ms < 0) return "-";
  return ms < 48 * HOUR_MS ? duration(ms) : `${count(Math.floor(ms / DAY_MS))}d`;
}
