import { expect, setDefaultTimeout, test } from "bun:test";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { zipSync } from "fflate";
import { verifyBackups } from "../../lib/backup/verify.node.ts";
import { RunFiles, type StoredChunk } from "../../lib/backtest/run-files.ts";
import { loadConfig } from "../../lib/config/load.node.ts";
import { importOutcomes } from "../../lib/import/import.node.ts";
import { unpack } from "../../lib/market/formats/unpack.ts";
import { readBarsFile } from "../../lib/market/bars-file.node.ts";
import { loadBars } from "../../lib/market/load.node.ts";
import { loadFeatures } from "../../lib/market/load-features.node.ts";
import { readMemory } from "../../lib/memory/load.ts";
import { encodeSidecar, SIDECAR_FILE } from "../../lib/memory/sidecar.ts";
import { loadProviders } from "../../lib/providers/load.node.ts";
import { loadPlan } from "../../lib/sweep/run-sweep.node.ts";
import { diskStorage } from "../../lib/storage/disk.node.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { failureOf } from "./storage-contract.ts";

// Files of gigabytes are made, without a byte on the disk.
setDefaultTimeout(60_000);

const base = temporaryFolder("limits");

/** A file of this many bytes, all of them a hole. */
function hugeFile(name: string, bytes: number): string {
  const path = join(base, name);
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, "");
  fs.truncateSync(path, bytes);
  return path;
}

const GIB = 2 ** 30;

test.each([
  ["a CSV of bars", "GOLD_1h.csv", () => loadBars({ assets: ["GOLD"], dataDir: base, timeframe: "1h" }), 512 * 2 ** 20],
  [
    "packed bars",
    "IRON_1h.csv.gz",
    () => loadBars({ assets: ["IRON"], dataDir: base, timeframe: "1h" }),
    512 * 2 ** 20,
  ],
  [
    "bars in Parquet",
    "ZINC_1h.parquet",
    () => loadBars({ assets: ["ZINC"], dataDir: base, timeframe: "1h" }),
    512 * 2 ** 20,
  ],
  [
    "bars that are extended",
    "LEAD_1h.csv",
    async () => readBarsFile(join(base, "LEAD_1h.csv"), { asset: "LEAD", timeframeMs: 3_600_000 }),
    512 * 2 ** 20,
  ],
  ["features", "GOLD.csv", async () => loadFeatures({ dir: base, assets: ["GOLD"] }), 512 * 2 ** 20],
  [
    "a file of votes",
    "votes.csv",
    () => loadProviders([{ name: "mine", type: "file", path: "votes.csv" }], { baseDir: base }),
    128 * 2 ** 20,
  ],
] as const)("%s of 3 GB is refused before it is read", async (_what, name, read, limit) => {
  const path = hugeFile(name, 3 * GIB);
  const before = process.memoryUsage.rss();
  const { code, message } = await failureOf(Promise.resolve().then(() => read() as Promise<unknown>));
  expect(code).toBe("BAD_DATA");
  expect(message).toBe(
    `Cannot read "${path}": found ${3 * GIB} bytes, expected at most ${limit}: split it, or leave out what is not needed`,
  );
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  fs.rmSync(path);
});

test.each([
  ["trades of another system", "trades.csv", importTrades, 512 * 2 ** 20],
  ["the plan of a sweep", "cells.ndjson", async () => loadPlan(join(base, "cells.ndjson")), 256 * 2 ** 20],
] as const)("%s of 5 GB is refused before it is read", async (_what, name, read, limit) => {
  const path = hugeFile(name, 5 * GIB);
  const before = process.memoryUsage.rss();
  const { code, message } = await failureOf(Promise.resolve().then(() => read() as Promise<unknown>));
  expect(code).toBe("BAD_DATA");
  expect(message).toStartWith(`Cannot read "${path}": found ${5 * GIB} bytes, expected at most ${limit}: split it`);
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  fs.rmSync(path);
});

function importTrades(): Promise<unknown> {
  const memory = { dir: join(base, "memory"), embedder: "hashing", model_dir: base, answers_dir: base } as const;
  return importOutcomes({ paths: [join(base, "trades.csv")], memory, dryRun: false });
}

