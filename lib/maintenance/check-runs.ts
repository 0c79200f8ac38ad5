import { outcomesDigest, RunFiles, RUNS_FOLDER, type StoredChunk } from "../backtest/run-files.ts";
import type { RunKey } from "../backtest/run-key.ts";
import { corruptFile, undefinedIfCorrupt } from "../errors.ts";
import { QUARANTINE_FOLDER } from "../memory/load.ts";
import { outcomeFileName } from "../memory/outcome.ts";
import type { Trade } from "../memory/trade.ts";
import { isSession, plannedChunks } from "../runs/describe.ts";
import { LABELS_FILE, readLabels } from "../runs/labels.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import type { OnSteps, Pause } from "../util/async.ts";
import { decodeJsonObject } from "../util/json.ts";
import { damagedFindings, type Finding, type RunOfFile } from "./finding.ts";

export interface CheckedRuns {
  readonly ids: readonly string[];
  /** The undamaged ones, by run and time. */
  readonly chunks: readonly StoredChunk[];
  readonly findings: readonly Finding[];
}

export async function checkRunFiles(
  storage: Storage,
  { pause, onSteps }: { pause: Pause; onSteps?: OnSteps | undefined },
): Promise<CheckedRuns> {
  const ids = (await storage.list(RUNS_FOLDER)).folders;
  const inQuarantine = new Set((await storage.list(`${QUARANTINE_FOLDER}/${RUNS_FOLDER}`)).folders);
  const chunks: StoredChunk[] = [];
  const damaged: DamagedFile[] = [];
  const missing: DamagedFile[] = [];
  const labels: DamagedFile[] = [];
  const open: DamagedFile[] = [];
  await unlessDamaged(labels, LABELS_FILE, () => readLabels(storage));
  for (const [i, runId] of ids.entries()) {
    onSteps?.("Checked runs:", i, ids.length);
    const folder = `${RUNS_FOLDER}/${runId}`;
    const manifest = `${folder}/manifest.json`;
    const files = new RunFiles(storage, runId);
    const key = await unlessDamaged(damaged, manifest, async () => {
      const read = await files.readManifest({ verify: true });
      // A start that was killed before it wrote the manifest leaves an empty folder.
      if (read === undefined && (await storage.list(folder)).files.length > 0)
        missing.push(missingFile(manifest, "the run's key"));
      return read;
    });
    await unlessDamaged(damaged, `${folder}/summary.json`, () => files.readSummary());
    if (key !== undefined)
      missing.push(...(await lostFiles(storage, folder, { key, isMoved: inQuarantine.has(runId) })));
    const ofRun: StoredChunk[] = [];
    for (const chunk of await files.chunkNames()) {
      const record = await unlessDamaged(damaged, `${folder}/${chunk}.json`, () => files.readChunk(chunk));
      await pause();
      if (record === undefined) continue;
      ofRun.push(record);
      for (const { name, problem, isMissing } of await files.damagedDetails(record)) {
        (isMissing ? missing : damaged).push({ name, problem });
      }
    }
    if (key !== undefined && isSession(key)) open.push(...(await damagedOpenDecisions(files, folder)));
    chunks.push(...ofRun.toSorted((a, b) => (a.start < b.start ? -1 : 1)));
  }
  const findings = [
    ...damagedFindings(missing, "run"),
    ...damagedFindings(damaged, "quarantine, run"),
    ...damagedFindings([...labels, ...open], "quarantine"),
  ];
  return { ids, chunks, findings };
}

/** The decisions of a session that no record has a checksum of, as it goes on in their chunk, and that are no longer JSON. */
async function damagedOpenDecisions(files: RunFiles, folder: string): Promise<readonly DamagedFile[]> {
  const committed = await files.chunkNames();
  const open = (await files.decisionChunks()).filter((chunk) => !committed.includes(chunk));
  const damaged: DamagedFile[] = [];
  const encoder = new TextEncoder();
  for (const chunk of open) {
    const name = `${folder}/${chunk}.decisions.ndjson`;
    await unlessDamaged(damaged, name, async () => {
      for await (const lines of files.readOpenDecisions(chunk)) {
        for (const line of lines) decodeJsonObject(encoder.encode(line), name);
      }
    });
  }
  return damaged;
}

