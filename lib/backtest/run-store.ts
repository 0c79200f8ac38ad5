/**
 * `runs/<run_id>/`: `manifest.json` (the run key), per chunk `<chunk>.decisions.ndjson`, `<chunk>.equity.csv` and, last,
 * `<chunk>.json`, which commits the chunk; at the end `summary.json`.
 */
import type { Decision } from "../domain.ts";
import { CarryoverError } from "../errors.ts";
import { encodeJson, isRecord, readJsonObject } from "../files/json-file.ts";
import { sha256OfText } from "../files/sha256-of-text.ts";
import type { Storage } from "../files/storage.ts";
import type { BrokerState } from "./orders.ts";
import type { RunKey } from "./run-key.ts";
import type { Summary } from "./summary.ts";

const MAX_RECORD_BYTES = 1 << 26;

/** Equity and P&L at the end of a UTC day. */
export interface DayRecord {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly equity: number;
  /** Realized and open P&L by asset, since the run's start. */
  readonly pnl: Readonly<Record<string, number>>;
}

/** What happened in a chunk, as numbers to add up. */
export interface ChunkCounters {
  readonly ticks: number;
  /** Ticks after which a position was open. */
  readonly ticks_exposed: number;
  readonly decisions: number;
  /** Positions that the rules did not let open. */
  readonly skipped: { readonly max_positions: number; readonly correlation: number; readonly size: number };
  /** Orders that the end of the run left waiting. */
  readonly not_filled: number;
  /** By provider: votes that were abstentions. */
  readonly abstentions: Readonly<Record<string, number>>;
}

/** `<chunk>.json`. */
export interface ChunkRecord {
  readonly run_id: string;
  readonly chunk: string;
  /** ISO 8601; the end is exclusive. */
  readonly start: string;
  readonly end: string;
  /** SHA-256 over a line `<id> <crc32>` for each of the run's outcomes so far, in order of id. */
  readonly outcomes_digest: string;
  readonly outcomes_so_far: number;
  /** Outcomes in the window at the chunk's start, and the providers' multipliers then and at its end. */
  readonly remembered_at_start: number;
  readonly multipliers_at_start: Readonly<Record<string, number>>;
  readonly multipliers_at_end: Readonly<Record<string, number>>;
  /** Equity at the borders. */
  readonly initial_balance: number;
  readonly final_value: number;
  readonly max_drawdown_pct: number;
  readonly counters: ChunkCounters;
  readonly daily: readonly DayRecord[];
  /** What the next chunk starts from. */
  readonly state: {
    readonly broker: BrokerState;
    /** Over all marks of the run so far. */
    readonly peak_equity: number;
    readonly max_drawdown_pct: number;
  };
}

/** An equity mark, after step 4 of a tick. */
export interface EquityMark {
  /** Start of the tick's bars, epoch ms. */
  readonly timestamp: number;
  readonly equity: number;
  readonly openPositions: number;
}

/** Reads and writes the files of one run. */
export interface RunStore {
  writeManifest(key: RunKey): Promise<void>;
  /** @returns `undefined` where a chunk is not committed, or one of its files is gone. */
  readChunk(chunk: string): Promise<ChunkRecord | undefined>;
  /** Writes all files of a chunk, `<chunk>.json` last. */
  commitChunk(
    record: ChunkRecord,
    files: { decisions: readonly Decision[]; marks: readonly EquityMark[] },
  ): Promise<void>;
  readSummary(): Promise<Summary | undefined>;
  writeSummary(summary: Summary): Promise<void>;
}

const folderOf = (runId: string): string => `runs/${runId}`;

/** Opens the store of one run. */
export function openRunStore(storage: Storage, runId: string): RunStore {
  const folder = folderOf(runId);
  const read = async (name: string): Promise<unknown> => {
    try {
      return await readJsonObject(storage, `${folder}/${name}`, { maxBytes: MAX_RECORD_BYTES });
    } catch (error) {
      // What a run has written can be run again: a damaged record is as good as none.
      if (error instanceof CarryoverError && error.code === "CORRUPT") return undefined;
      throw error;
    }
  };
  return {
    writeManifest: (key) => storage.replace(`${folder}/manifest.json`, encodeJson({ run_id: runId, key })),
    readChunk: async (chunk) => {
      for (const beside of ["decisions.ndjson", "equity.csv"]) {
        if ((await storage.read(`${folder}/${chunk}.${beside}`, { maxBytes: 1 })) === undefined) return undefined;
      }
      return (await read(`${chunk}.json`)) as ChunkRecord | undefined;
    },
    commitChunk: async (record, { decisions, marks }) => {
      const encoder = new TextEncoder();
      const lines = decisions.map((decision) => `${JSON.stringify(decision)}\n`).join("");
      const rows = marks.map(
        (mark) => `${new Date(mark.timestamp).toISOString()},${mark.equity},${mark.openPositions}\n`,
      );
      await storage.replace(`${folder}/${record.chunk}.decisions.ndjson`, encoder.encode(lines));
      await storage.replace(
        `${folder}/${record.chunk}.equity.csv`,
        encoder.encode(`timestamp,equity,open_positions\n${rows.join("")}`),
      );
      await storage.replace(`${folder}/${record.chunk}.json`, encodeJson(record));
    },
    readSummary: async () => (await read("summary.json")) as Summary | undefined,
    writeSummary: (summary) => storage.replace(`${folder}/summary.json`, encodeJson(summary)),
  };
}

/** The manifests of all runs in a folder, by run id; damaged ones are passed over. */
export async function readManifests(storage: Storage): Promise<ReadonlyMap<string, RunKey>> {
  const keys = new Map<string, RunKey>();
  for (const runId of (await storage.list("runs")).folders) {
    try {
      const manifest = await readJsonObject(storage, `${folderOf(runId)}/manifest.json`, {
        maxBytes: MAX_RECORD_BYTES,
      });
      const key = manifest?.["key"];
      if (isRecord(key)) keys.set(runId, key as unknown as RunKey);
    } catch (error) {
      if (!(error instanceof CarryoverError) || error.code !== "CORRUPT") throw error;
    }
  }
  return keys;
}

/** The digest of a run's outcomes that `<chunk>.json` holds. */
export function outcomesDigest(outcomes: readonly { readonly id: string; readonly crc32: string | null }[]): string {
  const lines = outcomes.map(({ id, crc32 }) => `${id} ${crc32}\n`).toSorted();
  return sha256OfText(lines.join(""));
}
