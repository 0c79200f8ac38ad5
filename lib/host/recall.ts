import { hasWordsOfDescriptions } from "../embed/hashing-embedder.ts";
import { CarryoverError } from "../errors.ts";
import type { OnEmbedded } from "../memory/memory.ts";
import { readMemory } from "../memory/read-memory.ts";
import { recallTrades, type RecallQuestion, type Recollection } from "../memory/recall.ts";
import { readableMemory } from "./_readable-memory.ts";
import { loadEmbedder, type EmbedderConfig } from "./load-embedder.ts";

/** A question, and where it is asked. */
export interface RecallOptions extends RecallQuestion {
  readonly memoryDir: string;
  /** What the configuration says. @default the embedder of the stored vectors, `hashing` where there are none */
  readonly embedder?: EmbedderConfig | undefined;
  /** Where the sentence model is: asked where no embedder is given and the stored vectors are the model's. */
  readonly modelDir: () => Promise<string>;
  /** Stops the making of vectors. */
  readonly signal?: AbortSignal | undefined;
  readonly onEmbedded?: OnEmbedded | undefined;
}

/**
 * Asks a memory folder for the trades whose situations are most like a sentence. Takes no lock and writes nothing.
 *
 * @returns The answer, the embedder that it was found with, and whether that knows any word of the sentence.
 * @throws {CarryoverError} `BAD_USAGE` for a sentence without a word, `NOT_FOUND` if there is no such folder, asset, regime or
 * sentence model, `IO` if the folder may not be read.
 */
export async function recall(
  options: RecallOptions,
): Promise<Recollection & { embedder: string; knowsWords: boolean }> {
  const { memoryDir, sentence } = options;
  // Descriptions are in English, and the words of other scripts are nothing to the hashing embedder.
  if (!/[a-z]/i.test(sentence)) {
    const expected = 'words on a situation such as "BTCUSD falling fast, volatility wild"';
    throw new CarryoverError("BAD_USAGE", `Cannot recall: found ${JSON.stringify(sentence)}, expected ${expected}`);
  }
  const storage = readableMemory(memoryDir);
  const reading = await readMemory(storage);
  const config = options.embedder ?? (await storedEmbedder(reading.sidecar?.embedder, options));
  const embedder = await loadEmbedder(config, options);
  const names = new Set(reading.rows.map(({ asset }) => asset.toLowerCase()));
  // The model knows all words; imported outcomes may be described in any.
  const knowsWords =
    embedder.id !== "hashing" ||
    reading.rows.some(({ crc32 }) => crc32 === null) ||
    hasWordsOfDescriptions(sentence, names);
  return { ...(await recallTrades(storage, reading, { ...options, embedder })), embedder: embedder.id, knowsWords };
}

async function storedEmbedder(
  stored: string | undefined,
  { modelDir }: Pick<RecallOptions, "modelDir">,
): Promise<EmbedderConfig> {
  return stored === "onnx" ? { embedder: "onnx", model_dir: await modelDir() } : { embedder: "hashing", model_dir: "" };
}
