import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildKernel } from "../../tools/build-kernel.ts";
import { PROJECT_DIR } from "../samples.ts";

test("scan-wasm.ts is what assembly/scan.ts compiles to", async () => {
  const kept = readFileSync(join(PROJECT_DIR, "lib/search/scan-wasm.ts"), "utf8");
  expect(await buildKernel()).toBe(kept);
});
