import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as library from "../lib/mod.ts";
import { PROJECT_DIR } from "./samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const node = Bun.which("node24") ?? Bun.which("node");
const deno = Bun.which("deno");

/** How each engine runs a program on its stdin; `missing` says why it cannot. Deno gets no permissions here. */
const ENGINES = [
  { engine: "Bun", missing: "", stdin: [process.execPath, "run", "-"] },
  {
    engine: "Node",
    missing: node !== null && isNewEnough(node) ? "" : " (skipped: no node of 22.18 or later)",
    stdin: [node!, "--input-type=module-typescript", "-"],
  },
  {
    engine: "Deno",
    missing: deno === null ? " (skipped: no deno)" : "",
    stdin: [deno!, "run", "--no-prompt", "-"],
  },
];

/** Whether a node runs TypeScript by itself. */
function isNewEnough(path: string): boolean {
  const version = Bun.spawnSync([path, "--version"]).stdout.toString();
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

async function printedBy(command: readonly string[], program: string): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd: PROJECT_DIR,
    stdin: Buffer.from(program),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [printed, errors] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
  expect(errors.replaceAll(/^.*ExperimentalWarning.*$|^\(Use `node.*$/gm, "").trim()).toBe("");
  return printed;
}

describe("the first example of the library", () => {
  const [, block = ""] = /```ts\n(.*?)\n \* ```/s.exec(readFileSync(join(PROJECT_DIR, "lib/mod.ts"), "utf8"))!;
  const example = block.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const promised = example.filter((line) => line.startsWith("// ")).map((line) => line.slice(3));

  for (const { engine, missing, stdin } of ENGINES) {
    test.skipIf(missing !== "")(`prints under ${engine} what its comments say${missing}`, async () => {
      expect(promised.length).toBeGreaterThan(0);
      expect((await printedBy(stdin, example.join("\n"))).trimEnd().split("\n")).toEqual(promised);
    });
  }
});

test("the library offers neither the machine nor the configuration", () => {
  const names = Object.keys(library);
  expect(names).toContain("backtest");
  expect(names).toContain("openMemory");
  expect(names.filter((name) => /disk|lock|config|environment/i.test(name))).toEqual([]);
});
