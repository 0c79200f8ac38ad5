import { RunFiles } from "../backtest/run-files.ts";
import { type CarryoverError, fail } from "../errors.ts";
import { MAX_OUTCOME_BYTES, outcomeFileName } from "../memory/outcome.ts";
import { readSealedJson } from "../storage/sealed-json.ts";
import { type DamagedFile, unlessDamaged } from "../storage/damaged-file.ts";
import type { Storage } from "../storage/storage.ts";
import type { DecisionRecord, Outcome } from "../types.ts";

/** Candidates that a message lists. */
const MAX_SHOWN = 5;

/** A decision, and what came of it. */
export interface FoundDecision {
  readonly chunk: string;
  readonly decision: DecisionRecord;
  /** The closed trade; `null` if there is none. */
  readonly outcome: Outcome | null;
  /** The trades that memory found most alike, nearest first; `null` for an outcome that is gone. */
  readonly recalled: readonly {
    readonly decision_id: string;
    readonly similarity: number;
    readonly outcome: Outcome | null;
  }[];
}

/**
 * Finds a decision of a run by its id, or by the beginning of it, such as `20210104T1200-BTCUSD`.
 *
 * @param run `chunks`: names of its chunks, in order.
 * @param options `damaged`: gets the files that are not as they were written. They are left out.
 * @throws {CarryoverError} `NOT_FOUND` if there is none, `BAD_USAGE` if there are several; both list candidates.
 */
export async function findDecision(
  storage: Storage,
  run: { id: string; chunks: readonly string[] },
  { id, damaged }: { id: string; damaged: DamagedFile[] },
): Promise<FoundDecision> {
  const files = new RunFiles(storage, run.id);
  const found: { chunk: string; line: string }[] = [];
  const ids: string[] = [];
  for (const chunk of run.chunks) {
    for await (const lines of (await unlessDamaged(damaged, chunk, () => linesOf(files, chunk))) ?? []) {
      for (const line of lines) {
        const each = idOf(line);
        if (each.startsWith(id)) found.push({ chunk, line });
        else ids.push(each);
      }
    }
  }
  const [first, second] = found;
  if (first === undefined) throw unknown(run.id, id, ids);
  if (second !== undefined) {
    const shown = found.slice(0, MAX_SHOWN).map(({ line }) => idOf(line));
    const more = found.length > MAX_SHOWN ? ` and ${found.length - MAX_SHOWN} more` : "";
    throw fail("BAD_USAGE", `Cannot tell which decision ${JSON.stringify(id)} is`, {
      found: shown.join(", ") + more,
      expected: "more of its id",
    });
  }
  const decision = JSON.parse(first.line) as DecisionRecord;
  const outcomeOf = async (of: string): Promise<Outcome | null> =>
    (await unlessDamaged(damaged, outcomeFileName(of), () => readOutcomeFile(storage, of))) ?? null;
  const recalled = decision.context.similar.nearest.map(async (each) => ({
    ...each,
    outcome: await outcomeOf(each.decision_id),
  }));
  return {
    chunk: first.chunk,
    decision,
    outcome: await outcomeOf(decision.decision_id),
    recalled: await Promise.all(recalled),
  };
}

async function linesOf(files: RunFiles, chunk: string): Promise<AsyncIterable<readonly string[]> | undefined> {
  const record = await files.readChunk(chunk);
  return record && files.readLines(record, "decisions.ndjson");
}

/** The first key of a line is `decision_id`. */
function idOf(line: string): string {
  return line.slice('{"decision_id":"'.length, line.indexOf('"', '{"decision_id":"'.length));
}

function unknown(runId: string, id: string, ids: readonly string[]): CarryoverError {
  const found = ids.length === 0 ? "no decisions" : `${ids.length} others, from "${ids[0]}" to "${ids.at(-1)}"`;
  const expected = "the id of one, or its beginning: export decisions lists them";
  return fail("NOT_FOUND", `Cannot find decision ${JSON.stringify(id)} of run ${runId.slice(0, 12)}`, {
    found,
    expected,
  });
}

/** An outcome as its file has it; `undefined` if it is missing, or not one of a run. */
async function readOutcomeFile(storage: Storage, id: string): Promise<Outcome | undefined> {
  const found = await readSealedJson(storage, outcomeFileName(id), { maxBytes: MAX_OUTCOME_BYTES });
  return found?.isSealed === true ? (found.fields as unknown as Outcome) : undefined;
}
