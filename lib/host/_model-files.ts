import type { SentenceModel } from "../embed/onnx-embedder.ts";

/** One file of the sentence model. */
export interface ModelFile {
  /** What `SentenceModel` calls it. */
  readonly part: keyof SentenceModel;
  /** In the model folder. */
  readonly name: string;
  /** In the hub's repository. */
  readonly hubPath: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** https://huggingface.co/Xenova/all-MiniLM-L6-v2, quantized to int8 from sentence-transformers/all-MiniLM-L6-v2 (Apache 2.0). */
export const MODEL_REVISION = "751bff37182d3f1213fa05d7196b954e230abad9";

/** What the model consists of, in the order in which it is fetched: the small ones fail sooner. */
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

/** The command that puts the model into a folder. */
export function fetchCommand(modelDir: string): string {
  return `bun scripts/fetch-model.ts --model-dir ${JSON.stringify(modelDir)}`;
}
