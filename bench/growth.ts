/**
 * What grows with the number of outcomes: recording one, and the start.
 *
 *     bun bench/growth.ts
 */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskStorage } from "../lib/host/disk-storage.ts";
import { lockHolder } from "../lib/host/environment.ts";
import { openMemory, type Memory } from "../lib/memory/memory.ts";
import { encodeOutcome, outcomeFileName } from "../lib/memory/outcome.ts";
import { embedderOf } from "./_embedders.ts";
import {
  asMs,
  elapsed,
  median,
  quantile,
  renderReport,
  takeTurns,
  type BenchReport,
  type BenchRow,
} from "./_measure.ts";
import { makeMemory, outcomesLikeReal, writeDurably } from "./_memory.ts";
import { openInProcess, type Opening } from "./_opening.ts";

/** Written at every flush, however many outcomes there are. */
const CACHES = ["vectors.meta.json.gz", "provider_performance.json", "regime_performance.json", "memory.json"];
const NEW_OUTCOMES = 100;
/** Noise of a disk. */
const FLAT = 1.2;

/** What is measured. */
export interface GrowthOptions {
  readonly sizes?: readonly number[];
  /** Records at each size. */
  readonly records?: number;
  /** Starts at each size. */
  readonly rounds?: number;
}

interface Subject {
  readonly size: number;
  readonly dir: string;
}

/** Measures it. */
export async function growth(options: GrowthOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000], records = 300, rounds = 9 } = options;
  const work = fs.mkdtempSync(join(tmpdir(), "carryover-bench-"));
  try {
    const subjects: Subject[] = [];
    for (const size of sizes) {
      const dir = join(work, String(size));
      await makeMemory(dir, { outcomes: size, embedder: embedderOf(128) });
      subjects.push({ size, dir });
    }
    const starts: Starts[] = [];
    for (const subject of subjects) starts.push(await measureStarts(subject, { rounds }));
    return {
      title: "Growth",
      notes: [
        `record(): ${records} at each size, in turns with the other sizes and with a bare loop in the same folder (write, fsync, rename, fsync the folder) of the same bytes.`,
        `It is called flat where the median at the largest size is at most ${FLAT} times the one at the smallest. The caches are written behind it; a share of that is added in "with its share of flush()".`,
        `Start: fresh processes, medians of ${rounds}, from the lock to the open memory, imports excluded; only files of new outcomes may be read and parsed. The listing (a name and a size for each file) can't be avoided and is shown apart.`,
      ],
      rows: [...(await recordRows(subjects, { records })), ...startRows(starts)],
    };
  } finally {
    fs.rmSync(work, { recursive: true });
  }
}

/** Records at every size in turns. The last to be measured, as the folders grow by it. */
async function recordRows(subjects: readonly Subject[], options: { records: number }): Promise<BenchRow[]> {
  const { records } = options;
  const measured = [];
  for (const { size, dir } of subjects) {
    const storage = diskStorage(dir);
    const lock = await storage.lock(lockHolder());
    const memory = await openMemory(storage, { embedder: embedderOf(128) });
    const outcomes = outcomesLikeReal(records, { from: size + NEW_OUTCOMES });
    measured.push({
      size,
      dir,
      lock,
      memory,
      outcomes,
      ours: [] as number[],
      floor: [] as number[],
      flushes: [] as number[],
    });
  }
  for (let i = 0; i < records; i++) {
    for (const { dir, memory, outcomes, ours, floor } of measured) {
      const outcome = outcomes[i];
      if (outcome === undefined) continue;
      floor.push(await elapsed(() => writeDurably(dir, `.tmp-floor-${i}`, encodeOutcome(outcome).bytes)));
      ours.push(await elapsed(() => memory.record(outcome)));
    }
  }
  for (const { memory, size, flushes } of measured) {
    const [one] = outcomesLikeReal(1, { from: size + NEW_OUTCOMES + records });
    if (one !== undefined) await memory.record(one);
    flushes.push(await elapsed(() => memory.flush()));
  }
  for (const { lock } of measured) await lock.release();

  const smallest = median(measured[0]?.ours ?? []);
  return measured.map(({ size, ours, floor, flushes, memory }, i) => {
    const middle = median(ours);
    const flush = median(flushes);
    const share = flush / flushEvery(memory);
    return {
      what: `record() at ${size.toLocaleString("en")}`,
      ours: `${asMs(middle)}, p99 ${asMs(quantile(ours, 0.99))}; flush() ${asMs(flush)}, with its share ${asMs(middle + share)}`,
      peer: `${asMs(median(floor))}, p99 ${asMs(quantile(floor, 0.99))}`,
      ratio: (middle / median(floor)).toFixed(2),
      ...(i === measured.length - 1
        ? { goal: `flat: at most ${FLAT} x ${asMs(smallest)}`, met: middle <= FLAT * smallest }
        : {}),
    };
  });
}

