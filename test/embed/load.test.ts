import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadEmbedder } from "../../lib/embed/load.node.ts";
import { HAS_MODEL, MODEL_DIR } from "../samples.ts";

const base = mkdtempSync(join(tmpdir(), "carryover-embedder-"));
let folders = 0;
afterAll(() => rmSync(base, { recursive: true }));

function folder(files: Readonly<Record<string, string>> = {}): string {
  const dir = join(base, `model-${(folders += 1)}`);
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

describe("loadEmbedder()", () => {
  test("makes the hashing embedder without reading the model folder", async () => {
    expect(await loadEmbedder({ embedder: "hashing", model_dir: join(base, "nowhere") })).toMatchObject({
      id: "hashing",
      dim: 128,
    });
  });

  test("names the missing files and the command that fetches them", async () => {
    const nowhere = join(base, "no where");
    await expect(loadEmbedder({ embedder: "onnx", model_dir: nowhere })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message:
        `Cannot load the sentence model: found no "tokenizer_config.json", "tokenizer.json", "model_quantized.onnx" in ` +
        `"${nowhere}", expected the files that this command fetches: bun scripts/fetch-model.ts --model-dir '${nowhere}'`,
    });
    expect(existsSync(nowhere)).toBeFalse();
    const partly = folder({ "tokenizer.json": "{}", "tokenizer_config.json": "{}" });
    await expect(loadEmbedder({ embedder: "onnx", model_dir: partly })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining('found no "model_quantized.onnx" in'),
    });
  });

  test("names a file with the wrong hash, and both hashes", async () => {
    const dir = folder({ "tokenizer.json": "{}", "tokenizer_config.json": "{}", "model_quantized.onnx": "" });
    await expect(loadEmbedder({ embedder: "onnx", model_dir: dir })).rejects.toMatchObject({
      code: "CORRUPT",
      message:
        // printf '{}' | sha256sum
        `Cannot use "${dir}/tokenizer_config.json": found SHA-256 ` +
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a, expected " +
        "9261e7d79b44c8195c1cada2b453e55b00aeb81e907a6664974b4d7776172ab3, the file that this command fetches: " +
        `bun scripts/fetch-model.ts --model-dir ${dir}`,
    });
  });

  test.skipIf(!HAS_MODEL)(
    `takes a model, also through links, and refuses one with a flipped bit${HAS_MODEL ? "" : " (skipped: the sentence model is missing)"}`,
    async () => {
      const dir = folder();
      for (const name of ["tokenizer.json", "tokenizer_config.json", "model_quantized.onnx"]) {
        symlinkSync(join(MODEL_DIR, name), join(dir, name));
      }
      const embedder = await loadEmbedder({ embedder: "onnx", model_dir: dir });
      expect(embedder).toMatchObject({ id: "onnx", dim: 384 });

      const model = readFileSync(join(dir, "model_quantized.onnx"));
      model[12_345_678]! ^= 1;
      rmSync(join(dir, "model_quantized.onnx"));
      writeFileSync(join(dir, "model_quantized.onnx"), model);
      await expect(loadEmbedder({ embedder: "onnx", model_dir: dir })).rejects.toMatchObject({
        code: "CORRUPT",
        message: expect.stringMatching(/model_quantized\.onnx": found SHA-256 [0-9a-f]{64}, expected afdb6f1a0e45b715/),
      });
    },
  );
});
