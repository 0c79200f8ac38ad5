import { outcomesDigest, RunFiles, RUNS_FOLDER, type StoredChunk } from "../backtest/run-files.ts";
import { CarryoverError } from "../errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { Trade } from "../memory/trade.ts";

/** What is not as it should be. */
export interface Finding {
  /** In the memory folder. */
  readonly name: string;
  /** False for what a crash or a deletion leaves, and nothing is lost with. */
  readonly damaged: boolean;
  readonly problem: string;
  /** What becomes of it. */
  readonly remedy: Remedy;
}

/**
 * `start`: the next command that writes makes it anew, and a repair does it now. `rebuild`: a repair makes it anew. `run`: asking
 * for the same run again makes it anew. `quarantine`: a repair moves it aside. `quarantine, run`: and then the run makes it anew.
 * `person`: only a person can tell.
 */
export type Remedy = "start" | "rebuild" | "run" | "quarantine" | "quarantine, run" | "person";

/** What was read in `runs/`. */
export interface CheckedRuns {
  readonly ids: readonly string[];
  /** Those that are as they were written, by run and time. */
  readonly chunks: readonly StoredChunk[];
  readonly findings: readonly Finding[];
}

/** Reads every file of every run: what is damaged, the run makes again. */
export async function checkRunFiles(storage: Storage): Promise<CheckedRuns> {
  const ids = (await storage.list(RUNS_FOLDER)).folders;
  const chunks: StoredChunk[] = [];
  const findings: Finding[] = [];
  /** Reads one file; `undefined` for one that is damaged or not there. */
  async function read<T>(name: string, reading: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await reading();
    } catch (error) {
      if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
      findings.push(damaged(name, error.message));
      return undefined;
    }
  }
  for (const runId of ids) {
    const folder = `${RUNS_FOLDER}/${runId}`;
    const manifest = `${folder}/manifest.json`;
    const files = new RunFiles(storage, runId);
    await read(manifest, async () => {
      const key = await files.readManifest({ verify: true });
      if (key !== undefined) return;
      const problem = `Cannot read "${manifest}": found no such file, expected the run's key`;
      findings.push({ name: manifest, damaged: true, problem, remedy: "run" });
    });
    await read(`${folder}/summary.json`, () => files.readSummary());
    const ofRun: StoredChunk[] = [];
    for (const chunk of await files.chunkNames()) {
      const record = await read(`${folder}/${chunk}.json`, () => files.readChunk(chunk));
      if (record === undefined) continue;
      ofRun.push(record);
      for (const { name, problem, isMissing } of await files.damagedDetails(record)) {
        findings.push(isMissing ? { name, damaged: true, problem, remedy: "run" } : damaged(name, problem));
      }
    }
    chunks.push(...ofRun.toSorted((a, b) => (a.start < b.start ? -1 : 1)));
  }
  return { ids, chunks, findings };
}

/** Compares the outcomes of each run with those that its chunks committed. The first chunk of a run that differs is named. */
export function checkOutcomesOfRuns({ ids, chunks }: CheckedRuns, trades: readonly Trade[]): readonly Finding[] {
  return ids.flatMap((runId): Finding[] => {
    const ofRun = trades.filter((trade) => trade.runId === runId);
    const upTo = new Set<string>();
    for (const record of chunks.filter((chunk) => chunk.run_id === runId)) {
      upTo.add(record.chunk);
      const closed = ofRun.filter((trade) => upTo.has(trade.chunk));
      // What is closed at the end of the run is recorded with the run's last chunk, whichever owns the bar.
      const before = closed.filter((trade) => trade.exitReason !== "end_of_run");
      if ([closed, before].some((some) => outcomesDigest(some) === record.outcomes_digest)) continue;
      const name = `${RUNS_FOLDER}/${runId}/${record.chunk}.json`;
      const problem =
        `Memory does not match "${name}": found ${closed.length} outcomes of the run up to it, ` +
        `expected the ${record.outcomes_so_far} that it committed`;
      return [{ name, damaged: true, problem, remedy: "run" }];
    }
    return [];
  });
}

function damaged(name: string, problem: string): Finding {
  return { name, damaged: true, problem, remedy: "quarantine, run" };
}
