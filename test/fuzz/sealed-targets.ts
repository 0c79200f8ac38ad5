import { resolve } from "node:path";
import { trialsOfComparisons, countTrials } from "../../lib/experiments/trials.ts";
import { encodeJson, isRecord } from "../../lib/util/json.ts";
import { inMemoryStorage } from "../../lib/storage/in-memory.ts";
import { encodeSealedJson } from "../../lib/storage/sealed-json.ts";
import { formatManifest, parseManifest, type BackupFile, type BackupManifest } from "../../lib/backup/manifest.ts";
import { withKey } from "../../lib/providers/recorded/answer-file.ts";
import { AnswerStore } from "../../lib/providers/recorded/recordings.ts";
import { objectOf, text, utf8, type Target } from "./target.ts";

const RUN_ID = "ab".repeat(32);
const BARS_SHA256 = { BTCUSD: "ab".repeat(32) };
const ARM = {
  run_id: RUN_ID,
  returns: [0.01, -0.02, 0.005],
  trades: { day: [0, 2], won: [true, false], result_r: [1.5, null], confidence: [60, 55] },
};
const COMPARISON = {
  verdict: "helped",
  worlds: [{ name: "bars", bars: BARS_SHA256, dates: ["2021-01-01"], on: ARM, off: ARM, shuffled: [ARM] }],
};

const QUESTION = { provider: "llama", request: { model: "m", prompt: "What now?" }, refresh: 0 };
const KEYED = withKey(QUESTION);
const VOTE_TEXT = '{"asset": "BTCUSD", "action": "BUY", "confidence": 70, "reason": "it rises"}';

/** The file of a recorded answer. */
async function answerFile(): Promise<Uint8Array> {
  const storage = inMemoryStorage();
  await new AnswerStore(storage, { onNote: () => {} }).keep(QUESTION, {
    vote: { action: "BUY", confidence: 70, reason: "it rises" },
    raw: [VOTE_TEXT],
    tokens: { input: 700, output: 40 },
    cost_usd: 0.25,
    asked_at: "2026-01-02T03:04:05.000Z",
    took_ms: 1234,
    run_id: RUN_ID,
  });
  return (await storage.read(`${KEYED.key}.json`, { maxBytes: 1 << 20 }))!;
}

/** The fields of a sealed file, without its checksum. */
function unsealed(bytes: Uint8Array): object {
  const { crc32: _, ...fields } = JSON.parse(text(bytes)) as Record<string, unknown>;
  return fields;
}

/** Finds the question's answer in a file, and adds up the cost. */
async function findAnswer(bytes: Uint8Array): Promise<unknown> {
  const storage = inMemoryStorage();
  await storage.replace(`${KEYED.key}.json`, bytes);
  const store = new AnswerStore(storage, { onNote: () => {} });
  const cost = await store.costOfRun(RUN_ID);
  if (!(cost >= 0 && cost < Infinity)) throw new Error(`the run cost ${JSON.stringify(cost)}`);
  const found = await store.find(KEYED);
  const { action, confidence } = found?.vote ?? { action: "HOLD", confidence: 0 };
  if (!["BUY", "SELL", "HOLD"].includes(action) || !(confidence >= 0 && confidence <= 100)) {
    throw new Error(`the vote is ${JSON.stringify(found?.vote)}`);
  }
  return found;
}

/** Reads a manifest. None of its files may be outside the backup or be the manifest itself. */
async function readManifest(bytes: Uint8Array): Promise<BackupManifest> {
  const manifest = parseManifest(bytes, "MANIFEST.json");
  const paths = manifest.files.map(({ name }) => resolve("/backup", name));
  const bad = paths.filter((path) => !path.startsWith("/backup/") || path === "/backup/MANIFEST.json");
  if (bad.length > 0 || new Set(paths).size < paths.length) throw new Error(`the files ${JSON.stringify(paths)}`);
  return manifest;
}

/** The decoders of files with a checksum, with and without a right one, and of comparisons, which have none. */
export async function sealedTargets(): Promise<readonly Target[]> {
  const file = (name: string): BackupFile => ({ name, size: 3, sha256: "0".repeat(64) });
  const manifest = { sequence: 3, created: "2021-04-01T06:00:00.000Z", label: "l", new_bytes: 3 };
  return [
    {
      name: "backup manifest",
      seeds: [formatManifest({ ...manifest, files: [] }), formatManifest({ ...manifest, files: [file("runs/a")] })],
      decode: readManifest,
    },
    {
      name: "backup manifest, hashed",
      seeds: [utf8(JSON.stringify({ ...manifest, files: [file("runs/a"), file("b.json")] }))],
      decode: async (bytes) => {
        const value = objectOf(bytes);
        // A manifest without files cannot be written.
        if (value === undefined || !Array.isArray(value["files"]) || !value["files"].every(isRecord)) return undefined;
        return readManifest(formatManifest(value as unknown as BackupManifest));
      },
    },
    { name: "recorded answer", seeds: [await answerFile()], decode: findAnswer },
    {
      name: "recorded answer, sealed",
      seeds: [utf8(JSON.stringify(unsealed(await answerFile())))],
      decode: async (bytes) => {
        const value = objectOf(bytes);
        return value === undefined ? undefined : findAnswer(encodeSealedJson(value));
      },
    },
    {
      name: "comparison",
      seeds: [encodeJson(COMPARISON), utf8(JSON.stringify(COMPARISON))],
      decode: async (bytes) => {
        const storage = inMemoryStorage();
        await storage.replace("comparison_0123456789abcdef.json", bytes);
        const trials = await trialsOfComparisons(storage, BARS_SHA256);
        countTrials(trials, 365);
        return trials.length === 0 ? undefined : trials;
      },
    },
  ];
}
