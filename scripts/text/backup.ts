/** What backup.ts shows. */
import type { BackupInfo } from "../../lib/backup/list.node.ts";
import type { PruneResult } from "../../lib/backup/prune.node.ts";
import type { VerifiedBackup } from "../../lib/backup/verify.node.ts";
import { DAY_MS, HOUR_MS } from "../../lib/util/time.ts";
import { bytes, countOf, duration, fixed, paint, table, type Column } from "./table.ts";

/** What `create` made. */
export function renderCreated(backup: BackupInfo): string {
  return `Backed up ${contents(backup)}, ${bytes(backup.new_bytes)} of it new, to ${backup.path}\n`;
}

/** What `create` removed after it. */
export function renderRemoved(removed: readonly BackupInfo[]): string {
  return `Removed ${removed.map(({ id }) => id).join(", ")}\n`;
}

/**
 * The listing, oldest first.
 *
 * @param nowMs Ages are as of then, epoch ms.
 */
export function renderList(backups: readonly BackupInfo[], nowMs: number): string {
  const columns: readonly Column[] = [
    { title: "ID", align: "left" },
    { title: "Age" },
    { title: "Label", align: "left" },
    { title: "Outcomes" },
    { title: "Files" },
    { title: "Size" },
    { title: "New" },
  ];
  const rows = backups.map((backup) => {
    const { id, created, label, problem } = backup;
    const numbers =
      problem === undefined
        ? [fixed(backup.outcomes, 0), fixed(backup.files, 0), bytes(backup.bytes), bytes(backup.new_bytes)]
        : ["-", "-", "-", "-"];
    const name = problem === undefined ? (label ?? "") : paint("damaged", "red");
    return [id, age(nowMs - Date.parse(created)), name, ...numbers];
  });
  return table(columns, rows);
}

/** Each backup's state, and a line for each problem. */
export function renderVerified(verified: readonly VerifiedBackup[]): string {
  return verified
    .map(({ id, problems }) => {
      if (problems.length === 0) return `${id}  ${paint("good", "green")}\n`;
      const lines = problems.map(({ message }) => `  ${message}\n`);
      return `${id}  ${paint("damaged", "red")}\n${lines.join("")}`;
    })
    .join("");
}

/** What `restore` wrote, or would. */
export function renderRestored(backup: BackupInfo, options: { to: string; dryRun: boolean }): string {
  const verb = options.dryRun ? "Would restore" : "Restored";
  return `${verb} ${backup.id}, ${contents(backup)}, to ${options.to}\n`;
}

/** What `prune` removed, or would, and why the others stay. */
export function renderPruned({ kept, removed }: PruneResult, { dryRun }: { dryRun: boolean }): string {
  const all = [
    ...kept.map(({ backup, reasons }) => ({ backup, why: `kept: ${reasons.join(", ")}` })),
    ...removed.map((backup) => ({ backup, why: dryRun ? "would be removed" : "removed" })),
  ].toSorted((a, b) => Date.parse(a.backup.created) - Date.parse(b.backup.created));
  const columns: readonly Column[] = [
    { title: "ID", align: "left" },
    { title: "Label", align: "left" },
    { title: "Outcomes" },
    { title: "State", align: "left" },
  ];
  const rows = all.map(({ backup, why }) => [backup.id, backup.label ?? "", fixed(backup.outcomes, 0), why]);
  const verb = dryRun ? "Would keep" : "Kept";
  const summary = `${verb} ${fixed(kept.length, 0)} and ${dryRun ? "remove" : "removed"} ${fixed(removed.length, 0)}\n`;
  return `${all.length === 0 ? "" : `${table(columns, rows)}\n`}${summary}`;
}

function contents({ outcomes, files, bytes: size, label }: BackupInfo): string {
  const name = label === null ? "" : `"${label}": `;
  return `${name}${countOf(outcomes, "outcome")} in ${countOf(files, "file")}, ${bytes(size)}`;
}

/** Such as `2h 03m`, and days from the third on. */
function age(ms: number): string {
  return ms < 48 * HOUR_MS ? duration(ms) : `${fixed(Math.floor(ms / DAY_MS), 0)}d`;
}
