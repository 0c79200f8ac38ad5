import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onnxEmbedder, type OnnxEmbedder, type SentenceModel } from "../../lib/embed/onnx.ts";
import { HAS_MODEL, MODEL_DIR } from "../samples.ts";

/** A sentence's tokens and vector by Python's tokenizers and onnxruntime. */
interface Reference {
  readonly text: string;
  readonly ids: readonly number[];
  readonly embedding: readonly number[];
}

const read = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(MODEL_DIR, name)));

function sentenceModel(): SentenceModel {
  return {
    model: read("model_quantized.onnx"),
    tokenizer: read("tokenizer.json"),
    tokenizerConfig: read("tokenizer_config.json"),
  };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

async function embedAll(embedder: OnnxEmbedder, sentences: readonly string[]): Promise<Float32Array[]> {
  const vectors = [];
  for (const sentence of sentences) vectors.push(await embedder.embed(sentence));
  return vectors;
}

describe.skipIf(!HAS_MODEL)(`onnxEmbedder()${HAS_MODEL ? "" : " (skipped: the sentence model is missing)"}`, () => {
  const references = HAS_MODEL
    ? (JSON.parse(readFileSync(join(MODEL_DIR, "reference.json"), "utf8")) as readonly Reference[])
    : [];
  const texts = references.map(({ text }) => text);
  const loaded = HAS_MODEL ? onnxEmbedder(sentenceModel()) : undefined;
  const embedder = (): Promise<OnnxEmbedder> => loaded!;

  test.each(references.map((reference) => [reference.text.slice(0, 40), reference] as const))(
    "agrees with the reference on %j",
    async (_, { text, ids, embedding }) => {
      const { tokenize, embed } = await embedder();
      expect(await tokenize(text)).toEqual([...ids]);
      const vector = await embed(text);
      expect(vector).toHaveLength(384);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
      expect(cosine(vector, embedding)).toBeGreaterThanOrEqual(ids.length < 5 ? 0.98 : 0.995);
    },
  );

  test("has references to compare with", () => {
    expect(references.length).toBeGreaterThanOrEqual(9);
  });

  test("gives a sentence the same bytes again, whatever comes before or beside it", async () => {
    const one = await embedder();
    const short = texts.map((text) => text.slice(0, 60));
    const first = await embedAll(one, short);
    expect(await embedAll(one, short.toReversed())).toEqual(first.toReversed());
    expect(await Promise.all(short.map((text) => one.embed(text)))).toEqual(first);
  });

  // WebAssembly computes the same on every machine, and Node gives the same bytes as Bun. If a new runtime changes them, the
  // recipe in the fingerprint must change as well, or old and new vectors would be mixed.
  test("gives the bytes that this fingerprint stands for", async () => {
    const { fingerprint, embed } = await embedder();
    expect(fingerprint).toStartWith("mean-l2-256-v1-");
    const hash = new Bun.CryptoHasher("sha256");
    for (const text of texts) hash.update((await embed(text)).buffer);
    expect(hash.digest("hex")).toBe("167013ced8a556fa9ad3274dbe671a13cd9bcc23f21a2f524ecca374f85210f3");
  });

  test("reads the first 256 tokens of a text", async () => {
    const { tokenize, embed } = await embedder();
    const long = "word ".repeat(254);
    expect((await tokenize(`${long} and so on`)).length).toBe(256);
    expect((await tokenize(`${long} and so on`)).at(-1)).toBe(102);
    expect(await embed(`${long} and so on`)).toEqual(await embed(long));
  });

  test("has the hashes of its files in its fingerprint", async () => {
    const { fingerprint, sha256 } = await embedder();
    const hashes = [read("model_quantized.onnx"), read("tokenizer.json"), read("tokenizer_config.json")].map((bytes) =>
      new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
    );
    expect(Object.values(sha256)).toEqual(hashes);
    for (const hash of hashes) expect(fingerprint).toContain(hash);
    const other = await onnxEmbedder({ ...sentenceModel(), tokenizerConfig: new TextEncoder().encode("{}") });
    expect(other.fingerprint).not.toBe(fingerprint);
  });

  test.each([
    ["half a model", { model: HAS_MODEL ? read("model_quantized.onnx").slice(0, 1_000_000) : new Uint8Array() }],
    ["no model at all", { model: new Uint8Array(100) }],
    ["a tokenizer without a vocabulary", { tokenizer: new TextEncoder().encode("{}") }],
    ["a tokenizer that is not JSON", { tokenizer: new TextEncoder().encode("[CLS]") }],
  ])("refuses %s", async (_, damage) => {
    const damaged = await onnxEmbedder({ ...sentenceModel(), ...damage });
    await expect(damaged.embed("a")).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(
        /^Cannot load the sentence model: found .+, expected the files of all-MiniLM-L6-v2$/,
      ),
    });
  });
});
