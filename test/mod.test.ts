import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as library from "../lib/mod.ts";
import { PROJECT_DIR } from "./samples.ts";

// Processes are started here, and a machine may be busy.
setDefaultTimeout(60_000);

const MODULE = join(PROJECT_DIR, "lib", "mod.ts");

test("the example in the documentation of the library runs and prints what it says", async () => {
  const source = readFileSync(MODULE, "utf8");
  const block = /```ts\n(.*?)\n \* ```/s.exec(source)![1]!;
  const example = block.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const promised = example.filter((line) => line.startsWith("// ")).map((line) => line.slice(3));
  expect(promised.length).toBeGreaterThan(0);

  const folder = mkdtempSync(join(tmpdir(), "carryover-example-"));
  try {
    writeFileSync(join(folder, "example.ts"), example.join("\n").replaceAll('"carryover"', JSON.stringify(MODULE)));
    const child = Bun.spawn([process.execPath, join(folder, "example.ts")], { stdout: "pipe", stderr: "pipe" });
    const [printed, errors] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
    expect(errors).toBe("");
    expect(printed.trimEnd().split("\n")).toEqual(promised);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the library offers neither the machine nor the configuration", () => {
  const names = Object.keys(library);
  expect(names).toContain("runBacktest");
  expect(names).toContain("openMemory");
  expect(names.filter((name) => /disk|lock|config|environment/i.test(name))).toEqual([]);
});

describe("test/portable.ts", () => {
  const isNewEnough = (version: string): boolean => {
    const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
    return major > 22 || (major === 22 && minor >= 18);
  };
  const node = Bun.which("node");
  const hasNode = node !== null && isNewEnough(Bun.spawnSync([node, "--version"]).stdout.toString());
  const deno = Bun.which("deno");

  const run = async (command: string[]): Promise<{ checks: string; digest: string }> => {
    const child = Bun.spawn([...command, join(PROJECT_DIR, "test", "portable.ts")], {
      stdout: "pipe",
      stderr: "pipe",
      // Deno asks for what it is not allowed only where somebody can answer.
      stdin: "ignore",
    });
    const [printed, errors] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
    const [, checks, digest] = /^portable: (\d+) checks passed on \w+, all files ([0-9a-f]{64})\n$/.exec(printed) ?? [];
    expect(checks, printed + errors).toBeDefined();
    return { checks: checks!, digest: digest! };
  };
  const here = run([process.execPath]);

  test("passes under Bun", async () => {
    expect(Number((await here).checks)).toBeGreaterThan(10);
  });

  test.skipIf(!hasNode)(
    `writes the same bytes under Node${hasNode ? "" : " (skipped: no node of 22.18 or later)"}`,
    async () => expect(await run([node!])).toEqual(await here),
    30_000,
  );

  test.skipIf(deno === null)(
    `writes the same bytes under Deno without permissions${deno === null ? " (skipped: no deno)" : ""}`,
    async () => expect(await run([deno!, "run", "--no-prompt"])).toEqual(await here),
    30_000,
  );
});
