import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, loadMemoryConfig } from "../../lib/config/load.node.ts";

const folder = mkdtempSync(join(tmpdir(), "carryover-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe("loadConfig()", () => {
  test("resolves folders against the file's own, and leaves the files of providers as they are", async () => {
    const file = write("config.yaml", "providers: [{ name: mine, type: module, path: ./mine.ts }]");
    const { config, baseDir } = await loadConfig(file);
    expect(baseDir).toBe(folder);
    expect(config.memory).toEqual({
      dir: join(folder, "data/memory"),
      embedder: "hashing",
      model_dir: join(folder, "data/models/all-MiniLM-L6-v2"),
      answers_dir: join(folder, "data/answers"),
    });
    expect(config.backtest.data_dir).toBe(join(folder, "data/market"));
    expect(config.providers).toEqual([{ name: "mine", type: "module", path: "./mine.ts" }]);
  });

  test("refuses a folder, a missing file and bytes that are not text, and names the file by its label", async () => {
    mkdirSync(join(folder, "folder.yaml"));
    await expect(loadConfig(join(folder, "folder.yaml"), { label: "folder.yaml" })).rejects.toThrow(
      'Cannot read "folder.yaml": found a folder, expected a YAML file',
    );
    await expect(loadConfig(join(folder, "missing.yaml"))).rejects.toThrow(
      /^Cannot read ".*missing\.yaml": found ENOENT/,
    );
    await expect(loadConfig(write("bytes.yaml", Uint8Array.of(0xff)), { label: "bytes.yaml" })).rejects.toThrow(
      "Cannot read bytes.yaml:1:1: found bytes that are not UTF-8, expected a text file",
    );
  });
});

describe("loadMemoryConfig()", () => {
  test("reads the memory of a file whose other sections are wrong", async () => {
    const file = write("glance.yaml", "memory: { dir: mine }\nbacktest: { seed: none }");
    expect((await loadMemoryConfig(file)).dir).toBe(join(folder, "mine"));
  });

  test.each([
    ["memory: { dri: mine }", "1:11: found unknown key"],
    ["memory: { dir: a, dir: b }", '1:19: found the key "dir" a second time'],
    ["memory: { dir: a", "1:17: found broken YAML"],
  ])("says what is wrong with %j", async (text, wanted) => {
    const file = write("wrong.yaml", text);
    await expect(loadMemoryConfig(file, { label: "wrong.yaml" })).rejects.toThrow(`Cannot read wrong.yaml:${wanted}`);
  });
});
