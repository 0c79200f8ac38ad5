/**
 * How fast the most similar rows are found, exactly.
 *
 *     bun bench/search.ts [--rows 1000,10000,100000,1000000]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { plainKernel } from "../lib/search/_plain-kernel.ts";
import { createSearchIndex, type Match, type SearchIndex } from "../lib/search/search-index.ts";
import { asMs, median, renderReport, takeTurns, type BenchReport, type BenchRow, type Contender } from "./_measure.ts";
import { missingFor } from "./_peers.ts";
import { startPeers, type SearchPeers, type SearchTurn, type TurnResult } from "./_search-peers.ts";

const PEERS = ["numpy", "faiss-cpu", "usearch", "sqlite-vec", "scikit-learn"];
/** Goals are against the faster of these. */
const RIVALS = ["numpy", "faiss-cpu"];
const QUERIES = 500;
const DIM = 384;
/** The plain loops are measured up to here; a goal is at this size. */
const PLAIN_ROWS = 100_000;

/** The largest ratio of our time to the rivals', by rows and state of the caches. */
const GOALS: Readonly<Record<string, number>> = {
  "1000 warm": 1.2,
  "10000 warm": 1 / 2.4,
  "100000 warm": 1 / 4,
  "100000 cold": 1 / 2.5,
  "1000000 warm": 1 / 2.8,
};

/** What is measured. */
export interface SearchBenchOptions {
  readonly sizes?: readonly number[];
  readonly rounds?: number;
  /** What is written before a cold query. */
  readonly flushMb?: number;
}

/** Measures it. */
export async function search(options: SearchBenchOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000, 1_000_000], rounds = 11, flushMb = 320 } = options;
  const missing = new Map(PEERS.map((peer) => [peer, missingFor(["numpy", peer])]));
  const there = PEERS.filter((peer) => missing.get(peer) === undefined);
  const peers = there.length > 0 ? startPeers(there) : undefined;
  const work = mkdtempSync(join(tmpdir(), "carryover-bench-"));
  const flushed = new Float64Array(flushMb * 125_000);
  const bench: Bench = { peers, missing, rounds, work, flushed };
  const load = (loadavg()[0] ?? 0).toFixed(2);
  const rows: BenchRow[] = [];
  try {
    for (const size of sizes) rows.push(...(await measureSize(bench, size)));
    if (sizes.includes(PLAIN_ROWS) || rounds === 1)
      rows.push(await measureEqual(bench, Math.max(...sizes.slice(0, 3))));
  } finally {
    peers?.stop();
    rmSync(work, { recursive: true });
  }
  return {
    title: "Search",
    notes: [
      `Exact top k by cosine among vectors of ${DIM} floats around 200 centres, one thread each, in process; load ${load} before. Contenders take turns on the same vectors; a turn is some queries back to back after one that is not counted, or, "cold", a query after ${flushMb} MB were written. Medians of ${rounds} turns.`,
      "Our codes of 100,000 rows (38 MB) and the rivals' floats (154 MB) fit a large last-level cache, but not the second level; of 1,000,000 rows neither fits, and every query is cold.",
      "Goals are against the faster of numpy (matrix product, argpartition) and faiss (IndexFlatIP). Searches use one thread: a second pays only for queries back to back, and a decision asks one at a time.",
    ],
    rows,
  };
}

interface Bench {
  readonly peers: SearchPeers | undefined;
  /** What each peer lacks; `undefined` for one that can run. */
  readonly missing: Map<string, string | undefined>;
  readonly rounds: number;
  readonly work: string;
  readonly flushed: Float64Array;
}

/** Vectors, ours and the peers'. */
interface Subject {
  readonly index: SearchIndex;
  readonly plain: SearchIndex | undefined;
  readonly queries: readonly Float32Array[];
}

