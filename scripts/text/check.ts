/** What memory-stats prints about a check and a repair. */
import type { CheckResult } from "../../lib/maintenance/check.ts";
import { type Finding, flagsOfRun, type Remedy, SAME_RUN } from "../../lib/maintenance/finding.ts";
import type { RepairResult } from "../../lib/maintenance/repair.ts";
import { isForgetFile } from "../../lib/memory/forget.ts";
import { idOfOutcomeFile } from "../../lib/memory/outcome.ts";
import { LABELS_FILE } from "../../lib/runs/labels.ts";
import { shownPath } from "../../lib/util/command-line.node.ts";
import { paint } from "../cli/terminal.ts";
import { count, countOf } from "./numbers.ts";

const FROM_BACKUP = "doctor has the command that copies it from a backup on disk";
const OF_SESSION = "resume and close its session, which goes on without it";

const REMEDIES: Readonly<Record<Remedy, string>> = {
  start: "the next command that writes rebuilds it, or --repair now",
  rebuild: "--repair rebuilds it",
  run: `${FROM_BACKUP}; else, ${SAME_RUN}, the same run-chunks command makes it again, with any other flags that it had`,
  quarantine: `${FROM_BACKUP}; else --repair moves it to quarantine`,
  "quarantine, run": `${FROM_BACKUP}; else --repair moves it to quarantine, then, ${SAME_RUN}, repeat the run-chunks command, with any other flags that it had`,
  person: "move it away if it is not yours, or repeat reset-providers --forget",
};

/** Where a check looked, and the command that makes a run of that memory, by its own flags. */
export interface CheckedMemory {
  readonly memoryDir: string;
  readonly runCommand: (flags: string) => string;
}

export function checkJson(memory: CheckedMemory, result: CheckResult): object {
  const { findings, ...read } = result;
  const damaged = damagedIn(result).length;
  return {
    memory_dir: memory.memoryDir,
    ...read,
    damaged,
    findings: findings.map((each) => findingJson(each, memory)),
  };
}

export function repairJson(memory: CheckedMemory, repair: RepairResult): object {
  const { before, moved, rebuilt, lost, after } = repair;
  return {
    memory_dir: memory.memoryDir,
    damaged: damagedIn(before).length,
    findings: before.findings.map((each) => findingJson(each, memory)),
    moved,
    rebuilt,
    lost,
    left: after.findings.map((each) => findingJson(each, memory)),
  };
}

function findingJson(finding: Finding, memory: CheckedMemory): object {
  const { name, damaged, problem, remedy } = finding;
  return { name, damaged, heals_itself: remedy === "start", problem, remedy: whatToDo(finding, memory) };
}

function whatToDo({ remedy, run }: Finding, { runCommand }: CheckedMemory): string {
  if (run?.isStored === false)
    return `${FROM_BACKUP}; else --repair moves it to quarantine; its run is not stored any more`;
  if (run?.isSession === true)
    return remedy === "run" ? `${FROM_BACKUP}; else ${OF_SESSION}` : `${REMEDIES.quarantine}, then ${OF_SESSION}`;
  const flags = flagsOfRun(run);
  return flags === undefined ? REMEDIES[remedy] : `${REMEDIES[remedy]}: ${runCommand(flags)}`;
}

/** Findings that mean a loss of data. */
export function damagedIn({ findings }: CheckResult): readonly Finding[] {
  return findings.filter((finding) => finding.damaged);
}

export function renderCheck(memory: CheckedMemory, result: CheckResult): string {
  return `${whatWasRead(memory, result)}${findingLines(result, memory)}${verdict(result)}`;
}

export function renderRepair(memory: CheckedMemory, { before, moved, rebuilt, lost, after }: RepairResult): string {
  const ofSessions = before.findings.filter(({ run }) => run?.isSession === true).map(({ name }) => name);
  return [
    whatWasRead(memory, before),
    findingLines(before, memory),
    before.findings.length === 0 ? "Nothing to repair\n" : "\n",
    ...moved.map(({ name, to }) => `${paint("Moved", "green")}    ${name} to ${to}\n`),
    ...rebuilt.map((name) => `${paint("Rebuilt", "green")}  ${name}\n`),
    ...lost.map((name) => `${paint("Lost", "red")}     ${name}${dayOf(name)}: no stored run makes it again\n`),
    lost.length === 0
      ? ""
      : `         ${["copy it from a backup", ...new Set(lost.flatMap((name) => waysBack(name, ofSessions)))].join(", or use ")}\n`,
    after.findings.length === 0 ? "" : `\nNot repaired:\n${findingLines(after, memory)}`,
  ].join("");
}

/** What else brings back a file that no stored run makes again. */
function waysBack(name: string, ofSessions: readonly string[]): readonly string[] {
  if (ofSessions.includes(name))
    return name.endsWith("/summary.json") ? ["open_session with resume, then close_session"] : [];
  if (name === LABELS_FILE) return ["runs label"];
  if (isForgetFile(name)) return ["reset-providers --forget"];
  return idOfOutcomeFile(name) === undefined ? [] : ["the run-chunks command of that day"];
}

/** The day of the decision, if the outcome's name has it. */
function dayOf(name: string): string {
  const [, year, month, day] = /^outcome_(\d{4})(\d\d)(\d\d)T/.exec(name) ?? [];
  return day === undefined ? "" : ` of ${year}-${month}-${day}`;
}

function whatWasRead({ memoryDir }: CheckedMemory, result: CheckResult): string {
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

function findingLines({ findings }: CheckResult, memory: CheckedMemory): string {
  return findings
    .map((finding) => {
      const state = finding.damaged ? paint("Damaged", "red") : "Stale  ";
      return `${state}  ${finding.problem}\n         ${whatToDo(finding, memory)}\n`;
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
