import { fail, messageOf } from "../errors.ts";
import { loadOptional } from "../util/optional-packages.ts";
import { sha256OfBytes } from "../util/sha256.ts";
import { toUnit } from "../util/vectors.ts";
import type { Embedder } from "./embedder.ts";

const DIM = 384;
/** The model's training length (sentence-transformers/all-MiniLM-L6-v2, `max_seq_length`); the rest of a text is cut off. */
const MAX_TOKENS = 256;
/** To be changed with what changes vectors outside the model's files: pooling, truncation, the runtime. */
const RECIPE = "mean-l2-256-v1";

/** The contents of the files of all-MiniLM-L6-v2. */
export interface SentenceModel {
  /** `model_quantized.onnx` */
  readonly model: Uint8Array<ArrayBuffer>;
  /** `tokenizer.json` */
  readonly tokenizer: Uint8Array<ArrayBuffer>;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig: Uint8Array<ArrayBuffer>;
}

export interface OnnxEmbedder extends Embedder {
  /** SHA-256 of each file that it was made from, 64 hexadecimal digits. */
  readonly sha256: Readonly<Record<keyof SentenceModel, string>>;
  /** The token ids of a sentence: at most 256, with `[CLS]` and `[SEP]`. */
  tokenize(sentence: string): Promise<readonly number[]>;
}

interface Runtime {
  readonly tokenize: (sentence: string) => number[];
  /** @returns A vector of `DIM` floats for each token, one after the other. */
  readonly run: (ids: readonly number[]) => Promise<Float32Array>;
}

/**
 * The sentence model all-MiniLM-L6-v2 (Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM"): the mean of
 * its token vectors, scaled to unit length. It runs in WebAssembly on one thread, without relaxed SIMD, so that its vectors
 * have the same bytes on every machine.
 *
 * Sentences are embedded one at a time: the model is quantized to int8 with a scale for each call, so in a batch a sentence's
 * vector would depend on its neighbours.
 *
 * Runtime and model are loaded with the first sentence, which takes about a second. If the files are not this model, that
 * sentence is rejected with `CORRUPT`; without the packages that run it, with `NOT_FOUND`.
 */
export async function onnxEmbedder(files: SentenceModel): Promise<OnnxEmbedder> {
  const [model, tokenizer, tokenizerConfig] = await Promise.all([
    sha256OfBytes(files.model),
    sha256OfBytes(files.tokenizer),
    sha256OfBytes(files.tokenizerConfig),
  ]);
  let started: Promise<Runtime> | undefined;
  const start = (): Promise<Runtime> => (started ??= startRuntime(files));
  return {
    id: "onnx",
    fingerprint: `${RECIPE}-${model}-${tokenizer}-${tokenizerConfig}`,
    dim: DIM,
    isSlow: true,
    sha256: { model, tokenizer, tokenizerConfig },
    tokenize: async (sentence) => (await start()).tokenize(sentence),
    embed: async (sentence) => {
      const { tokenize, run } = await start();
      return meanPooling(await run(tokenize(sentence)));
    },
  };
}

/** The mean of token vectors, scaled to unit length. A single sentence has no padding, so every token counts. */
function meanPooling(tokenVectors: Float32Array): Float32Array {
  // The sum has the direction of the mean.
  const sums = new Float64Array(DIM);
  for (let i = 0; i < tokenVectors.length; i++) sums[i % DIM]! += tokenVectors[i]!;
  return toUnit(sums)!;
}

async function startRuntime(files: SentenceModel): Promise<Runtime> {
  const [{ Tokenizer }, { env, InferenceSession, Tensor }] = await loadOptional(
    () => Promise.all([import("@huggingface/tokenizers"), import("onnxruntime-web/wasm")]),
    { tried: "Cannot load the sentence model", packages: ["@huggingface/tokenizers", "onnxruntime-web"] },
  );
  try {
    const tokenizer = new Tokenizer(parseJson(files.tokenizer), parseJson(files.tokenizerConfig));
    env.wasm.numThreads = 1;
    env.logLevel = "fatal";
    const session = await InferenceSession.create(files.model, { executionProviders: ["wasm"], logSeverityLevel: 4 });

    const tokenize = (sentence: string): number[] => {
      const { ids } = tokenizer.encode(sentence);
      return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ...ids.slice(-1)];
    };
    const run = async (ids: readonly number[]): Promise<Float32Array> => {
      const tensor = (valueOf: (id: number) => bigint): InstanceType<typeof Tensor> =>
        new Tensor("int64", BigInt64Array.from(ids, valueOf), [1, ids.length]);
      const outputs = await session.run({
        input_ids: tensor(BigInt),
        attention_mask: tensor(() => 1n),
        token_type_ids: tensor(() => 0n),
      });
      const vectors = outputs["last_hidden_state"]?.data;
      if (!(vectors instanceof Float32Array) || vectors.length !== ids.length * DIM) {
        throw new Error(`${vectors?.length ?? "no"} values for ${ids.length} tokens`);
      }
      return vectors;
    };
    // Finds a model with other inputs or outputs now.
    await run(tokenize(""));
    return { tokenize, run };
  } catch (cause) {
    const expected = "the files of all-MiniLM-L6-v2";
    throw fail("CORRUPT", "Cannot load the sentence model", { found: messageOf(cause), expected, cause });
  }
}

function parseJson(bytes: Uint8Array): object {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== "object" || value === null) throw new Error(`${typeof value} in a tokenizer's file`);
  return value;
}
