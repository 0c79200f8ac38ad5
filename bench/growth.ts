/**
 * What grows with the number of outcomes: the start. What a record costs is in bench/record.ts.
 *
 *     bun bench/growth.ts
 */
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeOutcome, outcomeFileName } from "../lib/memory/outcome.ts";
import { embedderOf } from "./support/embedders.ts";
import { asMs, median, renderReport, takeTurns, type BenchReport, type BenchRow } from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, writeDurably } from "./support/memory.ts";
import { openInProcess, type Opening } from "./support/opening.ts";

/** Written at every flush, however many outcomes there are. */
const CACHES = ["vectors.meta.json.gz", "provider_performance.json", "regime_performance.json", "memory.json"];
const NEW_OUTCOMES = 100;

/** What is measured. */
export interface GrowthOptions {
  readonly sizes?: readonly number[];
  /** Starts at each size. */
  readonly rounds?: number;
}

interface Subject {
  readonly size: number;
  readonly dir: string;
}

/** Measures it. */
export async function growth(options: GrowthOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000], rounds = 9 } = options;
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
        `Starts in fresh processes, medians of ${rounds}, from the lock to the open memory, without imports. Only files of new outcomes may be read and parsed. The listing (a name and a size for each file) cannot be avoided and is shown separately.`,
      ],
      rows: startRows(starts),
    };
  } finally {
    fs.rmSync(work, { recursive: true });
  }
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