/**
 * The records and the summary that a run had: records of chunks before one that is committed, of a finished run all, and what a
 * repair moved to `quarantine/`. A stopped run has no summary yet, and a session that continues none any more.
 *
 * @param options `isMoved`: whether there are files of the run in `quarantine/`.
 */
async function lostFiles(
  storage: Storage,
  folder: string,
  { key, isMoved }: { key: RunKey; isMoved: boolean },
): Promise<readonly DamagedFile[]> {
  const names = (await storage.list(folder)).files.map(({ name }) => name);
  const there = new Set(names);
  const records = plannedChunks(key, names).map(({ name }) => `${name}.json`);
  const isFinished = there.has("summary.json");
  const made = isFinished ? records : records.slice(0, 1 + records.findLastIndex((name) => there.has(name)));
  const moved = isMoved && !isSession(key) ? (await storage.list(`${QUARANTINE_FOLDER}/${folder}`)).files : [];
  const movedNames = moved.map(({ name }) => name).filter((name) => name === "summary.json" || records.includes(name));
  return [...new Set([...made, ...movedNames])]
    .filter((name) => !there.has(name))
    .map((name) =>
      missingFile(`${folder}/${name}`, name === "summary.json" ? "the run's summary" : "a chunk's record"),
    );
}

function missingFile(name: string, expected: string): DamagedFile {
  return { name, problem: corruptFile(name, { found: "no such file", expected }).message };
}

/**
 * Adds to each finding that a run can mend which run that is.
 *
 * @param trades As the sidecar has them: those of damaged outcomes, too.
 */
export async function withRuns(
  storage: Storage,
  findings: readonly Finding[],
  { ids, trades }: { ids: readonly string[]; trades: readonly Trade[] },
): Promise<readonly Finding[]> {
  const makers = new Map(trades.map(({ id, runId }) => [outcomeFileName(id), runId]));
  const found = new Map<string, RunOfFile>();
  const result: Finding[] = [];
  for (const finding of findings) {
    const [folder, ofFolder] = finding.name.split("/");
    const id = folder === RUNS_FOLDER ? ofFolder : makers.get(finding.name);
    // An imported trade has no run.
    if (id === undefined || id === "" || !finding.remedy.includes("run")) {
      result.push(finding);
      continue;
    }
    const run = found.get(id) ?? { id, ...(await describe(storage, id)), isStored: ids.includes(id) };
    found.set(id, run);
    result.push({ ...finding, run });
  }
  return result;
}

/** The days are from the summary, which has a checksum, or the manifest: either may be what is damaged. */
async function describe(storage: Storage, id: string): Promise<Pick<RunOfFile, "period" | "chunks" | "isSession">> {
  const files = new RunFiles(storage, id);
  const summary = await undefinedIfCorrupt(() => files.readSummary());
  const key = await undefinedIfCorrupt(() => files.readManifestHead());
  return {
    period: (summary ?? key)?.period,
    chunks: summary?.chunks,
    isSession: key === undefined ? undefined : isSession(key),
  };
}

/** Compares the outcomes of each run with those that its chunks committed. Names the first chunk of a run that differs. */
export function checkOutcomesOfRuns({ ids, chunks }: CheckedRuns, trades: readonly Trade[]): readonly Finding[] {
  return ids.flatMap((runId): readonly Finding[] => {
    const ofRun = trades.filter((trade) => trade.runId === runId);
    const upTo = new Set<string>();
    for (const record of chunks.filter((chunk) => chunk.run_id === runId)) {
      upTo.add(record.chunk);
      const closed = ofRun.filter((trade) => upTo.has(trade.chunk));
      // Trades closed by the end of the run belong to its last chunk, whichever chunk their bar is in.
      const before = closed.filter((trade) => trade.exitReason !== "end_of_run");
      if ([closed, before].some((some) => outcomesDigest(some) === record.outcomes_digest)) continue;
      const name = `${RUNS_FOLDER}/${runId}/${record.chunk}.json`;
      const problem =
        `Memory does not match "${name}": found ${closed.length} outcomes of the run up to it, ` +
        `expected the ${record.outcomes_so_far} that it committed`;
      return damagedFindings([{ name, problem }], "run");
    }
    return [];
  });
}
