import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readMemory, type ReadingOptions } from "../memory/load.ts";
import { directionOf, type Trade } from "../memory/trade.ts";
import { AnswerStore } from "../providers/recorded/recordings.ts";
import { findRun, type FoundRun } from "../runs/find.node.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { attempt, makeFolder, readRegular } from "../storage/fs.node.ts";
import { writeStream } from "../storage/stream-file.node.ts";
import { type OnSteps, pauseEvery } from "../util/async.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { accountsOf } from "./accounts.ts";
import {
  comparedElsewhere,
  impliedCounterpart,
  type MemoryFolder,
  namedCounterpart,
  runName,
  sharpeDifference,
} from "./counterpart.node.ts";
import type { ReportData } from "./data.ts";
import { heldLines } from "./held.node.ts";
import { type ModelCost, modelCosts } from "./model-costs.ts";
import type { PageParts, renderPage } from "./page.ts";
import { readDecisions, readOutcomes, readRun, type RunData } from "./run-data.ts";
import { backtestOf } from "./run-settings.ts";
import { verdictOf } from "./verdict.ts";

/** What is reported, and where what it needs is found. */
export interface ReportOptions {
  readonly memoryDir: string;
  /** As `findRun()` takes it. */
  readonly run: string;
  /** A run, or a comparison by its file, its name or the first digits in it. @default the same run with or without memory */
  readonly compare?: string | undefined;
  /** The bars of a run on real ones. */
  readonly dataDir: string | undefined;
  readonly answersDir: string;
  readonly onNote: (note: string) => void;
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined;
  /** Outcomes that were read, and pictures that were drawn. */
  readonly onSteps?: OnSteps | undefined;
}

/** A report. */
export interface Report {
  readonly runId: string;
  readonly html: string;
  /** Its first sentences. */
  readonly verdict: readonly string[];
}

/** What draws a page, from packages that may be missing. */
interface PageKit {
  readonly renderPage: typeof renderPage;
  readonly parts: PageParts;
}

/**
 * Loads what draws a report: call it before long work that ends in one.
 *
 * @throws {CarryoverError} `NOT_FOUND`, with the command that adds the packages it lacks.
 */
export function loadPageKit(): Promise<PageKit> {
  return loadOptional(
    async () => {
      const { renderPage } = await import("./page.ts");
      return { renderPage, parts: pageParts() };
    },
    { tried: "Cannot draw a report", packages: ["@observablehq/plot", "linkedom", "uplot"] },
  );
}

/**
 * Reports a run as one HTML file that needs nothing else. The memory folder is read without a lock.
 *
 * @throws {CarryoverError} `NOT_FOUND` if there is no such run, it has not ended, or a package is missing; `CORRUPT`.
 */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const { renderPage, parts } = await loadPageKit();
  const { memoryDir, compare, onNote, signal, onSteps } = options;
  const pause = pauseEvery(1, signal);
  const tradesIn = tradesReader({ signal, onSteps });
  const found = await findRun(memoryDir, options.run);
  const run = await readRun(found.storage, found.id);
  const counterpart =
    compare === undefined ? await impliedCounterpart(found) : await namedCounterpart(memoryDir, compare, found);
  if (compare === undefined && counterpart.comparison === undefined) await noteOtherComparison(found, onNote);
  const decisions = await readDecisions(found.storage, run, signal);
  const outcomes = await readOutcomes(found.storage, decisions, { signal, onSteps });
  const sharpe = await sharpeDifference({ run, folder: found }, counterpart, tradesIn);
  await pause();
  const accounts = accountsOf(run, { ...counterpart, runName: runName(found), sharpe });
  await pause();
  const data: ReportData = {
    run,
    decisions,
    outcomes,
    ...accounts,
    held: await heldLines(run, { dataDir: options.dataDir, onNote }),
    comparison: counterpart.comparison,
    longRById: decisions.some(({ nearest }) => nearest.length > 0) ? longResults(await tradesIn(found)) : new Map(),
    models: await costsOfModels(run, options.answersDir),
  };
  return { runId: run.runId, html: await renderPage(data, parts, { signal, onSteps }), verdict: verdictOf(data) };
}

/** Names the run that was compared, where this one was not. */
async function noteOtherComparison(found: FoundRun, onNote: (note: string) => void): Promise<void> {
  const other = (await comparedElsewhere(found))?.slice(0, 12);
  if (other === undefined) return;
  onNote(
    `The newest comparison is of run ${other}, and not of this run, ${found.id.slice(0, 12)}: report.ts ${other} shows it`,
  );
}

/** Reads the trades of memory folders, each folder once. */
export function tradesReader(options: ReadingOptions): (folder: MemoryFolder) => Promise<readonly Trade[]> {
  const read = new Map<string, Promise<readonly Trade[]>>();
  return ({ memoryDir, storage }) => {
    const before = read.get(memoryDir);
    if (before !== undefined) return before;
    const trades = readMemory(storage, options).then((memory) => memory.trades);
    read.set(memoryDir, trades);
    return trades;
  };
}

/** R of being long in trades, by decision id. */
function longResults(trades: readonly Trade[]): ReadonlyMap<string, number> {
  return new Map(
    trades.flatMap(({ id, action, resultR }) =>
      resultR === null ? [] : [[id, directionOf(action) * resultR] as const],
    ),
  );
}

/** What the run's questions cost, by provider; `undefined` if none of its providers is asked. */
async function costsOfModels({ key, runId }: RunData, answersDir: string): Promise<readonly ModelCost[] | undefined> {
  const asked = backtestOf(key).providers.filter(({ type }) => type === "llm" || type === "command");
  if (asked.length === 0) return undefined;
  return modelCosts(new AnswerStore(diskStorage(answersDir), { onNote: () => {} }), runId);
}

function pageParts(): PageParts {
  const script = fileURLToPath(import.meta.resolve("uplot/dist/uPlot.iife.min.js"));
  const read = (path: string): string => new TextDecoder().decode(readRegular(path, { maxBytes: 1 << 20 }));
  return { uplotScript: read(script), uplotStyle: read(`${dirname(script)}/uPlot.min.css`) };
}

/** Where a report is, and what it says first. */
export interface StoredReport {
  readonly run_id: string;
  /** Absolute. */
  readonly file: string;
  readonly size_bytes: number;
  readonly verdict: readonly string[];
}

/** Writes a report, in place of an older one of that name. @throws {CarryoverError} `IO` */
export async function storeReport({ runId, html, verdict }: Report, path: string): Promise<StoredReport> {
  return { run_id: runId, ...(await storePage(html, path)), verdict };
}

/** Writes a page, in place of an older one of that name. @returns Its absolute path. */
export async function storePage(html: string, path: string): Promise<Pick<StoredReport, "file" | "size_bytes">> {
  const folder = dirname(resolve(path));
  attempt("write to", folder, () => makeFolder(folder));
  const { file, size_bytes } = await writeStream(path, (write) => write(new TextEncoder().encode(html)));
  return { file, size_bytes };
}
