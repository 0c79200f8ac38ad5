/** What a worker or a page has to load for a backtest. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { PROJECT_DIR } from "./samples.ts";

// It takes a third of a second on a quiet machine.
setDefaultTimeout(60_000);

const MAX_BYTES = 60_000;

test("what a plain backtest needs of the library is one file of at most 60 kB, gzipped", async () => {
  const entry = join(PROJECT_DIR, "plain-backtest.ts");
  const names = "backtest, breakout, inMemoryStorage, openMemory, parseBarsCsv, reversion, similarTrades, trend";
  const { outputs, metafile } = await Bun.build({
    entrypoints: [entry],
    files: { [entry]: `export { ${names} } from "./lib/mod.ts";` },
    target: "browser",
    minify: true,
    metafile: true,
  });
  expect(outputs).toHaveLength(1);
  expect(gzipSync(await outputs[0]!.arrayBuffer(), { level: 9 }).length).toBeLessThanOrEqual(MAX_BYTES);
  const kept = Object.values(metafile!.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const packages = kept.flatMap((path) => /node_modules\/(.+?)\//.exec(path)?.[1] ?? []);
  expect([...new Set(packages)]).toEqual(["fflate"]);
});
