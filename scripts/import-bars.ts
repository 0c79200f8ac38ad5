#!/usr/bin/env bun
/**
 * Bars from files of other systems.
 *
 *   bun scripts/import-bars.ts FILE... --asset A [--timezone Z] [--stamp start|end] [--format F] [--timeframe T] [--repair]
 *     [--data-dir DIR] [--dry-run] [--json]
 */
import { resolve } from "node:path";
import { CarryoverError } from "../lib/errors.ts";
import { importFiles } from "../lib/market/import.node.ts";
import { parseTimeframe } from "../lib/market/timeframe.ts";
import { parseFlags } from "./cli/args.ts";
import { runScript, writeJson, writeOut } from "./cli/main.ts";
import { importJson, renderImport } from "./text/import-bars.ts";

const COMMAND = {
  summary: `Reads bars as other systems write them, and writes them as <ASSET>_<timeframe>.csv. It says what it recognised.
Several files, or a folder of them, become one series. A file that is there is extended where both agree.`,
  usage: "bun scripts/import-bars.ts FILE... --asset BTCUSD [flags]",
  flags: {
    asset: { type: "string", value: "A", help: "the asset's name; it chooses the rows of a file with several symbols" },
    timezone: { type: "string", value: "Z", help: "zone of times that state none, such as Europe/Athens or +02:00" },
    stamp: { type: "string", value: "S", help: "start or end: which end of its bar a time is of" },
    format: { type: "string", value: "F", help: "read it as this format (default: told by its content)" },
    timeframe: { type: "string", value: "T", help: "such as 1h, 30m or 1d (default: the most common distance)" },
    repair: { type: "boolean", help: "sort rows, drop equal ones and empty ones, widen rounded highs and lows" },
    "data-dir": { type: "string", value: "DIR", help: "where to write (default: data/market)" },
    "dry-run": { type: "boolean", help: "say what would be written, and write nothing" },
    json: { type: "boolean", help: "print the result as JSON" },
  },
  maxPositionals: Infinity,
  example: `bun scripts/import-bars.ts BTCUSDT-1h-2021-*.zip --asset BTCUSD
    bun scripts/import-bars.ts EURUSD_H1.csv --asset EURUSD --timezone Europe/Athens --dry-run`,
} as const;

await runScript(async ({ argv }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const { asset, timezone, format, repair, stamp } = flags;
  if (positionals.length === 0)
    throw new CarryoverError("BAD_USAGE", "No FILE to import, expected one or more files or folders");
  if (asset === undefined)
    throw new CarryoverError("BAD_USAGE", "No --asset, expected the asset's name, such as --asset BTCUSD");
  if (stamp !== undefined && stamp !== "start" && stamp !== "end") {
    throw new CarryoverError("BAD_USAGE", `Cannot use --stamp: found "${stamp}", expected start or end`);
  }
  const timeframeMs = flags.timeframe === undefined ? undefined : parseTimeframe(flags.timeframe);
  if (flags.timeframe !== undefined && timeframeMs === undefined) {
    throw new CarryoverError(
      "BAD_USAGE",
      `Cannot use --timeframe: found "${flags.timeframe}", expected such as 1h, 30m, 1d`,
    );
  }
  const result = await importFiles(
    positionals.map((path) => resolve(path)),
    {
      asset,
      timezone,
      stamp,
      format,
      timeframeMs,
      repair,
      dataDir: resolve(flags["data-dir"] ?? "data/market"),
      dryRun: flags["dry-run"],
    },
  );
  if (flags.json) await writeJson(importJson(result));
  else await writeOut(renderImport(result, { dryRun: flags["dry-run"] }));
});
