/** What memory-stats says of a check and of a repair. */
import type { CheckResult } from "../../lib/maintenance/check.node.ts";
import type { Finding, Remedy } from "../../lib/maintenance/check-runs.ts";
import type { Repair } from "../../lib/maintenance/repair.node.ts";
import { countOf, fixed, paint, shownPath } from "./table.ts";

const REMEDIES: Readonly<Record<Remedy, string>> = {
  start: "heals by itself: the next command that writes makes it anew, or --repair now",
  rebuild: "--repair makes it anew",
  run: "the same run-chunks command makes it again",
  quarantine: "--repair moves it to quarantine",
  "quarantine, run": "--repair moves it to quarantine, and the same run-chunks command makes it again",
  person: "only you can tell: move it away if it is not yours, or make the mark again with reset-providers --forget",
};

/** A check in JSON. */
export function checkJson(memoryDir: string, checkup: CheckResult): object {
  const { findings, ...read } = checkup;
  return { memory_dir: memoryDir, ...read, damaged: damagedIn(checkup).length, findings: findings.map(findingJson) };
}

/** A repair in JSON: what was found, what was done, and what is left. */
export function repairJson(memoryDir: string, repair: Repair): object {
  const { before, moved, rebuilt, after } = repair;
  return {
    memory_dir: memoryDir,
    damaged: damagedIn(before).length,
    findings: before.findings.map(findingJson),
    moved,
    rebuilt,
    left: after.findings.map(findingJson),
  };
}

/** Findings that lose data, or would. */
export function damagedIn({ findings }: CheckResult): readonly Finding[] {
  return findings.filter((finding) => finding.damaged);
}

/** What was read, and what is wrong with it. */
export function renderCheck(memoryDir: string, checkup: CheckResult): string {
  const { findings } = checkup;
  return `${whatWasRead(memoryDir, checkup)}${findings.map(renderFinding).join("")}${verdict(checkup)}`;
}

/** What was found, what was done about it, and what is left. */
export function renderRepair(memoryDir: string, { before, moved, rebuilt, after }: Repair): string {
  const done = [
    ...moved.map(({ name, to }) => `${paint("Moved", "green")}    ${name} to ${to}\n`),
    ...rebuilt.map((name) => `${paint("Rebuilt", "green")}  ${name}\n`),
  ];
  const left = after.findings.length === 0 ? "" : `\nLeft:\n${after.findings.map(renderFinding).join("")}`;
  const found = before.findings.map(renderFinding).join("");
  const nothing = before.findings.length === 0 ? "There was nothing to repair\n" : "\n";
  return `${whatWasRead(memoryDir, before)}${found}${nothing}${done.join("")}${left}`;
}

function whatWasRead(memoryDir: string, checkup: CheckResult): string {
  const { outcomes, unverified, forget_marks, snapshots, runs, chunks, vectors, quarantined } = checkup;
  const parts = [
    countOf(outcomes, "outcome"),
    ...(forget_marks === 0 ? [] : [countOf(forget_marks, "forget mark")]),
    countOf(snapshots, "snapshot"),
    `${countOf(runs, "run")} with ${countOf(chunks, "chunk")}`,
    countOf(vectors, "vector"),
  ];
  const imported = unverified === 0 ? "" : `Imported, without a checksum: ${countOf(unverified, "file")}\n`;
  const aside = quarantined.length === 0 ? "" : `In quarantine: ${countOf(quarantined.length, "file")}\n`;
  return `Read ${shownPath(memoryDir)}: ${parts.join(", ")}\n${imported}${aside}`;
}

function renderFinding({ damaged, problem, remedy }: Finding): string {
  const state = damaged ? paint("Damaged", "red") : "Behind ";
  return `${state}  ${problem}\n         ${REMEDIES[remedy]}\n`;
}

function verdict(checkup: CheckResult): string {
  const { findings } = checkup;
  if (findings.length === 0) return "Everything is as it was written\n";
  const damaged = damagedIn(checkup).length;
  const behind = findings.length - damaged;
  const caches = behind === 0 ? "" : `, ${countOf(behind, "cache")} behind`;
  return `\n${damaged === 0 ? "Nothing is damaged" : `${fixed(damaged, 0)} damaged`}${caches}\n`;
}

function findingJson({ name, damaged, problem, remedy }: Finding): object {
  return { name, damaged, heals_itself: remedy === "start", problem, remedy: REMEDIES[remedy] };
}
