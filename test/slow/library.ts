/**
 * The programs of docs/LIBRARY.md type-check as strict ones, and print on each engine what their comments say. So do the library's
 * sources, which programs may import by path.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";
import { resultOf, type ScriptResult } from "../scripts/run-script.ts";
import { ENGINES, isThere, nodesInPath, runsTypeScript } from "./support/find-engines.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(120_000);

/** Inside the project, where `carryover` is the project itself. */
const base = mkdtempSync(join(PROJECT_DIR, "data/memory-library-"));
afterAll(() => rmSync(base, { recursive: true }));

const page = readFileSync(join(PROJECT_DIR, "docs/LIBRARY.md"), "utf8");
const programs = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text!);
const names = programs.map((_, i) => `program-${i}.ts`);
const promised = programs.map((text) =>
  [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => `${line}\n`).join(""),
);

function writePrograms(name: string): string {
  const folder = mkdtempSync(join(base, name));
  names.forEach((each, i) => writeFileSync(join(folder, each), programs[i]!));
  return folder;
}

function start(command: readonly string[], cwd: string): Promise<ScriptResult> {
  return resultOf(Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" }));
}

/** What the compiler says of a folder, by the tsconfig.json that init writes. */
async function typeCheck(folder: string): Promise<string> {
  copyFileSync(join(PROJECT_DIR, "docs/examples/tsconfig.json"), join(folder, "tsconfig.json"));
  const tsc = join(PROJECT_DIR, "node_modules", ".bin", "tsc");
  return (await start([process.execPath, tsc, "--project", folder], folder)).stdout;
}

const [bun, , deno] = ENGINES;
const node = nodesInPath().find(({ command: [program] }) => runsTypeScript(program));

describe("the programs of docs/LIBRARY.md", () => {
  test("type-check with the tsconfig.json that init writes", async () => {
    expect(await typeCheck(writePrograms("types"))).toBe("");
  });

  for (const [name, engine] of [
    ["Bun", bun],
    ["Node", node],
    ["Deno", deno],
  ] as const) {
    const isMissing = engine === undefined || !isThere(engine);
    test.skipIf(isMissing)(
      `print under ${name} what they say${isMissing ? " (skipped: it is missing)" : ""}`,
      async () => {
        const folder = writePrograms(name);
        for (const [i, program] of names.entries()) {
          const { code, stdout, stderr } = await start([...engine!.command, program], folder);
          expect({ code, stdout, stderr: code === 0 ? "" : stderr }).toEqual({
            code: 0,
            stdout: promised[i]!,
            stderr: "",
          });
          expect(promised[i]).not.toBe("");
        }
      },
    );
  }
});

test("the sources type-check in a strict program that has no types of an engine", async () => {
  const folder = mkdtempSync(join(base, "sources"));
  const entries = ["mod.ts", "models.ts", "mod.node.ts"].map((name) => join(PROJECT_DIR, "lib", name));
  writeFileSync(join(folder, "program.ts"), entries.map((path) => `export * from ${JSON.stringify(path)};\n`).join(""));
  expect(await typeCheck(folder)).toBe("");
});
