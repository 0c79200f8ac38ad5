/**
 * How fast an exact search finds the most similar rows.
 *
 *     bun bench/search.ts [--rows 1000,10000,100000,1000000]
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { BATCH_ROWS, KernelMemory } from "../lib/search/codes.ts";
import { openKernel } from "../lib/search/kernel.ts";
import {
  asMs,
  elapsed,
  median,
  renderReport,
  takeTurns,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
  type Contender,
} from "./support/measure.ts";
import { missingFor } from "./support/python.ts";
import {
  contendersOf,
  DIM,
  peerRow,
  PEERS,
  PLAIN_ROWS,
  prepare,
  RIVALS,
  rivalRow,
  type Alike,
  type Bench,
  type Subject,
} from "./search/contenders.ts";
import { startPeers } from "./search/peers.ts";

/** Goals: the largest ratio of our time to the rivals', by rows and state of the caches. */
const GOALS: Readonly<Record<string, number>> = {
  "1000 warm": 1.2,
  "10000 warm": 1 / 2.4,
  "100000 warm": 1 / 4,
  "100000 cold": 1 / 2.5,
  "1000000 warm": 1 / 2.8,
};

/** The same for rows that are equal or nearly equal. */
const MAX_RATIO_ALIKE = 1.3;

export interface SearchBenchOptions {
  readonly sizes?: readonly number[];
  readonly rounds?: number;
  /** Megabytes written before a cold query. */
  readonly flushMb?: number;
}

export async function search(options: SearchBenchOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000, 1_000_000], rounds = 11, flushMb = 320 } = options;
  const missing = new Map(PEERS.map((peer) => [peer, missingFor(["numpy", peer])]));
  const there = PEERS.filter((peer) => missing.get(peer) === undefined);
  const peers = there.length > 0 ? startPeers(there, { threads: 1 }) : undefined;
  using folder = temporaryFolder();
  const work = folder.path;
  const flushed = new Float64Array(flushMb * 125_000);
  const bench: Bench = { peers, missing, rounds, work, flushed };
  const load = (loadavg()[0] ?? 0).toFixed(2);
  const rows: BenchRow[] = [];
  try {
    for (const size of sizes) rows.push(...(await measureSize(bench, size)));
    if (sizes.includes(PLAIN_ROWS) || rounds === 1) {
      const size = Math.min(PLAIN_ROWS, Math.max(...sizes));
      rows.push(...(await measureThreads(bench, size)));
      for (const alike of ["equal", "nearly equal"] as const)
        rows.push(...(await measureAlike(bench, { size, alike })));
    }
  } finally {
    peers?.stop();
  }
  return {
    title: "Search",
    notes: [
      `Exact top k by cosine among vectors of ${DIM} floats around 200 centres, one thread each, in process; load ${load} before. All take turns on the same vectors. A turn is some queries back to back after one that is not counted, or, if "cold", one query after ${flushMb} MB were written. Medians of ${rounds} turns.`,
      "At 100,000 rows our codes (38 MB) and the others' floats (154 MB) fit a large last-level cache, but not the second level. At 1,000,000 rows neither fits, and every query is cold.",
      "Goals are against the faster of numpy (matrix product, argpartition) and faiss (IndexFlatIP). Ours always has one thread: a second one pays only for queries back to back, and a decision asks one at a time. In rows with two threads only the others have two.",
      'Ours is measured after its searches have made all codes. Codes cannot rule out equal rows, or rows that differ in the last bits of a float. "Every row" is our exact kernel over all rows, without a top k.',
    ],
    rows,
  };
}

async function measureSize(bench: Bench, size: number): Promise<BenchRow[]> {
  const subject = await prepare(bench, { size });
  const what = `${size.toLocaleString("en")} rows`;
  const rows: BenchRow[] = [...(await agreement(bench, subject, what))];
  for (const k of [5, 20]) {
    for (const state of ["warm", "cold"]) {
      const isCold = state === "cold";
      const contenders = contendersOf(bench, subject, { k, size, cold: isCold });
      // All peers take part once, else only the rivals.
      const isFull = k === 20 && !isCold;
      const named = Object.entries(contenders).filter(
        ([name]) => isFull || ["ours", ...RIVALS].includes(name) || (name === "plain" && k === 5 && !isCold),
      );
      const times = await takeTurns(Object.fromEntries(named), { rounds: bench.rounds });
      const title = `${what}, k = ${k}, ${isCold ? "cold" : "back to back"}`;
      rows.push(rivalRow(bench, { title, times, contender: "ours", atMost: GOALS[`${size} ${state}`] }));
      if (times["plain"] !== undefined && !isFull) {
        const atMost = size === PLAIN_ROWS ? 2 : undefined;
        rows.push(rivalRow(bench, { title: `${title}, without WebAssembly`, times, contender: "plain", atMost }));
      }
      if (isFull) for (const peer of PEERS) rows.push(peerRow(bench, { title, times, peer }));
    }
  }
  return rows;
}

