import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HAS_MODEL, MODEL_DIR, PROJECT_DIR } from "../samples.ts";
import { hostScripts } from "./hosted-script.ts";

const runScript = hostScripts();

const base = mkdtempSync(join(tmpdir(), "carryover-fetch-script-"));
let folders = 0;
const folder = (): string => join(base, `models-${(folders += 1)}`);
afterAll(() => rmSync(base, { recursive: true }));

const WITHOUT_MODEL = HAS_MODEL ? "" : " (skipped: the sentence model is missing)";

/** Runs `work` with a local server. */
async function withServer<T>(answer: (path: string) => Response, work: (url: string) => Promise<T>): Promise<T> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => answer(new URL(request.url).pathname),
  });
  try {
    return await work(server.url.href);
  } finally {
    await server.stop(true);
  }
}

describe("fetch-model", () => {
  test.skipIf(!HAS_MODEL)(`downloads the model into the configuration's folder, once${WITHOUT_MODEL}`, async () => {
    const dir = mkdtempSync(join(base, "config-"));
    writeFileSync(join(dir, "config.yaml"), "memory:\n  model_dir: models/minilm\n");
    const file = (path: string): Response => new Response(Bun.file(join(MODEL_DIR, path.replace(/^\/onnx\//, "/"))));
    await withServer(file, async (url) => {
      const { code, stdout, stderr } = await runScript("fetch-model.ts", ["--base-url", url], { cwd: dir });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toBe(
        [
          "File                       Size  Fetched",
          "---------------------  --------  ----------",
          "tokenizer_config.json     366 B  downloaded",
          "tokenizer.json         711.7 kB  downloaded",
          "model_quantized.onnx    23.0 MB  downloaded",
          "",
          "The sentence model is in models/minilm",
          "",
        ].join("\n"),
      );
      const again = await runScript("fetch-model.ts", ["--base-url", url, "--json"], { cwd: dir });
      expect({ ...again, stdout: JSON.parse(again.stdout) as unknown }).toMatchObject({
        code: 0,
        stderr: "",
        stdout: {
          model_dir: join(dir, "models", "minilm"),
          source: url,
          files: [
            { name: "tokenizer_config.json", bytes: 366, how: "there" },
            { name: "tokenizer.json", bytes: 711_661, how: "there" },
            { name: "model_quantized.onnx", bytes: 22_972_370, how: "there" },
          ],
        },
      });
    });
    const names = readdirSync(join(dir, "models", "minilm")).sort();
    expect(names).toEqual(["model_quantized.onnx", "tokenizer.json", "tokenizer_config.json"]);
    for (const name of names) {
      expect(readFileSync(join(dir, "models", "minilm", name)).equals(readFileSync(join(MODEL_DIR, name)))).toBeTrue();
    }
  });

  test.skipIf(!HAS_MODEL)(`copies with --from, without a network${WITHOUT_MODEL}`, async () => {
    const modelDir = folder();
    const args = ["--from", MODEL_DIR, "--model-dir", modelDir, "--json"];
    const { code, stdout, stderr } = await runScript("fetch-model.ts", args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ source: MODEL_DIR, files: [{}, {}, { how: "copied" }] });
    expect(readdirSync(modelDir)).toHaveLength(3);
  });

  test.each<[string, () => Response, number, RegExp]>([
    [
      "3 for a 404",
      () => new Response("", { status: 404 }),
      3,
      /^error: Cannot download ".*": found status 404, expected the file/,
    ],
    [
      "1 for a 500",
      () => new Response("", { status: 500 }),
      1,
      /^error: Cannot download ".*": found status 500, .* run again/,
    ],
    [
      "4 for other bytes",
      () => new Response("x".repeat(366)),
      4,
      /found 366 bytes with SHA-256 \w{64}, expected 366 with 9261e7d7/,
    ],
  ])("exits with %s, and installs nothing", async (_, answer, code, message) => {
    const modelDir = folder();
    await withServer(answer, async (url) => {
      const result = await runScript("fetch-model.ts", ["--base-url", url, "--model-dir", modelDir]);
      expect(result).toEqual({ code, stdout: "", stderr: expect.stringMatching(message) as string });
      expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
    });
    expect(existsSync(modelDir)).toBeFalse();
  });

  test("exits with 3 if --from lacks a file, and with 4 if the file is another one", async () => {
    const from = mkdtempSync(join(base, "from-"));
    const args = ["--from", from, "--model-dir", folder()];
    expect(await runScript("fetch-model.ts", args)).toEqual({
      code: 3,
      stdout: "",
      stderr: `error: Cannot copy the sentence model: found no "${from}/tokenizer_config.json", expected the file there\n`,
    });
    writeFileSync(join(from, "tokenizer_config.json"), "{}");
    const { code, stderr } = await runScript("fetch-model.ts", args);
    expect(code).toBe(4);
    expect(stderr).toStartWith(
      `error: Cannot use "${from}/tokenizer_config.json": found 2 bytes with SHA-256 44136fa3`,
    );
  });

  test("exits with 2 for flags that exclude each other or make no sense", async () => {
    const both = await runScript("fetch-model.ts", ["--from", base, "--base-url", "http://127.0.0.1"]);
    expect(both).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--from and --base-url cannot be used together"),
    });
    const none = await runScript("fetch-model.ts", ["--base-url", "huggingface.co", "--model-dir", folder()]);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("expected an http or https address") });
  });

  test("leaves nothing behind when Ctrl-C stops it, and exits with 130", async () => {
    const modelDir = folder();
    const requested = Promise.withResolvers<void>();
    const body = (): ReadableStream =>
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{ half")) });
    const answer = (): Response => {
      requested.resolve();
      return new Response(body());
    };
    await withServer(answer, async (url) => {
      const script = join(PROJECT_DIR, "scripts", "fetch-model.ts");
      const child = Bun.spawn([process.execPath, script, "--base-url", url, "--model-dir", modelDir], {
        stdout: "pipe",
        stderr: "pipe",
      });
      await requested.promise;
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
      expect([await new Response(child.stdout).text(), await new Response(child.stderr).text()]).toEqual(["", ""]);
    });
    expect(existsSync(modelDir)).toBeFalse();
  });
});