async function measureSize(bench: Bench, size: number): Promise<BenchRow[]> {
  const subject = await prepare(bench, { size, isEqual: false });
  const what = `${size.toLocaleString("en")} rows`;
  const rows: BenchRow[] = [...(await agreement(bench, subject, what))];
  for (const k of [5, 20]) {
    for (const state of ["warm", "cold"]) {
      const isCold = state === "cold";
      const contenders = contendersOf(bench, subject, { k, size, cold: isCold });
      // All peers once; for the rest the rivals do.
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

/** Whether ours and numpy's are the same rows; similarities that a float cannot tell apart may come in another order. */
async function agreement({ peers, missing }: Bench, subject: Subject, what: string): Promise<BenchRow[]> {
  if (peers === undefined || missing.get("numpy") !== undefined) return [];
  const asked = 20;
  let same = 0;
  for (let first = 0; first < asked; first++) {
    const { rows } = await peers.turn("numpy", { k: 20, first, count: 1, cold: false });
    const ours = subject.index.search(subject.queries[first] ?? new Float32Array(), { k: rows.length });
    if (ours.every(({ row }, i) => row === rows[i])) same += 1;
  }
  return [{ what: `${what}: the same rows as numpy, in the same order`, ours: `${same} of ${asked} queries` }];
}

/** Equal rows, of which the codes rule out none: as long as a plain pass over floats takes. */
async function measureEqual(bench: Bench, size: number): Promise<BenchRow> {
  const subject = await prepare(bench, { size, isEqual: true });
  const contenders = contendersOf(bench, subject, { k: 20, size, cold: false });
  const named = Object.entries(contenders).filter(([name]) => ["ours", ...RIVALS].includes(name));
  const times = await takeTurns(Object.fromEntries(named), { rounds: bench.rounds });
  const title = `${size.toLocaleString("en")} equal rows, k = 20, back to back`;
  return rivalRow(bench, { title, times, contender: "ours", atMost: size === PLAIN_ROWS ? 1.3 : undefined });
}

/** Makes vectors and hands them to all. */
async function prepare(bench: Bench, data: { size: number; isEqual: boolean }): Promise<Subject> {
  const { size, isEqual } = data;
  const vectors = clusteredVectors(size + QUERIES);
  const queries = Array.from({ length: QUERIES }, (_, i) => vectors.slice((size + i) * DIM, (size + i + 1) * DIM));
  if (isEqual) for (let row = 1; row < size; row++) vectors.copyWithin(row * DIM, 0, DIM);
  const own = vectors.subarray(0, size * DIM);
  const rows = Array.from({ length: size }, (_, row) => own.subarray(row * DIM, (row + 1) * DIM));
  if (bench.peers !== undefined) {
    const files = { rows: join(bench.work, "rows.f32"), queries: join(bench.work, "queries.f32") };
    writeFileSync(files.rows, own);
    writeFileSync(files.queries, vectors.subarray(size * DIM));
    const failed = await bench.peers.load({ ...files, dim: DIM });
    for (const [peer, reason] of Object.entries(failed)) bench.missing.set(peer, reason);
  }
  const index = createSearchIndex({ dim: DIM });
  index.insert(rows);
  const hasPlain = size <= PLAIN_ROWS && !isEqual;
  const plain = hasPlain ? createSearchIndex({ dim: DIM, kernel: plainKernel() }) : undefined;
  plain?.insert(rows);
  return { index, plain, queries };
}

/** Vectors of unit length around 200 centres, one after the other. */
function clusteredVectors(count: number): Float32Array {
  let state = 1;
  // Lehmer's generator with Park and Miller's later multiplier.
  const random = (): number => (state = (state * 48_271) % 0x7fffffff) / 0x7fffffff;
  const bell = (): number => random() + random() + random() - 1.5;
  const centres = Float32Array.from({ length: 200 * DIM }, bell);
  const vectors = new Float32Array(count * DIM);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(random() * 200) * DIM;
    const vector = vectors.subarray(row * DIM, (row + 1) * DIM);
    let squares = 0;
    for (let i = 0; i < DIM; i++) {
      const value = (centres[centre + i] ?? 0) + bell();
      vector[i] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let i = 0; i < DIM; i++) vector[i] = (vector[i] ?? 0) / length;
  }
  return vectors;
}

/** Everyone's turns: milliseconds of a query, the median of a turn. */
function contendersOf(
  bench: Bench,
  subject: Subject,
  { k, size, cold }: { k: number; size: number; cold: boolean },
): Record<string, Contender> {
  const count = cold ? 1 : Math.max(2, Math.min(100, Math.round(1_000_000 / size)));
  const contender = (run: (turn: SearchTurn) => TurnResult | Promise<TurnResult>): Contender => {
    let first = 0;
    return async () => {
      const { us } = await run({ k, first, count, cold });
      first += count;
      return median(us) / 1000;
    };
  };
  const ours = (index: SearchIndex): Contender => contender((turn) => takeOwnTurn(bench, { ...subject, index }, turn));
  const contenders: Record<string, Contender> = { ours: ours(subject.index) };
  if (subject.plain !== undefined) contenders["plain"] = ours(subject.plain);
  for (const peer of PEERS) {
    if (bench.missing.get(peer) !== undefined) continue;
    contenders[peer] = contender((turn) => bench.peers?.turn(peer, turn) ?? { us: [], rows: [] });
  }
  return contenders;
}

function takeOwnTurn(
  { flushed }: Bench,
  { index, queries }: { index: SearchIndex; queries: readonly Float32Array[] },
  { k, first, count, cold }: SearchTurn,
): TurnResult {
  const ask = (i: number): readonly Match[] =>
    index.search(queries[(first + i) % QUERIES] ?? new Float32Array(), { k });
  if (!cold) ask(0);
  const us: number[] = [];
  let matches: readonly Match[] = [];
  for (let i = 0; i < count; i++) {
    if (cold) for (let j = 0; j < flushed.length; j += 8) flushed[j] = (flushed[j] ?? 0) + 1;
    const start = performance.now();
    matches = ask(i);
    us.push(1000 * (performance.now() - start));
  }
  return { us, rows: matches.map(({ row }) => row) };
}

type Times = Readonly<Record<string, readonly number[]>>;

/** A row against the faster of the rivals. */
function rivalRow(
  { missing }: Bench,
  row: { title: string; times: Times; contender: string; atMost: number | undefined },
): BenchRow {
  const { title: what, times, contender, atMost } = row;
  const ours = median(times[contender] ?? []);
  const goal = atMost === undefined ? {} : { goal: `<= ${atMost.toFixed(2)}` };
  const rivals = RIVALS.filter((name) => times[name] !== undefined);
  const [name] = rivals.toSorted((a, b) => median(times[a] ?? []) - median(times[b] ?? []));
  if (name === undefined)
    return { what, ours: asMs(ours), peer: `skipped: ${missing.get("numpy") ?? "no peer"}`, ...goal };
  const peer = median(times[name] ?? []);
  const ratio = ours / peer;
  const verdict = atMost === undefined ? {} : { met: ratio <= atMost };
  return { what, ours: asMs(ours), peer: `${name} ${asMs(peer)}`, ratio: ratio.toFixed(2), ...goal, ...verdict };
}

function peerRow({ missing }: Bench, { title, times, peer }: { title: string; times: Times; peer: string }): BenchRow {
  const what = `${title}: ${peer}`;
  const ours = median(times["ours"] ?? []);
  const theirs = times[peer];
  if (theirs === undefined) return { what, ours: asMs(ours), peer: `skipped: ${missing.get(peer) ?? "no peer"}` };
  return { what, ours: asMs(ours), peer: asMs(median(theirs)), ratio: (ours / median(theirs)).toFixed(2) };
}

if (import.meta.main) {
  const { rows } = parseArgs({ options: { rows: { type: "string" } } }).values;
  const sizes = rows === undefined ? {} : { sizes: rows.split(",").map(Number) };
  console.log(renderReport(await search(sizes)));
}
