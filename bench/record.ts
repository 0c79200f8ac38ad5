/**
 * How long it takes to record a trade, compared with the minimum for a durable file on this machine.
 *
 *     bun bench/record.ts
 */
import { join } from "node:path";
import { diskStorage } from "../lib/storage/disk.node.ts";
import { lockHolder } from "../lib/storage/lock.node.ts";
import { openMemory, type Memory, recordsPerFlush } from "../lib/memory/store.ts";
import { encodeOutcome } from "../lib/memory/outcome.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  elapsed,
  median,
  quantile,
  renderReport,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, writeDurably } from "./support/memory-folders.ts";

/** Goals for ratios of medians: to a bare durable write, and of the largest size to the smallest. */
const MAX_RATIO = 1.2;
const MAX_GROWTH = 1.2;

/** Records that are begun before the first is durable, and the goal for the time of one against a record alone. */
const PIPELINED = 64;
const MAX_PIPELINED_RATIO = 0.2;

export interface RecordOptions {
  readonly sizes?: readonly number[];
  /** Trades recorded at each size. */
  readonly records?: number;
}

export async function record(options: RecordOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000], records = 300 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
  return {
    title: "Recording a trade",
    notes: [
      `record(): ${records} at each size, in turns with the other sizes and with a bare loop in the same folder (write, fsync, rename, fsync the folder) of the same bytes. Medians.`,
      `Pipelined: ${PIPELINED} are begun with beginRecord(), then all are waited for; the time of one.`,
      `The caches are written later, by flush(); "with its share of flush()" adds a share of that. Flat means that the largest size takes at most ${MAX_GROWTH} times as long as the smallest.`,
    ],
    rows: await recordRows(work, { sizes, records }),
  };
}

async function recordRows(
  work: string,
  { sizes, records }: { sizes: readonly number[]; records: number },
): Promise<BenchRow[]> {
  const subjects = [];
  for (const size of sizes) {
    const dir = join(work, String(size));
    await makeMemory(dir, { outcomes: size, embedder: embedderOf(128) });
    const storage = diskStorage(dir);
    const lock = await storage.lock(lockHolder());
    const memory = await openMemory(storage, { embedder: embedderOf(128) });
    const outcomes = outcomesLikeReal(records + 1, { from: size });
    subjects.push({ size, dir, lock, memory, outcomes, ours: [] as number[], floor: [] as number[] });
  }
  const pipelined = await pipelinedMs(subjects[0], records);
  for (let i = 0; i < records; i++) {
    for (const { dir, memory, outcomes, ours, floor } of subjects) {
      const outcome = outcomes[i];
      if (outcome === undefined) continue;
      floor.push(await elapsed(() => writeDurably(dir, `.tmp-floor-${i}`, encodeOutcome(outcome).bytes)));
      ours.push(await elapsed(() => memory.record(outcome)));
    }
  }
  const rows: BenchRow[] = [];
  for (const { size, lock, memory, outcomes, ours, floor } of subjects) {
    const last = outcomes.at(-1);
    if (last !== undefined) await memory.record(last);
    const flush = await elapsed(() => memory.flush());
    await lock.release();
    const middle = median(ours);
    const ratio = middle / median(floor);
    rows.push({
      what: `record() at ${size.toLocaleString("en")}`,
      ours: `${asMs(middle)}, p99 ${asMs(quantile(ours, 0.99))}; flush() ${asMs(flush)}, with its share ${asMs(middle + flush / recordsPerFlush(memory.trades.length))}`,
      peer: `${asMs(median(floor))}, p99 ${asMs(quantile(floor, 0.99))}`,
      ratio: ratio.toFixed(2),
      goal: `at most ${MAX_RATIO}`,
      met: ratio <= MAX_RATIO,
    });
  }
  if (pipelined !== undefined) {
    const alone = median(subjects[0]!.ours);
    const ratio = pipelined / alone;
    rows.push({
      what: `record, ${PIPELINED} pipelined`,
      ours: asMs(pipelined),
      peer: `${asMs(alone)}, alone`,
      ratio: ratio.toFixed(2),
      goal: `at most ${MAX_PIPELINED_RATIO}`,
      met: ratio <= MAX_PIPELINED_RATIO,
    });
  }
  const [smallest, largest] = [subjects[0], subjects.at(-1)].map((subject) => median(subject?.ours ?? []));
  if (smallest === undefined || largest === undefined) return rows;
  const flat = largest / smallest;
  const what = "record() at the largest size against the smallest";
  return [
    ...rows,
    {
      what,
      ours: asMs(largest),
      peer: asMs(smallest),
      ratio: flat.toFixed(2),
      goal: `flat: at most ${MAX_GROWTH}`,
      met: flat <= MAX_GROWTH,
    },
  ];
}

/** The median time of a record of which 64 are under way. */
async function pipelinedMs(
  subject: { readonly size: number; readonly memory: Memory } | undefined,
  records: number,
): Promise<number | undefined> {
  if (subject === undefined) return undefined;
  const { size, memory } = subject;
  const times: number[] = [];
  const batches = Math.max(1, Math.floor(records / PIPELINED));
  // After those that are recorded alone.
  const outcomes = outcomesLikeReal(batches * PIPELINED, { from: size + records + 1 });
  for (let first = 0; first < outcomes.length; first += PIPELINED) {
    const batch = outcomes.slice(first, first + PIPELINED);
    const ms = await elapsed(async () => {
      const durable: Promise<void>[] = [];
      for (const outcome of batch) durable.push((await memory.beginRecord(outcome)).durable);
      await Promise.all(durable);
    });
    times.push(ms / PIPELINED);
  }
  return median(times);
}

if (import.meta.main) console.log(renderReport(await record()));
