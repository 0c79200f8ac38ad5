/** The first example of the library, as engines without a test runner print it. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "./samples.ts";

/** Expects that an engine, which runs a program on its stdin, prints what the comments of the example say. */
export async function expectFirstExample(engine: readonly string[]): Promise<void> {
  const [, block = ""] = /```ts\n(.*?)\n \* ```/s.exec(readFileSync(join(PROJECT_DIR, "lib/mod.ts"), "utf8"))!;
  const lines = block.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const promised = lines.filter((line) => line.startsWith("// ")).map((line) => line.slice(3));
  expect(promised.length).toBeGreaterThan(0);
  const child = Bun.spawn([...engine], {
    cwd: PROJECT_DIR,
    stdin: Buffer.from(lines.join("\n")),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [printed, errors] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
  expect(errors.replaceAll(/^.*ExperimentalWarning.*$|^\(Use `node.*$/gm, "").trim()).toBe("");
  expect(printed.trimEnd().split("\n")).toEqual(promised);
}
