import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readMemory } from "../memory/load.ts";
import { directionOf } from "../memory/trade.ts";
import { AnswerStore } from "../providers/recorded/recordings.ts";
import { findRun, type FoundRun } from "../runs/find.node.ts";
import { diskStorage } from "../storage/disk.node.ts";
import { readRegular } from "../storage/fs.node.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { accountsOf } from "./accounts.ts";
import { impliedCounterpart, namedCounterpart, sharpeDifference } from "./counterpart.node.ts";
import type { ReportData } from "./data.ts";
import { heldLines } from "./held.node.ts";
import { type ModelCost, modelCosts } from "./model-costs.ts";
import type { PageParts } from "./page.ts";
import { type DecisionPoint, readDecisions, readOutcomes, readRun, type RunData } from "./run-data.ts";
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
  readonly renderPage: (data: ReportData, parts: PageParts) => Promise<string>;
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
  const { memoryDir, compare, onNote } = options;
  const found = await findRun(memoryDir, options.run);
  const run = await readRun(found.storage, found.id);
  const counterpart =
    compare === undefined ? await impliedCounterpart(found) : await namedCounterpart(memoryDir, compare, found);
  const decisions = await readDecisions(found.storage, run);
  const data: ReportData = {
    run,
    decisions,
    outcomes: await readOutcomes(found.storage, decisions),
    ...accountsOf(run, {
      ...counterpart,
      runName: found.label ?? found.id.slice(0, 12),
      sharpe: await sharpeDifference(run, found, counterpart),
    }),
    held: await heldLines(run, { dataDir: options.dataDir, onNote }),
    comparison: counterpart.comparison,
    longRById: await longResults(found, decisions),
    models: await costsOfModels(run, options.answersDir),
  };
  return { runId: run.runId, html: await renderPage(data, parts), verdict: verdictOf(data) };
}

/** R of being long in the trades that were recalled, by decision id. */
async function longResults(
  { storage }: FoundRun,
  decisions: readonly DecisionPoint[],
): Promise<ReadonlyMap<string, number>> {
  if (!decisions.some(({ nearest }) => nearest.length > 0)) return new Map();
  const { trades } = await readMemory(storage);
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

/** Writes a report, in place of an older one of that name. @throws {CarryoverError} `IO`, `READ_ONLY` */
export async function storeReport({ runId, html, verdict }: Report, path: string): Promise<StoredReport> {
  return { run_id: runId, ...(await storePage(html, path)), verdict };
}

/** Writes a page, in place of an older one of that name. @returns Its absolute path. */
export async function storePage(html: string, path: string): Promise<Pick<StoredReport, "file" | "size_bytes">> {
  const file = resolve(path);
  const bytes = new TextEncoder().encode(html);
  await diskStorage(dirname(file)).replace(basename(file), bytes);
  return { file, size_bytes: bytes.length };
}
