#!/usr/bin/env bun
/** Draws a run as one HTML file that works offline. */
import { resolve } from "node:path";
import { SYNTHETIC } from "../lib/config/config.ts";
import { makeReport, storeReport } from "../lib/report/make.node.ts";
import { parseFlags, SHARED_FLAGS } from "./cli/args.ts";
import { loadConfig, locateMemoryDir } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { renderReport } from "./text/report.ts";

const COMMAND = {
  summary:
    "Draws a run as one HTML file, which needs no network and no other file. It shows the run beside the same one without " +
    "memory, if that is there, and beside a comparison of both. Takes no lock.",
  usage: ["bun scripts/report.ts [RUN] [--compare RUN|COMPARISON] [--out FILE] [flags]"],
  flags: {
    compare: {
      type: "string",
      value: "RUN|COMPARISON",
      help: "another run, or a comparison by its file or the first digits in its name",
    },
    "data-dir": { type: "string", value: "DIR", help: "folder of the run's bars (default: the configuration's)" },
    out: {
      type: "string",
      value: "FILE",
      help: "where to write (default: carryover-<first digits of the id>.html in the current folder)",
    },
    ...SHARED_FLAGS,
  },
  maxPositionals: 1,
  examples: [
    "bun scripts/report.ts",
    "bun scripts/report.ts off/latest --out off.html",
    "bun scripts/report.ts 3f9c --compare latest",
  ],
} as const;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { config } = await loadConfig(flags);
  const { data_dir: configured } = config.backtest;
  const dataDir = flags["data-dir"] ?? (configured === SYNTHETIC ? undefined : configured);
  const progress = shareProgress();
  const report = await makeReport({
    memoryDir: await locateMemoryDir(flags),
    run: positionals[0] ?? "latest",
    compare: flags.compare,
    dataDir: dataDir === undefined ? undefined : resolve(dataDir),
    answersDir: config.memory.answers_dir,
    onNote: (text) => {
      progress.clear();
      note(text);
    },
    signal,
    onSteps: progress.update,
  }).finally(progress.clear);
  const stored = await storeReport(report, flags.out ?? `carryover-${report.runId.slice(0, 12)}.html`);
  if (flags.json) await writeJson(stored);
  else await writeOut(renderReport(stored));
});
