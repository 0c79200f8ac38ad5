import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_DIR } from "../samples.ts";

// test/slow/kernel.ts compiles it.
test("scan-wasm.ts is made of assembly/scan.ts as it is", () => {
  const [source, wasm] = ["assembly/scan.ts", "scan-wasm.ts"].map((name) =>
    readFileSync(join(PROJECT_DIR, "lib/search", name), "utf8"),
  );
  expect(wasm).toContain(`// SHA-256 of the source: ${new Bun.CryptoHasher("sha256").update(source!).digest("hex")}\n`);
});

/** Prints whether the kernel is the WebAssembly one, and what a search finds. */
const PROGRAM = `
const { openKernel } = await import("./lib/search/kernel.ts");
const { SearchIndex } = await import("./lib/search/search-index.ts");
const { seeded } = await import("./test/samples.ts");
const { vectorsOf } = await import("./test/search/vector-samples.ts");
const isNative = openKernel().exact.toString().includes("native code");
const vectors = vectorsOf("clustered", { count: 3000, dim: 128 }, seeded(1));
const index = new SearchIndex({ dim: 128 });
index.insert(vectors);
console.log(JSON.stringify({ isNative, matches: index.search(vectors[5], { k: 20 }) }));
`;

function matchesAfter(before: string): { isNative: boolean; matches: unknown[] } {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", before + PROGRAM], { cwd: PROJECT_DIR });
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString());
}

test("plain TypeScript replaces WebAssembly that may not be compiled, with the same results", () => {
  const usual = matchesAfter("");
  expect(usual.isNative).toBe(true);
  expect(usual.matches).toHaveLength(20);
  const absent = matchesAfter("globalThis.WebAssembly = undefined;");
  expect(absent).toEqual({ isNative: false, matches: usual.matches });
  const forbidden = matchesAfter(
    `WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError("not from bytes here"); } };`,
  );
  expect(forbidden).toEqual({ isNative: false, matches: usual.matches });
});
