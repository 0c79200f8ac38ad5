/**
 * How long it takes to read a memory's vectors from disk until they can be searched, and how much memory they use.
 *
 *     bun bench/open-vectors.ts
 */
import { join } from "node:path";
import { diskStorage } from "../lib/storage/disk.node.ts";
import { tradeOf } from "../lib/memory/trade.ts";
import { VectorFiles } from "../lib/memory/vectors.ts";
import { PROJECT_DIR } from "../test/samples.ts";
import { makeOutcomes } from "../test/memory/outcome-samples.ts";
import { clusteredVectors } from "./support/clustered-vectors.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  median,
  renderReport,
  runProcess,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";

const DIM = 384;

/** The most milliseconds that opening may take, by rows. */
const MAX_MS: Readonly<Record<number, number>> = { 1000: 5, 100_000: 150 };

/** For each number, a float of 4 bytes and a code of 1. */
const ROW_BYTES = 5 * DIM;
const MAX_RATIO = 1.3;
/** With fewer rows the process itself uses more memory than they do. */
const MIN_ROWS = 100_000;

/** What `bench/processes/open-vectors.ts` prints. */
interface Opening {
  readonly rows: number;
  readonly read: number;
  readonly open: number;
  readonly first: number;
  readonly bytes_a_row: number;
}

export async function openVectors(options: { rounds?: number; sizes?: readonly number[] } = {}): Promise<BenchReport> {
  const { rounds = 11, sizes = [1000, 100_000] } = options;
  const rows: BenchRow[] = [];
  for (const size of sizes) {
    using folder = temporaryFolder();
    const work = folder.path;
    await writeFolder(work, size);
    // The first one fills the file cache and is not counted.
    const openings = Array.from({ length: rounds + 1 }, () => openInProcess(work)).slice(1);
    if (openings.some((opening) => opening.rows !== size)) throw new Error("Not all vectors were sound");
    rows.push(...rowsOf(size, openings));
  }
  return {
    title: "Opening vectors",
    notes: [
      `vectors.f32 with ${DIM} floats a row, with its sidecar already read: reading, checking by CRC-32 block by block, and making an index that can be searched. Each in a fresh process, where nothing is compiled yet, with files in the system's cache; medians of ${rounds}.`,
      "The first search finds no codes. It makes some thousand and computes the other rows exactly; later searches make the rest.",
      `Memory: by how much the process grew until every row had its codes, against ${ROW_BYTES} bytes a row: 4 for a float, 1 for a code.`,
    ],
    rows,
  };
}

function rowsOf(size: number, openings: readonly Opening[]): BenchRow[] {
  const what = `${size.toLocaleString("en")} rows`;
  const of = (key: keyof Opening): number => median(openings.map((opening) => opening[key]));
  const maxMs = MAX_MS[size];
  const goal = maxMs === undefined ? {} : { goal: `<= ${maxMs} ms`, met: of("open") <= maxMs };
  const rows: BenchRow[] = [
    { what: `${what}: read, checked, ready to search`, ours: asMs(of("open")), ...goal },
    { what: `${what}: of it, read and checked`, ours: asMs(of("read")) },
    { what: `${what}: the first search after it`, ours: asMs(of("first")) },
  ];
  if (size < MIN_ROWS) return rows;
  const ratio = of("bytes_a_row") / ROW_BYTES;
  return [
    ...rows,
    {
      what: `${what}: memory a row, against its floats and codes`,
      ours: `${Math.round(of("bytes_a_row"))} bytes`,
      peer: `${ROW_BYTES} bytes`,
      ratio: ratio.toFixed(2),
      goal: `<= ${MAX_RATIO.toFixed(2)}`,
      met: ratio <= MAX_RATIO,
    },
  ];
}

/** Writes a sidecar and vectors without their outcomes. */
async function writeFolder(dir: string, size: number): Promise<void> {
  const floats = clusteredVectors(size, DIM);
  const [outcome] = makeOutcomes(1);
  if (outcome === undefined) throw new Error("expected an outcome");
  const trade = tradeOf(outcome, { bytes: 2400, crc32: "00000000", contentHash: "" });
  const trades = Array.from({ length: size }, (_, i) => ({
    ...trade,
    id: `${trade.id}-${i}`,
    vector: floats.subarray(i * DIM, (i + 1) * DIM),
  }));
  await new VectorFiles(diskStorage(dir), embedderOf(DIM)).write(trades, "");
}

function openInProcess(dir: string): Opening {
  const { stdout } = runProcess([process.execPath, join(PROJECT_DIR, "bench/processes/open-vectors.ts"), dir]);
  return JSON.parse(stdout) as Opening;
}

if (import.meta.main) console.log(renderReport(await openVectors()));
