/**
 * Compiles lib/search/assembly/scan.ts to lib/search/scan-wasm.ts.
 *
 *     bun run build:kernel
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const SEARCH = join(import.meta.dirname, "../lib/search");
const FLAGS = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory", "--noExportMemory"];

/**
 * Compiles the search kernel.
 *
 * @returns The text of lib/search/scan-wasm.ts, the same bytes every time.
 */
export async function buildKernel(): Promise<string> {
  const source = readFileSync(join(SEARCH, "assembly/scan.ts"), "utf8");
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["scan.ts", ...FLAGS, "--outFile", "scan.wasm"], {
    readFile: (name) => (name === "scan.ts" ? source : null),
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") wasm = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || wasm === undefined) throw new Error(`Cannot compile "scan.ts": ${String(stderr)}`);
  // Hexadecimal digits repeat where bytes do, so that a bundle packs them better than base64.
  const lines = wasm.toHex().match(/.{1,110}/g) ?? [];
  return [
    "/** The compiled assembly/scan.ts, made by `bun run build:kernel`. */",
    `// SHA-256 of the source: ${createHash("sha256").update(source).digest("hex")}`,
    "export const SCAN_WASM: string =",
    `${lines.map((line) => `  "${line}"`).join(" +\n")};`,
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync(join(SEARCH, "scan-wasm.ts"), await buildKernel());