/** How often we and numpy return the same rows. Similarities that are equal as floats may be in another order. */
async function agreement({ peers, missing }: Bench, subject: Subject, what: string): Promise<BenchRow[]> {
  if (peers === undefined || missing.get("numpy") !== undefined) return [];
  const count = 20;
  let same = 0;
  for (let first = 0; first < count; first++) {
    const { rows } = await peers.turn("numpy", { k: 20, first, count: 1, cold: false });
    const ours = subject.index.search(subject.queries[first] ?? new Float32Array(), { k: rows.length });
    if (ours.every(({ row }, i) => row === rows[i])) same += 1;
  }
  return [{ what: `${what}: the same rows as numpy, in the same order`, ours: `${same} of ${count} queries` }];
}

/** The rivals with two threads, ours with one. */
async function measureThreads(bench: Bench, size: number): Promise<BenchRow[]> {
  const rivals = RIVALS.filter((name) => bench.missing.get(name) === undefined);
  const peers = rivals.length > 0 ? startPeers(rivals, { threads: 2 }) : undefined;
  try {
    const two = { ...bench, peers };
    const subject = await prepare(two, { size });
    const rows: BenchRow[] = [];
    for (const k of [5, 20]) {
      const contenders = contendersOf(two, subject, { k, size, cold: false });
      const named = Object.entries(contenders).filter(([name]) => ["ours", ...rivals].includes(name));
      const times = await takeTurns(Object.fromEntries(named), { rounds: bench.rounds });
      const title = `${size.toLocaleString("en")} rows, k = ${k}, back to back, the others with two threads`;
      rows.push(rivalRow(two, { title, times, contender: "ours", atMost: undefined }));
    }
    return rows;
  } finally {
    peers?.stop();
  }
}

/** Rows that codes cannot tell apart, compared with the rivals and with computing every row. */
async function measureAlike(bench: Bench, { size, alike }: { size: number; alike: Alike }): Promise<BenchRow[]> {
  const subject = await prepare(bench, { size, alike });
  const contenders = contendersOf(bench, subject, { k: 20, size, cold: false });
  const named = Object.entries(contenders).filter(([name]) => ["ours", ...RIVALS].includes(name));
  const all: Record<string, Contender> = { ...Object.fromEntries(named), "every row": everyRow(subject) };
  const times = await takeTurns(all, { rounds: bench.rounds });
  const title = `${size.toLocaleString("en")} ${alike} rows, k = 20, back to back`;
  const ours = median(times["ours"] ?? []);
  const pass = median(times["every row"] ?? []);
  const goal = { goal: `<= ${MAX_RATIO_ALIKE.toFixed(2)}`, met: ours / pass <= MAX_RATIO_ALIKE };
  return [
    rivalRow(bench, { title, times, contender: "ours", atMost: size === PLAIN_ROWS ? MAX_RATIO_ALIKE : undefined }),
    {
      what: `${title}, against computing every row`,
      ours: asMs(ours),
      peer: `every row ${asMs(pass)}`,
      ratio: (ours / pass).toFixed(2),
      ...(size === PLAIN_ROWS ? goal : {}),
    },
  ];
}

/** Our exact kernel over all rows, without a top k. */
function everyRow({ rows, queries }: Subject): Contender {
  const kernel = openKernel();
  const memory = new KernelMemory(kernel, DIM);
  memory.doubles.set(queries[0] ?? [], memory.query / 8);
  return () =>
    elapsed(() => {
      for (let first = 0; first < rows.length; first += BATCH_ROWS) {
        const batch = rows.slice(first, first + BATCH_ROWS);
        batch.forEach((vector, i) => memory.load(vector, i));
        kernel.exact(memory.batch, batch.length, memory.stride, memory.query, memory.scores);
      }
    });
}

if (import.meta.main) {
  const { rows } = parseArgs({ options: { rows: { type: "string" } } }).values;
  const sizes = rows === undefined ? {} : { sizes: rows.split(",").map(Number) };
  console.log(renderReport(await search(sizes)));
}
