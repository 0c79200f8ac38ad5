/** What memory-stats prints about a check and a repair. */
import type { CheckResult } from "../../lib/maintenance/check.ts";
import type { Finding, Remedy } from "../../lib/maintenance/finding.ts";
import type { RepairResult } from "../../lib/maintenance/repair.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { paint } from "../cli/terminal.ts";
import { count, countOf } from "./numbers.ts";

const REMEDIES: Readonly<Record<Remedy, string>> = {
  start: "the next command that writes rebuilds it, or --repair now",
  rebuild: "--repair rebuilds it",
  run: "the same run-chunks command makes it again",
  quarantine: "--repair moves it to quarantine",
  "quarantine, run": "--repair moves it to quarantine, then repeat the run-chunks command",
  person: "move it away if it is not yours, or repeat reset-providers --forget",
};

export function checkJson(memoryDir: string, result: CheckResult): object {
  const { findings, ...read } = result;
  return { memory_dir: memoryDir, ...read, damaged: damagedIn(result).length, findings: findings.map(findingJson) };
}

export function repairJson(memoryDir: string, repair: RepairResult): object {
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

function findingJson({ name, damaged, problem, remedy }: Finding): object {
  return { name, damaged, heals_itself: remedy === "start", problem, remedy: REMEDIES[remedy] };
}

/** Findings that mean a loss of data. */
export function damagedIn({ findings }: CheckResult): readonly Finding[] {
  return findings.filter((finding) => finding.damaged);
}

export function renderCheck(memoryDir: string, result: CheckResult): string {
  return `${whatWasRead(memoryDir, result)}${findingLines(result)}${verdict(result)}`;
}

export function renderRepair(memoryDir: string, { before, moved, rebuilt, after }: RepairResult): string {
  return [
    whatWasRead(memoryDir, before),
    findingLines(before),
    before.findings.length === 0 ? "Nothing to repair\n" : "\n",
    ...moved.map(({ name, to }) => `${paint("Moved", "green")}    ${name} to ${to}\n`),
    ...rebuilt.map((name) => `${paint("Rebuilt", "green")}  ${name}\n`),
    after.findings.length === 0 ? "" : `\nNot repaired:\n${findingLines(after)}`,
  ].join("");
}

function whatWasRead(memoryDir: string, result: CheckResult): string {
  const { outcomes, unverified, forget_marks: marks, snapshots, runs, chunks, vectors, quarantined } = result;
  const parts = [
    countOf(outcomes, "outcome"),
    ...(marks === 0 ? [] : [countOf(marks, "forget mark")]),
    countOf(snapshots, "snapshot"),
    `${countOf(runs, "run")} with ${countOf(chunks, "chunk")}`,
    countOf(vectors, "vector"),
  ];
  const imported = unverified === 0 ? "" : `Imported without a checksum: ${countOf(unverified, "file")}\n`;
  const aside = quarantined.length === 0 ? "" : `In quarantine: ${countOf(quarantined.length, "file")}\n`;
  const others = result.left_alone.map((name) => `Left alone: ${name} is no outcome\n`).join("");
  return `Read ${shownPath(memoryDir)}: ${parts.join(", ")}\n${imported}${aside}${others}`;
}

function findingLines({ findings }: CheckResult): string {
  return findings
    .map(({ damaged, problem, remedy }) => {
      const state = damaged ? paint("Damaged", "red") : "Stale  ";
      return `${state}  ${problem}\n         ${REMEDIES[remedy]}\n`;
    })
    .join("");
}

function verdict(result: CheckResult): string {
  if (result.findings.length === 0) return "Everything is intact\n";
  const damaged = damagedIn(result).length;
  const stale = result.findings.length - damaged;
  const caches = stale === 0 ? "" : `, ${countOf(stale, "stale cache")}`;
  return `\n${damaged === 0 ? "Nothing damaged" : `${count(damaged)} damaged`}${caches}\n`;
}
