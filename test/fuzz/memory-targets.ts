import { runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";
import { outcomesDigest } from "../../lib/backtest/run-files.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import { decodeSidecar, encodeSidecar, readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { checkOnce } from "../../lib/maintenance/check.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { outcomeFileName } from "../../lib/memory/outcome.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { objectOf, utf8, type Target } from "./target.ts";

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

/** A memory of a few trades, the same at every call. */
async function smallMemory(): Promise<Storage> {
  const storage = inMemoryStorage();
  const memory = await openMemory(storage, { embedder: hashingEmbedder() });
  for (const outcome of makeOutcomes(6)) await memory.record(outcome);
  await memory.forget({ provider: "trend", beforeMs: 0 });
  await memory.flush();
  return storage;
}

/** The number of six outcomes that a writer still has, at least five; `undefined` if the check reports the file. */
async function tradesLeft(storage: Storage, name: string): Promise<number | undefined> {
  await readMemory(storage);
  const { findings } = await checkOnce(storage);
  await openMemory(storage, { embedder: hashingEmbedder() });
  const count = (await readMemory(storage)).trades.length;
  if (count < 5) throw new Error(`only ${count} of 6 outcomes are left, with ${JSON.stringify(findings)}`);
  return findings.some((finding) => finding.name === name) ? undefined : count;
}

/** A damaged file of a memory folder: readers and the check must report it, and a writer must continue with the rest. */
async function fileTarget(name: string, seeds?: readonly Uint8Array[]): Promise<Target> {
  const files = new Map<string, Uint8Array>();
  const sound = await smallMemory();
  for (const file of (await sound.list()).files) {
    files.set(file.name, (await sound.read(file.name, { maxBytes: 1 << 20 }))!);
  }
  const content = files.get(name);
  return {
    name,
    seeds: seeds ?? (content === undefined ? [] : [content]),
    decode: async (bytes) => {
      const storage = inMemoryStorage();
      for (const [each, original] of files) await storage.replace(each, original);
      await storage.replace(name, bytes);
      return tradesLeft(storage, name);
    },
  };
}

/** A damaged sidecar with a right checksum. */
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
      const count = await tradesLeft(storage, name);
      await readSidecar(storage);
      return count;
    },
  };
}

/** The decoders of a memory folder's files. */
export async function memoryTargets(): Promise<readonly Target[]> {
  const mark = encodeForgetMark({ provider: "trend", beforeMs: Date.UTC(2021, 0, 1) });
  return [
    await fileTarget(outcomeFileName(makeOutcomes(6)[3]!.decision_id)),
    await fileTarget("vectors.meta.json.gz"),
    await fileTarget("vectors.f32"),
    await fileTarget("memory.json"),
    await fileTarget("provider_performance.json"),
    await fileTarget(mark.name, [mark.bytes]),
    await fileTarget("snapshot_20210401_000000.json", [encodeSealedJson(SNAPSHOT), encodeJson(SNAPSHOT)]),
    // Without its checksum it is refused.
    {
      ...(await fileTarget(`runs/${RUN_ID}/2021Q1.json`, [encodeSealedJson(CHUNK), encodeJson(CHUNK)])),
      someAreBad: true,
    },
    await fileTarget(`runs/${RUN_ID}/manifest.json`, [encodeJson({ run_id: RUN_ID, key: RUN_KEY })]),
    await fileTarget(`runs/${RUN_ID}/summary.json`, [encodeSealedJson({ run_id: RUN_ID })]),
    await sidecarTarget(),
  ];
}
