#!/usr/bin/env bun
/** Imports bars from files of other systems. */
import { resolve } from "node:path";
import { importFiles } from "../lib/market/import.node.ts";
import { parseTimeframe } from "../lib/util/time.ts";
import { parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { shareProgress } from "./cli/progress.ts";
import { runScript, writeJson, writeOut } from "./cli/main.ts";
import { importJson, renderImport } from "./text/import-bars.ts";

const COMMAND = {
  summary:
    "Reads bars as other systems write them, and writes them as <ASSET>_<timeframe>.csv. It shows what it recognised. " +
    "Several files, or a folder of them, become one series. An existing file is extended if both agree.",
  usage: ["bun scripts/import-bars.ts FILE... --asset BTCUSD [flags]"],
  flags: {
    asset: { type: "string", value: "A", help: "the asset's name; selects the rows of a file with several symbols" },
    timezone: { type: "string", value: "Z", help: "zone of times that state none, such as Europe/Athens or +02:00" },
    stamp: { type: "string", value: "S", help: "start or end: which end of its bar a time is" },
    format: { type: "string", value: "F", help: "format of the files (default: recognised by content)" },
    timeframe: { type: "string", value: "T", help: "such as 1h, 30m or 1d (default: the most common distance)" },
    "drop-flat": { type: "boolean", help: "leave out bars without volume whose prices are all equal" },
    repair: { type: "boolean", help: "sort rows, drop equal and empty ones, widen rounded highs and lows" },
    "data-dir": { type: "string", value: "DIR", help: "target folder (default: data/market)" },
    "dry-run": { type: "boolean", help: "show what would be written; write nothing" },
    json: SHARED_FLAGS.json,
  },
  maxPositionals: Infinity,
  examples: [
    "bun scripts/import-bars.ts BTCUSDT-1h-2021-*.zip --asset BTCUSD",
    "bun scripts/import-bars.ts EU_H1.csv --asset EURUSD --timezone Europe/Athens",
  ],
} as const;

await runScript(async ({ argv }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { asset, timezone, format, repair, stamp, timeframe, "dry-run": dryRun } = flags;
  if (positionals.length === 0) throw usageError("import-bars needs a FILE or folder");
  if (asset === undefined) throw usageError("import-bars needs --asset, such as --asset BTCUSD");
  if (stamp !== undefined && stamp !== "start" && stamp !== "end") {
    throw usageError(`--stamp must be start or end, found "${stamp}"`);
  }
  const timeframeMs = timeframe === undefined ? undefined : parseTimeframe(timeframe);
  if (timeframe !== undefined && timeframeMs === undefined) {
    throw usageError(`--timeframe must be such as 1h, 30m or 1d, found "${timeframe}"`);
  }
  const progress = shareProgress();
  const result = await importFiles(
    positionals.map((path) => resolve(path)),
    {
      asset,
      timezone,
      stamp,
      format,
      timeframeMs,
      repair,
      dropFlat: flags["drop-flat"],
      dataDir: resolve(flags["data-dir"] ?? "data/market"),
      dryRun,
      nowMs: Date.now(),
      onSteps: progress.update,
    },
  ).finally(progress.clear);
  if (flags.json) await writeJson(importJson(result));
  else await writeOut(renderImport(result, { dryRun, zone: timezone, dropFlat: flags["drop-flat"] }));
});