/** Outcomes between two writes of the caches, as lib/memory/memory.ts has it. */
function flushEvery(memory: Memory): number {
  return Math.max(64, memory.rows.length / 8);
}

/** What starts at one size took. */
interface Starts {
  readonly size: number;
  readonly unchanged: readonly Opening[];
  /** With 100 outcomes that the caches do not have. */
  readonly grown: readonly Opening[];
}

async function measureStarts({ size, dir }: Subject, options: { rounds: number }): Promise<Starts> {
  const outcomes = outcomesLikeReal(NEW_OUTCOMES, { from: size });
  const before = CACHES.map((name) => [name, fs.readFileSync(join(dir, name))] as const);
  const vectorBytes = fs.statSync(join(dir, "vectors.f32")).size;
  const unchanged: Opening[] = [];
  const grown: Opening[] = [];
  await takeTurns(
    {
      unchanged: () => keep(unchanged, openInProcess(dir, { dim: 128 })),
      grown: () => {
        for (const outcome of outcomes) {
          writeDurably(dir, outcomeFileName(outcome.decision_id), encodeOutcome(outcome).bytes);
        }
        const opening = openInProcess(dir, { dim: 128 });
        for (const { decision_id } of outcomes) fs.rmSync(join(dir, outcomeFileName(decision_id)));
        for (const [name, bytes] of before) fs.writeFileSync(join(dir, name), bytes);
        fs.truncateSync(join(dir, "vectors.f32"), vectorBytes);
        return keep(grown, opening);
      },
    },
    options,
  );
  // The first of each was not counted.
  return { size, unchanged: unchanged.slice(1), grown: grown.slice(1) };
}

/** Median time of an opening without the listing. */
function withoutListing(openings: readonly Opening[]): number {
  return median(openings.map(({ open, listing }) => open - listing));
}

function startRows(starts: readonly Starts[]): BenchRow[] {
  const row = (size: number, options: { openings: readonly Opening[]; name: string; expected: number }): BenchRow => {
    const { openings, name, expected } = options;
    const read = Math.max(...openings.map((opening) => opening.outcomes_read));
    const listing = asMs(median(openings.map((opening) => opening.listing)));
    return {
      what: `start at ${size.toLocaleString("en")}, ${name}`,
      ours: `${asMs(withoutListing(openings))}, and ${listing} for the listing; ${read} outcomes parsed`,
      goal: `${expected} parsed`,
      met: read === expected,
    };
  };
  const rows = starts.flatMap(({ size, unchanged, grown }) => [
    row(size, { openings: unchanged, name: "unchanged", expected: 0 }),
    row(size, { openings: grown, name: `${NEW_OUTCOMES} new`, expected: NEW_OUTCOMES }),
  ]);
  const [least] = starts;
  const most = starts.at(-1);
  if (least === undefined || most === undefined || least === most) return rows;
  const perKnown = (withoutListing(most.unchanged) - withoutListing(least.unchanged)) / (most.size - least.size);
  const added = ({ unchanged, grown }: Starts): string => asMs(withoutListing(grown) - withoutListing(unchanged));
  return [
    ...rows,
    ...[least, most].map((at) => {
      const what = `what ${NEW_OUTCOMES} new outcomes add to a start, caches rewritten, at ${at.size.toLocaleString("en")}`;
      return { what, ours: added(at) };
    }),
    {
      what: "what an outcome that the caches have adds to a start",
      ours: asMs(perKnown),
      goal: "nothing: below 0.1 us",
      met: perKnown < 0.0001,
    },
  ];
}

function keep(into: Opening[], opening: Opening): number {
  into.push(opening);
  return opening.open;
}

if (import.meta.main) console.log(renderReport(await growth()));
