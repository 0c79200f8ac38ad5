import { expect, test } from "bun:test";
import { hashingEmbedder } from "../../lib/embed/hashing.ts";
import { openMemoryFolder, recall } from "../../lib/memory/open.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { makeOutcomes } from "./outcome-samples.ts";

const base = temporaryFolder("recall");

test("recall needs the folder of the sentence model only where that made the vectors", async () => {
  for (const id of ["hashing", "onnx"]) {
    const memoryDir = `${base}/${id}`;
    const { memory, close } = await openMemoryFolder(memoryDir, { embedder: { ...hashingEmbedder(), id } });
    for (const outcome of makeOutcomes(2)) await memory.record(outcome);
    await close();
  }
  const question = { sentence: "BTCUSD is falling", k: 5 };
  expect((await recall({ ...question, memoryDir: `${base}/hashing` })).similar).toHaveLength(2);
  const refused = recall({ ...question, memoryDir: `${base}/onnx` });
  expect(await refused.catch((error: Error) => error.message)).toContain("sentence model made, and no modelDir");
});
