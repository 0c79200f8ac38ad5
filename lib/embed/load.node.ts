import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { fail } from "../errors.ts";
import { attempt, readRegular } from "../storage/fs.node.ts";
import { scriptCommand } from "../util/command-line.node.ts";
import { shellWord } from "../util/names.ts";
import type { Embedder } from "./embedder.ts";
import { hashingEmbedder } from "./hashing.ts";
import type { SentenceModel } from "./onnx.ts";

/** The embedder's part of a configuration; `model_dir` is absolute. */
export type EmbedderConfig = Pick<Config["memory"], "embedder" | "model_dir">;

/**
 * Makes the configured embedder. The files of the sentence model are read and checked here. The model and
 * its runtime are loaded with the first sentence.
 *
 * @param options `signal`: stops the embedder; `embed()` then rejects with the signal's reason.
 * @throws {CarryoverError} `NOT_FOUND` if the model folder lacks a file, `CORRUPT` if a file has the wrong hash, `IO` if it
 * cannot be read.
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
    throw fail("NOT_FOUND", "Cannot load the sentence model", {
      found: `no ${missing.join(", ")} in "${dir}"`,
      expected: `the files that this command fetches: ${fetchCommand(dir)}`,
    });
  }
  const read = (part: keyof SentenceModel): Uint8Array<ArrayBuffer> => {
    const path = join(dir, MODEL_FILES.find((file) => file.part === part)?.name ?? part);
    return attempt("read", path, () => readRegular(path, { maxBytes: 1 << 28 }));
  };
  const { onnxEmbedder } = await import("./onnx.ts");
  const embedder = await onnxEmbedder({
    model: read("model"),
    tokenizer: read("tokenizer"),
    tokenizerConfig: read("tokenizerConfig"),
  });
  for (const { part, name, sha256 } of MODEL_FILES) {
    if (embedder.sha256[part] === sha256) continue;
    throw fail("CORRUPT", `Cannot use "${join(dir, name)}"`, {
      found: `SHA-256 ${embedder.sha256[part]}`,
      expected: `${sha256}, the file that this command fetches: ${fetchCommand(dir)}`,
    });
  }
  return embedder;
}

/** A signal of the operating system waits at most this long, plus one sentence. */
const PAUSE_EVERY_MS = 50;

/**
 * Wraps an embedder so that `embed()` rejects with the signal's reason once it is aborted. The model's runtime awaits only
 * settled promises, so a loop over sentences would never return to the event loop, where signals arrive. This one pauses.
 */
export function interruptible(embedder: Embedder, signal: AbortSignal): Embedder {
  let pausedAt = performance.now();
  return {
    ...embedder,
    embed: async (sentence) => {
      if (performance.now() - pausedAt >= PAUSE_EVERY_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        pausedAt = performance.now();
      }
      signal.throwIfAborted();
      return embedder.embed(sentence);
    },
  };
}

export interface ModelFile {
  readonly part: keyof SentenceModel;
  /** Its name in the model folder. */
  readonly name: string;
  /** Its path in the hub's repository. */
  readonly hubPath: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * A commit of https://huggingface.co/Xenova/all-MiniLM-L6-v2, quantized to int8 from
 * sentence-transformers/all-MiniLM-L6-v2 (Apache 2.0).
 */
export const MODEL_REVISION = "751bff37182d3f1213fa05d7196b954e230abad9";

/** The files of the model in the order of their download: the small ones fail sooner. */
export const MODEL_FILES: readonly ModelFile[] = [
  {
    part: "tokenizerConfig",
    name: "tokenizer_config.json",
    hubPath: "tokenizer_config.json",
    bytes: 366,
    sha256: "9261e7d79b44c8195c1cada2b453e55b00aeb81e907a6664974b4d7776172ab3",
  },
  {
    part: "tokenizer",
    name: "tokenizer.json",
    hubPath: "tokenizer.json",
    bytes: 711_661,
    sha256: "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
  },
  {
    part: "model",
    name: "model_quantized.onnx",
    hubPath: "onnx/model_quantized.onnx",
    bytes: 22_972_370,
    sha256: "afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1",
  },
];

/** The command that brings the files of the model into a folder. */
export function fetchCommand(modelDir: string): string {
  return `${scriptCommand("fetch-model")} --model-dir ${shellWord(modelDir)}`;
}
