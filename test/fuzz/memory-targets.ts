/** What reads the files of a memory folder. */
import { runIdOf, type RunKey } from "../../lib/backtest/run-key.ts";
import { outcomesDigest } from "../../lib/backtest/run-files.ts";
import { encodeJson } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import { decodeSidecar, encodeSidecar } from "../../lib/memory/sidecar.ts";
import type { Storage } from "../../lib/storage/storage.ts";
import { checkOnce } from "../../lib/maintenance/check.node.ts";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { encodeForgetMark } from "../../lib/memory/forget.ts";
import { openMemory } from "../../lib/memory/store.ts";
import { outcomeFileName } from "../../lib/memory/outcome.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { readSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
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

/** A memory of a few trades, the same for all who damage one of its files. */
async function smallMemory(): Promise<Storage> {
  const storage = inMemoryStorage();
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
  const rows = (await readMemory(storage)).trades.length;
  if (rows < 5) throw new Error(`only ${rows} of 6 outcomes are left, with ${JSON.stringify(findings)}`);
  return findings.some((finding) => finding.name === name) ? undefined : rows;
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
      const storage = inMemoryStorage();
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

/** The files of a memory folder. */
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
