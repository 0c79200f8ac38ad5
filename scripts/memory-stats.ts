#!/usr/bin/env bun
/**
 * What is remembered, and whether all of it is as it was written. Without --repair it takes no lock, writes nothing, and may
 * run beside a writing run.
 *
 *   bun scripts/memory-stats.ts [--watch [SECONDS] | --check | --repair] [--memory-dir DIR] [--json]
 */
import type { Config } from "../lib/config/config.ts";
import { CarryoverError } from "../lib/errors.ts";
import { readMemoryReport } from "../lib/maintenance/memory-report.node.ts";
import { note, runScript, writeJson, writeOut, writeRaw } from "./cli/main.ts";
import { locateMemory, locateMemoryDir } from "./cli/config-flags.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { renderReport } from "./text/memory.ts";
import { obeysCodes } from "./text/table.ts";

const COMMAND = {
  summary: `Shows what is remembered: counts, sizes, the newest trade; providers, regimes and assets by chunk; confidence.
With --check, reads every byte and says what is damaged, and what heals by itself; --repair heals it.`,
  usage: "bun scripts/memory-stats.ts [--watch [SECONDS] | --check | --repair] [flags]",
  flags: {
    watch: {
      type: "optional-number",
      value: "SECONDS",
      help: "show it again and again, every 2 seconds unless told; with --json a line a time",
    },
    check: { type: "boolean", help: "read everything and compare it with its checksums; writes nothing" },
    repair: { type: "boolean", help: "check, move what is damaged to quarantine, and make caches anew" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/memory-stats.ts
    bun scripts/memory-stats.ts --json | jq .providers.trend.win_rate
    bun scripts/memory-stats.ts --check || bun scripts/memory-stats.ts --repair`,
} as const;

const CLEAR_SCREEN = "\u001B[H\u001B[2J\u001B[3J";
const DAMAGED = 4;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const asked = ["watch", "check", "repair"].filter((name) => ![undefined, false].includes(flags[name as "check"]));
  if (asked.length > 1) {
    const found = asked.map((name) => `--${name}`).join(" and ");
    throw new CarryoverError("BAD_USAGE", `Cannot show memory: found ${found}, expected one of them`);
  }
  const options = { memoryDirFlag: flags["memory-dir"], configFlag: flags.config };
  if (flags.repair) return repair(await locateMemory(options), { json: flags.json, signal });
  const memoryDir = await locateMemoryDir(options);
  if (flags.check) return check(memoryDir, flags);
  for (;;) {
    const report = await readMemoryReport(memoryDir);
    if (flags.json) await writeJson(report);
    else {
      if (flags.watch !== undefined && obeysCodes(1)) await writeRaw(CLEAR_SCREEN);
      await writeOut(renderReport(report));
    }
    if (flags.watch === undefined) return report.damaged.length > 0 ? DAMAGED : 0;

    const seconds = flags.watch === true ? 2 : flags.watch;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, 1000 * seconds);
      signal.addEventListener("abort", wake, { once: true });
    });
    if (signal.aborted) return 0;
  }
});

async function check(memoryDir: string, { json }: { json: boolean }): Promise<number> {
  const { checkMemory } = await import("../lib/maintenance/check.node.ts");
  const { checkJson, damagedIn, renderCheck } = await import("./text/check.ts");
  const checkup = await checkMemory(memoryDir);
  if (json) await writeJson(checkJson(memoryDir, checkup));
  else await writeOut(renderCheck(memoryDir, checkup));
  return damagedIn(checkup).length > 0 ? DAMAGED : 0;
}

async function repair(
  memory: Config["memory"],
  { json, signal }: { json: boolean; signal: AbortSignal },
): Promise<number> {
  const { repairMemory } = await import("../lib/maintenance/repair.node.ts");
  const { damagedIn, renderRepair, repairJson } = await import("./text/check.ts");
  const repaired = await repairMemory({ memory, signal, onNote: note });
  if (json) await writeJson(repairJson(memory.dir, repaired));
  else await writeOut(renderRepair(memory.dir, repaired));
  return damagedIn(repaired.before).length > 0 ? DAMAGED : 0;
}
