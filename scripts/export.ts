#!/usr/bin/env bun
/** Exports trades, equity, decisions and votes of runs as a table for other programs. */
import { extname } from "node:path";
import { TABLES, LINE_TABLES, type TableName, TRADES_TABLE } from "../lib/runs/export-columns.ts";
import { FORMATS, type Format, writeTable } from "../lib/runs/export-formats.ts";
import { exportRows, type ExportSource } from "../lib/runs/export-rows.node.ts";
import { type FoundRun, findRuns, newestInFolders, runsIn } from "../lib/runs/find.node.ts";
import { writeStream } from "../lib/storage/stream-file.node.ts";
import { pauseEvery } from "../lib/util/async.ts";
import { shownPath } from "../lib/util/command-line.node.ts";
import { knownWord, wordHint } from "./cli/actions.ts";
import { type FlagValues, parseFlags, SHARED_FLAGS, usageError } from "./cli/args.ts";
import { locateMemoryDir } from "./cli/config-flags.ts";
import { EXIT_DAMAGED, note, runScript, warn, writeBytes, writeJson } from "./cli/main.ts";
import { shareProgress } from "./cli/progress.ts";
import { isTerminal } from "./cli/terminal.ts";
import { bytes, countOf } from "./text/numbers.ts";

const COMMAND = {
  summary:
    "Exports a table for spreadsheets, pandas or DuckDB: of all runs of the memory folder, or of those that are named. " +
    'A RUN is "latest", a label, or the first digits of an id. Takes no lock.',
  usage: ["bun scripts/export.ts trades | equity | decisions | votes [RUN...] [flags]"],
  flags: {
    format: { type: "string", value: "F", help: "csv, parquet or ndjson (default: by the name of --out, else csv)" },
    out: { type: "string", value: "FILE", help: "where to write (default: stdout)" },
    ...SHARED_FLAGS,
  },
  maxPositionals: 1000,
  examples: [
    "bun scripts/export.ts trades > trades.csv",
    "bun scripts/export.ts votes latest off/latest --out votes.parquet",
  ],
} as const;

type Flags = FlagValues<(typeof COMMAND)["flags"]>;

await runScript(async ({ argv, signal }) => {
  const { flags, positionals } = parseFlags(argv, COMMAND);
  const [first = "", ...names] = positionals;
  const table = tableNamed(first);
  const format = formatOf(flags);
  const memoryDir = await locateMemoryDir(flags);
  const sources = await sourcesOf(memoryDir, names);
  const progress = shareProgress();
  let damaged = 0;
  const rows = exportRows(table, sources, {
    onDamaged: (problem) => {
      damaged += 1;
      progress.clear();
      warn(problem);
    },
    onProgress: (done, of) => progress.update("Exported", done, of),
    pause: pauseEvery(1, signal),
  });
  const { columns } = table === "trades" ? TRADES_TABLE : LINE_TABLES[table];
  try {
    if (flags.out === undefined) await writeTable(format, { columns, rows }, writeBytes);
    else {
      const written = await writeStream(flags.out, (write) => writeTable(format, { columns, rows }, write));
      progress.clear();
      const { result, file, size_bytes } = written;
      if (flags.json) await writeJson({ file, format, rows: result, size_bytes });
      else note(`Wrote ${shownPath(file)}: ${countOf(result, "row")}, ${bytes(size_bytes)}`);
    }
  } finally {
    progress.clear();
  }
  return damaged > 0 ? EXIT_DAMAGED : 0;
});

function tableNamed(name: string): TableName {
  if (name === "") throw usageError(`export needs a table; ${wordHint(name, TABLES)}`);
  return knownWord("table", name, TABLES);
}

function formatOf({ format, out, json }: Flags): Format {
  if (json && out === undefined) throw usageError("--json needs --out: stdout has the table");
  const extension = extname(out ?? "").slice(1);
  const named = format ?? (FORMATS as readonly string[]).find((each) => each === extension) ?? "csv";
  const known = FORMATS.find((each) => each === named);
  if (known === undefined) throw usageError(`--format must be ${FORMATS.join(", ")}, found ${JSON.stringify(named)}`);
  if (known === "parquet" && out === undefined && isTerminal(1)) {
    throw usageError("parquet is no text: write it to a file with --out, or into a pipe");
  }
  return known;
}

/** The runs that are named, by their memory folders; without names all of the folder, the oldest first. */
async function sourcesOf(memoryDir: string, names: readonly string[]): Promise<readonly ExportSource[]> {
  if (names.length === 0) {
    const runs = (await runsIn(memoryDir)).toReversed();
    if (runs.length > 1) {
      note(
        `Exporting all ${runs.length} runs of the folder: a trade that several runs made is there once for each. ` +
          `To export one, name it after the table, such as "latest"`,
      );
    }
    const others = runs.length === 0 ? await newestInFolders(memoryDir) : [];
    if (others.length > 0) {
      note(`There are no runs in "${memoryDir}" itself: name one in its folders after the table: ${others.join(", ")}`);
    }
    return [{ memoryDir, runs, allOutcomes: true }];
  }
  const byFolder = new Map<string, FoundRun[]>();
  for (const run of await findRuns(memoryDir, names)) {
    const known = byFolder.get(run.memoryDir) ?? [];
    if (!known.some(({ id }) => id === run.id)) byFolder.set(run.memoryDir, [...known, run]);
  }
  return [...byFolder].map(([folder, runs]) => ({ memoryDir: folder, runs, allOutcomes: false }));
}
