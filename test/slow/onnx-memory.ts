import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeOutcomes } from "../memory/outcome-samples.ts";
import { HAS_MODEL, MODEL_DIR, PROJECT_DIR } from "../samples.ts";
import { filesOf, resultOf, runScript, writeMemory, type ScriptResult } from "../scripts/run-script.ts";

setDefaultTimeout(180_000);

const dir = mkdtempSync(join(tmpdir(), "carryover-onnx-"));
/** Where runs on synthetic bars keep their memory. */
const memoryDir = join(dir, "memory", "synthetic");
afterAll(() => rmSync(dir, { recursive: true }));

/** Writes a configuration for a month of synthetic bars; returns the flag that names it. */
function config(embedder: "hashing" | "onnx", modelDir: string): string[] {
  const file = join(dir, `${embedder}.yaml`);
  const memory = { dir: join(dir, "memory"), embedder, model_dir: modelDir };
  const backtest = { assets: ["BTCUSD"], data_dir: "synthetic", decision_interval: "12h" };
  writeFileSync(file, JSON.stringify({ memory, backtest: { ...backtest, start: "2024-02-01", end: "2024-03-01" } }));
  return ["--config", file];
}

describe("without the sentence model, memory.embedder: onnx", () => {
  test("stops a run with 3 before it writes anything, and says how to fetch it", async () => {
    const nowhere = join(dir, "no-model");
    const { code, stdout, stderr } = await runScript("run-chunks.ts", config("onnx", nowhere));
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toContain(
      `error: Cannot load the sentence model: found no "tokenizer_config.json", "tokenizer.json"`,
    );
    expect(stderr).toContain(`bun scripts/fetch-model.ts --model-dir ${nowhere}`);
    expect(existsSync(memoryDir)).toBeFalse();
  });
});

const title = `a memory of sentence-model vectors${HAS_MODEL ? "" : " (skipped: the sentence model is missing)"}`;
describe.skipIf(!HAS_MODEL)(title, () => {
  let ran: ScriptResult;
  let whole: Record<string, string>;
  beforeAll(async () => {
    ran = await runScript("run-chunks.ts", [...config("onnx", MODEL_DIR), "--json"]);
    whole = filesOf(memoryDir);
  });

  async function rebuild(embedder: "hashing" | "onnx", ...args: string[]): Promise<unknown> {
    const result = await runScript("rebuild-vectors.ts", [...config(embedder, MODEL_DIR), "--json", ...args]);
    return { ...result, stdout: JSON.parse(result.stdout) as unknown };
  }

  test("is written by a run", () => {
    expect([ran.code, ran.stderr.split("\n").length]).toEqual([0, 2]);
    const trades = (JSON.parse(ran.stdout) as { total_trades: number }).total_trades;
    expect(trades).toBeGreaterThan(0);
    const vectors = new Float32Array(new Uint8Array(readFileSync(join(memoryDir, "vectors.f32"))).buffer);
    expect(vectors).toHaveLength(trades * 384);
    for (let row = 0; row < trades; row++) {
      expect(Math.hypot(...vectors.subarray(row * 384, (row + 1) * 384))).toBeCloseTo(1, 6);
    }
  });

  test("keeps sound vectors, and computes the same bytes again with --all", async () => {
    const rows = whole["vectors.f32"]!.length / 4 / 384;
    expect(await rebuild("onnx")).toMatchObject({ code: 0, stderr: "", stdout: { made: 0, kept: rows, dim: 384 } });
    const remade = { made: rows, kept: 0, dim: 384, embedder: "onnx" };
    expect(await rebuild("onnx", "--all")).toMatchObject({ code: 0, stderr: "", stdout: remade });
    expect(filesOf(memoryDir)).toEqual(whole);
  });

  test("is replaced by another embedder, and restored by the first, byte for byte", async () => {
    const rows = whole["vectors.f32"]!.length / 4 / 384;
    expect(await rebuild("hashing")).toMatchObject({
      stdout: { kept: 0, dim: 128, embedder: "hashing" },
      stderr: `Replacing ${rows} vectors by onnx with vectors by hashing\n`,
    });
    expect(filesOf(memoryDir)["vectors.f32"]).not.toBe(whole["vectors.f32"]!);
    const { code, stderr } = await runScript("reset-providers.ts", config("onnx", MODEL_DIR));
    expect([code, stderr]).toEqual([0, `Replacing ${rows} vectors by hashing with vectors by onnx\n`]);
    expect(filesOf(memoryDir)).toEqual(whole);
  });
});