test("the manifest of a backup of 5 GB is a problem of that backup", async () => {
  hugeFile("backups/20260101T000000Z/MANIFEST.json", 5 * GIB);
  const found = await verifyBackups(join(base, "backups"));
  expect(found).toMatchObject([{ id: "20260101T000000Z", problems: [{ file: "MANIFEST.json", kind: "manifest" }] }]);
  expect(found[0]!.problems[0]!.message).toContain(`found ${5 * GIB} bytes`);
});

test("files that are packed twice count together", async () => {
  const gzip = Bun.gzipSync(new Uint8Array(1000));
  const bytes = zipSync({ "a.csv.gz": gzip, "b.csv.gz": gzip });
  const files = await unpack({ name: "x.zip", bytes }, { maxBytes: 2000 });
  expect(files.map((file) => [file.name, file.bytes.length])).toEqual([
    ["x.zip/a.csv", 1000],
    ["x.zip/b.csv", 1000],
  ]);
  const { code, message } = await failureOf(unpack({ name: "x.zip", bytes }, { maxBytes: 1999 }));
  expect(code).toBe("BAD_DATA");
  expect(message).toContain("x.zip/b.csv.gz");
  expect(message).toContain("more than 999 bytes when unpacked");
});

test("a zip that calls a stored file empty is refused at the file's own size", async () => {
  const bytes = zipSync({ "a.csv": [new Uint8Array(1000), { level: 0 }] });
  const entry = bytes.findLastIndex(
    (_, i) => new DataView(bytes.buffer).getUint32(Math.min(i, bytes.length - 4), true) === 0x02014b50,
  );
  new DataView(bytes.buffer).setUint32(entry + 24, 0, true);
  expect((await unpack({ name: "x.zip", bytes }, { maxBytes: 1000 }))[0]!.bytes).toHaveLength(1000);
  const { message } = await failureOf(unpack({ name: "x.zip", bytes }, { maxBytes: 999 }));
  expect(message).toContain("found more than 999 bytes when unpacked");
});

test("a configuration of 3 GB is refused before it is read", async () => {
  const path = hugeFile("config.yaml", 3 * GIB);
  const { code, message } = await failureOf(loadConfig(path, { label: "config.yaml" }));
  expect([code, message]).toEqual([
    "BAD_CONFIG",
    `Cannot read config.yaml:1:1: found ${3 * GIB} bytes, expected at most 100000 characters`,
  ]);
});

test.each([
  ["somebody else's", new Uint8Array(20), "found another header"],
  ["ours and damaged", (await encodeSidecar({})).slice(0, 20), "found bytes that do not match their checksum"],
])("a sidecar of 256 MiB that is %s is refused block by block", async (what, header, found) => {
  const path = hugeFile(`${what}/${SIDECAR_FILE}`, 256 * 2 ** 20);
  const fd = fs.openSync(path, "r+");
  fs.writeSync(fd, header);
  fs.closeSync(fd);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const { damaged, sidecar } = await readMemory(diskStorage(dirname(path)));
  // Blocks that were read are collected at some time; the whole would be 256 MiB at once.
  expect(process.memoryUsage.rss() - before).toBeLessThan(224 * 2 ** 20);
  expect(sidecar).toBeUndefined();
  expect(damaged).toEqual([{ name: SIDECAR_FILE, problem: expect.stringContaining(found) }]);
});

test("decisions of 1 GiB that are not those of their chunk are refused block by block", async () => {
  const run = "a".repeat(64);
  hugeFile(`memory/runs/${run}/2021Q1.decisions.ndjson`, GIB);
  const files = new RunFiles(diskStorage(join(base, "memory")), run);
  const record = { chunk: "2021Q1", files_crc32: { "decisions.ndjson": "00c0ffee" } } as StoredChunk;
  const before = process.memoryUsage.rss();
  expect((await failureOf(files.readLines(record, "decisions.ndjson"))).message).toContain("found a CRC-32 of");
  expect((await failureOf(Array.fromAsync(files.readOpenDecisions("2021Q1")))).message).toContain(
    "a line of more than",
  );
  expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 2 ** 20);
});
