/** Every decoder of files that people or disks may have damaged, with sound inputs to begin from. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";
import { outcomesDigest } from "../../lib/backtest/run-store.ts";
import { memoryOf, parseConfig } from "../../lib/config.ts";
import { CarryoverError } from "../../lib/errors.ts";
import { encodeJson, isRecord } from "../../lib/files/json-file.ts";
import { memoryStorage } from "../../lib/files/memory-storage.ts";
import { encodeSealedJson } from "../../lib/files/sealed-json.ts";
import { decodeSidecar, encodeSidecar } from "../../lib/files/sidecar-file.ts";
import type { Storage } from "../../lib/files/storage.ts";
import { formatManifest, parseManifest } from "../../lib/host/backup-manifest.ts";
import { checkOnce } from "../../lib/host/check-memory.ts";
import { hashingEmbedder } from "../../lib/embed/hashing-embedder.ts";
import { parseBarsCsv } from "../../lib/market/csv.ts";
import { gunzipBars } from "../../lib/market/gzip.ts";
import { parseBarsParquet } from "../../lib/market/parquet.ts";
import { decodeForgetMark, encodeForgetMark } from "../../lib/memory/forget.ts";
import { openMemory } from "../../lib/memory/memory.ts";
import { decodeOutcome, encodeOutcome, outcomeFileName } from "../../lib/memory/outcome.ts";
import { readMemory } from "../../lib/memory/read-memory.ts";
import { readSidecar, SIDECAR_FILE } from "../../lib/memory/vector-store.ts";
import { answerKey, openAnswerStore } from "../../lib/providers/answer-store.ts";
import { parseVotesCsv } from "../../lib/providers/file.ts";
import { readVote } from "../../lib/providers/vote-text.ts";
import { PROJECT_DIR } from "../_samples.ts";
import { makeOutcome, makeOutcomes } from "../memory/_outcomes.ts";

/** A decoder under test. */
export interface Target {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Some of the seeds were damaged on purpose and are refused. @default false */
  readonly someAreBad?: boolean;
  /**
   * Decodes: a value, `undefined` where it was passed over, or a `CarryoverError`. Anything else that it throws is a bug.
   */
  decode(bytes: Uint8Array<ArrayBuffer>): Promise<unknown>;
}

const FIXTURES = join(PROJECT_DIR, "test/fixtures");
const HOUR = 3_600_000;
const BARS = { asset: "BTCUSD", timeframeMs: HOUR, file: "bars" };

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function fixtures(folder: string, extension: string): Uint8Array[] {
  const names = readdirSync(join(FIXTURES, folder)).filter((name) => name.endsWith(extension));
  return names.map((name) => new Uint8Array(readFileSync(join(FIXTURES, folder, name))));
}

const BARS_CSV = `timestamp,open,high,low,close,volume
2021-01-01T00:00:00Z,100,101,99,100.5,12
2021-01-01T01:00:00Z,100.5,102,100,101,0
1609466400000,101,101,98.25,99,1e3
`;
const VOTES_CSV = `timestamp,asset,action,confidence
2021-01-04T00:00:00Z,BTCUSD,BUY,70
1609718400000,"ETHUSD",SELL,60.5
2021-02-01,BTCUSD,hold,50
`;

const ID = makeOutcome().decision_id;
const NAME = outcomeFileName(ID);
const IMPORTED = {
  decision_id: ID,
  asset_pair: "BTCUSD",
  action: "BUY",
  entry_timestamp: "2021-01-04T12:00:00Z",
  exit_timestamp: "2021-01-05T08:00:00Z",
  realized_pnl: 12.5,
  pnl_percentage: 1.25,
  ai_provider: "local",
  votes: [{ provider: "a", action: "BUY", confidence: 50 }],
};
const RUN_KEY = { period: "2021", bars: {}, base: [], attempt: 0 } as unknown as RunKey;
const RUN_ID = runIdOf(RUN_KEY);
const CHUNK = {
  run_id: RUN_ID,
  chunk: "2021Q1",
  start: "2021-01-01T00:00:00.000Z",
  outcomes_digest: outcomesDigest([]),
  outcomes_so_far: 0,
  files_crc32: { "decisions.ndjson": "00000000", "equity.csv": "00000000" },
  state: { broker: { balance: 1 } },
};
const SNAPSHOT = { timestamp: "2021-04-01T00:00:00.000Z", run_id: RUN_ID, chunk: "2021Q1", win_rate: null };