describe.skipIf(!HAS_MODEL)(
  `while sentences go through the model${HAS_MODEL ? "" : " (skipped: it is missing)"}`,
  () => {
    const folder = join(dir, "stopped", "synthetic");
    const flags = (script: string): string[] => {
      const memory = script === "run-chunks.ts" ? join(dir, "stopped") : folder;
      return [...config("onnx", MODEL_DIR), "--memory-dir", memory];
    };
    // At 15 ms a sentence and more, none of these would be done by itself when it is stopped.
    beforeAll(() => writeMemory(folder, makeOutcomes(700)));

    test.each([
      ["rebuild-vectors.ts", [], "SIGINT", 130],
      ["recall.ts", ["falling fast"], "SIGINT", 130],
      ["run-chunks.ts", [], "SIGTERM", 143],
    ] as const)("%s %p ends soon after %s with %i", async (script, args, signal, expected) => {
      const kept = "Stopped: the (?:vector that was made is|\\d+ vectors that were made are) kept";
      const says = {
        "rebuild-vectors.ts": new RegExp(`${kept}, and this goes on: bun scripts/rebuild-`),
        "run-chunks.ts": new RegExp(`${kept}, and the same command goes on`),
        "recall.ts": /^/,
      }[script];
      let said: string | undefined;
      // A slow machine may not have made the first vector by then.
      for (let afterMs = 1000; afterMs <= 16_000 && (said === undefined || !says.test(said)); afterMs *= 2) {
        const { stderr, code, stdout } = await stopped([script, ...args, ...flags(script)], { signal, afterMs });
        expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
        said = stderr;
      }
      expect(said).toMatch(says);
    });

    test("keeps the vectors that the stopped scripts have made", async () => {
      const { stdout } = await runScript("memory-stats.ts", ["--memory-dir", folder, "--json"]);
      const { vectors } = JSON.parse(stdout) as { vectors: { embedder: string; rows: number } };
      expect(vectors.embedder).toBe("onnx");
      // How many depends on the machine.
      expect(vectors.rows).toBeGreaterThan(0);
      expect(vectors.rows).toBeLessThan(700);
    });

    /** Runs a script, and sends it a signal after a while. */
    async function stopped(
      command: readonly string[],
      { signal, afterMs }: { signal: "SIGINT" | "SIGTERM"; afterMs: number },
    ): Promise<ScriptResult> {
      const [script = "", ...args] = command;
      const child = Bun.spawn([process.execPath, join(PROJECT_DIR, "scripts", script), ...args], {
        cwd: PROJECT_DIR,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      await Bun.sleep(afterMs);
      child.kill(signal);
      return resultOf(child);
    }
  },
);

test.skipIf(!HAS_MODEL)(
  "onnxEmbedder() loads the runtime with the first sentence, writes nothing, and lets the process end",
  async () => {
    const program = `
    import { readFileSync } from "node:fs";
    import { onnxEmbedder } from ${JSON.stringify(join(PROJECT_DIR, "lib/embed/onnx.ts"))};
    const read = (name) => new Uint8Array(readFileSync(${JSON.stringify(MODEL_DIR)} + "/" + name));
    const embedder = await onnxEmbedder({
      model: read("model_quantized.onnx"),
      tokenizer: read("tokenizer.json"),
      tokenizerConfig: read("tokenizer_config.json"),
    });
    const isLoaded = () => Object.keys(require.cache).some((path) => /onnxruntime-web|tokenizers\\.mjs/.test(path));
    const before = isLoaded();
    await embedder.embed("a");
    if (before || !isLoaded()) throw new Error("the runtime was loaded at another time");`;
    const child = Bun.spawn([process.execPath, "--eval", program], {
      cwd: PROJECT_DIR,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await resultOf(child)).toEqual({ code: 0, stdout: "", stderr: "" });
  },
);
