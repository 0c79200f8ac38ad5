#!/usr/bin/env bun
/**
 * What is remembered. Reads only: it takes no lock, writes nothing, and may run beside a writing run.
 *
 *   bun scripts/memory-stats.ts [--watch [SECONDS]] [--memory-dir DIR] [--json]
 */
import { readMemoryReport } from "../lib/host/memory-report.ts";
import { locateMemoryDir, parseFlags, runScript, SHARED_FLAGS, writeJson, writeOut } from "./_cli.ts";
import { renderReport } from "./_memory-report.ts";
import { isTerminal } from "./_render.ts";

const COMMAND = {
  summary:
    "Shows what is remembered: counts, sizes, the newest trade; providers, regimes and assets by chunk; confidence.",
  usage: "bun scripts/memory-stats.ts [--watch [SECONDS]] [flags]",
  flags: {
    watch: { type: "optional-number", value: "SECONDS", help: "show it again and again, every 2 seconds unless told" },
    ...SHARED_FLAGS,
  },
  example: `bun scripts/memory-stats.ts
    bun scripts/memory-stats.ts --json | jq .providers.trend.win_rate`,
} as const;

const CLEAR_SCREEN = "\u001B[H\u001B[2J\u001B[3J";
const DAMAGED = 4;

await runScript(async ({ argv, signal }) => {
  const { flags } = parseFlags(argv, COMMAND);
  const memoryDir = await locateMemoryDir({ memoryDirFlag: flags["memory-dir"], configFlag: flags.config });
  for (;;) {
    const report = await readMemoryReport(memoryDir);
    if (flags.json) await writeJson(report);
    else await writeOut(`${flags.watch !== undefined && isTerminal(1) ? CLEAR_SCREEN : ""}${renderReport(report)}`);
    if (flags.watch === undefined) return report.damaged.length > 0 ? DAMAGED : 0;

    const seconds = flags.watch === true ? 2 : flags.watch;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
    if (signal.aborted) return 0;
  }
});
