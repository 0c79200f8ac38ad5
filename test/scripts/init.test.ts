import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { runScript } from "./run-script.ts";

const work = mkdtempSync(join(tmpdir(), "carryover-init-"));
/** Inside the project's folder, where paths are relative. */
const inProject = mkdtempSync(join(PROJECT_DIR, "data/memory-init-"));
afterAll(() => {
  rmSync(work, { recursive: true });
  rmSync(inProject, { recursive: true });
});

const FILES = ["config.yaml", "contrarian.ts", "provider.py", "votes.csv", "tsconfig.json"];

describe("init", () => {
  test("names Carryover's folder by a relative path inside of it, and by an absolute one elsewhere", async () => {
    const dir = join(inProject, "below");
    await runScript("init.ts", [dir]);
    expect(readFileSync(join(dir, "contrarian.ts"), "utf8")).toContain('from "../../../lib/mod.ts"');
    expect(readFileSync(join(dir, "config.yaml"), "utf8")).toContain('data_dir: "../../../data/sample"');
    await runScript("init.ts", [join(work, "elsewhere")]);
    expect(readFileSync(join(work, "elsewhere/config.yaml"), "utf8")).toContain(
      `data_dir: "${PROJECT_DIR}/data/sample"`,
    );
  });

  test("leaves a tsconfig.json that is there as it is", async () => {
    const dir = mkdtempSync(join(work, "own-types-"));
    writeFileSync(join(dir, "tsconfig.json"), "{}");
    const { code, stdout } = await runScript("init.ts", [dir, "--json"]);
    expect([code, JSON.parse(stdout).files]).toEqual([0, FILES.filter((name) => name !== "tsconfig.json")]);
    expect(readFileSync(join(dir, "tsconfig.json"), "utf8")).toBe("{}");
  });

  test("makes the program a comment where Python is missing, and says so", async () => {
    const dir = join(work, "no-python");
    const { code, stderr } = await runScript("init.ts", [dir], { env: { PATH: work } });
    expect(code).toBe(0);
    expect(stderr).toBe("Python is missing: the line of provider.py in config.yaml is a comment\n");
    expect(readFileSync(join(dir, "config.yaml"), "utf8")).toContain("  # - { name: mine, type: command");
  });

  test("writes into ./my if no folder is named, and prints the command that runs it", async () => {
    const { stdout } = await runScript("init.ts", ["--json"], { cwd: work });
    expect(JSON.parse(stdout)).toMatchObject({
      dir: join(work, "strategy"),
      files: FILES,
      command: `bun ${PROJECT_DIR}/scripts/run-chunks.ts --config strategy/config.yaml`,
    });
  });

  test("overwrites nothing, and names what is in the way", async () => {
    const dir = mkdtempSync(join(work, "taken-"));
    writeFileSync(join(dir, "votes.csv"), "mine");
    writeFileSync(join(dir, "provider.py"), "mine, too");
    writeFileSync(join(dir, "notes.txt"), "");
    expect(await runScript("init.ts", [dir])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: Cannot write into "${dir}": found "provider.py", "votes.csv" there, expected none of them: name another folder\n`,
    });
    expect(readdirSync(dir).toSorted()).toEqual(["notes.txt", "provider.py", "votes.csv"]);
    expect(readFileSync(join(dir, "votes.csv"), "utf8")).toBe("mine");
  });

  test("refuses a file in the folder's place, and more than one folder", async () => {
    const file = join(work, "a-file");
    writeFileSync(file, "");
    const onFile = await runScript("init.ts", [file]);
    expect(onFile).toMatchObject({ code: 2, stderr: expect.stringContaining("found a file, expected a folder") });
    expect((await runScript("init.ts", [join(work, "one"), join(work, "two")])).code).toBe(2);
    expect(existsSync(join(work, "one"))).toBe(false);
  });
});
