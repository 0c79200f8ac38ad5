/** Reads what a session stored before it stopped. */
import type { RunFiles } from "../backtest/run-files.ts";
import { outcomesDigest, RUNS_FOLDER } from "../backtest/run-files.ts";
import { MAX_OUTCOME_BYTES, outcomeFileName } from "../memory/outcome.ts";
import type { SessionDecision, SessionOutcome } from "../memory/session-outcome.ts";
import type { Memory } from "../memory/store.ts";
import type { Trade } from "../memory/trade.ts";
import { type Chunk, type ChunkRecord, chunksThrough } from "../results/chunks.ts";
import { readSealedJson } from "../storage/sealed-json.ts";
import { decodeJsonObject } from "../util/json.ts";
import { floorDay } from "./session-summary.ts";

/** A chunk of a session as its files have it. */
interface StoredSessionChunk {
  readonly chunk: Chunk;
  /** `undefined` if it was not committed, or memory has other outcomes of it by now. */
  readonly record: ChunkRecord | undefined;
  readonly decisions: readonly SessionDecision[];
  /** In the order of (exit, id). */
  readonly outcomes: readonly SessionOutcome[];
  /** Bytes of the whole lines of its decisions. */
  readonly storedBytes: number;
}

interface SessionSource {
  readonly memory: Memory;
  readonly files: RunFiles;
  readonly id: string;
  readonly startMs: number;
  readonly chunkKind: string;
}

const encoder = new TextEncoder();

/** The chunks of a session, up to the last one that has anything. */
export async function readSession(source: SessionSource): Promise<readonly StoredSessionChunk[]> {
  const { memory, files, id } = source;
  const own = memory.trades.filter((trade) => trade.runId === id);
  const names = new Set([...(await files.decisionChunks()), ...own.map(({ chunk }) => chunk)]);
  const plan = chunksThrough(floorDay(source.startMs), source.chunkKind, names);
  const chunks: StoredSessionChunk[] = [];
  const soFar: Trade[] = [];
  for (const chunk of plan) {
    const ofChunk = own.filter((trade) => trade.chunk === chunk.name);
    soFar.push(...ofChunk);
    const record = await files.readCommitted(chunk.name);
    const lines =
      record === undefined ? files.readOpenDecisions(chunk.name) : await files.readLines(record, "decisions.ndjson");
    const isSame = record?.outcomes_digest === outcomesDigest(soFar);
    chunks.push({
      chunk,
      record: isSame ? record : undefined,
      ...(await decisionsOf(lines, `${RUNS_FOLDER}/${id}/${chunk.name}.decisions.ndjson`)),
      outcomes: await readOutcomes(memory, ofChunk),
    });
  }
  return chunks;
}

async function decisionsOf(
  parts: AsyncIterable<readonly string[]>,
  name: string,
): Promise<Pick<StoredSessionChunk, "decisions" | "storedBytes">> {
  const decisions: SessionDecision[] = [];
  let storedBytes = 0;
  for await (const lines of parts) {
    for (const line of lines) {
      const bytes = encoder.encode(line);
      decisions.push(decodeJsonObject(bytes, name) as unknown as SessionDecision);
      storedBytes += bytes.length + 1;
    }
  }
  return { decisions, storedBytes };
}

async function readOutcomes({ storage }: Memory, trades: readonly Trade[]): Promise<readonly SessionOutcome[]> {
  const outcomes: SessionOutcome[] = [];
  for (const { id } of trades) {
    const found = await readSealedJson(storage, outcomeFileName(id), { maxBytes: MAX_OUTCOME_BYTES });
    // What the fields are was checked when they were written.
    if (found !== undefined) outcomes.push(found.fields as unknown as SessionOutcome);
  }
  return outcomes;
}
