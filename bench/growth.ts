/**
 * How the time to open a memory grows with its number of outcomes. The time to record one is in bench/record.ts.
 *
 *     bun bench/growth.ts
 */
import fs from "node:fs";
import { join } from "node:path";
import { encodeOutcome, outcomeFileName } from "../lib/memory/outcome.ts";
import { embedderOf } from "./support/embedders.ts";
import {
  asMs,
  median,
  renderReport,
  takeTurns,
  temporaryFolder,
  type BenchReport,
  type BenchRow,
} from "./support/measure.ts";
import { makeMemory, outcomesLikeReal, writeDurably } from "./support/memory-folders.ts";
import { openInProcess, type Opening } from "./support/open-in-process.ts";

/** The caches that every flush rewrites. */
const CACHES = ["vectors.meta.json.gz", "provider_performance.json", "regime_performance.json", "memory.json"];
const NEW_OUTCOMES = 100;

export interface GrowthOptions {
  readonly sizes?: readonly number[];
  /** Openings at each size. */
  readonly rounds?: number;
}

interface Subject {
  readonly size: number;
  readonly dir: string;
}

export async function growth(options: GrowthOptions = {}): Promise<BenchReport> {
  const { sizes = [1000, 10_000, 100_000], rounds = 9 } = options;
  using folder = temporaryFolder();
  const work = folder.path;
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
      `Starts in fresh processes, medians of ${rounds}, from the lock to the open memory, without imports. Only files of new outcomes may be read and parsed. The listing (a name for each file) cannot be avoided and is shown separately.`,
    ],
    rows: startRows(starts),
  };
}

/** Openings of a memory of one size. */
interface Starts {
  readonly size: number;
  readonly unchanged: readonly Opening[];
  /** With 100 outcomes that are not in the caches. */
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
  // The first round is not counted.
  return { size, unchanged: unchanged.slice(1), grown: grown.slice(1) };
}

/** The median time of openings without the listing. */
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
  const [smallest] = starts;
  const largest = starts.at(-1);
  if (smallest === undefined || largest === undefined || smallest === largest) return rows;
  const perKnown =
    (withoutListing(largest.unchanged) - withoutListing(smallest.unchanged)) / (largest.size - smallest.size);
  const added = ({ unchanged, grown }: Starts): string => asMs(withoutListing(grown) - withoutListing(unchanged));
  return [
    ...rows,
    ...[smallest, largest].map((at) => {
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
