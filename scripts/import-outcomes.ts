#!/usr/bin/env bun
/** Imports trades of other systems into a memory folder. */
import { resolve } from "node:path";
import { isProviderName } from "../lib/config/provider-schema.ts";
import { CarryoverError, fail, messageOf } from "../lib/errors.ts";
import { parseColumnMap } from "../lib/import/csv-outcomes.ts";
import { type System, SYSTEMS } from "../lib/import/foreign-trade.ts";
import { importOutcomes } from "../lib/import/import.node.ts";
import { readRegular } from "../lib/storage/fs.node.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { locateMemory } from "./cli/config-flags.ts";
import { note, runScript, writeJson, writeOut } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { importedJson, renderImported } from "./text/import-outcomes.ts";

const COMMAND = {
  summary:
    "Reads closed trades of other systems and remembers them: the original system's folder, freqtrade's results, TradingAgents' " +
    "decision log, or a CSV. What can't be taken over is counted and named. The files stay as they are.",
  usage: ["bun scripts/import-outcomes.ts FILE|FOLDER... [--from S] [--map FILE]", "    [flags]"],
  flags: {
    from: { type: "string", value: "S", help: "ffe, freqtrade, tradingagents or csv (default: recognised by content)" },
    map: { type: "string", value: "FILE", help: "which columns of a CSV have what, as YAML or JSON" },
    provider: { type: "string", value: "NAME", help: "the provider of trades that name none" },
    timezone: { type: "string", value: "Z", help: "zone of a CSV's times, if they state none (default: UTC)" },
    "memory-dir": SHARED_FLAGS["memory-dir"],
    "dry-run": { type: "boolean", help: "show what would be written; write nothing" },
    config: SHARED_FLAGS.config,
    set: SHARED_FLAGS.set,
    json: SHARED_FLAGS.json,
  },
  maxPositionals: Infinity,
  examples: [
    "bun scripts/import-outcomes.ts user_data/backtest_results --dry-run",
    "bun scripts/import-outcomes.ts trades.csv --map columns.yaml --provider sma",
  ],
} as const;

const MAX_MAP_BYTES = 1 << 20;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { from, map, provider, timezone, "dry-run": dryRun } = flags;
  if (positionals.length === 0) throw usageError("import-outcomes needs a FILE or FOLDER");
  if (from !== undefined && !isSystem(from)) {
    throw usageError(`--from must be one of ${SYSTEMS.join(", ")}, found "${from}"`);
  }
  if (provider !== undefined && !isProviderName(provider)) {
    throw usageError(`--provider must be a name of 1 to 60 printable characters, found ${JSON.stringify(provider)}`);
  }
  const memory = await locateMemory(flags);
  const progress = shareProgress();
  const result = await importOutcomes({
    paths: positionals.map((path) => resolve(path)),
    from,
    provider,
    timezone,
    map: map === undefined ? undefined : await parseColumnMap(readMap(map), map),
    memory,
    dryRun,
    signal,
    onEmbedded: (made, wanted) => progress.update("Vectors", made, wanted),
    onNote: (text) => {
      progress.clear();
      note(text);
    },
  }).finally(progress.clear);
  if (flags.json) await writeJson(importedJson(result, memory.dir));
  else await writeOut(renderImported(result, { memoryDir: memory.dir, dryRun }));
});

function isSystem(name: string): name is System {
  return SYSTEMS.some((system) => system === name);
}

function readMap(file: string): string {
  try {
    return new TextDecoder().decode(readRegular(resolve(file), { maxBytes: MAX_MAP_BYTES }));
  } catch (cause) {
    if (cause instanceof CarryoverError) throw cause;
    throw fail("NOT_FOUND", `Cannot read "${file}"`, { found: messageOf(cause), expected: "a map of columns", cause });
  }
}
