import { bytesToHex } from "@noble/hashes/utils.js";
import { CarryoverError, messageOf } from "../errors.ts";
import type { Embedder } from "./embedder.ts";

const DIM = 384;
/** What the model was trained on (sentence-transformers/all-MiniLM-L6-v2, `max_seq_length`); the rest of a text is not seen. */
const MAX_TOKENS = 256;
/** A new one for whatever changes a vector and is not in the model's files: pooling, truncation, the runtime. */
const RECIPE = "mean-l2-256-v1";

/** The files of all-MiniLM-L6-v2, whole. */
export interface SentenceModel {
  /** `model_quantized.onnx` */
  readonly model: Uint8Array<ArrayBuffer>;
  /** `tokenizer.json` */
  readonly tokenizer: Uint8Array<ArrayBuffer>;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig: Uint8Array<ArrayBuffer>;
}

/** An embedder that says which files it was made from. */
export interface OnnxEmbedder extends Embedder {
  /** SHA-256 of each file, 64 hexadecimal digits. */
  readonly sha256: Readonly<Record<keyof SentenceModel, string>>;
  /** @returns The token ids that the model is given for a sentence: at most 256, with `[CLS]` and `[SEP]`. */
  tokenize(sentence: string): Promise<readonly number[]>;
}

/** A sentence, tokenized and through the model. */
interface Runtime {
  readonly tokenize: (sentence: string) => number[];
  /** @returns `ids.length * DIM` floats, a row for each token. */
  readonly run: (ids: readonly number[]) => Promise<Float32Array>;
}

/**
 * The sentence model all-MiniLM-L6-v2 (Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM"): the mean of
 * its token vectors, scaled to unit length. It runs in WebAssembly on one thread, without relaxed SIMD, so that its vectors
 * have the same bytes on every machine.
 *
 * One sentence goes through at a time: the model is quantized to int8 with a scale for each call, so that a sentence's
 * vector would depend on those beside it.
 *
 * Runtime and model are loaded with the first sentence, which takes about a second.
 *
 * @throws {CarryoverError} From its functions: `CORRUPT` if the files are no such model.
 */
export async function onnxEmbedder(files: SentenceModel): Promise<OnnxEmbedder> {
  const [model, tokenizer, tokenizerConfig] = await Promise.all([
    sha256(files.model),
    sha256(files.tokenizer),
    sha256(files.tokenizerConfig),
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
      return meanOfRows(await run(tokenize(sentence)));
    },
  };
}

/** The mean of rows of `DIM` floats, scaled to unit length. A single sentence has no padding, so every row counts. */
function meanOfRows(rows: Float32Array): Float32Array {
  // The sum has the direction of the mean.
  const sums = new Float64Array(DIM);
  rows.forEach((value, i) => {
    sums[i % DIM] = (sums[i % DIM] ?? 0) + value;
  });
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  const norm = Math.sqrt(squares);
  return Float32Array.from(sums, (sum) => sum / norm);
}

async function startRuntime(files: SentenceModel): Promise<Runtime> {
  try {
    const [{ Tokenizer }, { env, InferenceSession, Tensor }] = await Promise.all([
      import("@huggingface/tokenizers"),
      import("onnxruntime-web/wasm"),
    ]);
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
      const rows = outputs["last_hidden_state"]?.data;
      if (!(rows instanceof Float32Array) || rows.length !== ids.length * DIM) {
        throw new Error(`${rows?.length ?? "no"} values for ${ids.length} tokens`);
      }
      return rows;
    };
    // A model with other inputs or outputs is found now.
    await run(tokenize(""));
    return { tokenize, run };
  } catch (cause) {
    throw new CarryoverError(
      "CORRUPT",
      `Cannot load the sentence model: found ${messageOf(cause)}, expected the files of all-MiniLM-L6-v2`,
      { cause },
    );
  }
}

function parseJson(bytes: Uint8Array): object {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof value !== "object" || value === null) throw new Error(`${typeof value} in a tokenizer's file`);
  return value;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // In another thread: three to six times as fast as in TypeScript, where a file has megabytes.
  return bytesToHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
