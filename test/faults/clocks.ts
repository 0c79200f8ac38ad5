/** Row 36: every command with a clock that is wrong, or jumps while it runs (libfaketime). */
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { filesOf } from "../scripts/run-script.ts";
import { type Command, COMMANDS, commandOf, copyWork, makeWork, perform } from "./commands.ts";
import type { Fault } from "./fault.ts";

/** Of Debian's package `faketime`. */
const [LIBRARY] = globSync("/usr/lib/{*/,}faketime/libfaketime.so.1");

const TIMES = ["1970-01-02 00:00:00", "2040-01-01 00:00:00", "2024-02-29 23:59:59"];
/** From before a backup was made to long after it, and back. */
const JUMPS = [TIMES, TIMES.toReversed()].map((times) => times.slice(0, 2) as [string, string]);

/** A clock that begins at a time and goes on from there. A file in place of the time is read again and again. */
function clockOf(time: string | { readonly file: string }): Record<string, string> {
  // Timers go on as they do: a clock that jumps is that of the day, not that of the machine's uptime.
  const rest = { LD_PRELOAD: LIBRARY!, FAKETIME_DONT_FAKE_MONOTONIC: "1", FAKETIME_NO_CACHE: "1", TZ: "UTC" };
  return typeof time === "string" ? { ...rest, FAKETIME: `@${time}` } : { ...rest, FAKETIME_TIMESTAMP_FILE: time.file };
}

async function performOrThrow(
  command: Command,
  at: { work: string; clock: Record<string, string>; when: string },
): Promise<void> {
  const { code, stdout, stderr } = await perform(command, at.work, at.clock);
  if (code !== 0) throw new Error(`"${command.name}" ${at.when} ended with ${code}: ${stdout}${stderr}`);
}

/** Performs a command, and checks that its clock changed nothing but names. */
async function performAt(command: Command, at: Parameters<typeof performOrThrow>[1]): Promise<void> {
  const { work, when } = at;
  const backups = (): readonly string[] => readdirSync(join(work, "memory/backups"));
  const before = backups();
  await performOrThrow(command, at);
  await performOrThrow(commandOf("check"), at);
  await performOrThrow(commandOf("verify"), at);
  if (command.name === "create" && backups().every((id) => before.includes(id))) {
    throw new Error(`"create" ${when} acknowledged a backup that is not there: ${backups().join(", ")}`);
  }
  if (command.name !== "restore") return;
  const outcomes = (folder: string): unknown =>
    Object.entries(filesOf(join(work, folder))).filter(([name]) => name.startsWith("outcome_"));
  if (!isDeepStrictEqual(outcomes("restored"), outcomes("memory/synthetic"))) {
    throw new Error(`"restore latest" ${when} restored other outcomes than those of the last backup`);
  }
}

async function inject(): ReturnType<Fault["inject"]> {
  const root = mkdtempSync(join(tmpdir(), "carryover-clocks-"));
  let injected = 0;
  try {
    const template = join(root, "template");
    await makeWork(template);
    for (const command of COMMANDS) {
      const right = copyWork(template, join(root, `right-${command.name}`));
      const startedMs = performance.now();
      await performOrThrow(command, { work: right, clock: {}, when: "with the right clock" });
      const usualMs = performance.now() - startedMs;
      const expected = filesOf(join(right, "memory/synthetic"));
      const tryClock = async (when: string, clock: Record<string, string>, during?: () => void): Promise<void> => {
        const work = copyWork(template, join(root, "work"));
        const timer = during === undefined ? undefined : setTimeout(during, usualMs / 2);
        await performAt(command, { work, clock, when });
        clearTimeout(timer);
        if (!isDeepStrictEqual(filesOf(join(work, "memory/synthetic")), expected)) {
          throw new Error(`"${command.name}" ${when} left other bytes in memory than with the right clock`);
        }
        rmSync(work, { recursive: true });
        injected += 1;
      };
      for (const time of TIMES) await tryClock(`at ${time}`, clockOf(time));
      for (const [from, to] of JUMPS) {
        const file = join(root, "clock");
        writeFileSync(file, `@${from}\n`);
        await tryClock(`while the clock jumps from ${from} to ${to}`, clockOf({ file }), () =>
          writeFileSync(file, `@${to}\n`),
        );
      }
    }
    return {
      injected,
      found: `${COMMANDS.length} commands at ${TIMES.length} times and through ${JUMPS.length} jumps: exit code 0, the bytes of the right clock in memory, every backup there and sound`,
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export const clocks: readonly Fault[] = [
  {
    rows: [24, 36, 45],
    name: "every command with a wrong or jumping clock",
    how: "clocks of commands that are wrong or jump (libfaketime)",
    missing: () => (LIBRARY !== undefined && existsSync(LIBRARY) ? undefined : "libfaketime (Debian: faketime)"),
    inject,
  },
];
