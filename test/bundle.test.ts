/** What a worker or a page has to load for a backtest. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { PROJECT_DIR } from "./samples.ts";

// It takes a third of a second on a quiet machine.
setDefaultTimeout(60_000);

const MAX_BYTES = 60_000;

/** A bundle's size, gzipped, and the packages that it has a part of. */
async function bundled(
  entry: string,
  files: Record<string, string> = {},
): Promise<{ bytes: number; packages: string[] }> {
  const { outputs, metafile } = await Bun.build({
    entrypoints: [entry],
    files,
    target: "browser",
    minify: true,
    metafile: true,
  });
  expect(outputs).toHaveLength(1);
  const kept = Object.values(metafile!.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const packages = new Set(kept.flatMap((path) => /node_modules\/(.+?)\//.exec(path)?.[1] ?? []));
  return { bytes: gzipSync(await outputs[0]!.arrayBuffer(), { level: 9 }).length, packages: [...packages] };
}

test("what a plain backtest needs of the library is one file of at most 60 kB, gzipped", async () => {
  const entry = join(PROJECT_DIR, "plain-backtest.ts");
  const names = "backtest, breakout, inMemoryStorage, openMemory, parseBarsCsv, reversion, similarTrades, trend";
  const { bytes, packages } = await bundled(entry, { [entry]: `export { ${names} } from "./lib/mod.ts";` });
  expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
  expect(packages).toEqual(["fflate"]);
});

test("two stores and the requests of the example of a worker add a tenth", async () => {
  const { bytes } = await bundled(join(PROJECT_DIR, "examples/worker/src/worker.ts"));
  expect(bytes).toBeLessThanOrEqual(1.1 * MAX_BYTES);
});