const ANSWER_KEY = "ab".repeat(32);
const QUESTION = { provider: "llama", request: { model: "m", prompt: "What now?" }, refresh: 0 };
const VOTE_TEXT = '{"asset": "BTCUSD", "action": "BUY", "confidence": 70, "reason": "it rises"}';

/** The file of a recorded answer. */
async function answerFile(): Promise<Uint8Array> {
  const storage = memoryStorage();
  await openAnswerStore(storage, { onNote: () => {} }).keep(QUESTION, {
    vote: { action: "BUY", confidence: 70, reason: "it rises" },
    raw: [VOTE_TEXT],
    tokens: { input: 700, output: 40 },
    cost_usd: 0.25,
    asked_at: "2026-01-02T03:04:05.000Z",
    took_ms: 1234,
    run_id: RUN_ID,
  });
  return (await storage.read(`${await answerKey(QUESTION)}.json`, { maxBytes: 1 << 20 }))!;
}

/** A memory of a few trades, the same for all who damage one of its files. */
async function smallMemory(): Promise<Storage> {
  const storage = memoryStorage();
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  for (const outcome of makeOutcomes(6)) await memory.record(outcome);
  await memory.forget({ provider: "trend", beforeMs: 0 });
  await memory.flush();
  return storage;
}

/** How many of six outcomes a writer goes on with, at least five; `undefined` where the check has something to say of the file. */
async function rowsLeft(storage: Storage, name: string): Promise<number | undefined> {
  await readMemory(storage);
  const { findings } = await checkOnce(storage);
  await openMemory(storage, { embedder: hashingEmbedder() });
  const rows = (await readMemory(storage)).rows.length;
  if (rows < 5) throw new Error(`only ${rows} of 6 outcomes are left, with ${JSON.stringify(findings)}`);
  return findings.some((finding) => finding.name === name) ? undefined : rows;
}

/** JSON that a checksum would hide from random damage; `undefined` where it is none any more. */
function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A file of a memory folder, damaged: readers and the check must tell, and a writer must go on with the rest. */
async function fileTarget(name: string, seeds?: readonly Uint8Array[]): Promise<Target> {
  const files = new Map<string, Uint8Array>();
  const sound = await smallMemory();
  for (const file of (await sound.list()).files) {
    files.set(file.name, (await sound.read(file.name, { maxBytes: 1 << 20 }))!);
  }
  const own = files.get(name);
  return {
    name,
    seeds: seeds ?? (own === undefined ? [] : [own]),
    decode: async (bytes) => {
      const storage = memoryStorage();
      for (const [each, content] of files) await storage.replace(each, content);
      await storage.replace(name, bytes);
      return rowsLeft(storage, name);
    },
  };
}

/** The sidecar with a right checksum, whatever it says. */
async function sidecarTarget(): Promise<Target> {
  const name = SIDECAR_FILE;
  const sound = await smallMemory();
  const seed = await decodeSidecar((await sound.read(name, { maxBytes: 1 << 20 }))!, name);
  return {
    name: "sidecar's JSON",
    seeds: [utf8(JSON.stringify(seed))],
    decode: async (bytes) => {
      const value = objectOf(bytes);
      if (value === undefined) return undefined;
      const storage = await smallMemory();
      await storage.replace(name, await encodeSidecar(value));
      const rows = await rowsLeft(storage, name);
      await readSidecar(storage);
      return rows;
    },
  };
}

