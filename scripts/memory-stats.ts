#!/usr/bin/env bun
/** Shows what is remembered, verifies it, and repairs it. Only --repair takes the lock and writes. */
import { readMemoryReport } from "../lib/maintenance/memory-report.ts";
import { openToRead } from "../lib/memory/open-to-read.node.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { type FlagValues, parseFlags, refuseTogether, SHARED_FLAGS } from "./cli/args.ts";
import { locateMemory, locateMemoryDir, runCommandOn } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, type ScriptContext, warn, writeJson, writeOut, writeRaw } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { understandsCodes } from "./cli/terminal.ts";
import { renderReport } from "./text/memory.ts";
import { countOf } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Shows what is remembered: counts, sizes, the newest trade, results by chunk, and confidence. " +
    "--check verifies every byte and lists what is damaged. --repair repairs it.",
  usage: ["bun scripts/memory-stats.ts [--watch [SECONDS] | --check | --repair] [flags]"],
  flags: {
    watch: {
      type: "optional-number",
      value: "SECONDS",
      help: "repeat every SECONDS (default: 2); with --json, one line each time",
    },
    check: { type: "boolean", help: "verify every file by its checksum; write nothing" },
    repair: {
      type: "boolean",
      help: "check, move damaged files to quarantine, rebuild caches; exit code 4 if something stays damaged or is lost",
    },
    ...SHARED_FLAGS,
  },
  examples: [
    "bun scripts/memory-stats.ts",
    "bun scripts/memory-stats.ts --json | jq .providers.trend.win_rate",
    "bun scripts/memory-stats.ts --check || bun scripts/memory-stats.ts --repair",
  ],
} as const;

type Flags = FlagValues<(typeof COMMAND)["flags"]>;

const CLEAR_SCREEN = "\u001B[H\u001B[2J\u001B[3J";

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  refuseTogether(flags, ["watch", "check", "repair"]);
  if (flags.repair) return repair(flags, signal);
  if (flags.check) return check(flags, signal);
  const memoryDir = await locateMemoryDir(flags);
  for (;;) {
    const report = await readMemoryReport(await openToRead(memoryDir), { signal });
    if (flags.watch !== undefined && !flags.json && understandsCodes(1)) await writeRaw(CLEAR_SCREEN);
    if (flags.json) await writeJson(report);
    else await writeOut(renderReport(report));
    if (flags.watch === undefined) return exitCode(report.damaged, memoryDir);
    const { setTimeout: sleep } = await import("node:timers/promises");
    await sleep(1000 * (flags.watch === true ? 2 : flags.watch), undefined, { signal });
  }
});

async function check(flags: Flags, signal: ScriptContext["signal"]): Promise<number> {
  const { checkMemory } = await import("../lib/maintenance/check.ts");
  const { checkJson, damagedIn, renderCheck } = await import("./text/check.ts");
  const memoryDir = await locateMemoryDir(flags);
  const progress = shareProgress();
  const result = await checkMemory(await openToRead(memoryDir), { signal, onSteps: progress.update }).finally(
    progress.clear,
  );
  const checked = { memoryDir, runCommand: runCommandOn(flags) };
  if (flags.json) await writeJson(checkJson(checked, result));
  else await writeOut(renderCheck(checked, result));
  return exitCode(damagedIn(result), memoryDir);
}

async function repair(flags: Flags, signal: ScriptContext["signal"]): Promise<number> {
  const { repairMemory } = await import("../lib/maintenance/repair.ts");
  const { maintainMemory } = await import("../lib/memory/open.node.ts");
  const { damagedIn, renderRepair, repairJson } = await import("./text/check.ts");
  const memory = await locateMemory(flags);
  const progress = shareProgress();
  const result = await maintainMemory(memory, { name: "repair", signal }, (storage, embedder) =>
    repairMemory(storage, {
      embedder,
      signal,
      onSteps: progress.update,
      onEmbedded: (made, wanted) => progress.update("Vectors", made, wanted),
      onNote: (text) => {
        progress.clear();
        note(text);
      },
    }),
  ).finally(progress.clear);
  const repaired = { memoryDir: memory.dir, runCommand: runCommandOn(flags) };
  if (flags.json) await writeJson(repairJson(repaired, result));
  else await writeOut(renderRepair(repaired, result));
  const code = exitCode(damagedIn(result.after), memory.dir);
  if (result.lost.length === 0) return code;
  warn(`${countOf(result.lost.length, "file")} lost from "${shownPath(memory.dir)}"`);
  return EXIT_DAMAGED;
}

function exitCode(damaged: readonly unknown[], memoryDir: string): number {
  if (damaged.length === 0) return 0;
  warn(`${countOf(damaged.length, "damaged file")} in "${shownPath(memoryDir)}"`);
  return EXIT_DAMAGED;
}
