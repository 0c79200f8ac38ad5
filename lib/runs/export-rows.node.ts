import { closeSync } from "node:fs";
import { join } from "node:path";
import { RunFiles } from "../backtest/run-files.ts";
import { corruptFile, isCorrupt } from "../errors.ts";
import { idOfOutcomeFile, isForeignFile, MAX_OUTCOME_BYTES } from "../memory/outcome.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import { attempt, namesIn, openToRead, readFully } from "../storage/fs.node.ts";
import { checkSeal } from "../storage/sealed-json.ts";
import type { Outcome } from "../types.ts";
import type { Pause } from "../util/async.ts";
import { decodeJsonObject } from "../util/json.ts";
import { describeRun } from "./describe.ts";
import { LINE_TABLES, type TableName, TRADES_TABLE, type Value } from "./export-columns.ts";
import type { FoundRun } from "./find.node.ts";

/** Rows of some hundred lines or files. */
export type Rows = readonly (readonly Value[])[];

/** Where rows come from. */
export interface ExportSource {
  readonly memoryDir: string;
  readonly runs: readonly FoundRun[];
  /** Whether outcomes of no run of the folder are exported too, such as imported ones. */
  readonly allOutcomes: boolean;
}

export interface ReadOptions {
  /** Called with what is damaged. It is left out. */
  readonly onDamaged: (problem: string) => void;
  readonly onProgress: (done: number, of: number) => void;
  /** Awaited after every batch of rows, as the reading itself lets no event in. */
  readonly pause: Pause;
}

const FILES_AT_ONCE = 500;
const LINES_AT_ONCE = 500;

/** The rows of a table, in the order of decisions in each folder or run. They are read as they are asked for. */
export async function* exportRows(
  table: TableName,
  sources: readonly ExportSource[],
  options: ReadOptions,
): AsyncGenerator<Rows> {
  for (const source of sources) {
    if (table === "trades") yield* tradeRows(source, options);
    else yield* lineRows(table, source, options);
  }
}

/** Names of outcomes begin with their time, so that their order is that of the decisions. */
async function* tradeRows({ memoryDir, runs, allOutcomes }: ExportSource, options: ReadOptions): AsyncGenerator<Rows> {
  const names = namesIn(memoryDir)
    .filter((name) => idOfOutcomeFile(name) !== undefined)
    .toSorted();
  const wanted = new Set(runs.map(({ id }) => id));
  const buffer = new Uint8Array(MAX_OUTCOME_BYTES + 1);
  for (let i = 0; i < names.length; i += FILES_AT_ONCE) {
    const rows: (readonly Value[])[] = [];
    for (const name of names.slice(i, i + FILES_AT_ONCE)) {
      const outcome = readOutcome(join(memoryDir, name), { name, buffer, onDamaged: options.onDamaged });
      if (outcome === undefined || !(allOutcomes || wanted.has(outcome.run_id))) continue;
      rows.push(...TRADES_TABLE.rowsOf(outcome));
    }
    options.onProgress(Math.min(names.length, i + FILES_AT_ONCE), names.length);
    yield rows;
    await options.pause();
  }
}

/** Reads one of many outcomes, into the same memory each time. An imported one has the fields that it has. */
function readOutcome(
  path: string,
  { name, buffer, onDamaged }: { name: string; buffer: Uint8Array; onDamaged: ReadOptions["onDamaged"] },
): Outcome | undefined {
  const fd = attempt("read", path, () => openToRead(path));
  // Removed since it was listed.
  if (fd === undefined) return undefined;
  try {
    const bytes = buffer.subarray(0, readFully(fd, buffer, 0));
    if (isForeignFile(bytes, name)) return undefined;
    const fields = decodeJsonObject(bytes, name, { maxBytes: MAX_OUTCOME_BYTES });
    if (fields["decision_id"] !== idOfOutcomeFile(name)) {
      throw corruptFile(name, { found: "another decision_id in it", expected: "that of its name" });
    }
    checkSeal({ bytes, fields }, name);
    return fields as unknown as Outcome;
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    onDamaged(error.message);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

async function* lineRows(
  table: Exclude<TableName, "trades">,
  { runs }: ExportSource,
  { onDamaged, onProgress, pause }: ReadOptions,
): AsyncGenerator<Rows> {
  const { rowsOf } = LINE_TABLES[table];
  const chunks: { run: FoundRun; chunk: string }[] = [];
  for (const run of runs) {
    const { committed, problem } = await describeRun(run.storage, run);
    if (problem !== undefined) onDamaged(problem);
    chunks.push(...committed.map((chunk) => ({ run, chunk })));
  }
  for (const [i, { run, chunk }] of chunks.entries()) {
    for await (const lines of chunkLines(run, { chunk, table, onDamaged })) {
      yield lines.flatMap((line) => rowsOf({ run_id: run.id, chunk, line }));
      await pause();
    }
    onProgress(i + 1, chunks.length);
  }
}

/** The lines of a chunk's file, some hundred together; none if it is not what its record says. */
async function* chunkLines(
  { storage, id }: FoundRun,
  options: { chunk: string; table: Exclude<TableName, "trades">; onDamaged: ReadOptions["onDamaged"] },
): AsyncGenerator<readonly string[]> {
  const { chunk, table, onDamaged } = options;
  const files = new RunFiles(storage, id);
  const damaged: DamagedFile[] = [];
  const parts = await unlessDamaged(damaged, chunk, async () => {
    const record = await files.readChunk(chunk);
    return record && files.readLines(record, table === "equity" ? "equity.csv" : "decisions.ndjson");
  });
  for (const { problem } of damaged) onDamaged(problem);
  for await (const lines of parts ?? []) {
    for (let i = 0; i < lines.length; i += LINES_AT_ONCE) yield lines.slice(i, i + LINES_AT_ONCE);
  }
}