/** All of them; what they take is made when they are asked for. */
export async function targets(): Promise<readonly Target[]> {
  const mark = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2021, 0, 1) });
  const sha256 = "0".repeat(64);
  const manifest = { created: "2021-04-01T06:00:00.000Z", label: "l", newBytes: 3 };
  return [
    {
      name: "config",
      someAreBad: true,
      seeds: [...fixtures("config", ".yaml"), new Uint8Array(readFileSync(join(PROJECT_DIR, "config.yaml")))],
      decode: (bytes) => parseConfig(text(bytes), { file: "config.yaml" }),
    },
    {
      name: "config at a glance",
      someAreBad: true,
      seeds: [...fixtures("config", ".yaml"), new Uint8Array(readFileSync(join(PROJECT_DIR, "config.yaml")))],
      decode: async (bytes) => {
        let parsed: unknown;
        try {
          parsed = Bun.YAML.parse(text(bytes));
        } catch {
          // As scripts/_locate.ts has it: then parseConfig() has a look.
          return undefined;
        }
        return memoryOf(parsed);
      },
    },
    {
      name: "bars, csv",
      seeds: [utf8(BARS_CSV), utf8(BARS_CSV.replaceAll(",", ";").replaceAll("\n", "\r\n"))],
      decode: async (bytes) => parseBarsCsv(bytes, BARS),
    },
    {
      name: "bars, csv.gz",
      someAreBad: true,
      seeds: [new Uint8Array(gzipSync(BARS_CSV)), new Uint8Array(gzipSync(Buffer.alloc(1 << 20)))],
      decode: async (bytes) => parseBarsCsv(await gunzipBars(bytes, { file: "bars" }), BARS),
    },
    {
      name: "bars, parquet",
      someAreBad: true,
      seeds: fixtures("market", ".parquet"),
      decode: (bytes) => parseBarsParquet(bytes, BARS),
    },
    {
      name: "votes, csv",
      seeds: [utf8(VOTES_CSV)],
      decode: async (bytes) => parseVotesCsv(bytes, { file: "votes.csv" }),
    },
    { name: "outcome", seeds: [encodeOutcome(makeOutcome()).bytes], decode: (bytes) => decodeOutcome(bytes, NAME) },
    {
      name: "imported outcome",
      seeds: [encodeJson(IMPORTED), utf8(JSON.stringify(IMPORTED))],
      decode: (bytes) => decodeOutcome(bytes, NAME),
    },
    { name: "forget mark", seeds: [mark.bytes], decode: async (bytes) => decodeForgetMark(bytes, mark.name) },
    {
      name: "backup manifest",
      seeds: [
        formatManifest({ ...manifest, files: [] }),
        formatManifest({ ...manifest, files: [{ name: "runs/a", size: 3, sha256 }] }),
      ],
      decode: async (bytes) => parseManifest(bytes, "MANIFEST.json"),
    },
    {
      name: "recorded answer",
      seeds: [await answerFile()],
      decode: async (bytes) => {
        const storage = memoryStorage();
        await storage.replace(`${ANSWER_KEY}.json`, bytes);
        const store = openAnswerStore(storage, { onNote: () => {} });
        await store.costOfRun(RUN_ID);
        return store.find(ANSWER_KEY);
      },
    },
    { name: "model's vote", seeds: [utf8(VOTE_TEXT)], decode: async (bytes) => readVote(text(bytes), "BTCUSD") },
    await fileTarget(outcomeFileName(makeOutcomes(6)[3]!.decision_id)),
    await fileTarget("vectors.meta.json.gz"),
    await fileTarget("vectors.f32"),
    await fileTarget("memory.json"),
    await fileTarget("provider_performance.json"),
    await fileTarget(mark.name, [mark.bytes]),
    await fileTarget("snapshot_20210401_000000.json", [encodeSealedJson(SNAPSHOT), encodeJson(SNAPSHOT)]),
    // Without its seal it is refused.
    {
      ...(await fileTarget(`runs/${RUN_ID}/2021Q1.json`, [encodeSealedJson(CHUNK), encodeJson(CHUNK)])),
      someAreBad: true,
    },
    await fileTarget(`runs/${RUN_ID}/manifest.json`, [encodeJson({ run_id: RUN_ID, key: RUN_KEY })]),
    await fileTarget(`runs/${RUN_ID}/summary.json`, [encodeSealedJson({ run_id: RUN_ID })]),
    await sidecarTarget(),
  ];
}

/**
 * Decodes one input.
 *
 * @returns What is wrong with how it went; `undefined` for a value or an error of ours.
 */
export async function failureOn(target: Target, bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    await target.decode(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof CarryoverError && /^Cannot .*[^.]$/s.test(error.message)) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
