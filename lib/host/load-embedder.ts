import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Embedder } from "../embed/embedder.ts";
import { hashingEmbedder } from "../embed/hashing-embedder.ts";
import type { SentenceModel } from "../embed/onnx-embedder.ts";
import { CarryoverError } from "../errors.ts";
import { attempt } from "./_durable.ts";
import { interruptible } from "./_interruptible.ts";
import { fetchCommand, MODEL_FILES } from "./_model-files.ts";

/** The part of a configuration that says how sentences become vectors; `model_dir` absolute. */
export type EmbedderConfig = Pick<Config["memory"], "embedder" | "model_dir">;

/**
 * Makes the embedder that a configuration names. The files of the sentence model are read and checked here; the model itself
 * and what runs it load with the first sentence.
 *
 * @param options `signal`: stops the embedder, whose `embed()` then rejects with its reason.
 * @throws {CarryoverError} `NOT_FOUND` where the model folder lacks a file, `CORRUPT` where one is another than is known,
 * `IO` where it cannot be read.
 */
export async function loadEmbedder(
  config: EmbedderConfig,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Embedder> {
  const embedder = config.embedder === "hashing" ? hashingEmbedder() : await sentenceModel(config);
  return options.signal === undefined ? embedder : interruptible(embedder, options.signal);
}

async function sentenceModel(config: EmbedderConfig): Promise<Embedder> {
  const dir = config.model_dir;
  const missing = MODEL_FILES.filter(({ name }) => !existsSync(join(dir, name))).map(({ name }) => `"${name}"`);
  if (missing.length > 0) {
    throw new CarryoverError(
      "NOT_FOUND",
      `Cannot load the sentence model: found no ${missing.join(", ")} in "${dir}", expected them as this fetches them: ` +
        fetchCommand(dir),
    );
  }
  const read = (part: keyof SentenceModel): Uint8Array<ArrayBuffer> => {
    const path = join(dir, MODEL_FILES.find((file) => file.part === part)?.name ?? part);
    return attempt("read", path, () => readFileSync(path));
  };
  const { onnxEmbedder } = await import("../embed/onnx-embedder.ts");
  const embedder = await onnxEmbedder({
    model: read("model"),
    tokenizer: read("tokenizer"),
    tokenizerConfig: read("tokenizerConfig"),
  });
  for (const { part, name, sha256 } of MODEL_FILES) {
    if (embedder.sha256[part] === sha256) continue;
    throw new CarryoverError(
      "CORRUPT",
      `Cannot use "${join(dir, name)}": found SHA-256 ${embedder.sha256[part]}, expected ${sha256}, as this fetches it: ` +
        fetchCommand(dir),
    );
  }
  return embedder;
}
