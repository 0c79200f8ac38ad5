/** The contenders of bench/search.ts, their data, and the rows of its table. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainKernel } from "../../lib/search/kernel.ts";
import { SearchIndex } from "../../lib/search/search-index.ts";
import type { Match } from "../../lib/search/top-k.ts";
import { clusteredVectors } from "../support/clustered-vectors.ts";
import { asMs, median, type BenchRow, type Contender } from "../support/measure.ts";
import type { SearchPeers, SearchTurn, TurnResult } from "./peers.ts";

export const PEERS: readonly string[] = ["numpy", "faiss-cpu", "usearch", "sqlite-vec", "scikit-learn"];
/** Goals compare with the faster of these. */
export const RIVALS: readonly string[] = ["numpy", "faiss-cpu"];
export const DIM = 384;
/** The plain kernel is measured up to this size. At this size it has a goal, and the rivals also run with two threads. */
export const PLAIN_ROWS = 100_000;
const QUERIES = 500;
/** A search encodes at least this many rows. */
const ENCODED_ROWS = 4096;

export interface Bench {
  readonly peers: SearchPeers | undefined;
  /** What each peer is missing; `undefined` if it can run. */
  readonly missing: Map<string, string | undefined>;
  readonly rounds: number;
  readonly work: string;
  readonly flushed: Float64Array;
}

/** Rows that codes cannot tell apart: equal numbers, or numbers that differ in the last bits of a float. */
export type Alike = "equal" | "nearly equal";

/** The vectors of one measurement, and our indexes of them. */
export interface Subject {
  readonly rows: readonly Float32Array[];
  readonly index: SearchIndex;
  readonly plain: SearchIndex | undefined;
  readonly queries: readonly Float32Array[];
}

/** Makes vectors and passes them to all contenders. */
export async function prepare(bench: Bench, data: { size: number; alike?: Alike }): Promise<Subject> {
  const { size, alike } = data;
  const vectors = clusteredVectors(size + QUERIES, DIM);
  const queries = Array.from({ length: QUERIES }, (_, i) => vectors.slice((size + i) * DIM, (size + i + 1) * DIM));
  if (alike !== undefined) {
    for (let i = DIM; i < size * DIM; i++) {
      const noise = (Math.imul(i, 0x9e3779b1) >>> 8) / 2 ** 24 - 0.5;
      const apart = alike === "equal" ? 0 : 4e-7 * noise;
      vectors[i] = (vectors[i % DIM] ?? 0) * (1 + apart);
    }
  }
  const stored = vectors.subarray(0, size * DIM);
  const rows = Array.from({ length: size }, (_, row) => stored.subarray(row * DIM, (row + 1) * DIM));
  if (bench.peers !== undefined) {
    const files = { rows: join(bench.work, "rows.f32"), queries: join(bench.work, "queries.f32") };
    writeFileSync(files.rows, stored);
    writeFileSync(files.queries, vectors.subarray(size * DIM));
    const failed = await bench.peers.load({ ...files, dim: DIM });
    for (const [peer, reason] of Object.entries(failed)) bench.missing.set(peer, reason);
  }
  const index = new SearchIndex({ dim: DIM });
  index.insert(rows);
  const hasPlain = size <= PLAIN_ROWS && alike === undefined;
  const plain = hasPlain ? new SearchIndex({ dim: DIM, kernel: plainKernel() }) : undefined;
  plain?.insert(rows);
  // A search encodes some rows; after these all rows have codes.
  for (let from = 0; from < size; from += ENCODED_ROWS) {
    const options = { k: 5, from, to: Math.min(size, from + ENCODED_ROWS) };
    for (const each of [index, plain]) each?.search(queries[0] ?? new Float32Array(), options);
  }
  return { rows, index, plain, queries };
}

/** All contenders. A turn returns the median milliseconds of its queries. */
export function contendersOf(
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

export type Times = Readonly<Record<string, readonly number[]>>;

/** A row that compares with the faster rival. */
export function rivalRow(
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

export function peerRow(
  { missing }: Bench,
  { title, times, peer }: { title: string; times: Times; peer: string },
): BenchRow {
  const what = `${title}: ${peer}`;
  const ours = median(times["ours"] ?? []);
  const theirs = times[peer];
  if (theirs === undefined) return { what, ours: asMs(ours), peer: `skipped: ${missing.get(peer) ?? "no peer"}` };
  return { what, ours: asMs(ours), peer: asMs(median(theirs)), ratio: (ours / median(theirs)).toFixed(2) };
}
